"""A TOML text made into a noun, or an error that says where, what and what to do."""

import tomllib
from typing import TypeVar

import msgspec

from lode_hub.errors import InvalidError

MAX_CHARS = 200_000
_T = TypeVar("_T")


def read(text: str, noun: type[_T], where: str) -> _T:
    """Read a text.

    Raises:
        InvalidError: it is no TOML, or not what the noun expects.
    """
    if len(text) > MAX_CHARS:
        raise InvalidError(f"{where}: {len(text)} characters, at most {MAX_CHARS}; split it")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(f"{where}: no TOML: {error}; mend it there") from None
    except (ValueError, RecursionError):  # more digits, or deeper, than Python takes
        raise InvalidError(f"{where}: a number too long or nested too deep; shorten it") from None
    try:
        return msgspec.convert(table, noun)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        place = path.rstrip("`").lstrip(".") or "the whole"
        raise InvalidError(
            f"{where}: {place}: {said[:1].lower()}{said[1:]}; see docs/energy.md"
        ) from None
