"""Which troubles of data are there now, from one look to the next.

troubles of this look ─► Book.turn ─► findings: new, said again, over
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from lode_hub.committed import Finding
from lode_hub.sites.rules import Severity

RENEW_MS = 60_000
WARM_UP_MS = 600_000
"""After a start, a trouble found before it is over only when this has passed without it."""

VERSION = 1
Key = tuple[str, str]  # rule and subject


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """Something wrong with the data of one subject, as it is now."""

    rule: str
    subject: str
    severity: Severity
    title: str
    advice: str
    members: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Entry:
    trouble: Trouble | None  # None: known from before the start only
    since_ms: int
    said_ms: int = 0


class Book:
    """What is wrong now; it says each thing when it begins, changes, goes on and ends."""

    def __init__(self) -> None:
        self._entries: dict[Key, _Entry] = {}
        self._started_ms = 0

    def start(self, now_ms: int) -> None:
        """Begin now: nothing has been looked at before."""
        self._started_ms = now_ms

    def resume(self, rule: str, subject: str, since_ms: int) -> None:
        """Go on with a trouble that was found before the start."""
        self._entries.setdefault((rule, subject), _Entry(None, since_ms))

    def is_active(self, rule: str, subject: str) -> bool:
        """Tell whether a trouble was there at the last look."""
        return (rule, subject) in self._entries

    def turn(
        self, troubles: Iterable[Trouble], now_ms: int, *, is_ours: Callable[[str], bool]
    ) -> list[Finding]:
        """Take what is wrong now, and say what changed; of others' subjects nothing is said."""
        findings = []
        seen: set[Key] = set()
        for trouble in troubles:
            key = (trouble.rule, trouble.subject)
            seen.add(key)
            entry = self._entries.setdefault(key, _Entry(None, now_ms))
            grew = entry.trouble is None or entry.trouble.members != trouble.members
            entry.trouble = trouble
            if grew or now_ms - entry.said_ms >= RENEW_MS:
                entry.said_ms = now_ms
                findings.append(_finding(trouble, entry.since_ms, now_ms))
        is_warm = now_ms - self._started_ms >= WARM_UP_MS
        for key in [key for key in self._entries if key not in seen and is_ours(key[1])]:
            entry = self._entries[key]
            if entry.trouble is not None or is_warm:
                del self._entries[key]
                findings.append(_over(key, entry, now_ms))
        return findings


def _finding(trouble: Trouble, since_ms: int, now_ms: int) -> Finding:
    evidence = {"rule_version": VERSION, "since_ms": since_ms, **trouble.evidence}
    if trouble.members:
        evidence["affected"] = len(trouble.members)
    return Finding(
        rule=trouble.rule,
        subject=trouble.subject,
        is_active=True,
        severity=trouble.severity,
        at_ms=now_ms,
        title=trouble.title,
        likely_cause=trouble.advice,
        members=trouble.members,
        evidence=evidence,
    )


def _over(key: Key, entry: _Entry, now_ms: int) -> Finding:
    trouble = entry.trouble
    return Finding(
        rule=key[0],
        subject=key[1],
        is_active=False,
        severity=trouble.severity if trouble else "warning",
        at_ms=now_ms,
        title=trouble.title if trouble else "",
        evidence={"rule_version": VERSION, "since_ms": entry.since_ms, "reason": "over"},
    )
