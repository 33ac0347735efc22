"""What a rule would have done: firings become alerts, alerts become messages, and all is counted.

The same life as in `alerts.lifecycle`, for one rule and without a database: on-delay, off-delay,
and what comes and goes is held as one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lode_hub.alerts.lifecycle import FLAP_COMINGS, FLAP_HOLD_MS, FLAP_WINDOW_MS
from lode_hub.rules.schema import Rule

GROUP_MS = 60_000
"""What begins or ends within it at one site is one message."""

Turn = tuple[int, bool]
"""When, and whether it fires (or clears)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """An alert that would have been; `ends_ms` is None when it would be open still."""

    subject: str
    begins_ms: int
    ends_ms: int | None
    is_flapping: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What became of a rule over a stretch of history."""

    from_ms: int
    to_ms: int
    alarms: tuple[Alarm, ...]  # in order of their begin
    devices: int  # that the rule was about
    values: int  # that were judged
    messages: int  # after grouping, ends among them
    caveat: str = ""  # what may have been missed, and why


def alarms(rule: Rule, subject: str, turns: Sequence[Turn]) -> list[Alarm]:
    """Give the alerts of one subject, from when it fired and cleared, in order of time."""
    on_ms, off_ms = round(rule.on_delay_s * 1000), round(rule.off_delay_s * 1000)
    found: list[Alarm] = []
    comings: list[int] = []
    for fires_ms, clears_ms in _spells(turns):
        last = found[-1] if found else None
        goes_on = last is not None and last.ends_ms is not None and fires_ms <= last.ends_ms
        # What is open is renewed by a spell of any length; a new one has to outlast the delay.
        is_short = clears_ms is not None and on_ms > 0 and clears_ms - fires_ms <= on_ms
        if is_short and not goes_on:
            continue
        comes_ms = fires_ms if goes_on else fires_ms + on_ms
        comings = [at for at in comings if comes_ms - at < FLAP_WINDOW_MS] + [comes_ms]
        begins_ms, is_flapping = comes_ms, False
        if goes_on and last is not None:
            begins_ms, is_flapping = last.begins_ms, last.is_flapping
            found.pop()
        ends_ms = None
        if clears_ms is not None:
            is_flapping |= len(comings) >= FLAP_COMINGS
            ends_ms = clears_ms + (FLAP_HOLD_MS if is_flapping else off_ms)
        found.append(
            Alarm(subject=subject, begins_ms=begins_ms, ends_ms=ends_ms, is_flapping=is_flapping)
        )
    return found


def messages(found: Sequence[Alarm], sites: Mapping[str, str]) -> int:
    """Count the messages about alarms, begins and ends within a minute at a site being one each."""
    moments: dict[tuple[str, str], list[int]] = {}
    for alarm in found:
        site = sites.get(alarm.subject, "")
        moments.setdefault((site, "opened"), []).append(alarm.begins_ms)
        if alarm.is_flapping:
            moments.setdefault((site, "flapping"), []).append(alarm.begins_ms)
        if alarm.ends_ms is not None:
            moments.setdefault((site, "resolved"), []).append(alarm.ends_ms)
    return sum(_groups(sorted(listed)) for listed in moments.values())


def _spells(turns: Sequence[Turn]) -> list[tuple[int, int | None]]:
    """Give (fires, clears) of every spell."""
    spells: list[tuple[int, int | None]] = []
    began_ms: int | None = None
    for at_ms, fires in turns:
        if fires and began_ms is None:
            began_ms = at_ms
        elif not fires and began_ms is not None:
            spells.append((began_ms, at_ms))
            began_ms = None
    return spells if began_ms is None else [*spells, (began_ms, None)]


def _groups(moments: Sequence[int]) -> int:
    groups, last_ms = 0, None
    for at_ms in moments:
        if last_ms is None or at_ms - last_ms > GROUP_MS:
            groups, last_ms = groups + 1, at_ms
    return groups
