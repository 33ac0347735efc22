"""Whether a change of power may be sent now: ramps, limits and spacing of its feeder and the site.

change ─► feeder's ramp, site's ramp ─► (more power) feeder's limit, site's limit, spacing
"""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from lode_edge.control.book import Book, Charge
from lode_edge.control.envelope import Envelope, Line
from lode_edge.control.now import Now
from lode_edge.control.ramp import Ramp
from lode_edge.control.site import Device, Site
from lode_wire.records import State

SETTLE_S = 900.0  # for a rig to draw again what it is to draw
_UP_SHARE = 0.5  # of that; a rig that draws more is up
SITE = ""  # stands among the feeders for the whole site, and for rigs without a feeder


class Turn(NamedTuple):
    """A change of power that is to be sent: whose, by how much at most (more is positive).

    A restart is both a stop and a start: first `drop_w` less, then `change_w` more.
    """

    device: Device
    change_w: float
    drop_w: float = 0.0
    is_start: bool = False
    is_stop: bool = False

    @property
    def feeder(self) -> str:
        """Name the meter that its power goes through."""
        return self.device.entry.feeder


class _Ramps:
    """Both directions of one line."""

    def __init__(self, line: Line, now_s: float) -> None:
        self.line = line
        self.up = Ramp(line.ramp_up_kw_per_min, now_s)
        self.down = Ramp(line.ramp_down_kw_per_min, now_s)
        self.started_s: float | None = None  # when a rig behind it last began to hash

    def follow(self, line: Line, now_s: float) -> None:
        self.line = line
        self.up.follow(line.ramp_up_kw_per_min, now_s)
        self.down.follow(line.ramp_down_kw_per_min, now_s)

    def way(self, change_w: float) -> Ramp:
        return self.up if change_w > 0 else self.down

    def admits(self, turn: Turn, now_s: float) -> bool:
        drops = turn.drop_w == 0.0 or self.down.admits(turn.drop_w, now_s)
        return drops and self.way(turn.change_w).admits(abs(turn.change_w), now_s)


class Charges:
    """What has been sent and what may be; what was sent still counts after a restart."""

    def __init__(self, site: Site, book: Book, now: Now) -> None:
        self._site, self._book, self._now = site, book, now
        self._kept = book.charges
        envelope, now_s = site.envelope, now.s
        self._lines = {name: _Ramps(envelope.line(name), now_s) for name in site.on_feeder}
        self._lines[SITE] = _Ramps(envelope.site, now_s)
        self._site_w: tuple[float, float] | None = None  # the last sum, and when it was made
        for course, kept in book.charges.all.items():
            self._lay(course, kept)
        for name, turned in book.turned.all.items():
            if name in site.devices and turned.woken_ms is not None:
                self._started(site.devices[name].entry.feeder, self._at_s(turned.woken_ms))

    def follow(self, envelope: Envelope) -> None:
        """Keep to the lines of another envelope."""
        for name, ramps in self._lines.items():
            line = envelope.site if name == SITE else envelope.line(name)
            ramps.follow(line, self._now.s)

    def hindrance(self, turn: Turn) -> str:
        """Say what a turn has to wait for; empty when it may be sent now."""
        now_s, added_w = self._now.s, turn.change_w - turn.drop_w
        for name in dict.fromkeys((turn.feeder, SITE)):
            ramps = self._lines.get(name, self._lines[SITE])
            line = "the site" if name == SITE else f"feeder {name}"
            if not ramps.admits(turn, now_s):
                return f"the ramp of {line}"
            if added_w > 0 and not self._bears(name, added_w, now_s):
                return f"room below the limit of {line}"
            spacing_s, started_s = ramps.line.start_spacing_s, ramps.started_s
            if turn.is_start and started_s is not None and now_s - started_s < spacing_s:
                return f"the spacing of starts of {line}"
        return ""

    def charge(self, number: int, turn: Turn) -> None:
        """Count a turn before it is sent, by its course's or task's number, in a transaction."""
        if turn.drop_w:
            self._charge(self._book.number(), turn.feeder, -turn.drop_w)  # it is seen at once
        if turn.change_w:
            rig = turn.device.name if turn.drop_w else ""
            self._charge(number, turn.feeder, turn.change_w, rig)
        if turn.is_start:
            self._started(turn.feeder, self._now.s)

    def seen(self, course: int) -> None:
        """Note that a change is in effect, or can no longer come into effect."""
        kept = self._kept.get(str(course))
        if kept is not None and kept.seen_ms is None:
            self._kept.put(str(course), msgspec.structs.replace(kept, seen_ms=self._now.ms))
            for ramp in self._ramps(kept):
                ramp.seen(str(course), self._now.s)

    def free(self, course: int) -> None:
        """Forget a change that was surely not made."""
        kept = self._kept.get(str(course))
        if kept is not None:
            for ramp in self._ramps(kept):
                ramp.free(str(course))
            self._kept.drop(str(course))

    def keep(self, courses: Collection[int]) -> None:
        """Let what no course or task is about any more run out, and forget what has run out."""
        for course, kept in list(self._kept.all.items()):
            if kept.seen_ms is None:
                if int(course) not in courses and not self._is_rising(kept):
                    self.seen(int(course))
            elif not any(ramp.holds(course, self._now.s) for ramp in self._ramps(kept)):
                self._kept.drop(course)

    def _charge(self, number: int, feeder: str, change_w: float, rig: str = "") -> None:
        kept = Charge(feeder=feeder, change_w=change_w, sent_ms=self._now.ms, rig=rig)
        self._kept.put(str(number), kept)
        for ramp in self._ramps(kept):
            ramp.charge(str(number), abs(change_w), self._now.s)

    def _is_rising(self, kept: Charge) -> bool:
        """Tell whether a rig that was restarted has yet to draw what it drew."""
        device, now_s = self._site.devices.get(kept.rig), self._now.s
        is_late = self._now.ms - kept.sent_ms >= SETTLE_S * 1000
        if device is None or is_late or device.is_asleep(now_s):
            return False
        reading = device.fresh(now_s)
        is_up = reading is not None and reading.state in (State.MINING, State.TUNING)
        return not is_up or self._site.draws_w(device, now_s) < _UP_SHARE * kept.change_w

    def _lay(self, course: str, kept: Charge) -> None:
        for ramp in self._ramps(kept):
            ramp.lay(course, abs(kept.change_w))
            if kept.seen_ms is not None:
                ramp.seen(course, self._at_s(kept.seen_ms))

    def _ramps(self, kept: Charge) -> list[Ramp]:
        """Give the ramps that a change counts on; a feeder may have gone from the settings."""
        names = dict.fromkeys((kept.feeder, SITE))
        return [self._lines[name].way(kept.change_w) for name in names if name in self._lines]

    def _started(self, feeder: str, at_s: float) -> None:
        for name in dict.fromkeys((feeder, SITE)):
            if name in self._lines:
                before_s = self._lines[name].started_s
                self._lines[name].started_s = at_s if before_s is None else max(at_s, before_s)

    def _at_s(self, at_ms: int) -> float:
        return self._now.s - max(0, self._now.ms - at_ms) / 1000

    def leaving_w(self, line: str, at_s: float) -> float:
        """Give how much less a line may draw soon than was measured at a moment, in W."""
        return self._lines[line].down.later_w(at_s) if line in self._lines else 0.0

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
