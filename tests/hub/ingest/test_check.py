"""What is fit for the database, and why not."""

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.ingest.check import Fit, Readings, Unfit, check
from lode_hub.ingest.inbox import Incoming
from lode_hub.store.readings import KINDS
from lode_wire import codec, records
from lode_wire.columns import fields_of
from lode_wire.records import Gap, GapReason, PointReading, Quality, RigReading, Screening, State
from tests.hub.ingest.agents import NOW_MS, Agent, devices, readings
from tests.wire import samples

DAY_MS = 86_400_000
RESERVED = 5  # the one byte of a payload that means nothing yet


def reason(incoming):
    checked = check(incoming)
    assert isinstance(checked, Unfit), checked
    return checked.reason


def rig(**changes):
    return [msgspec.structs.replace(readings(1)[0], **changes)]


def gap(**changes):
    plain = Gap(
        at_ms=NOW_MS, epoch="e1", reason=GapReason.EVICTED, from_seq=2, to_seq=4,
        from_ms=None, to_ms=None, records=100,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def test_fit_readings_are_arrays():
    checked = check(Agent().incoming(readings(3)))
    assert isinstance(checked, Fit)
    assert isinstance(checked.content, Readings)
    assert checked.content.numbers.tolist() == [1, 2, 3]
    assert checked.content.values["hashrate_ths"].tolist() == [100, 101, 102]
    assert np.isnan(checked.content.values["chip_temp_c"]).all()


def test_points_are_told_apart_by_name_and_unit():
    points = [("a", "V"), ("b", "V"), ("a", "A"), ("a", "V")]
    batch = [PointReading(at_ms=NOW_MS, device=1, point=p, value=1.0, unit=u) for p, u in points]
    checked = check(Agent().incoming(batch))
    pairs, which = checked.content.points
    assert [pairs[i] for i in which] == points


@pytest.mark.parametrize(
    ("incoming", "says"),
    [
        (lambda a: a.wrap(b"garbage", "state"), "payload: 7 bytes"),
        (lambda a: a.wrap(a.payload(readings(2))[:-1], "mining_metrics"), "CRC32C"),
        (lambda a: a.wrap(a.payload(readings(1)), "state"), "belongs under 'mining_metrics'"),
        (lambda a: a.incoming(rig(at_ms=0)), "before 2009"),
        (lambda a: a.incoming(rig(at_ms=NOW_MS + DAY_MS + 1)), "more than a day after"),
        (lambda a: a.incoming(rig(hashrate_ths=float("inf"))), "hashrate_ths: an infinite"),
        (lambda a: a.incoming(rig(quality=256)), "bits without a meaning"),
        (lambda a: a.incoming([Screening(**_screening())]), "no consumer for kind 'screening' yet"),
        (lambda a: a.incoming([msgspec.structs.replace(a.birth(1), site="elsewhere")]), "at home"),
        (lambda a: a.incoming([msgspec.structs.replace(a.birth(1), site="a b")]), "no name"),
        (lambda a: a.incoming([gap()], 4), "numbers 2 to 4 in batch 4"),
        (lambda a: a.incoming([gap(to_seq=None)], 9), "numbers 2 to None"),
        (lambda a: a.incoming([gap(from_seq=0)], 9), "numbers 0 to 4"),
        (lambda a: a.incoming([msgspec.structs.replace(devices(1)[0], name="")]), "0 characters"),
        (lambda a: a.incoming([msgspec.structs.replace(devices(1)[0], rated_fans=99999)]), "99999"),
    ],
)
def test_unfit_says_why(incoming, says):
    assert says in reason(incoming(Agent()))


def _screening():
    return {
        info.name: samples.fixed(Screening, 1)[0].__getattribute__(info.name)
        for info in msgspec.structs.fields(Screening)
        if info.name != "at_ms"
    } | {"at_ms": NOW_MS}


def test_a_state_that_is_none_is_unfit():
    payload = Agent().payload(rig(state=State.MINING))
    header = codec.peek(payload)
    columns = {"at_ms": [NOW_MS], "rig": [1], "state": [99]}
    packed = _pack(header, columns)
    assert "state: 99, expected 0 to 6" in reason(Agent().wrap(packed, "mining_metrics"))


def _pack(header, columns):
    """Pack columns that no record could hold."""
    fields = {field.name: field for field in fields_of(RigReading).values()}
    data = msgspec.msgpack.encode(
        {name: fields[name].encode(values) for name, values in columns.items()}
    )
    packed = codec.Packed("rig", 1, NOW_MS, NOW_MS, zstandard.ZstdCompressor().compress(data))
    return codec.frame(packed, agent=header.agent, epoch=header.epoch, seq=header.seq)


def test_a_batch_of_another_agent_is_no_proof_of_its_number():
    agent, other = Agent("north-1"), Agent("north-2")
    checked = check(agent.wrap(other.payload(readings(1)), "mining_metrics"))
    assert isinstance(checked, Unfit)
    assert checked.agent == "north-1"
    assert checked.header is None
    assert "'north-2', but the topic says 'north-1'" in checked.reason


def test_a_readable_number_counts_though_the_rest_is_broken():
    packed = codec.Packed("rig", 1, NOW_MS, NOW_MS, b"no zstd")
    payload = codec.frame(packed, agent="north-1", epoch="e1", seq=7)
    checked = check(Agent().wrap(payload, "mining_metrics"))
    assert isinstance(checked, Unfit)
    assert checked.header is not None
    assert checked.header.seq == 7


def test_a_topic_that_is_none_names_nobody():
    incoming = Agent().incoming(readings(1))
    checked = check(Incoming(3, "lode/v1/3/x", incoming.payload, NOW_MS, lambda: None))
    assert (checked.agent, checked.header) == (None, None)


def test_times_are_kept_and_a_wrong_clock_is_marked():
    ahead = [*rig(at_ms=NOW_MS + 2001), *rig(at_ms=NOW_MS), *rig(at_ms=NOW_MS - DAY_MS)]
    content = check(Agent().incoming(ahead)).content
    assert content.at_ms.tolist() == [NOW_MS + 2001, NOW_MS, NOW_MS - DAY_MS]
    assert content.values["quality"].tolist() == [Quality.CLOCK, 0, 0]
    content = check(Agent().incoming(ahead), clock_offset_ms=-2500.0).content
    assert content.values["quality"].tolist() == [Quality.CLOCK] * 3


@given(st.binary(max_size=300), st.sampled_from(["state", "mining_metrics", "x/y", ""]))
def test_no_bytes_whatsoever_pass_or_crash(payload, kind):
    assert isinstance(check(Agent().wrap(payload, kind)), Unfit)


@given(samples.batches())
def test_every_record_is_fit_or_unfit(batch):
    check(Agent().incoming(batch))


@given(st.integers(0, 200).filter(lambda place: place != RESERVED), st.integers(0, 255))
def test_a_flipped_byte_is_unfit(place, value):
    payload = bytearray(Agent().payload(readings(4)))
    place = min(place, len(payload) - 1)
    is_same = payload[place] == value
    payload[place] = value
    checked = check(Agent().wrap(bytes(payload), "mining_metrics"))
    assert isinstance(checked, Fit) == is_same


def test_rig_reading_is_what_the_store_knows():
    """A field that the wire gains has to come into the database too."""
    own = {"rig": "rig", "meter": "meter", "point": "device"}
    for tag, kind in KINDS.items():
        fields = {info.name for info in msgspec.structs.fields(records.KINDS[tag])}
        extra = {"at_ms", own[tag]} | ({"point", "unit"} if tag == "point" else set())
        assert set(kind.values) == fields - extra
