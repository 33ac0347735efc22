"""Sparkplug payloads: what is written is read again, and no bytes do harm."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_edge.drivers.sparkplug.payload import (
    BITS,
    MAX_METRICS,
    MAX_PAYLOAD_BYTES,
    SIGNED,
    DataType,
    Metric,
    Payload,
    decode,
    encode,
    raw_of,
    value_of,
)
from lode_edge.errors import BadAnswer

U64 = st.integers(0, 2**64 - 1)
VALUES = {
    **{
        kind: st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if kind in SIGNED
        else st.integers(0, 2**bits - 1)
        for kind, bits in BITS.items()
    },
    DataType.FLOAT: st.floats(width=32),
    DataType.DOUBLE: st.floats(),
    DataType.BOOLEAN: st.booleans(),
    DataType.STRING: st.text(max_size=20),
    DataType.TEXT: st.text(max_size=20),
    DataType.UUID: st.text(max_size=20),
}
TYPED = st.sampled_from(list(VALUES)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.none() | VALUES[kind])
)


@st.composite
def metrics(draw) -> Metric:
    kind, value = draw(TYPED)
    return Metric(
        name=draw(st.none() | st.text(max_size=9)),
        alias=draw(st.none() | U64),
        timestamp=draw(st.none() | U64),
        datatype=int(kind),
        is_historical=draw(st.booleans()),
        raw=raw_of(value, kind),
        unit=draw(st.none() | st.text(min_size=1, max_size=9)),
    )


@settings(max_examples=50)
@given(st.none() | U64, st.none() | st.integers(0, 255), st.lists(metrics(), max_size=5))
def test_what_is_written_is_read_again(timestamp, seq, many):
    payload = Payload(timestamp=timestamp, seq=seq, metrics=many)
    again = decode(encode(payload))
    assert repr(again) == repr(payload)  # by their text, because NaN is not NaN


@given(TYPED)
def test_a_value_is_what_it_was(typed):
    kind, value = typed
    raw = decode(encode(Payload(metrics=[Metric(datatype=kind, raw=raw_of(value, kind))])))
    found = raw.metrics[0].raw
    if value is None:
        assert found is None
    else:
        again = value_of(found, kind)
        assert again == value or (math.isnan(again) and math.isnan(value))
        assert type(again) is type(value)


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(data):
    try:
        payload = decode(data)
    except BadAnswer:
        return
    for metric in payload.metrics:
        if metric.raw is not None:
            try:
                value_of(metric.raw, metric.datatype)
            except ValueError:
                continue


@settings(max_examples=50)
@given(st.lists(metrics(), min_size=1, max_size=3), st.data())
def test_no_damage_does_harm(many, data):
    whole = bytearray(encode(Payload(timestamp=1, seq=2, metrics=many)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    except BadAnswer:
        return


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (DataType.INT8, 0xFFFFFFFD, -3),  # as 32 bits
        (DataType.INT8, 0xFD, -3),  # as its own 8
        (DataType.INT16, 0xFFFF8000, -32768),
        (DataType.INT32, 0x80000000, -(2**31)),
        (DataType.INT64, 2**64 - 1, -1),
        (DataType.UINT32, 0xFFFFFFFF, 2**32 - 1),
        (DataType.UINT64, 2**64 - 1, 2**64 - 1),
        (DataType.UINT8, 256, None),
        (DataType.INT32, 1.5, None),
        (DataType.INT32, True, None),
        (DataType.FLOAT, 1, None),
        (DataType.BOOLEAN, 1, None),
        (DataType.STRING, 1, None),
        (DataType.UNKNOWN, 1, None),
        (99, 1, None),
    ],
)
def test_a_value_is_of_its_type_or_none(kind, raw, value):
    if value is None:
        with pytest.raises(ValueError, match=r"type|beyond"):
            value_of(raw, kind)
    else:
        assert value_of(raw, kind) == value


def test_the_bytes_are_those_of_the_specification():
    metric = Metric(name="a", alias=1, timestamp=2, datatype=DataType.DOUBLE, raw=1.5)
    body = b"\x0a\x01a" + b"\x10\x01" + b"\x18\x02" + b"\x20\x0a" + b"\x69" + struct.pack("<d", 1.5)
    payload = Payload(timestamp=5, seq=7, metrics=[metric])
    assert encode(payload) == b"\x08\x05" + b"\x12" + bytes([len(body)]) + body + b"\x18\x07"
    # A data set, a template and a field of the future are passed over.
    strange = body + b"\x8a\x01\x02\x08\x01" + b"\x92\x01\x00" + b"\xf8\x3f\x01"
    assert decode(b"\x12" + bytes([len(strange)]) + strange).metrics == [metric]


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\x12\xff",
        b"\x12\x03\x0a\x01\xff",  # a name that is no UTF-8
        b"\x08" + b"\xff" * 11,
        b"\x12\x00" * (MAX_METRICS + 1),
        encode(Payload(metrics=[Metric(name="n" * 513)])),
        bytes(MAX_PAYLOAD_BYTES + 1),
    ],
    ids=["field 0", "cut", "no text", "no number", "many", "long name", "large"],
)
def test_what_is_no_payload_is_refused(data):
    with pytest.raises(BadAnswer, match="Sparkplug"):
        decode(data)
