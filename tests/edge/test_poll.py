"""The poller keeps every device's rhythm, and what goes wrong with one stays with it."""

import asyncio
import itertools
import time
from collections import Counter

import pytest
import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lode_edge import breaker, poll
from lode_edge.breaker import Breaker
from lode_edge.drivers import Facts
from lode_edge.errors import BadAnswer, TimedOut, Unreachable
from lode_edge.poll import Polled, Poller
from lode_wire.records import Quality, RigReading, State


class Rig:
    """A driver that does as it is told, and remembers when it was asked."""

    def __init__(self, number=1, *, address=None, takes_s=0.0, error=None):
        self.number, self.takes_s, self.error = number, takes_s, error
        self.address = address or f"rig-{number}:4028"
        self.asked, self.identified, self.closed = [], 0, 0

    async def identify(self):
        self.identified += 1
        return Facts(model="Antminer S19")

    async def read(self, at_ms):
        self.asked.append(time.monotonic())
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return [RigReading(at_ms=at_ms, rig=self.number, state=State.MINING)]

    def missed(self, at_ms, error):
        state = State.UNREACHABLE if isinstance(error, Unreachable) else State.UNKNOWN
        return [RigReading(at_ms=at_ms, rig=self.number, state=state, quality=int(error.quality))]

    async def close(self):
        self.closed += 1


def polled(driver, interval_s=0.05, timeout_s=1.0):
    name = f"rig-{driver.number}"
    return Polled(name=name, driver=driver, interval_s=interval_s, timeout_s=timeout_s)


class Run:
    """A running poller and what it has emitted."""

    def __init__(self, *devices, **options):
        self.records = []
        self.poller = Poller(devices, self.records.extend, **options)

    async def __aenter__(self):
        self.task = asyncio.create_task(self.poller.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.wait([self.task], timeout=30)
        assert self.task.done()

    async def until(self, condition, limit_s=30.0):
        async with asyncio.timeout(limit_s):
            while not condition():
                assert not self.task.done(), self.task.exception()
                await asyncio.sleep(0.005)


async def test_each_device_keeps_its_interval():
    slow, quick = Rig(1), Rig(2)
    async with Run(polled(slow, 0.2), polled(quick, 0.05)) as run:
        await run.until(lambda: len(slow.asked) >= 5)
    assert 15 <= len(quick.asked) <= 22
    gaps = [b - a for a, b in zip(quick.asked, quick.asked[1:], strict=False)]
    assert sum(gaps) / len(gaps) == pytest.approx(0.05, rel=0.1)
    counted = run.poller.counters
    assert counted.done == len(run.records) >= 20
    assert (counted.failed, counted.bad_answers, counted.late) == (0, 0, 0)


async def test_the_first_readings_are_spread_over_the_interval():
    rigs = [Rig(n) for n in range(100)]
    begin = time.monotonic()
    async with Run(*(polled(rig, 0.5) for rig in rigs), seed=7) as run:
        await run.until(lambda: all(rig.asked for rig in rigs))
    phases = sorted(rig.asked[0] - begin for rig in rigs)
    assert phases[10] < 0.15
    assert phases[90] > 0.35
    widest = max(b - a for a, b in itertools.pairwise(phases))
    assert widest < 0.2


async def test_a_cycle_that_runs_too_long_is_skipped_and_never_queued():
    rig = Rig(takes_s=0.12)
    async with Run(polled(rig, 0.05)) as run:
        await run.until(lambda: run.poller.counters.done >= 3)
    assert run.poller.counters.skipped >= 2 * run.poller.counters.done - 2
    assert min(b - a for a, b in zip(rig.asked, rig.asked[1:], strict=False)) > 0.11


async def test_a_failure_is_said_and_counted():
    dead, odd = Rig(1, error=TimedOut("dead")), Rig(2, error=BadAnswer("odd"))
    async with Run(polled(dead), polled(odd)) as run:
        await run.until(lambda: run.poller.counters.failed >= 6)
    seen = Counter((r.rig, r.state, r.quality) for r in run.records)
    assert set(seen) == {
        (1, State.UNREACHABLE, int(Quality.TIMED_OUT)),
        (2, State.UNKNOWN, int(Quality.BAD_ANSWER)),
    }
    assert run.poller.counters.bad_answers >= 2
    assert run.poller.counters.done == 0


async def test_a_driver_that_hangs_or_crashes_is_held_to_its_limit(monkeypatch):
    monkeypatch.setattr(poll, "_GRACE_S", 0.0)
    hung, broken, good = Rig(1, takes_s=60), Rig(2, error=ValueError("bug")), Rig(3)
    with structlog.testing.capture_logs() as logs:
        async with Run(polled(hung, timeout_s=0.05), polled(broken), polled(good)) as run:
            await run.until(lambda: len({r.rig for r in run.records}) == 3)
            await run.until(lambda: len(broken.asked) >= 3)
    quality = {record.rig: record.quality for record in run.records}
    assert quality == {1: Quality.TIMED_OUT, 2: Quality.BAD_ANSWER, 3: 0}
    assert [(line["event"], line["device"]) for line in logs] == [("driver crashed", "rig-2")]


async def test_devices_behind_one_address_take_turns():
    rigs = [Rig(n, address="gateway:502", takes_s=0.02) for n in range(5)]
    async with Run(*(polled(rig, 0.2) for rig in rigs)) as run:
        await run.until(lambda: run.poller.counters.done >= 10)
    begins = sorted(moment for rig in rigs for moment in rig.asked)
    assert min(b - a for a, b in itertools.pairwise(begins)) >= 0.019


async def test_no_more_than_allowed_run_at_once():
    running, most = 0, 0

    class Counting(Rig):
        async def read(self, at_ms):
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                return await super().read(at_ms)
            finally:
                running -= 1

    rigs = [Counting(n, takes_s=0.02) for n in range(30)]
    async with Run(*(polled(rig, 0.1) for rig in rigs), at_once=4) as run:
        await run.until(lambda: run.poller.counters.done >= 60)
    assert most == 4


async def test_a_poll_that_begins_too_late_says_so():
    rigs = [Rig(n, address="gateway:502", takes_s=0.08) for n in range(4)]
    async with Run(*(polled(rig, 0.1) for rig in rigs)) as run:
        await run.until(lambda: run.poller.counters.late >= 2)
    late = [record for record in run.records if record.quality & Quality.LATE]
    assert len(late) >= 1
    assert all(record.state is State.MINING for record in late)


async def test_an_open_breaker_keeps_saying_that_the_device_is_gone(monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_S", 0.3)
    rig = Rig(error=TimedOut("dead"))
    async with Run(polled(rig, 0.03)) as run:
        await run.until(lambda: run.poller.counters.held >= 5)
        assert len(rig.asked) == breaker.FAILURES
        assert {r.state for r in run.records} == {State.UNREACHABLE}
        assert {r.quality for r in run.records} == {int(Quality.TIMED_OUT)}
        rig.error = None
        await run.until(lambda: run.poller.counters.done >= 5)
    assert run.records[-1].state is State.MINING


async def test_a_big_site_is_read_before_all_of_it_is_identified(monkeypatch):
    monkeypatch.setattr(poll, "IDENTIFY_PER_S", 20.0)
    rigs = [Rig(n) for n in range(200)]
    known = []
    devices = [polled(rig, interval_s=0.2) for rig in rigs]
    async with Run(*devices, identified=lambda device, _: known.append(device.name)) as run:
        await run.until(lambda: all(rig.asked for rig in rigs))
        assert len(known) < 200
        await run.until(lambda: len(known) >= 40)
    assert len(known) == len(set(known))


async def test_a_device_is_identified_before_its_first_reading():
    rig, said = Rig(), []

    def identified(device, facts):
        said.append((device.name, facts.model, len(rig.asked)))

    async with Run(polled(rig), identified=identified) as run:
        await run.until(lambda: run.poller.counters.done >= 3)
    assert said == [("rig-1", "Antminer S19", 0)]
    assert rig.identified == 1


async def test_cancelling_ends_everything_and_closes_the_drivers():
    rigs = [Rig(n, takes_s=60) for n in range(20)]
    async with Run(*(polled(rig, 0.05, timeout_s=60) for rig in rigs)) as run:
        await run.until(lambda: all(rig.asked for rig in rigs))
    assert all(rig.closed == 1 for rig in rigs)
    assert len(asyncio.all_tasks()) == 1


async def test_a_record_that_cannot_be_kept_ends_the_poller():
    def full(_records):
        raise OSError("spool: full")

    async with asyncio.timeout(30):
        with pytest.raises(ExceptionGroup) as raised:
            await Poller([polled(Rig())], full).run()
    assert raised.group_contains(OSError, match="spool: full")


async def test_time_that_stood_still_is_skipped_and_not_made_up_for():
    rig = Rig()
    async with Run(polled(rig, 0.02)) as run:
        await run.until(lambda: len(rig.asked) >= 2)
        before = len(rig.asked)
        time.sleep(0.5)  # noqa: ASYNC251 -- the whole loop stands still, as in a suspended machine
        await run.until(lambda: len(rig.asked) >= before + 3)
    assert run.poller.counters.skipped >= 20
    assert len(rig.asked) < before + 10


async def test_a_poller_without_devices_waits():
    async with Run() as run:
        await asyncio.sleep(0.05)
        assert not run.task.done()


class BreakerMachine(RuleBasedStateMachine):
    """The breaker against a list of what happened."""

    def __init__(self):
        super().__init__()
        self.breaker, self.now = Breaker(), 0.0
        self.failures, self.open_until, self.good = [], None, 0

    @rule(seconds=st.floats(0.1, 40.0))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def fail(self):
        if not self.breaker.allows(self.now):
            return
        self.breaker.failed(self.now)
        self.failures = [*self.failures[-4:], self.now]
        is_full = len(self.failures) == 5 and self.now - self.failures[0] <= 60.0
        if self.open_until is not None or is_full:
            self.open_until, self.good = self.now + 30.0, 0

    @rule()
    def succeed(self):
        if not self.breaker.allows(self.now):
            return
        self.breaker.succeeded()
        self.good += 1
        if self.open_until is not None and self.good >= 3:
            self.open_until, self.failures = None, []

    @invariant()
    def agrees(self):
        allowed = self.open_until is None or self.now >= self.open_until
        assert self.breaker.allows(self.now) == allowed
        assert self.breaker.is_closed == (self.open_until is None)


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=60, stateful_step_count=40)


async def test_a_stop_lets_what_is_half_read_end():
    begun, may_end = asyncio.Event(), asyncio.Event()

    class Slow(Rig):
        async def read(self, at_ms):
            begun.set()
            await may_end.wait()
            return await super().read(at_ms)

    emitted = []
    poller = Poller([polled(Slow(1), interval_s=0.1)], emitted.extend, seed=1)
    running = asyncio.create_task(poller.run())
    await begun.wait()
    poller.stop()
    may_end.set()
    async with asyncio.timeout(30):
        await running
    assert len(emitted) == 1
