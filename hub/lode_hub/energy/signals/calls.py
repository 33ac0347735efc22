"""Calls for demand response: what is asked, from when until when; again is the same, later wins."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from lode_hub.energy.signals.programme import Programme, Reduce
from lode_hub.errors import InvalidError

Way = Literal["page", "api", "mqtt", "webhook", "openadr", "openadr, not shown"]
"""How a modification came; not shown: the VTN has the call no more, which may be its mistake."""

MAX_NAME = 200
LONGEST_MS = 7 * 86_400_000
MOST_KW = 1e7


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One modification of a call; `event` names it for ever, the highest `modification` counts."""

    programme: str
    event: str
    modification: int
    from_ms: int  # the randomised start is in it already
    until_ms: int
    reduce: Reduce
    power_kw: float | None
    notice_s: float
    penalty_usd_mwh: float | None
    credit_usd_mwh: float | None
    is_cancelled: bool = False
    is_test: bool = False
    random_s: float = 0.0


def call_of(programme: str, told: Programme, said: Mapping[str, Any], *, site: str) -> Call:
    """Make a call of what a page, a machine or a message says; the programme fills in the rest.

    Args:
        programme: its name.
        told: its description.
        said: event, from_ms, until_ms; perhaps modification, reduce, power_kw, random_s, is_test,
            is_cancelled.
        site: whose start is randomised.

    Raises:
        InvalidError: it cannot be.
    """
    where = f"call of {programme}"
    event = said.get("event")
    if not isinstance(event, str) or not 0 < len(event) <= MAX_NAME or "\x00" in event:
        raise InvalidError(f"{where}: event {str(event)[:40]!r}; give it a name of its own")
    where = f"{where}, event {event}"
    begin, end = (_whole(said, name, where) for name in ("from_ms", "until_ms"))
    random_s = _figure(said.get("random_s", 0.0), "random_s", where, 86_400.0)
    shift_ms = round(1000 * random_s * share(site, programme, event))
    if not 0 < end - begin <= LONGEST_MS:
        raise InvalidError(f"{where}: {(end - begin) / 1000:g} s long; more than 0 s, up to 7 days")
    reduce, power_kw = _asked(told, said, where)
    return Call(
        programme=programme,
        event=event,
        modification=_whole(said, "modification", where, 0),
        from_ms=begin + shift_ms,
        until_ms=end + shift_ms,
        reduce=reduce,
        power_kw=power_kw,
        notice_s=told.notice_s,
        penalty_usd_mwh=told.penalty_usd_mwh,
        credit_usd_mwh=told.credit_usd_mwh,
        is_cancelled=said.get("is_cancelled") is True,
        is_test=said.get("is_test") is True,
        random_s=shift_ms / 1000,
    )


def share(site: str, programme: str, event: str) -> float:
    """Give the share of the range by which a start is put off: even over sites, ever the same."""
    digest = hashlib.sha256("\x00".join((site, programme, event)).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def _asked(told: Programme, said: Mapping[str, Any], where: str) -> tuple[Reduce, float | None]:
    asked = said.get("reduce") or told.reduce
    reduce = next((one for one in get_args(Reduce) if one == asked), None)
    if reduce is None:
        raise InvalidError(f"{where}: reduce {str(asked)[:20]!r}; use to, by or all")
    if reduce == "all":
        return "all", None
    power_kw = said.get("power_kw", told.power_kw if reduce == told.reduce else None)
    if power_kw is None:
        raise InvalidError(f"{where}: reduce {reduce} what? give power_kw")
    kw = _figure(power_kw, "power_kw", where, MOST_KW)
    return ("to", kw) if reduce == "to" else ("by", kw)


def _figure(value: object, name: str, where: str, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise InvalidError(f"{where}: {name} {str(value)[:40]!r}; expected 0 to {most:g}")
    return float(value)


def _whole(said: Mapping[str, Any], name: str, where: str, default: int | None = None) -> int:
    value = said.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise InvalidError(f"{where}: {name} {str(value)[:40]!r}; expected a whole number")
    return value


def calls_ahead_ms(now_ms: int) -> tuple[int, int]:
    """Give the span in which a call may lie that holds now, is to come, or has just ended."""
    return now_ms - 86_400_000, now_ms + 400 * 86_400_000
