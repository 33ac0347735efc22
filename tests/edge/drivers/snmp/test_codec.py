"""SNMP on the wire: as another implementation writes it, and whatever else may come."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from lode_edge.drivers.snmp import ber, usm
from lode_edge.drivers.snmp.ber import Malformed, Reader, Value
from lode_edge.drivers.snmp.message import GET, RESPONSE, Pdu, read_v2c, write_v2c

ARCS = st.integers(0, 0xFFFFFFFF)
OIDS = st.tuples(st.just(1), st.integers(0, 39)).flatmap(
    lambda head: st.lists(ARCS, max_size=40).map(lambda rest: (*head, *rest))
)
U32, U64 = st.integers(0, 0xFFFFFFFF), st.integers(0, 2**64 - 1)
VALUES = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(lambda n: Value(ber.INTEGER, n)),
    st.binary(max_size=300).map(lambda b: Value(ber.OCTETS, b)),
    OIDS.map(lambda oid: Value(ber.OID, oid)),
    st.sampled_from([ber.COUNTER32, ber.GAUGE32, ber.TICKS]).flatmap(
        lambda tag: U32.map(lambda n: Value(tag, n))
    ),
    U64.map(lambda n: Value(ber.COUNTER64, n)),
    st.sampled_from(sorted({ber.NULL, *ber.ABSENT})).map(Value),
)
PDUS = st.builds(
    Pdu,
    kind=st.sampled_from([GET, RESPONSE]),
    request=st.integers(1, 2**31 - 1),
    status=st.integers(0, 18),
    index=st.integers(0, 100),
    bindings=st.lists(st.tuples(OIDS, VALUES), max_size=20).map(tuple),
)
THEIRS = {
    ber.INTEGER: v2c.Integer32,
    ber.OCTETS: v2c.OctetString,
    ber.OID: v2c.ObjectIdentifier,
    ber.COUNTER32: v2c.Counter32,
    ber.GAUGE32: v2c.Gauge32,
    ber.TICKS: v2c.TimeTicks,
    ber.COUNTER64: v2c.Counter64,
    ber.NULL: v2c.Null,
    ber.NO_OBJECT: v2c.NoSuchObject,
    ber.NO_INSTANCE: v2c.NoSuchInstance,
    ber.END_OF_VIEW: v2c.EndOfMibView,
}
KEYS = usm.keys("lode", ("authenticate", "hide me well"), "sha256", b"engine")
OTHERS = usm.keys("lode", ("authenticate!", "hide me well"), "sha256", b"engine")
ENGINE = usm.Engine(id=b"engine", boots=3, time_s=1000)


@given(pdu=PDUS, community=st.binary(max_size=64))
def test_a_message_comes_back_as_it_was_written(pdu, community):
    assert read_v2c(write_v2c(community, pdu)) == (community, pdu)


@given(value=VALUES)
def test_another_implementation_writes_and_reads_the_same(value):
    content = "" if value.content is None else value.content
    theirs = THEIRS[value.tag](content)
    assert ber.read_value(Reader(encoder.encode(theirs))) == value
    assert decoder.decode(ber.write_value(value), asn1Spec=theirs.clone()) == (theirs, b"")


@given(data=st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(data):
    for read in (read_v2c, lambda d: usm.opened(d, KEYS), lambda d: usm.opened(d, None)):
        with pytest.raises(Malformed):
            read(data)


@settings(max_examples=60)
@given(pdu=PDUS, at=st.integers(0, 10_000), byte=st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_the_message(pdu, at, byte):
    data = bytearray(write_v2c(b"private", pdu))
    data[at % len(data)] ^= byte
    try:
        found = read_v2c(bytes(data))
    except Malformed:
        return
    assert found != (b"private", pdu)


@settings(max_examples=30)
@given(pdu=PDUS)
def test_a_sealed_message_is_opened_with_its_keys_alone(pdu):
    data = usm.sealed(7, ENGINE, KEYS, pdu)
    answer = usm.opened(data, KEYS)
    assert (answer.message, answer.engine, answer.pdu) == (7, ENGINE, pdu)
    assert answer.is_authentic
    with pytest.raises(Malformed, match="proof"):
        usm.opened(data, OTHERS)


@settings(max_examples=60)
@given(pdu=PDUS, at=st.integers(0, 10_000), byte=st.integers(1, 255))
def test_no_byte_of_a_sealed_message_can_be_changed(pdu, at, byte):
    data = bytearray(usm.sealed(7, ENGINE, KEYS, pdu))
    data[at % len(data)] ^= byte
    try:
        answer = usm.opened(bytes(data), KEYS)
    except Malformed:
        return
    assert not answer.is_authentic  # the flag was changed; such an answer does not count


def test_keys_are_those_of_the_standard():
    # RFC 3414, A.3.2: "maplesyrup" by SHA-1 for this engine
    engine = bytes.fromhex("000000000000000000000002")
    keys = usm.keys("x", ("maplesyrup", "maplesyrup"), "sha1", engine)
    assert keys.proof.hex() == "6695febc9288e36282235fc7151f128497b38f3f"
    assert "6695" not in repr(keys)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "3080",  # indefinite
        "3085 0000000001 00",
        "30 03 0201",
        "02 00",
        "02 09 010203040506070809",
        "06 00",
        "06 01 80",
        "06 02 2b 80",
        "06 06 2b 90 80 80 80 00",
    ],
)
def test_malformed_values_are_refused(text):
    reader = Reader(bytes.fromhex(text))
    with pytest.raises(Malformed):
        ber.read_value(reader)


def test_theirs_can_read_our_longest():
    pdu = Pdu(kind=GET, request=1, bindings=tuple(((1, 3, n), Value(ber.NULL)) for n in range(300)))
    rest = decoder.decode(write_v2c(b"public", pdu), asn1Spec=v2c.Message())[1]
    assert rest == b""
