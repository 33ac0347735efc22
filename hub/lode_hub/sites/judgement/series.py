"""Single numbers over time, judged by their own past: sites, models at them, meters, points.

values at a fixed step ─► SeriesDetector ─► surprising enough ─► a finding, until it is calm again
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import msgspec
import numpy as np

from lode_hub.committed import Finding
from lode_models.series import Scores, SeriesDetector

STEP_MS = 20_000
WAKE = 0.7
"""The score from which on somebody is told; docs/detection.md says how often noise makes it."""

LASTS, LASTING = 10.0, 2
"""So surprising must so many further values be: by then it is known whether rigs explain it."""

CALM_MS = 600_000
"""A finding ends when nothing as surprising was seen for so long."""

MOST_SERIES = 5_000
USUAL_RATE = 0.02  # of the mean that people are shown
VERSION = 1

WORDS = {
    "hash-ratio": ("median hashrate of its rating", "", "warning"),
    "chip-temp": ("median chip temperature", "°C", "info"),
    "hashrate": ("hashrate", "TH/s", "warning"),
    "power": ("power of the rigs", "W", "info"),
    "meter-power": ("power", "W", "warning"),
    "point": ("value", "", "info"),
}
CAUSES = {
    "hash-ratio": "the pool, heat that throttles many, or a setting that was changed on many",
    "chip-temp": "the air that comes in, the cooling, or a setting that was changed on many",
    "hashrate": "rigs that stop, the pool, or a supply that is low",
    "power": "rigs that stop or start, or a supply that changes",
    "meter-power": "what is behind this meter: rigs, cooling, or something that does not belong",
    "point": "look at the chart of this point, and at what it is read from",
}


class Key(NamedTuple):
    """A series: what of what, and what it is called."""

    site_id: int
    metric: str
    subject: str
    name: str


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of a site's series."""

    keys: list[tuple[str, str, str]]
    state: bytes
    usual: list[float]
    open: dict[str, tuple[int, int]]  # rule and subject ─► since, calm from
    waiting: list[tuple[int, float, int]]  # place among the keys, score, further values
    grace_ms: int


@dataclass(kw_only=True, slots=True)
class Open:
    """A finding that goes on."""

    site_id: int
    since_ms: int
    calm_ms: int
    said: Finding | None = None  # None: before the start


@dataclass(slots=True)
class SeriesWatch:
    """All series there are, each a number of the detector's."""

    detector: SeriesDetector = field(default_factory=lambda: SeriesDetector(0))
    numbers: dict[Key, int] = field(default_factory=dict)
    usual: list[float] = field(default_factory=list)  # the slow mean of each, for people
    open: dict[tuple[str, str], Open] = field(default_factory=dict)
    waiting: dict[int, tuple[float, int]] = field(default_factory=dict)  # by number, as kept
    grace_ms: dict[int, int] = field(default_factory=dict)  # by site: nothing is judged before
    unwatched: int = 0  # series beyond MOST_SERIES

    def step(self, now_ms: int, values: Mapping[Key, float]) -> list[Finding]:
        """Take one value of any series, those that lack being missing; say what surprises.

        A site within its grace has no values: what was commanded is neither told nor learned.
        """
        self._make_room(values)
        row = np.full(self.detector.series, np.nan)
        for key, value in values.items():
            if key in self.numbers and now_ms >= self.grace_ms.get(key.site_id, 0):
                row[self.numbers[key]] = value
        seen = self.detector.tick(now_ms, row)
        found: dict[tuple[str, str], Finding] = {}
        keys = list(self.numbers)
        for number, score in self._lasting(seen, row):
            finding = self._surprised(keys[number], number, score, row, now_ms)
            found[finding.rule, finding.subject] = finding  # the most surprising one is told
        self._learn(row)
        return [*found.values(), *self._calmed(now_ms)]

    def excuse(self, site_id: int, until_ms: int) -> None:
        """Do not judge a site before then."""
        self.grace_ms[site_id] = max(self.grace_ms.get(site_id, 0), until_ms)

    def _lasting(self, seen: Scores, row: np.ndarray) -> list[tuple[int, float]]:
        """Give the series whose surprise lasts, with its score, the least surprising first."""
        told = []
        for number, (score, further) in list(self.waiting.items()):
            if np.isnan(row[number]):
                continue
            if seen.surprise[number] < LASTS:
                del self.waiting[number]
            elif further + 1 < LASTING:
                self.waiting[number] = score, further + 1
            else:
                del self.waiting[number]
                told.append((number, score))
        for number in np.flatnonzero(np.nan_to_num(seen.score) >= WAKE).tolist():
            score, further = self.waiting.get(number, (0.0, 0))
            self.waiting[number] = max(score, float(seen.score[number])), further
        return sorted(told, key=lambda one: one[1])

    def _make_room(self, values: Mapping[Key, float]) -> None:
        new = [key for key in values if key not in self.numbers]
        room = MOST_SERIES - len(self.numbers)
        self.unwatched = max(0, len(new) - room)
        for key in new[:room]:
            self.numbers[key] = len(self.numbers)
            self.usual.append(float("nan"))
        if len(self.numbers) > self.detector.series:
            self.detector.grow(len(self.numbers))

    def _learn(self, row: np.ndarray) -> None:
        for number in np.flatnonzero(~np.isnan(row)).tolist():
            usual, value = self.usual[number], float(row[number])
            self.usual[number] = value if usual != usual else usual + USUAL_RATE * (value - usual)  # noqa: PLR0124

    def _surprised(
        self, key: Key, number: int, score: float, row: np.ndarray, now_ms: int
    ) -> Finding:
        rule = f"series-{key.metric}"
        was = self.open.get((rule, key.subject))
        since_ms = was.since_ms if was else now_ms
        what, unit, severity = WORDS[key.metric]
        value, usual = float(row[number]), self.usual[number]
        figures = f"{value:,.4g} {unit}".strip() + f", of late {usual:,.4g} {unit}".rstrip()
        said = Finding(
            rule=rule,
            subject=key.subject,
            is_active=True,
            severity=severity,  # type: ignore[arg-type]
            at_ms=now_ms,
            title=f"{key.name}: {what} is unlike its past: {figures}",
            likely_cause=CAUSES[key.metric],
            confidence=round(score, 2),
            evidence={
                "rule_version": VERSION,
                "reason": "surprising",
                "since_ms": since_ms,
                "series": key.name,
                "metric": key.metric,
                "value": value,
                "baseline": None if usual != usual else usual,  # noqa: PLR0124 -- NaN
                "unit": unit,
                "score": round(score, 3),
                "limit_score": WAKE,
                "step_s": STEP_MS / 1000,
            },
        )
        self.open[rule, key.subject] = Open(
            site_id=key.site_id, since_ms=since_ms, calm_ms=now_ms + CALM_MS, said=said
        )
        return said

    def renew(self, now_ms: int) -> list[Finding]:
        """Say again what goes on: a person may have resolved it, or its rule was off."""
        return [replace(one.said, at_ms=now_ms) for one in self.open.values() if one.said]

    def _calmed(self, now_ms: int) -> list[Finding]:
        over = [key for key, one in self.open.items() if now_ms >= one.calm_ms]
        for key in over:
            del self.open[key]
        return [
            Finding(
                rule=rule,
                subject=subject,
                is_active=False,
                severity="info",
                at_ms=now_ms,
                evidence={"rule_version": VERSION, "reason": "calm", "calm_s": CALM_MS / 1000},
            )
            for rule, subject in over
        ]

    def kept(self, site_id: int) -> bytes:
        """Write down what is remembered of a site's series."""
        mine = {key: no for key, no in self.numbers.items() if key.site_id == site_id}
        numbers = list(mine.values())
        part = SeriesDetector(0)
        part.state = self.detector.state[:, numbers]
        kept = Kept(
            keys=[(key.metric, key.subject, key.name) for key in mine],
            state=part.snapshot(),
            usual=[self.usual[no] for no in numbers],
            open={
                f"{rule} {subject}": (one.since_ms, one.calm_ms)
                for (rule, subject), one in self.open.items()
                if one.site_id == site_id
            },
            waiting=[
                (place, *self.waiting[no]) for place, no in enumerate(numbers) if no in self.waiting
            ],
            grace_ms=self.grace_ms.get(site_id, 0),
        )
        return msgspec.msgpack.encode(kept)

    def restore(self, site_id: int, data: bytes) -> None:
        """Go on with a site's series.

        Raises: ValueError if it is no such thing.
        """
        kept = msgspec.msgpack.decode(data, type=Kept)
        part = SeriesDetector.restore(kept.state)
        if not len(kept.keys) == part.series == len(kept.usual):
            raise ValueError("series: keys and states do not belong together")
        keys = [Key(site_id, *words) for words in kept.keys]
        self._make_room(dict.fromkeys(keys, 0.0))
        for place, key in enumerate(keys):
            if key in self.numbers:
                self.detector.state[:, self.numbers[key]] = part.state[:, place]
                self.usual[self.numbers[key]] = kept.usual[place]
        for place, score, further in kept.waiting:
            if 0 <= place < len(keys) and keys[place] in self.numbers:
                self.waiting[self.numbers[keys[place]]] = score, further
        self.grace_ms[site_id] = kept.grace_ms
        for key_words, (since_ms, calm_ms) in kept.open.items():
            rule, _, subject = key_words.partition(" ")
            self.open[rule, subject] = Open(site_id=site_id, since_ms=since_ms, calm_ms=calm_ms)
