"""The words of a message: subject, plain body, HTML. Names come from devices: trust none of them.

Message ─► subject (one clean line) · plain (values, limit, since, cause, link) · html (escaped)
"""

import datetime
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lode_hub.store.outbox_sending import Item, Overview

MAX_LISTED = 50
MAX_SUBJECT_CHARS = 160
MAX_TEXT_CHARS = 500
MAX_CAUSES = 8

UNITS = {
    "c": "°C",
    "ths": "TH/s",
    "w": "W",
    "rpm": "rpm",
    "s": "s",
    "ms": "ms",
    "v": "V",
    "a": "A",
    "hz": "Hz",
    "jth": "J/TH",
}
"""What a name's last part says about its value; `_ratio` is shown in percent."""

WORDS = {
    "opened": "new",
    "worsened": "worse",
    "flapping": "coming and going",
    "acknowledged": "acknowledged",
    "resolved": "over",
}
"""What happened to an alert, as it is counted."""

UNTOLD = {"rule_version", "reason", "since_ms", "cleared"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One delivery as it is told: the same key at every attempt."""

    key: str
    site: str | None
    cause: str  # of all its alerts; empty for several
    what: str  # news, escalated, digest or test
    items: Sequence[Item]  # the worst first, not all of very many
    overview: Overview
    base_url: str
    ack_url: str = ""  # acknowledges what is open among them, for the one it is sent to


def subject(message: Message, limit: int = MAX_SUBJECT_CHARS) -> str:
    """Say in one line where, what and how many."""
    return clean(f"[{_mark(message)}] {headline(message)}", limit)


def headline(message: Message) -> str:
    """Say where, what and how many, without a mark."""
    if message.what == "test":
        return "Lode can tell you here"
    where = place(message)
    if message.overview.alerts == 1:
        said = clean(message.items[0].title)
    else:
        causes = ", ".join(cause.replace("-", " ") for cause in _causes(message)[:3])
        said = f"{causes}, {counted(message)}; worst: {clean(message.items[0].title)}"
    return f"{where}: {said}" if where else said


def plain(message: Message, listed: int = MAX_LISTED) -> str:
    """Say everything in plain text."""
    parts = [_intro(message)]
    if message.ack_url:
        parts.append(f"Acknowledge: {message.ack_url}")
    parts += ["\n".join(_lines(message, item)) for item in message.items[:listed]]
    if more := message.overview.alerts - len(message.items[:listed]):
        parts.append(f"and {more} more")
    return "\n\n".join([*parts, _footer(message)]) + "\n"


def rich(message: Message) -> str:
    """Say everything in HTML that needs nothing from outside."""
    rows = [_html_item(message, item) for item in message.items[:MAX_LISTED]]
    if more := message.overview.alerts - len(message.items[:MAX_LISTED]):
        rows.append(f"<p>and {more} more</p>")
    link = html.escape(message.ack_url)
    ack = f'<p><a href="{link}">Acknowledge</a></p>' if link else ""
    intro, footer = html.escape(_intro(message)), html.escape(_footer(message))
    body = f"<p>{intro}</p>{ack}{''.join(rows)}<p>{footer}</p>"
    return f"<!doctype html><html><body>{body}</body></html>"


def place(message: Message) -> str:
    """Name the smallest place that all alerts share: a rack, a feeder, a site."""
    seen = message.overview
    if len(seen.sites) != 1:
        return clean(", ".join(seen.sites))
    site = seen.sites[0]
    if seen.alerts > 1 and len(seen.racks) == 1 and seen.racks[0]:
        return clean(f"{site} rack {seen.racks[0]}")
    if seen.alerts > 1 and len(seen.feeders) == 1 and seen.feeders[0]:
        return clean(f"{site} feeder {seen.feeders[0]}")
    return clean(site)


def counted(message: Message) -> str:
    """Say how many of what, and how many rigs share a trouble of many."""
    seen = message.overview
    said = [
        f"{seen.by_what[what]} {words}" for what, words in WORDS.items() if what in seen.by_what
    ]
    members = f" ({seen.members} members)" if seen.members else ""
    return ", ".join(said) + members


def clean(words: str, limit: int = MAX_TEXT_CHARS) -> str:
    """Make one printable line of any text: no line breaks, no control or direction characters."""
    printable = "".join(char if char.isprintable() else " " for char in words)
    line = " ".join(printable.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def values(evidence: Mapping[str, object]) -> str:
    """List the values behind an alert, with their units."""
    told = (
        _value(name, value)
        for name, value in evidence.items()
        if name not in UNTOLD and value is not None
    )
    return clean(", ".join(told))


def link(message: Message, item: Item) -> str:
    """Give the alert's page, where its evidence is and what to do; empty without a base."""
    return message.base_url and f"{message.base_url.rstrip('/')}/alerts/{item.alert_id}"


def _mark(message: Message) -> str:
    if message.what in {"digest", "test"} or not message.items:
        return message.what
    worst = message.items[0]
    if message.what == "escalated":
        return f"{worst.severity}, not acknowledged"
    happenings = {item.what for item in message.items}
    if "opened" in happenings:
        return next(item.severity for item in message.items if item.what == "opened")
    if "worsened" in happenings:
        return next(f"{item.severity}, worse" for item in message.items if item.what == "worsened")
    return worst.what if len(happenings) == 1 else "update"


def _causes(message: Message) -> list[str]:
    by_cause = message.overview.by_cause
    return sorted(by_cause, key=lambda cause: (-by_cause[cause], cause))


def _intro(message: Message) -> str:
    if message.what == "test":
        return "This is a test. Alerts will look much like it."
    seen = message.overview
    n = f"{seen.alerts} {'alert' if seen.alerts == 1 else 'alerts'}"
    where = place(message)
    at = f" at {where}" if where else ""
    about = ", ".join(f"{cause} {seen.by_cause[cause]}" for cause in _causes(message)[:MAX_CAUSES])
    begin = {
        "escalated": "Nobody has acknowledged ",
        "digest": "Together, since the digest before: ",
    }.get(message.what, "")
    return clean(f"{begin}{n}{at}: {counted(message)} ({about}).")


def _facts(message: Message, item: Item) -> list[tuple[str, str]]:
    cleared = item.evidence.get("cleared")
    now = "" if item.what == "opened" else WORDS.get(item.what, item.what)
    facts = [
        ("now", now),
        ("members", str(item.members) if item.members else ""),
        ("since", _time(item.since_ms)),
        ("until", _time(item.resolved_ms) if item.resolved_ms is not None else ""),
        ("by", clean(item.by or "")),
        ("likely cause", clean(item.likely_cause)),
        ("values", values(item.evidence)),
        ("at the end", values(cleared) if isinstance(cleared, dict) else ""),
        ("page", link(message, item)),
    ]
    return [(name, value) for name, value in facts if value]


def _lines(message: Message, item: Item) -> list[str]:
    facts = [f"  {name + ':':<14}{value}" for name, value in _facts(message, item)]
    return [clean(item.title), *facts]


def _html_item(message: Message, item: Item) -> str:
    cells = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{_html_value(name, value)}</td></tr>"
        for name, value in _facts(message, item)
    )
    return f"<h3>{html.escape(clean(item.title))}</h3><table>{cells}</table>"


def _html_value(name: str, value: str) -> str:
    escaped = html.escape(value)
    return f'<a href="{escaped}">{escaped}</a>' if name == "page" else escaped


def _footer(message: Message) -> str:
    where = f" All alerts: {message.base_url.rstrip('/')}/alerts." if message.base_url else ""
    return f"Told at least once: this message may come again under the same id.{where}"


def _time(unix_ms: int) -> str:
    moment = datetime.datetime.fromtimestamp(unix_ms / 1000, datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _value(name: str, value: object) -> str:
    words, _, unit = name.rpartition("_")
    if isinstance(value, list):
        return f"{name.replace('_', ' ')} {' '.join(str(part) for part in value)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if unit == "ratio" and words:
            return f"{words.replace('_', ' ')} {value:.0%}"
        if unit in UNITS and words:
            return f"{words.replace('_', ' ')} {value:g} {UNITS[unit]}"
        return f"{name.replace('_', ' ')} {value:g}"
    return f"{name.replace('_', ' ')} {value}"
