"""What is asked together and how often; and counters that begin anew."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_edge.drivers import DeviceEntry, make
from lode_edge.drivers.modbus import plan
from lode_edge.drivers.modbus.counter import Counter, Restart
from lode_edge.drivers.modbus.frames import Ask
from lode_edge.drivers.modbus.periods import Periods
from lode_edge.drivers.modbus.plan import bits, values
from lode_profiles import MeterProfile, meters
from lode_profiles.library import parse
from lode_sim.registers import Device, on_tcp

PROFILES = sorted(meters())


def made(registers: str, **options: object) -> MeterProfile:
    """Make a description of points: `name = register type [poll]`, a line each."""
    lines = ['vendor = "V"', 'model = "M"', 'source = "made for this test"', "verified = true"]
    lines += [f"{key} = {value}" for key, value in {"function": 3, **options}.items()]
    lines += ["[poll_s]", "ten = 10.0", "rare = 300.0", "[points]"]
    for line in registers.strip().splitlines():
        name, place, kind, *more = line.split()
        extra = "".join(f", {word}" for word in more)
        lines.append(f'{name} = {{ register = {place}, type = "{kind}", unit = ""{extra} }}')
    lines += ["[[vectors]]", 'note = "none"', "raw = {}", "values = {}"]
    profile = parse("\n".join(lines), "made")
    assert isinstance(profile, MeterProfile)
    return profile


def ranges(profile: MeterProfile) -> list[tuple[int, int, int]]:
    return [(r.function, r.register, r.count) for r in plan(profile, profile.registers())]


def test_a_gap_within_the_limit_is_read_over_and_one_beyond_is_not():
    registers = "a 0 u16\nb 4 u16\nc 9 u16"
    assert ranges(made(registers, gap_limit=3)) == [(3, 0, 5), (3, 9, 1)]
    assert ranges(made(registers, gap_limit=4)) == [(3, 0, 10)]


def test_a_hole_is_never_read():
    registers = "a 0 u16\nb 4 u16\nc 9 u16"
    assert ranges(made(registers, gap_limit=9, holes="[[2, 2]]")) == [(3, 0, 1), (3, 4, 6)]
    assert ranges(made(registers, gap_limit=9, holes="[[5, 8]]")) == [(3, 0, 5), (3, 9, 1)]


def test_a_fragile_device_is_asked_for_little_at_once():
    registers = "\n".join(f"r{n} {n} u16" for n in range(10))
    assert ranges(made(registers, max_registers=4)) == [(3, 0, 4), (3, 4, 4), (3, 8, 2)]


def test_functions_are_asked_apart_and_coils_packed():
    registers = (
        "a 0 u16\nb 0 u16 function=4\nc 3 bit function=1\nd 12 bit function=1\ne 0 bit function=2"
    )
    profile = made(registers, gap_limit=20)
    assert ranges(profile) == [(1, 3, 10), (2, 0, 1), (3, 0, 1), (4, 0, 1)]
    (coils,) = plan(profile, ["c", "d"])
    assert values([(coils, bytes([0b00000001, 0b10]))]) == {"c": 1.0, "d": 1.0}
    assert values([(coils, bytes([0b11111110, 0b01]))]) == {"c": 0.0, "d": 0.0}


@given(st.binary(min_size=1, max_size=16), st.data())
def test_coils_lie_low_first(raw, data):
    count = data.draw(st.integers(1, 8 * len(raw)))
    number = int.from_bytes(raw, "little")
    assert list(bits(raw, count)) == [number >> n & 1 for n in range(count)]


@given(st.data())
def test_every_plan_keeps_every_limit_of_every_description(data):
    profile = meters()[data.draw(st.sampled_from(PROFILES))]
    names = data.draw(st.sets(st.sampled_from(sorted(profile.registers()))))
    requests = plan(profile, names)
    assert sorted(place.name for request in requests for place in request.places) == sorted(names)
    for request in requests:
        assert 0 < request.count <= profile.max_registers <= 125
        assert not profile.is_hole(request.register, request.register + request.count)
        for place in request.places:
            register = profile.registers()[place.name]
            assert place.start == 2 * (register.register - request.register) >= 0
            assert place.stop <= 2 * request.count
    for before, after in itertools.pairwise(requests):
        assert before.register + before.count <= after.register


@given(st.data())
def test_a_failed_range_never_shifts_another(data):
    """Registers hold their own address, so a value read from another place would show it."""
    chosen = data.draw(st.sets(st.integers(0, 300), min_size=1, max_size=30))
    profile = made("\n".join(f"r{n} {n} u16" for n in sorted(chosen)), gap_limit=5)
    requests = plan(profile, profile.registers())
    answered = data.draw(st.sets(st.integers(0, len(requests) - 1)))
    answers = [
        (
            request,
            struct.pack(
                f">{request.count}H", *range(request.register, request.register + request.count)
            ),
        )
        for n, request in enumerate(requests)
        if n in answered
    ]
    found = values(answers)
    assert all(value == float(name[1:]) for name, value in found.items())
    assert len(found) == sum(len(request.places) for request, _ in answers)


def test_periods_of_one_device_are_kept_apart_and_merged_when_they_meet():
    profile = made('a 0 u16\nb 1 u16 poll="ten"\nc 9 u16 poll="rare"')
    periods = Periods(profile, 7, interval_s=1.0)
    asked = []
    for second in range(601):
        due = periods.requests(second + 0.001 * (second % 3))
        periods.answered(float(second))
        asked.append([(ask.register, ask.count) for _, ask in due])
        assert all(ask == Ask(7, 3, ask.register, ask.count) for _, ask in due)
    assert asked[0] == [(0, 2), (9, 1)]
    assert asked[1] == [(0, 1)]
    assert sum(len(each) for each in asked) == 601 + 3
    assert [n for n, each in enumerate(asked) if (0, 2) in each] == list(range(0, 601, 10))
    assert [n for n, each in enumerate(asked) if (9, 1) in each] == [0, 300, 600]


def test_what_was_not_answered_stays_due():
    periods = Periods(made('a 0 u16\nb 9 u16 poll="rare"'), 1, interval_s=1.0)
    assert len(periods.requests(0.0)) == 2
    assert len(periods.requests(1.0)) == 2
    periods.answered(1.0)
    assert len(periods.requests(2.0)) == 1


@pytest.mark.parametrize(
    ("modulus", "seen", "restarts"),
    [
        (None, [5.0, 6.0, 6.0, 7.5], []),
        (1e6, [999_999.0, 3.0, 4.0, 5.0], [Restart("rollover", 1e6)]),
        (None, [999_999.0, 3.0, 4.0, 5.0], [Restart("reset", 999_999.0)]),
        (1e6, [500.0, 0.0, 0.25, 0.5], [Restart("reset", 500.0)]),
        (1e6, [500.0, 0.0, 501.0, 502.0], []),
        (1e6, [500.0, 498.0, 498.5, 499.0], [Restart("reset", 2.0)]),
        (1e6, [500.0, 2.0, 1.0, 1.5, 700.0], [Restart("reset", 500.0)]),
        (1e6, [500.0, 1.0, 2.0, 0.5, 0.75], [Restart("reset", 500.0), Restart("reset", 2.0)]),
        (100.0, [99.5, 0.25, 0.5, 99.5, 0.0, 0.1], [Restart("rollover", 100.0)] * 2),
    ],
)
def test_a_counter_that_begins_anew_is_told_once(modulus, seen, restarts):
    counter = Counter(modulus)
    found = [counter.seen(value) for value in seen]
    assert [restart for restart in found if restart] == restarts


@given(st.lists(st.floats(0, 5), min_size=3, max_size=200), st.data())
def test_with_its_carries_a_rolling_counter_is_the_true_sum(steps, data):
    """The sum of reading and carries is exact after every rollover that two readings show."""
    end = data.draw(st.sampled_from([1000.0, 10_000.0]))
    true, carried, counter = data.draw(st.floats(0, end - 1)), 0.0, Counter(end)
    start, pending = true, False
    for step in steps:
        true += step
        restart = counter.seen(true % end)
        carried += restart.carry if restart else 0.0
        pending = carried < end * (true // end)
        if not pending:
            assert true % end + carried == pytest.approx(true, abs=1e-6)
    assert true - start <= 5 * len(steps)


async def test_a_meter_whose_counter_was_reset_says_so_and_keeps_the_reading():
    device = Device(words=dict.fromkeys(range(0x160), 0))

    def count(kwh: float) -> None:
        device.words |= dict(enumerate(struct.unpack(">2H", struct.pack(">f", kwh)), 0x48))

    async with on_tcp(device) as address:
        entry = DeviceEntry(
            name="m", driver="modbus", address=address, kind="meter", profile="eastron-sdm120"
        )
        meter = make(entry, 1)
        said, counted = [], []
        for kwh in (1500.0, 1500.5, 0.0, 0.25, 0.5):
            count(kwh)
            reading, *points = await meter.read(1)
            counted.append(reading.energy_in_kwh)
            said.append([(p.point, p.value, p.unit) for p in points if "energy_in." in p.point])
        assert counted == [1500.0, 1500.5, 0.0, 0.25, 0.5]
        assert said == [[], [], [], [("energy_in.reset", 1500.5, "kWh")], []]
        await meter.close()


async def test_a_device_polled_every_second_has_its_own_slower_periods():
    """Two periods of one device at once, on the wire."""
    device = Device(words=dict.fromkeys(range(0x160), 0))
    async with on_tcp(device) as address:
        entry = DeviceEntry(
            name="m",
            driver="modbus",
            address=address,
            kind="meter",
            profile="eastron-sdm120",
            interval_s=1.0,
        )
        meter = make(entry, 1)
        for _ in range(3):
            await meter.read(1)
        assert [register for _, _, register in device.log].count(0x156) == 1
        assert len(device.log) > 3
        await meter.close()
