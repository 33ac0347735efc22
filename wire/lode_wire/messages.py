"""The small messages beside the batches: what the hub has committed, and who is there.

They are plain msgpack, need no storage, and may be lost, repeated or reordered without harm.
"""

from typing import TypeVar

import msgspec

from lode_wire.errors import DecodeError

MAX_MESSAGE_BYTES = 64 << 10

_M = TypeVar("_M")


class Ack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the hub has committed of an agent's epoch.

    Every seq ≤ `mark` is committed, and so is every seq in the inclusive ranges `sack` above it;
    what lies between them is missing and asked for. `credit` is how many batches the hub takes
    before the next ack. `hub_ms` is the hub's clock; `echo_ms` repeats the `sent_ms` of the latest
    `Presence`, so that the agent can tell a dead link from a silent hub and measure its offset.
    """

    agent: str
    epoch: str
    mark: int
    sack: tuple[tuple[int, int], ...] = ()
    credit: int = 0
    hub_ms: int
    echo_ms: int | None = None


class Presence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hint that an agent is (not) there: retained, repeated as a ping, and its last will.

    `sent_ms` is the agent's clock when it sent this; None in the last will, which was written
    long before it is delivered.
    """

    agent: str
    partition: int
    is_online: bool
    boot: str
    epoch: str
    sent_ms: int | None


def encode(message: Ack | Presence) -> bytes:
    """Put a message on the wire."""
    return msgspec.msgpack.encode(message)


def decode_ack(payload: bytes) -> Ack:
    """Read an acknowledgement.

    Raises:
        DecodeError: it is none.
    """
    return _decode(_ACK, payload, "ack")


def decode_presence(payload: bytes) -> Presence:
    """Read a presence message.

    Raises:
        DecodeError: it is none.
    """
    return _decode(_PRESENCE, payload, "presence")


_ACK = msgspec.msgpack.Decoder(Ack)
_PRESENCE = msgspec.msgpack.Decoder(Presence)


def _decode(decoder: msgspec.msgpack.Decoder[_M], payload: bytes, place: str) -> _M:
    if len(payload) > MAX_MESSAGE_BYTES:
        raise DecodeError(f"{place}: {len(payload)} bytes, more than {MAX_MESSAGE_BYTES}")
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DecodeError(f"{place}: {error}") from error
