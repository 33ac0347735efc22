"""A feeder's meter as a pair of scales: do the changes that were sent show on it, all together?

A meter sees the sum. So changes that overlap in time are weighed as one group, from the moment
before the first to the moment after the last. Of a group those are shown of which none can be
missing: what is small beside the meter's noise, or beside what the others may differ from what
is expected of them, is set aside, and is left to what its outlet or the rig itself measures.

    lay ─► sent ─► done (it said yes) ─► weigh: shown, not shown, cannot tell ─► settle
     │                                                                             │
     └─ joins the group before it, if the meter has not been read since it was done ┘
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from lode_edge.control.site import Sample, Site

_BEFORE_S = 30.0  # of steady readings before a group begins
_TWICE, _ENOUGH = 2, 5  # readings that show how much a meter swings: a little, well
_AFTER_S = 60.0  # for which what a group left open may still come
_RESOLUTION = 0.01  # of what the meter shows; a smaller change is not looked for
_SWING = 2.0  # times the readings' spread: the meter's noise
_ESTIMATE = 0.05  # of all changes: by how much what is expected of them may be off
_MISSING, _TOO_MUCH = 0.4, 0.5  # of the smallest change that is looked for
_NOT_SEEN = 0.5  # of the smallest change; when less than this is there, none was made


class Weighed(NamedTuple):
    """What the meter says of a change: shown, not shown, or None where it cannot tell."""

    is_shown: bool | None
    before_w: float
    after_w: float


class _Before(NamedTuple):
    """What the meter showed before a group, how much it swung, and what may still come of it."""

    power_w: float
    spread_w: float
    doubt_w: float


class Scales:
    """The scales of one feeder."""

    def __init__(self) -> None:
        self._changes: dict[int, float] = {}
        self._done_s: dict[int, float] = {}
        self._settled: set[int] = set()
        self._before: _Before | None = None
        self._doubt_w = 0.0  # of changes that were given up: they may have been made, or not
        self._over_s = float("-inf")  # since when all are settled

    def lay(self, key: int, change_w: float, now_s: float, samples: Sequence[Sample]) -> None:
        """Lay a change on the scales before it is sent; one that comes alone begins a group."""
        if self._is_over:
            self._begin(now_s, samples)
        self._changes[key] = change_w
        self._done_s.pop(key, None)
        self._settled.discard(key)

    def done(self, key: int, now_s: float) -> None:
        """Note that a device has said yes."""
        if key in self._changes:
            self._done_s.setdefault(key, now_s)

    def take_off(self, key: int, now_s: float, *, is_clean: bool) -> None:
        """Take a change off that surely was not made; else it may have been, or may yet be."""
        if key not in self._changes or (key in self._settled and not is_clean):
            return  # what was made stays with its group
        change_w = self._changes.pop(key)
        if not is_clean:
            self._doubt_w += abs(change_w)
        self._done_s.pop(key, None)
        self._settled.discard(key)
        self._note_over(now_s)

    def settle(self, key: int, now_s: float) -> None:
        """Note that nothing waits for a change any more; when that is so of all, it is over."""
        if key in self._changes and key not in self._settled:
            self._settled.add(key)
            self._note_over(now_s)

    def can_tell(self, key: int) -> bool:
        """Tell whether the meter is to say something of this change soon: it waits for no other."""
        is_last = self._changes.keys() - self._settled == {key}
        return is_last and self._smallest_w(key, self._changes.keys()) is not None

    def weigh(self, key: int, now_s: float, samples: Sequence[Sample]) -> Weighed | None:
        """Weigh a change with its group; None while, or because, there is nothing to weigh."""
        before, after_w = self._before, self._after(now_s, samples)
        if key not in self._done_s or before is None or after_w is None:
            return None
        return Weighed(self._verdict(before, key, after_w), before.power_w, after_w)

    def _verdict(self, before: _Before, key: int, after_w: float) -> bool | None:
        smallest_w, seen_w = self._smallest_w(key, self._done_s.keys()), after_w - before.power_w
        if smallest_w is None:
            return None
        sign = 1.0 if self._changes[key] > 0 else -1.0
        missing_w = sign * (sum(self._changes[k] for k in self._done_s) - seen_w)
        if -_TOO_MUCH * smallest_w <= missing_w < _MISSING * smallest_w:
            return True
        most_w = sign * seen_w + self._unsure_w(before, key, self._done_s.keys())
        return False if most_w < _NOT_SEEN * smallest_w else None

    def _smallest_w(self, key: int, done: Collection[int]) -> float | None:
        """Give the smallest change that would be missed among `done`; None if not even this one.

        The others may differ from what is expected of them, and what is not sure may stand in.
        """
        before = self._before
        if before is None:
            return None
        same = [abs(w) for w in self._along(key, done)]
        unsure_w = self._unsure_w(before, key, done) + _ESTIMATE * sum(same)
        least_w = unsure_w / (1 - _MISSING)
        is_seen = sum(same) >= _RESOLUTION * abs(before.power_w)
        if abs(self._changes[key]) < least_w or not is_seen:
            return None
        return min(w for w in same if w >= least_w)

    def _unsure_w(self, before: _Before, key: int, done: Collection[int]) -> float:
        """Give what the meter may show of anything else than the changes that go along."""
        laid_w = sum(map(abs, self._changes.values()))
        other_w = laid_w - sum(map(abs, self._along(key, done)))
        return other_w + self._doubt_w + before.doubt_w + _SWING * before.spread_w

    def _along(self, key: int, done: Collection[int]) -> Sequence[float]:
        """List the changes that are done and go the same way as this one."""
        is_more = self._changes[key] > 0
        return [w for k in done if ((w := self._changes[k]) > 0) == is_more]

    @property
    def _is_over(self) -> bool:
        return self._settled >= self._changes.keys()

    def _note_over(self, now_s: float) -> None:
        if self._is_over:
            self._over_s = now_s

    def _begin(self, now_s: float, samples: Sequence[Sample]) -> None:
        """Begin a group, unless the meter has not been read since the one before was done."""
        last, shown_w = self._before, self._after(now_s, samples)
        if self._changes and last is not None and shown_w is None:
            return
        since_s = max(now_s - _BEFORE_S, self._over_s)
        steady = [s.power_w for s in samples if since_s <= s.at_s <= now_s]
        if not steady and shown_w is not None:
            steady = [shown_w]
        spread_w = max(steady, default=0.0) - min(steady, default=0.0)
        if last is not None and len(steady) < _ENOUGH:
            spread_w = max(spread_w, last.spread_w)
        is_known = len(steady) >= (_TWICE if last is None else 1)
        open_w = self._left_open_w(now_s, shown_w)
        self._before = _Before(steady[-1], spread_w, open_w) if is_known else None
        self._changes.clear()
        self._done_s.clear()
        self._settled.clear()
        self._doubt_w = 0.0

    def _left_open_w(self, now_s: float, shown_w: float | None) -> float:
        """Give how much of the group that is over may still come: what was not seen of it."""
        if now_s - self._over_s > _AFTER_S:
            return 0.0
        if self._before is None or shown_w is None:
            return sum(map(abs, self._changes.values())) + self._doubt_w
        seen_w = shown_w - self._before.power_w
        return abs(sum(self._changes.values()) - seen_w) + self._doubt_w + self._before.doubt_w

    def _after(self, now_s: float, samples: Sequence[Sample]) -> float | None:
        """Give what the meter has shown since the last of all said yes."""
        since_s = max(self._done_s.values(), default=now_s)
        return next((s.power_w for s in reversed(samples) if since_s < s.at_s <= now_s), None)


class Weighing:
    """The scales of all feeders, by the number of the course that is on them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._scales: dict[str, Scales] = {}
        self._feeders: dict[int, str] = {}

    def lay(self, course: int, feeder: str, change_w: float, now_s: float) -> None:
        """Lay a change on its feeder's scales before it is sent, if the feeder has a meter."""
        if feeder in self._site.devices and change_w:
            self._feeders[course] = feeder
            self._of(course).lay(course, change_w, now_s, self._samples(course))

    def done(self, course: int, now_s: float) -> None:
        """Note that a device has said yes."""
        if course in self._feeders:
            self._of(course).done(course, now_s)

    def settle(self, course: int, now_s: float) -> None:
        """Note that a change is proved, or waited for no longer."""
        if course in self._feeders:
            self._of(course).settle(course, now_s)

    def take_off(self, course: int, now_s: float, *, is_clean: bool) -> None:
        """Take a change off that surely was not made, or of which nobody knows."""
        if course in self._feeders:
            self._of(course).take_off(course, now_s, is_clean=is_clean)

    def weigh(self, course: int, now_s: float) -> Weighed | None:
        """Weigh a change with its group."""
        if course not in self._feeders:
            return None
        return self._of(course).weigh(course, now_s, self._samples(course))

    def can_tell(self, course: int) -> bool:
        """Tell whether a meter is to say something of a change soon."""
        return course in self._feeders and self._of(course).can_tell(course)

    def keep(self, courses: Collection[int], now_s: float) -> None:
        """Take off what no course is about any more."""
        for course in [course for course in self._feeders if course not in courses]:
            self._of(course).take_off(course, now_s, is_clean=False)
            del self._feeders[course]

    def _of(self, course: int) -> Scales:
        return self._scales.setdefault(self._feeders[course], Scales())

    def _samples(self, course: int) -> Sequence[Sample]:
        return self._site.devices[self._feeders[course]].samples
