"""Acknowledge links: who holds one may acknowledge what one delivery told, once and for a while.

token = base64url(delivery, expiry, HMAC-SHA256(key, both) cut to 16 bytes): short enough for a text
message, and 2^128 guesses away from another. That it is used is written in the database.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from lode_hub.errors import HubError, NotFoundError

KEY_BYTES = 32
TOKEN = re.compile(r"[A-Za-z0-9_-]{38}")
PATH = "/ack/"

_BODY = struct.Struct(">QI")
_MAC_BYTES = 16


class ExpiredError(NotFoundError):
    """The link was good, and is not any more."""


class Links:
    """Makes and reads tokens with one key.

    Args:
        key: at least KEY_BYTES that nobody else knows.
        good_s: how long a token is good.
        clock: gives the Unix time in seconds.
    """

    def __init__(
        self, key: bytes, good_s: float, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = key
        self._good_s = good_s
        self._clock = clock

    @classmethod
    def of_nobody(cls) -> Self:
        """Give links that nothing was ever sent with."""
        return cls(secrets.token_bytes(KEY_BYTES), 0.0)

    def make(self, delivery_id: int) -> str:
        """Make the token of a delivery."""
        body = _BODY.pack(delivery_id, int(self._clock() + self._good_s))
        return base64.urlsafe_b64encode(body + self._mac(body)).decode().rstrip("=")

    def read(self, token: str) -> int:
        """Give the delivery that a token is of.

        Raises:
            NotFoundError: it is none of ours.
            ExpiredError: it was one.
        """
        try:
            raw = base64.urlsafe_b64decode(token + "==") if TOKEN.fullmatch(token) else b""
        except (binascii.Error, ValueError):
            raw = b""
        body, mac = raw[: _BODY.size], raw[_BODY.size :]
        is_ours = hmac.compare_digest(mac, self._mac(body))
        # 28 bytes are 37 1/3 signs: the bits over must be as we write them, or a link has twins.
        is_ours = is_ours and base64.urlsafe_b64encode(raw).decode().rstrip("=") == token
        if not is_ours:
            raise NotFoundError("link: it is none of ours; copy it whole from the message")
        delivery_id, until_s = _BODY.unpack(body)
        if self._clock() > until_s:
            raise ExpiredError("link: it has expired; acknowledge on the alerts page")
        return int(delivery_id)

    def _mac(self, body: bytes) -> bytes:
        return hmac.new(self._key, b"ack " + body, hashlib.sha256).digest()[:_MAC_BYTES]


def key_of(data_dir: Path) -> bytes:
    """Give the key in a data folder; made when there is none.

    Raises:
        HubError: it cannot be read or made, or others may read it.
    """
    path = data_dir / "notify" / "links.key"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise HubError(f"notify: {path}: others may read it; chmod 600, or delete it")
        key = path.read_bytes()
    except OSError as error:
        raise HubError(f"notify: {path}: {error.strerror}; check who owns it") from None
    if len(key) < KEY_BYTES:
        raise HubError(f"notify: {path}: shorter than {KEY_BYTES} bytes; delete it")
    return key


def _make(path: Path) -> None:
    """Write a key whole or not at all, and never over another's."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, path)
    except FileExistsError:
        return  # another process was quicker; its key is as good
    finally:
        fresh.unlink(missing_ok=True)
