"""Mend the broken JSON that rigs send: only ever called when a strict parser has refused it.

Known breaks: missing commas (`}{`), doubled and trailing ones (`,}`), raw newlines and other
control bytes, NULs, `inf` and `nan` and their C spellings, invalid escapes and UTF-8, numbers as C
prints them (`.5`, `007`), and a reply cut short. Of a cut reply the last value is given up when it
may be half of itself. What has no braces, or unmatched ones, is not mended but refused.
"""

import math
import re
from typing import NamedTuple

MAX_BYTES = 128 << 10  # three times the longest reply recorded; keeps a mending below 0.2 s
_MAX_DEPTH = 32
_NUMBER_LIMIT = 64  # characters
_TOKEN = re.compile(
    r"""(?P<space> [\s\x00-\x1f\x7f\ufeff]++ )
      | (?P<string> "(?: [^"\\]++ | \\. )*+" )
      | (?P<word> [-+]?+[A-Za-z0-9.][-+\w.\#]*+ )
      | (?P<mark> [{}\[\]:,] )""",
    re.VERBOSE | re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f]")
_ESCAPE = re.compile(r'(?P<good>\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))|\\(?P<bare>.)', re.DOTALL)
_PLAIN_WORDS = {"true", "false", "null"}
_NOT_FINITE = re.compile(r"[-+]?(?:1\.\#|1\.)?(?:nan|inf|infinity|ind|qnan|snan)\w*", re.IGNORECASE)


class Mended(NamedTuple):
    """A reply as valid JSON, and whether its end was missing."""

    text: str
    is_cut: bool


def mend(data: bytes) -> Mended:
    """Make valid JSON of a broken reply.

    Raises:
        ValueError: it is nothing that can be mended.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"{len(data)} bytes, too many to be mended")
    text = data.decode("utf-8", "replace")
    start = text.find("{")
    if start < 0:
        raise ValueError("no JSON object in it")
    writer = _Writer()
    place = start
    while not writer.is_done:
        match = _TOKEN.match(text, place)
        if match is None:
            break
        place = match.end()
        writer.take(match.lastgroup or "", match.group(), is_last=place == len(text))
    # An unfinished string can only be the cut end; any other stray character is nonsense.
    if not writer.is_done and place < len(text) and text[place] != '"':
        raise ValueError(f"unexpected {text[place]!r} at character {place}")
    return writer.finish()


class _Writer:
    """Writes the tokens out again as JSON: commas where they belong, a value for every key."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._open: list[str] = []  # the brackets that will close what is open
        self._is_first = True
        self._wants = "value"  # key, colon, value
        self.is_done = False

    def take(self, kind: str, piece: str, *, is_last: bool) -> None:
        if kind == "space":
            return
        if piece == ",":
            self._fill()
        elif kind == "mark":
            self._mark(piece)
        elif kind == "string":
            self._item(_string(piece), can_be_key=True)
        elif is_last:
            self._item("null", can_be_key=False)  # the reply is cut here: maybe half a number
        else:
            self._item(_word(piece), can_be_key=False)

    def finish(self) -> Mended:
        is_cut = not self.is_done
        while not self.is_done:
            self._close(self._open[-1])
        return Mended("".join(self._out), is_cut)

    def _mark(self, piece: str) -> None:
        if piece == ":":
            if self._wants != "colon":
                raise ValueError("a colon without a key")
            self._out.append(":")
            self._wants = "value"
        elif piece in "{[":
            self._item(piece, can_be_key=False)
            self._open.append("}" if piece == "{" else "]")
            self._is_first = True
            self._wants = "key" if piece == "{" else "value"
            if len(self._open) > _MAX_DEPTH:
                raise ValueError(f"more than {_MAX_DEPTH} levels")
        else:
            self._close(piece)

    def _item(self, text: str, *, can_be_key: bool) -> None:
        in_object = bool(self._open) and self._open[-1] == "}"
        if self._wants == "colon" or (self._wants == "key" and not can_be_key):
            raise ValueError(f"{text[:20]!r} where a {self._wants} belongs")
        if not self._is_first and (self._wants == "key" or not in_object):
            self._out.append(",")
        self._out.append(text)
        self._is_first = False
        if in_object:
            self._wants = "colon" if self._wants == "key" else "key"

    def _close(self, bracket: str) -> None:
        if not self._open or self._open[-1] != bracket:
            raise ValueError(f"{bracket!r} closes nothing")
        self._fill()
        self._open.pop()
        self._out.append(bracket)
        self._is_first = False
        self.is_done = not self._open
        self._wants = "key" if self._open and self._open[-1] == "}" else "value"

    def _fill(self) -> None:
        """Give null to a key whose value did not come."""
        if self._open and self._open[-1] == "}" and self._wants != "key":
            self._out.append("null" if self._wants == "value" else ":null")
            self._wants = "key"


def _string(token: str) -> str:
    token = _CONTROL.sub(" ", token)
    return _ESCAPE.sub(lambda escape: escape["good"] or escape["bare"], token)


def _word(token: str) -> str:
    if token in _PLAIN_WORDS:
        return token
    if _NOT_FINITE.fullmatch(token):
        return "null"
    if len(token) > _NUMBER_LIMIT or "_" in token:
        raise ValueError(f"{token[:20]!r} is neither a number nor a known word")
    number = float(token)
    return repr(number) if math.isfinite(number) else "null"
