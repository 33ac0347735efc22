"""What the site does without the hub: it puts to sleep what is too hot, and sheds overload.

Both are leases of the agent's own, one for each rig, which end by themselves.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lode_edge.control.book import Book, Named, own_id
from lode_edge.control.charges import SITE, Charges
from lode_edge.control.now import Now
from lode_edge.control.site import Device, Sample, Site
from lode_edge.control.wishes import Key, Lease, ended
from lode_wire.orders import Sleep, Step
from lode_wire.records import RigReading, Stage

_HOT, _LOADED, _SITE_LOADED = "over-temperature", "overload", "site-overload"
_SHED_TO, _RESTORE_TO = 0.97, 0.92  # of the limit
_SHED_FOR_S = 300.0  # at least


class _Load(NamedTuple):
    """What a line draws and may draw, and whom it feeds."""

    rule: str
    line: str
    words: str  # name it to a person
    rigs: Sequence[Device]
    drawn: Sample
    limit_w: float


class Rules:
    """The local rules, looked at again and again."""

    def __init__(self, book: Book, site: Site, charges: Charges, now: Now) -> None:
        self._book, self._site, self._charges, self._now = book, site, charges, now
        self._looked_s: dict[str, float] = {}  # what was last looked at of each rig
        self._signs: dict[str, float] = {}  # of what was too much once, the reading that said so

    def look(self) -> None:
        """Begin and end what the rules ask for."""
        for device in self._site.devices.values():
            if device.is_rig and self._looked_s.get(device.name) != device.heard_s:
                self._looked_s[device.name] = device.heard_s
                self._look_at_heat(device)
        for load in self._loads():
            if self._is_second(
                load.words, load.drawn.at_s, is_so=load.drawn.power_w > load.limit_w
            ):
                self._shed(load)
            elif load.drawn.power_w <= load.limit_w:
                self._take_back(load)

    def _look_at_heat(self, device: Device) -> None:
        reading, lease = device.fresh(self._now.s), self._own(_HOT, device)
        if lease is not None:
            if self._has_cooled(device, reading, lease):
                self._end(lease, "it has cooled")
            return
        hot = "" if reading is None else self._too_hot(device, reading)
        if self._is_second(device.name, device.reading_s, is_so=bool(hot)):
            self._begin(_HOT, device, hot)

    def _too_hot(self, device: Device, reading: RigReading, below_c: float = 0.0) -> str:
        model = self._site.model(device)
        if model is None:
            return ""
        for what, value, limit in (
            ("chip", reading.chip_temp_c, model.chip_temp_max_c),
            ("inlet", reading.inlet_temp_c, model.inlet_temp_max_c),
        ):
            if value is not None and limit is not None and value > limit - below_c:
                return f"{what} {value:.0f} °C, above {limit:.0f} °C"
        return ""

    def _has_cooled(self, device: Device, reading: RigReading | None, lease: Lease) -> bool:
        """Tell whether a rig may hash again; one that sleeps may have no temperature to say."""
        model = self._site.model(device)
        if model is None or reading is None or not device.is_asleep(self._now.s):
            return False
        is_early = self._now.ms - lease.begun_ms < model.cool_for_s * 1000
        return not is_early and not self._too_hot(device, reading, model.cool_by_c)

    def _loads(self) -> Iterator[_Load]:
        """List the lines that have a limit and whose power is known: feeders, then the site."""
        site, now_s = self._site, self._now.s
        for feeder, rigs in site.on_feeder.items():
            limit_kw, drawn = site.envelope.line(feeder).limit_kw, site.metered_w(feeder, now_s)
            if limit_kw is not None and drawn is not None:
                yield _Load(_LOADED, feeder, f"feeder {feeder}", rigs, drawn, limit_kw * 1000)
        if (limit_kw := site.envelope.site.limit_kw) is not None:
            drawn = site.measured_w(now_s)
            if drawn is not None:
                rigs = [device for device in site.devices.values() if device.is_rig]
                yield _Load(_SITE_LOADED, SITE, "the site", rigs, drawn, limit_kw * 1000)

    def _shed(self, load: _Load) -> None:
        """Put to sleep the least efficient, until what is left is below the limit."""
        drawn_w, limit_w = load.drawn.power_w, load.limit_w
        left_w = drawn_w - self._charges.leaving_w(load.line, load.drawn.at_s)
        rigs = [d for d in load.rigs if self._is_drawing(d)]
        rigs.sort(key=self._site.efficiency_j_th, reverse=True)
        for device in rigs:
            if left_w <= limit_w * _SHED_TO:
                return
            left_w -= self._site.draws_w(device, self._now.s)
            words = f"{load.words} at {drawn_w / 1000:.1f} of {limit_w / 1000:.1f} kW"
            self._begin(load.rule, device, words)

    def _is_drawing(self, device: Device) -> bool:
        course = self._book.course(Key(device.name, "sleep"))
        is_going = course is not None and isinstance(course.wish, Sleep) and not course.is_over
        can_act = device.hands is not None and device.is_asleep(self._now.s) is not True
        is_shed = self._own(_LOADED, device) or self._own(_SITE_LOADED, device)
        return can_act and not is_going and is_shed is None

    def _take_back(self, load: _Load) -> None:
        """End the shedding of one rig at a time, the most efficient first."""
        shed = [
            (device, lease)
            for device in load.rigs
            if (lease := self._own(load.rule, device)) is not None
        ]
        for device, lease in sorted(shed, key=lambda found: self._site.efficiency_j_th(found[0])):
            is_due = self._now.ms - lease.begun_ms >= _SHED_FOR_S * 1000
            then_w = load.drawn.power_w + self._site.awake_w(device)
            if is_due and then_w <= load.limit_w * _RESTORE_TO:
                self._end(lease, f"{load.words} has room again")
                return

    def _is_second(self, what: str, at_s: float, *, is_so: bool) -> bool:
        """Tell whether two readings in a row say so; one may be wrong."""
        if not is_so:
            self._signs.pop(what, None)
            return False
        return self._signs.setdefault(what, at_s) < at_s

    def _own(self, rule: str, device: Device) -> Lease | None:
        lease = self._book.leases.get(own_id(rule, device.name))
        return None if lease is None or lease.ended else lease

    def _begin(self, rule: str, device: Device, why: str) -> None:
        name = own_id(rule, device.name)
        steps: Sequence[Step] = (Step(wish=Sleep(), devices=(device.name,)),)
        lease = Lease(
            id=name,
            number=self._book.number(),
            begun_ms=self._now.ms,
            steps=tuple(steps),
            origin="local",
        )
        self._book.leases.put(name, lease)
        self._book.note(Named(name), Stage.ACCEPTED, why)

    def _end(self, lease: Lease, why: str) -> None:
        self._book.leases.put(lease.id, ended(lease, why))
