"""A feeder's meter as a pair of scales: do the changes that were sent show on it, all together?

A meter sees the sum. So changes that overlap in time are weighed as one group, from the moment
before the first to the moment after the last; a group is shown when nothing of it is missing that
could be a whole device.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from lode_edge.control.site import Sample, Site

_BEFORE_S = 30.0  # of steady readings before a group begins
_RESOLUTION = 0.01  # of what the meter shows; a smaller change is not looked for
_MISSING, _TOO_MUCH = 0.4, 0.5  # of the smallest change; of all
_NOT_SEEN = 0.5  # of all changes; when less than this is there, they were not made


class Weighed(NamedTuple):
    """What the meter says of a group: shown, not shown, or None where it cannot tell."""

    is_shown: bool | None
    before_w: float
    after_w: float
    is_alone: bool  # the group is one device


class Scales:
    """The scales of one feeder."""

    def __init__(self) -> None:
        self._changes: dict[int, float] = {}
        self._done_s: dict[int, float] = {}
        self._before: tuple[float, float] | None = None  # W, and its spread
        self._settled: set[int] = set()
        self._is_spoiled = False

    def lay(self, key: int, change_w: float, now_s: float, samples: Iterable[Sample]) -> None:
        """Lay a change on the scales before it is sent; the first one begins a group."""
        if not self._changes:
            recent = [s.power_w for s in samples if now_s - _BEFORE_S <= s.at_s <= now_s]
            self._before = None
            if len(recent) > 1:
                self._before = (recent[-1], max(recent) - min(recent))
            self._is_spoiled = False
        self._changes[key] = change_w
        self._done_s.pop(key, None)
        self._settled.discard(key)

    def done(self, key: int, now_s: float) -> None:
        """Note that a device has said yes."""
        if key in self._changes:
            self._done_s.setdefault(key, now_s)

    def take_off(self, key: int, *, is_clean: bool) -> None:
        """Take a change off; unless it surely was not made, the group can no longer be told."""
        if self._changes.pop(key, None) is not None and not is_clean:
            self._is_spoiled = True
        self._done_s.pop(key, None)
        self._settled.discard(key)
        self._end_when_settled()

    def weigh(self, key: int, now_s: float, samples: Iterable[Sample]) -> Weighed | None:
        """Weigh the group of a change; None while, or because, there is nothing to weigh."""
        if key not in self._changes or self._before is None or self._is_spoiled:
            return None
        if len(self._done_s) < len(self._changes):
            return None
        since_s = max(self._done_s.values())
        after = [sample.power_w for sample in samples if since_s < sample.at_s <= now_s]
        if not after:
            return None
        before_w, spread_w = self._before
        is_shown = self._verdict(after[-1] - before_w, before_w, spread_w)
        return Weighed(is_shown, before_w, after[-1], len(self._changes) == 1)

    def can_tell(self, key: int) -> bool:
        """Tell whether the meter will say something of this change and of no other."""
        return set(self._changes) == {key} and self._before is not None and not self._is_spoiled

    def settle(self, key: int) -> None:
        """Note that a change is proved; when all are, the group is over."""
        self._settled.add(key)
        self._end_when_settled()

    def _end_when_settled(self) -> None:
        if self._settled >= self._changes.keys():
            self._changes.clear()
            self._done_s.clear()
            self._settled.clear()

    def _verdict(self, change_w: float, before_w: float, spread_w: float) -> bool | None:
        all_w = sum(self._changes.values())
        least_w = min(map(abs, self._changes.values()))
        if abs(all_w) < max(3 * spread_w, _RESOLUTION * abs(before_w)):
            return None
        share = change_w / all_w
        if share < _NOT_SEEN:
            return False
        missing_w = abs(all_w) * (1 - share)
        if missing_w <= _MISSING * least_w and share <= 1 + _TOO_MUCH:
            return True
        return None


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

    def settle(self, course: int) -> None:
        """Note that a change is proved; a group that all are proved of is over."""
        if course in self._feeders:
            self._of(course).settle(course)

    def take_off(self, course: int, *, is_clean: bool) -> None:
        """Take a change off that surely was not made, or of which nobody knows."""
        if course in self._feeders:
            self._of(course).take_off(course, is_clean=is_clean)

    def weigh(self, course: int, now_s: float) -> Weighed | None:
        """Weigh the group of a change."""
        if course not in self._feeders:
            return None
        return self._of(course).weigh(course, now_s, self._samples(course))

    def can_tell(self, course: int) -> bool:
        """Tell whether a meter will say something of this change and of no other."""
        return course in self._feeders and self._of(course).can_tell(course)

    def keep(self, courses: Collection[int]) -> None:
        """Take off what no course is about any more."""
        for course in [course for course in self._feeders if course not in courses]:
            self._of(course).take_off(course, is_clean=False)
            del self._feeders[course]

    def _of(self, course: int) -> Scales:
        return self._scales.setdefault(self._feeders[course], Scales())

    def _samples(self, course: int) -> Sequence[Sample]:
        return self._site.devices[self._feeders[course]].samples
