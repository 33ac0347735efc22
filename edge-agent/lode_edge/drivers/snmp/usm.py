"""Who speaks, proved and hidden: the user-based security model (RFC 3414, 3826, 7860).

    SEQUENCE { version 3, { message id, size, flags, model 3 },
               { engine, boots, time, user, proof, salt }, { engine, context, PDU } }

Always authenticated and encrypted (AES-128); by SHA-1, SHA-256 or SHA-512, as the agent has it.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from lode_edge.drivers.snmp import ber
from lode_edge.drivers.snmp.ber import Malformed, Oid, Reader
from lode_edge.drivers.snmp.message import Pdu, read_pdu, write_pdu

Digest = Literal["sha1", "sha256", "sha512"]
PROOF_BYTES: Final[dict[Digest, int]] = {"sha1": 12, "sha256": 24, "sha512": 48}
WINDOW_S: Final = 150  # by which an agent's clock may differ from what we know of it
_MAX_SIZE = 65_507
_V3, _MODEL = 3, 3
_AUTHENTIC, _PRIVATE, _REPORTABLE = 1, 2, 4
_EXPANDED = 1 << 20

REPORTS: Final[dict[Oid, str]] = {
    (1, 3, 6, 1, 6, 3, 15, 1, 1, 1, 0): "unsupported security level",
    (1, 3, 6, 1, 6, 3, 15, 1, 1, 2, 0): "not in time window",
    (1, 3, 6, 1, 6, 3, 15, 1, 1, 3, 0): "unknown user",
    (1, 3, 6, 1, 6, 3, 15, 1, 1, 4, 0): "unknown engine",
    (1, 3, 6, 1, 6, 3, 15, 1, 1, 5, 0): "wrong digest",
    (1, 3, 6, 1, 6, 3, 15, 1, 1, 6, 0): "cannot decrypt",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """An agent's engine: its id, how often it has started, and its seconds since."""

    id: bytes = b""
    boots: int = 0
    time_s: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """A user's keys for one engine; they are shown nowhere."""

    user: bytes
    digest: Digest
    proof: bytes = field(repr=False)
    privacy: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A message as it came; `is_authentic` when its proof holds."""

    message: int
    engine: Engine
    pdu: Pdu
    is_authentic: bool


def keys(user: str, passphrases: tuple[str, str], digest: Digest, engine: bytes) -> Keys:
    """Make a user's keys for an engine out of both passphrases. Takes some ms."""
    proof, privacy = (_localised(phrase, digest, engine) for phrase in passphrases)
    return Keys(user=user.encode(), digest=digest, proof=proof, privacy=privacy[:16])


def _localised(passphrase: str, digest: Digest, engine: bytes) -> bytes:
    """Make a key of a passphrase that is worth nothing at another engine (RFC 3414, A.2)."""
    phrase = passphrase.encode()
    expanded = (phrase * (_EXPANDED // len(phrase) + 1))[:_EXPANDED]
    key = hashlib.new(digest, expanded).digest()
    return hashlib.new(digest, key + engine + key).digest()


def discovery(message: int) -> bytes:
    """Write the question which engine this is."""
    pdu = Pdu(kind=0xA0, request=message)
    return _whole(message, _REPORTABLE, _security(Engine(), b"", b"", b""), _scoped(b"", pdu))


def sealed(message: int, engine: Engine, keys: Keys, pdu: Pdu) -> bytes:
    """Write a message, encrypted and proved."""
    salt = os.urandom(8)
    hidden = _cipher(keys, engine, salt).encryptor().update(_scoped(engine.id, pdu))
    data = ber.write(ber.OCTETS, hidden)
    blank = bytes(PROOF_BYTES[keys.digest])
    flags = _AUTHENTIC | _PRIVATE | _REPORTABLE
    whole = _whole(message, flags, _security(engine, keys.user, blank, salt), data)
    proof = _proof(keys, whole)
    return _whole(message, flags, _security(engine, keys.user, proof, salt), data)


def opened(data: bytes, keys: Keys | None) -> Answer:
    """Read a message.

    Raises:
        Malformed: it is malformed, its proof does not hold, or it cannot be decrypted.
    """
    outer = Reader(data)
    message = outer.inner(ber.SEQUENCE)
    outer.end()
    if message.integer() != _V3:
        raise Malformed("not version 3")
    head = message.inner(ber.SEQUENCE)
    number, _size = head.integer(), head.integer()
    flags = head.need(ber.OCTETS)
    if len(flags) != 1 or head.integer() != _MODEL:
        raise Malformed("another security model")
    engine, user, proof, salt = _read_security(message.need(ber.OCTETS))
    if flags[0] & _AUTHENTIC:
        if keys is None or user != keys.user:
            raise Malformed("proved by nobody we know")
        _check_proof(data, keys, proof)
    if flags[0] & _PRIVATE:
        if keys is None or not flags[0] & _AUTHENTIC:
            raise Malformed("hidden, and not proved")
        hidden = message.need(ber.OCTETS)
        cipher = _cipher(keys, engine, salt)
        scoped = Reader(cipher.decryptor().update(hidden)).inner(ber.SEQUENCE)
    else:
        scoped = message.inner(ber.SEQUENCE)
    message.end()
    scoped.need(ber.OCTETS)  # the context's engine and name: we use one context
    scoped.need(ber.OCTETS)
    pdu = read_pdu(scoped)
    return Answer(message=number, engine=engine, pdu=pdu, is_authentic=bool(flags[0] & _AUTHENTIC))


def _read_security(content: bytes) -> tuple[Engine, bytes, bytes, bytes]:
    outer = Reader(content)
    inner = outer.inner(ber.SEQUENCE)
    outer.end()
    engine = inner.need(ber.OCTETS)
    boots, time_s = inner.integer(), inner.integer()
    if boots < 0 or time_s < 0:
        raise Malformed("a clock before its beginning")
    user, proof, salt = (inner.need(ber.OCTETS) for _ in range(3))
    inner.end()
    return Engine(id=engine, boots=boots, time_s=time_s), user, proof, salt


def _check_proof(data: bytes, keys: Keys, proof: bytes) -> None:
    """Make sure that the proof is one of exactly this message."""
    if len(proof) != PROOF_BYTES[keys.digest]:
        raise Malformed("a proof of the wrong length")
    # The proof is over the message with zeros in its place; a proof that is also found
    # elsewhere cannot be a true one by any chance worth counting.
    if data.count(proof) != 1:
        raise Malformed("a proof that is not one")
    if not hmac.compare_digest(_proof(keys, data.replace(proof, bytes(len(proof)))), proof):
        raise Malformed("a proof that does not hold")


def _proof(keys: Keys, data: bytes) -> bytes:
    return hmac.digest(keys.proof, data, keys.digest)[: PROOF_BYTES[keys.digest]]


def _cipher(keys: Keys, engine: Engine, salt: bytes) -> Cipher[CFB]:
    if len(salt) != 8:  # noqa: PLR2004 -- RFC 3826
        raise Malformed("a salt of the wrong length")
    start = engine.boots.to_bytes(4, "big") + engine.time_s.to_bytes(4, "big") + salt
    return Cipher(AES(keys.privacy), CFB(start))


def _scoped(engine: bytes, pdu: Pdu) -> bytes:
    content = ber.write(ber.OCTETS, engine) + ber.write(ber.OCTETS, b"") + write_pdu(pdu)
    return ber.write(ber.SEQUENCE, content)


def _security(engine: Engine, user: bytes, proof: bytes, salt: bytes) -> bytes:
    content = ber.write(ber.OCTETS, engine.id) + ber.write_int(engine.boots)
    content += ber.write_int(engine.time_s)
    content += b"".join(ber.write(ber.OCTETS, part) for part in (user, proof, salt))
    return ber.write(ber.SEQUENCE, content)


def _whole(message: int, flags: int, security: bytes, data: bytes) -> bytes:
    head = ber.write_int(message) + ber.write_int(_MAX_SIZE)
    head += ber.write(ber.OCTETS, bytes([flags])) + ber.write_int(_MODEL)
    content = ber.write_int(_V3) + ber.write(ber.SEQUENCE, head)
    content += ber.write(ber.OCTETS, security) + data
    return ber.write(ber.SEQUENCE, content)


def advanced(engine: Engine, seconds: float) -> Engine:
    """Give an engine as it is so many seconds later."""
    return replace(engine, time_s=min(engine.time_s + int(seconds), 0x7FFFFFFF))
