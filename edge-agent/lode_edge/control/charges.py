"""Whether a change of power may be sent now: ramps, limits and spacing of its feeder and the site.

change ─► feeder's ramp, site's ramp ─► (more power) feeder's limit, site's limit, spacing
"""

from collections.abc import Collection

from lode_edge.control.envelope import Line
from lode_edge.control.ramp import Ramp
from lode_edge.control.site import Site

SITE = ""  # stands among the feeders for the whole site, and for rigs without a feeder


class _Ramps:
    """Both directions of one line."""

    def __init__(self, line: Line, now_s: float) -> None:
        self.line = line
        self.up = Ramp(line.ramp_up_kw_per_min, now_s)
        self.down = Ramp(line.ramp_down_kw_per_min, now_s)
        self.started_s: float | None = None  # when a rig behind it last began to hash

    def way(self, change_w: float) -> Ramp:
        return self.up if change_w > 0 else self.down


class Charges:
    """What has been sent and what may be."""

    def __init__(self, site: Site, now_s: float) -> None:
        self._site = site
        envelope = site.envelope
        self._lines = {name: _Ramps(envelope.line(name), now_s) for name in site.on_feeder}
        self._lines[SITE] = _Ramps(envelope.site, now_s)
        self._feeders: dict[int, str] = {}
        self._site_w: tuple[float, float] | None = None  # the last sum, and when it was made

    def holds_up(self, feeder: str, change_w: float, now_s: float, is_start: bool) -> bool:
        """Tell whether a change has to wait."""
        for name in dict.fromkeys((feeder, SITE)):
            ramps = self._lines[name]
            if not ramps.way(change_w).admits(abs(change_w), now_s):
                return True
            if change_w > 0 and not self._bears(name, change_w, now_s):
                return True
            spacing_s, started_s = ramps.line.start_spacing_s, ramps.started_s
            if is_start and started_s is not None and now_s - started_s < spacing_s:
                return True
        return False

    def charge(self, course: int, feeder: str, change_w: float, now_s: float) -> None:
        """Count a change before it is sent."""
        self._feeders[course] = feeder
        for name in dict.fromkeys((feeder, SITE)):
            self._lines[name].way(change_w).charge(course, abs(change_w), now_s)

    def started(self, feeder: str, at_s: float) -> None:
        """Note when a rig was woken."""
        for name in dict.fromkeys((feeder, SITE)):
            before_s = self._lines[name].started_s
            self._lines[name].started_s = at_s if before_s is None else max(at_s, before_s)

    def seen(self, course: int, at_s: float) -> None:
        """Note since when a change is in effect, or can no longer come into effect."""
        for ramp in self._ramps(course):
            ramp.seen(course, at_s)

    def free(self, course: int) -> None:
        """Forget a change that was surely not made."""
        for ramp in self._ramps(course):
            ramp.free(course)
        self._feeders.pop(course, None)

    def keep(self, courses: Collection[int], now_s: float) -> None:
        """Let what no course is about any more run out."""
        for course in [course for course in self._feeders if course not in courses]:
            self.seen(course, now_s)
            if not any(ramp.holds(course, now_s) for ramp in self._ramps(course)):
                del self._feeders[course]

    def under_way_w(self, feeder: str, now_s: float) -> float:
        """Give how much less a feeder may draw soon than its meter shows, in W."""
        return self._lines[feeder].down.under_way_w(now_s) if feeder in self._lines else 0.0

    def _ramps(self, course: int) -> list[Ramp]:
        names = dict.fromkeys((self._feeders[course], SITE)) if course in self._feeders else ()
        return [ramp for n in names for ramp in (self._lines[n].up, self._lines[n].down)]

    def _bears(self, name: str, change_w: float, now_s: float) -> bool:
        ramps = self._lines[name]
        if ramps.line.limit_kw is None:
            return True
        drawn_w = self._all_w(now_s) if name == SITE else self._site.feeder_w(name, now_s)
        coming_w = ramps.up.under_way_w(now_s)
        return drawn_w + coming_w + change_w <= ramps.line.limit_kw * 1000

    def _all_w(self, now_s: float) -> float:
        if self._site_w is None or self._site_w[1] != now_s:
            drawn_w = sum(self._site.feeder_w(name, now_s) for name in self._site.on_feeder)
            self._site_w = (drawn_w, now_s)
        return self._site_w[0]
