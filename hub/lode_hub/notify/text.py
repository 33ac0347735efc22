"""The words of a message: subject, plain body, HTML. Names come from devices: trust none of them.

Message ─► subject (one clean line) · plain (values, limit, since, cause, link) · html (escaped)
"""

import datetime
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lode_hub.notify.channels import SEVERITIES
from lode_hub.store.outbox import Item

MAX_LISTED = 50
MAX_SUBJECT_CHARS = 160
MAX_TEXT_CHARS = 500

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

UNTOLD = {"rule_version", "reason", "since_ms", "cleared"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One delivery as it is told: the same key at every attempt."""

    key: str
    site: str | None
    rule: str
    what: str  # opened, resolved, flapping or acknowledged
    items: Sequence[Item]
    base_url: str


def subject(message: Message) -> str:
    """Say in one line where, what and how many."""
    worst = max((item.severity for item in message.items), key=_rank, default="info")
    mark = worst if message.what == "opened" else message.what
    place = f"{message.site}: " if message.site else ""
    said = message.items[0].title if len(message.items) == 1 else _how_many(message)
    return clean(f"[{mark}] {place}{said}", MAX_SUBJECT_CHARS)


def plain(message: Message) -> str:
    """Say everything in plain text."""
    listed = message.items[:MAX_LISTED]
    parts = [_intro(message), *("\n".join(_lines(message, item)) for item in listed)]
    if len(message.items) > MAX_LISTED:
        parts.append(f"and {len(message.items) - MAX_LISTED} more")
    return "\n\n".join([*parts, _footer(message)]) + "\n"


def rich(message: Message) -> str:
    """Say everything in HTML that needs nothing from outside."""
    rows = [_html_item(message, item) for item in message.items[:MAX_LISTED]]
    if len(message.items) > MAX_LISTED:
        rows.append(f"<p>and {len(message.items) - MAX_LISTED} more</p>")
    intro, footer = html.escape(_intro(message)), html.escape(_footer(message))
    return f"<!doctype html><html><body><p>{intro}</p>{''.join(rows)}<p>{footer}</p></body></html>"


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
    """Give the page that shows the rig, the agents or the alerts; empty without a base."""
    if not message.base_url:
        return ""
    page = "alerts" if item.agent_id is None else "agents"
    if item.device_id is not None:
        page = f"rigs/{item.device_id}"
    return f"{message.base_url.rstrip('/')}/{page}"


def _rank(severity: str) -> int:
    order: tuple[str, ...] = SEVERITIES
    return order.index(severity)


def _how_many(message: Message) -> str:
    return f"{message.rule.replace('-', ' ')}, {len(message.items)} alerts"


def _intro(message: Message) -> str:
    n = len(message.items)
    verb = {
        "opened": "has begun" if n == 1 else "have begun",
        "resolved": "is over" if n == 1 else "are over",
        "flapping": "comes and goes, and is held open" if n == 1 else "come and go, held open",
        "acknowledged": "was acknowledged" if n == 1 else "were acknowledged",
    }[message.what]
    place = f" at site {clean(message.site)}" if message.site else ""
    return f"{n} {'alert' if n == 1 else 'alerts'}{place} {verb} ({message.rule})."


def _facts(message: Message, item: Item) -> list[tuple[str, str]]:
    cleared = item.evidence.get("cleared")
    facts = [
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
