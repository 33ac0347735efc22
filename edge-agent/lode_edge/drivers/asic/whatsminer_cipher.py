"""What WhatsMiners want of those who write: a signature, and the words of the order in AES.

Version 2 hashes the password as Unix once did (MD5-crypt) with salts that `get_token` gives;
version 3 with SHA-256. Both encrypt with AES-256 in ECB, zeros to the end of the last block.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from lode_edge.errors import BadAnswer

_BLOCK = 16  # bytes, of AES and of MD5
_SALT_LIMIT = 8  # characters; more are not used
_ROUNDS = 1000
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# The order in which MD5-crypt writes the bytes of its hash, three to four letters.
_TRIPLES = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))
_LAST_BYTE = 11


@dataclass(frozen=True, slots=True)
class Token:
    """What proves to a WhatsMiner of version 2 that the password is known, and the key to it."""

    sign: str = field(repr=False)
    key: bytes = field(repr=False)


def token(password: str, salt: str, newsalt: str, time: str) -> Token:
    """Make the token for the salts and the time that `get_token` gave."""
    hashed = md5_crypt(password, salt)
    return Token(md5_crypt(hashed + time, newsalt), hashlib.sha256(hashed.encode()).digest())


def encrypt(key: bytes, order: object) -> str:
    """Encrypt an order, as JSON, in base64."""
    plain = msgspec.json.encode(order)
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 -- the vendor's
    padded = plain + bytes(-len(plain) % _BLOCK)
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def decrypt(key: bytes, text: str, place: str) -> bytes:
    """Decrypt what a rig answered, and take the zeros off its end.

    Raises:
        BadAnswer: it is not in base64, or not whole.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadAnswer(f"{place}: its encrypted answer is no base64: {error}") from error
    if not data or len(data) % _BLOCK:
        raise BadAnswer(f"{place}: its encrypted answer is cut at {len(data)} bytes")
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305 -- the vendor's
    return (decryptor.update(data) + decryptor.finalize()).rstrip(b"\x00")


def v3_key(command: str, password: str, salt: str, at_s: int) -> bytes:
    """Hash an order of version 3: the AES key, whose base64 begins with the token."""
    return hashlib.sha256(f"{command}{password}{salt}{at_s}".encode()).digest()


def v3_token(key: bytes) -> str:
    """Give the eight letters that sign an order of version 3."""
    return base64.b64encode(key).decode()[:8]


def md5_crypt(password: str, salt: str) -> str:
    """Hash a password as `crypt(3)` does with `$1$`; give the hash without the salt."""
    secret, seed = password.encode(), salt.encode()[:_SALT_LIMIT]
    inner = _md5(secret + seed + secret)
    mixed = secret + b"$1$" + seed
    mixed += (inner * (len(secret) // _BLOCK + 1))[: len(secret)]
    length = len(secret)
    while length:  # by the bits of the length, as the first program of 1994 did it
        mixed += b"\x00" if length & 1 else secret[:1]
        length >>= 1
    hashed = _md5(mixed)
    for n in range(_ROUNDS):
        mixed = secret if n % 2 else hashed
        mixed += seed if n % 3 else b""
        mixed += secret if n % 7 else b""
        hashed = _md5(mixed + (hashed if n % 2 else secret))
    return _letters(hashed)


def _letters(hashed: bytes) -> str:
    written = ""
    for high, middle, low in _TRIPLES:
        number = hashed[high] << 16 | hashed[middle] << 8 | hashed[low]
        written += "".join(_ALPHABET[number >> shift & 0x3F] for shift in (0, 6, 12, 18))
    last = hashed[_LAST_BYTE]
    return written + _ALPHABET[last & 0x3F] + _ALPHABET[last >> 6]


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
