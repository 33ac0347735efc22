"""Seal a command with the hub's Ed25519 key, and open it at the agent.

The signature covers every field but itself, so that nothing of a command can be changed or moved
to another agent. A key is named by the first 16 hex digits of the SHA-256 of its 32 raw bytes.
"""

import hashlib
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lode_wire.errors import DecodeError, WireError
from lode_wire.orders import MAX_BODY_BYTES, Order, decode_order
from lode_wire.records import Command

MAX_COMMAND_BYTES = MAX_BODY_BYTES + (4 << 10)
_DOMAIN = b"lode command 1\n"  # keeps these signatures from meaning anything elsewhere
_COMMAND = msgspec.msgpack.Decoder(Command)


class SealError(WireError):
    """A command that must not be carried out."""


class UnknownKey(SealError):  # noqa: N818 -- reads as what happened
    """It names a key that the agent does not trust."""


class Forged(SealError):  # noqa: N818
    """Its signature is not that key's over these fields."""


def key_id(key: Ed25519PublicKey) -> str:
    """Name a public key."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def seal(command: Command, key: Ed25519PrivateKey) -> Command:
    """Sign a command; its `key` and `signature` are filled in."""
    named = msgspec.structs.replace(command, key=key_id(key.public_key()), signature=b"")
    return msgspec.structs.replace(named, signature=key.sign(_signed(named)))


def opened(command: Command, keys: Mapping[str, Ed25519PublicKey]) -> Order:
    """Check a command's signature and give its order.

    Raises:
        UnknownKey: no trusted key has this name.
        Forged: the signature does not fit.
        DecodeError: what was signed is no order, or another than the command names.
    """
    key = keys.get(command.key)
    if key is None:
        raise UnknownKey(f"command {command.id:.64}: key {command.key:.64} is not trusted")
    try:
        key.verify(command.signature, _signed(command))
    except InvalidSignature:
        raise Forged(f"command {command.id:.64}: the signature does not fit") from None
    order = decode_order(command.body)
    if order.intent.action != command.action:
        raise DecodeError(f"command {command.id}: {command.action} around {order.intent.action}")
    return order


def encode(command: Command) -> bytes:
    """Put a command on the wire."""
    return msgspec.msgpack.encode(command)


def decode(payload: bytes) -> Command:
    """Read a command; it is not yet checked.

    Raises:
        DecodeError: it is none.
    """
    if len(payload) > MAX_COMMAND_BYTES:
        raise DecodeError(f"command: {len(payload)} bytes, more than {MAX_COMMAND_BYTES}")
    try:
        return _COMMAND.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DecodeError(f"command: {error}") from error


def _signed(command: Command) -> bytes:
    fields = msgspec.structs.asdict(command)
    fields.pop("signature")
    return _DOMAIN + msgspec.msgpack.encode([fields[name] for name in sorted(fields)])
