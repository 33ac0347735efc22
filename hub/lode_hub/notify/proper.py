"""What may be said about telling: each check gives it back, or says what is wrong."""

import datetime
import itertools
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from lode_hub import zones
from lode_hub.errors import InvalidError
from lode_hub.notify.channels import SEVERITIES
from lode_hub.store.telling import Habit, Layer, Step

MAX_LAYERS, MAX_PEOPLE, MAX_DAYS, MAX_STEPS, MAX_TOLD = 10, 50, 366, 10, 20
MAX_AFTER_S = 24 * 3600
MAX_ADDRESS = 254
MAX_OVERRIDE = datetime.timedelta(days=92)

_ADDRESSES = {
    "mail": (re.compile(r"[^\s@<>,;:\"\\]+@[^\s@<>,;:\"\\]+"), "such as ann@mine.example"),
    "sms": (re.compile(r"\+[1-9][0-9]{6,14}"), "with its country, such as +491701234567"),
    "telegram": (re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{5,32}"), "a chat's number"),
    "webhook": (re.compile(r"https?://[!-~]+"), "beginning with https://"),
}
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


def address(kind: str, text: str) -> str:
    """Check an address of a kind."""
    if kind not in _ADDRESSES:
        raise InvalidError(f"ways: no kind {kind!r}; use one of {', '.join(_ADDRESSES)}")
    form, hint = _ADDRESSES[kind]
    text = re.sub(r"[ ()/-]", "", text) if kind == "sms" else text.strip()
    if len(text) > MAX_ADDRESS or not form.fullmatch(text) or not text.isprintable():
        raise InvalidError(f"ways: {text[:80]!r} is no address for {kind}; give one {hint}")
    if kind == "webhook" and not urlsplit(text).hostname:
        raise InvalidError(f"ways: {text[:80]!r} has no host; give one {hint}")
    return text


def severity(text: str) -> str:
    """Check a severity."""
    if text not in SEVERITIES:
        raise InvalidError(f"severity: no {text!r}; use one of {', '.join(SEVERITIES)}")
    return text


def habit(value: Habit) -> Habit:
    """Check quiet hours and digest."""
    zones.named(value.time_zone)
    if (value.quiet_from is None) != (value.quiet_until is None):
        raise InvalidError("quiet hours: only one end is given; give both or neither")
    if value.quiet_from is not None and value.quiet_from == value.quiet_until:
        raise InvalidError("quiet hours: they end when they begin; leave them out, or give a span")
    if value.digest not in {"none", "hourly", "daily"}:
        raise InvalidError(f"digest: no {value.digest!r}; use none, hourly or daily")
    if value.digest_max not in {"info", "warning"}:
        raise InvalidError(f"digest: not up to {value.digest_max!r}; use info or warning")
    return value


def schedule(name: str, time_zone: str, layers: Sequence[Layer]) -> None:
    """Check a schedule."""
    _named("schedule", name)
    zones.named(time_zone)
    if not 1 <= len(layers) <= MAX_LAYERS:
        raise InvalidError(f"schedule {name}: {len(layers)} layers; give 1 to {MAX_LAYERS}")
    for place, layer in enumerate(layers, 1):
        where = f"schedule {name}: layer {place}"
        if not 1 <= len(layer.people) <= MAX_PEOPLE:
            raise InvalidError(f"{where}: {len(layer.people)} people; give 1 to {MAX_PEOPLE}")
        if not 1 <= layer.days <= MAX_DAYS:
            raise InvalidError(f"{where}: turns of {layer.days} days; give 1 to {MAX_DAYS}")
        if not set(layer.weekdays) <= set(range(7)):
            raise InvalidError(f"{where}: weekdays go from 0, Monday, to 6, Sunday")


def policy(name: str, steps: Sequence[Step]) -> None:
    """Check a policy."""
    _named("policy", name)
    if not 1 <= len(steps) <= MAX_STEPS:
        raise InvalidError(f"policy {name}: {len(steps)} steps; give 1 to {MAX_STEPS}")
    for step in steps:
        if not 0 <= step.after_s <= MAX_AFTER_S:
            raise InvalidError(
                f"policy {name}: a step after {step.after_s} s; give 0 to {MAX_AFTER_S}"
            )
        if not 1 <= len(step.tell) <= MAX_TOLD or not all(map(_is_told, step.tell)):
            raise InvalidError(
                f"policy {name}: a step tells 1 to {MAX_TOLD} of schedule:NAME and person:NAME"
            )
    if any(one.after_s >= next_.after_s for one, next_ in itertools.pairwise(steps)):
        raise InvalidError(f"policy {name}: each step must come later than the one before")


def span(from_ms: int, until_ms: int) -> tuple[datetime.datetime, datetime.datetime]:
    """Check the span of an override, and give it as moments."""
    try:
        begin, end = (
            datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)
            for at_ms in (from_ms, until_ms)
        )
    except (ValueError, OverflowError, OSError):
        raise InvalidError("override: no such moment; give Unix times in ms") from None
    if not begin < end <= begin + MAX_OVERRIDE:
        raise InvalidError(
            f"override: it must end after its begin, within {MAX_OVERRIDE.days} days"
        )
    return begin, end


def _named(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidError(f"{what}: its name has 1 to 64 characters, none of them a control one")


def _is_told(told: str) -> bool:
    kind, _, name = told.partition(":")
    return kind in {"schedule", "person"} and _NAME.fullmatch(name) is not None
