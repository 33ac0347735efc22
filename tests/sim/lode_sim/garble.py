"""The ways in which rigs break their JSON; the first ones can be mended, the last cannot."""

import re
from collections.abc import Callable

_NOISE = bytes(range(255, 127, -1)) + b"\x00\x01{]\r\n"
_NUMBER = re.compile(rb'("[A-Za-z][^"]*":)(-?\d+\.\d+)')


def missing_comma(reply: bytes) -> bytes:
    """Leave out the comma between two objects: `}{`."""
    at = reply.find(b"},{")
    if at >= 0:
        return reply[: at + 1] + reply[at + 2 :]
    return reply.replace(b'}],"', b'}]"', 1)  # one object only: between two members instead


def trailing_comma(reply: bytes) -> bytes:
    """Put a comma before a closing brace: `,}`."""
    return reply.replace(b"}]", b",}]", 1)


def infinite(reply: bytes) -> bytes:
    """Put inf and nan for the first two fractional numbers, as C's printf does."""
    words = iter((b"inf", b"nan"))
    return _NUMBER.sub(lambda match: match[1] + next(words), reply, count=2)


def newline(reply: bytes) -> bytes:
    """Break the reply into lines, one of them inside a string."""
    broken = reply.replace(b'"Description":"', b'"Description":"\n', 1)
    return broken.replace(b",", b",\n", 3)


def missing_nul(reply: bytes) -> bytes:
    """Leave out the NUL byte at the end."""
    return reply.rstrip(b"\x00")


def truncated(reply: bytes) -> bytes:
    """Stop in the middle, and end the connection as if that were all."""
    return reply[: len(reply) * 2 // 3]


def nonsense(reply: bytes) -> bytes:
    """Send bytes that are no JSON at all, about as many as the reply has."""
    return (_NOISE * (len(reply) // len(_NOISE) + 1))[: max(len(reply), 1)]


KINDS: dict[str, Callable[[bytes], bytes]] = {
    "missing-comma": missing_comma,
    "trailing-comma": trailing_comma,
    "inf": infinite,
    "newline": newline,
    "missing-nul": missing_nul,
    "truncated": truncated,
    "nonsense": nonsense,
}
