"""Acknowledgements and presence: round trip, and nothing but DecodeError for anything else."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from lode_wire import messages
from lode_wire.errors import DecodeError
from lode_wire.messages import Ack, Presence

COUNT = st.integers(0, 2**63 - 1)
ACKS = st.builds(
    Ack,
    agent=st.text(),
    epoch=st.text(),
    mark=COUNT,
    sack=st.lists(st.tuples(COUNT, COUNT), max_size=5).map(tuple),
    credit=COUNT,
    hub_ms=COUNT,
    echo_ms=st.none() | COUNT,
)


@given(ACKS)
def test_an_ack_is_read_back(ack):
    assert messages.decode_ack(messages.encode(ack)) == ack


@pytest.mark.parametrize("sent_ms", [None, 1763690000000])
def test_a_presence_is_read_back(sent_ms):
    here = Presence(agent="a", partition=3, is_online=True, boot="b", epoch="e", sent_ms=sent_ms)
    assert messages.decode_presence(messages.encode(here)) == here


@given(st.binary(max_size=200))
def test_noise_is_a_decode_error(noise):
    with pytest.raises(DecodeError):
        messages.decode_ack(noise)
    with pytest.raises(DecodeError):
        messages.decode_presence(noise)


def test_an_oversized_or_deep_message_is_a_decode_error():
    with pytest.raises(DecodeError, match="70000 bytes"):
        messages.decode_ack(b"\x90" * 70_000)
    with pytest.raises(DecodeError):
        messages.decode_presence(b"\x91" * 60_000)
