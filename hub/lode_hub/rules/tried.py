"""A replay summed up for people: how often, on what, for how long."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from lode_hub.rules.replay import Replayed

MOST_SHOWN = 20
LEFT_OUT = ("orders", "silences", "shelves", "maintenance", "other alerts")
"""What was so at that time and is not looked at, although it may keep an alert from being told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TriedDevice:
    """A device on which a rule would have fired."""

    device: str
    n: int
    first_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What a rule would have done."""

    days: float
    devices: int  # that the rule is about
    values: int  # that were judged
    alerts: int
    devices_hit: int
    flapping: int
    messages: int  # after grouping, ends among them
    open_still: int
    middle_s: float | None  # how long they would have lasted: the median, None without any
    longest_s: float | None
    often: list[TriedDevice]  # the most frequent first, at most 20
    leaves_out: tuple[str, ...] = LEFT_OUT  # of that time; it may have kept some from being told
    caveat: str = ""  # what may have been missed, and why


def summed(done: Replayed, names: Mapping[str, str]) -> Tried:
    """Sum a replay up; `names` are the devices' by their subjects."""
    lasting = sorted((alarm.ends_ms or done.to_ms) - alarm.begins_ms for alarm in done.alarms)
    counts = Counter(alarm.subject for alarm in done.alarms)
    first = {alarm.subject: alarm.begins_ms for alarm in reversed(done.alarms)}
    return Tried(
        days=(done.to_ms - done.from_ms) / 86_400_000,
        devices=done.devices,
        values=done.values,
        alerts=len(done.alarms),
        devices_hit=len(counts),
        flapping=sum(alarm.is_flapping for alarm in done.alarms),
        messages=done.messages,
        open_still=sum(alarm.ends_ms is None for alarm in done.alarms),
        middle_s=lasting[len(lasting) // 2] / 1000 if lasting else None,
        longest_s=lasting[-1] / 1000 if lasting else None,
        often=[
            TriedDevice(device=names.get(subject, subject), n=n, first_ms=first[subject])
            for subject, n in counts.most_common(MOST_SHOWN)
        ],
        caveat=done.caveat,
    )
