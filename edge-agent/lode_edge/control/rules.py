"""What the site does without the hub: it puts to sleep what is too hot, and sheds overload.

Both are leases of the agent's own, one for each rig, which end by themselves.
"""

from collections.abc import Sequence

from lode_edge.control.book import Book, Named, own_id
from lode_edge.control.charges import Charges
from lode_edge.control.now import Now
from lode_edge.control.site import Device, Site
from lode_edge.control.wishes import Key, Lease, ended
from lode_wire.orders import Sleep, Step
from lode_wire.records import RigReading, Stage

_HOT, _LOADED = "over-temperature", "overload"
_SHED_TO, _RESTORE_TO = 0.97, 0.92  # of the limit
_SHED_FOR_S = 300.0  # at least


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
        for feeder in self._site.on_feeder:
            self._look_at_load(feeder)

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

    def _look_at_load(self, feeder: str) -> None:
        limit_kw = self._site.envelope.line(feeder).limit_kw
        meter = self._site.devices.get(feeder)
        if limit_kw is None or meter is None or not meter.samples:
            return
        sample, limit_w = meter.samples[-1], limit_kw * 1000
        if self._now.s - sample.at_s > meter.stale_s:
            return
        is_over = sample.power_w > limit_w
        if self._is_second(feeder, sample.at_s, is_so=is_over):
            self._shed(feeder, sample.power_w, limit_w)
        elif not is_over:
            self._take_back(feeder, sample.power_w, limit_w)

    def _shed(self, feeder: str, drawn_w: float, limit_w: float) -> None:
        """Put to sleep the least efficient, until what is left is below the limit."""
        left_w = drawn_w - self._charges.under_way_w(feeder, self._now.s)
        rigs = [d for d in self._site.on_feeder[feeder] if self._is_drawing(d)]
        rigs.sort(key=self._site.efficiency_j_th, reverse=True)
        for device in rigs:
            if left_w <= limit_w * _SHED_TO:
                return
            left_w -= self._site.draws_w(device, self._now.s)
            words = f"feeder {feeder} at {drawn_w / 1000:.1f} of {limit_w / 1000:.1f} kW"
            self._begin(_LOADED, device, words)

    def _is_drawing(self, device: Device) -> bool:
        course = self._book.course(Key(device.name, "sleep"))
        is_going = course is not None and isinstance(course.wish, Sleep) and not course.is_over
        can_act = device.hands is not None and device.is_asleep(self._now.s) is not True
        return can_act and not is_going and self._own(_LOADED, device) is None

    def _take_back(self, feeder: str, drawn_w: float, limit_w: float) -> None:
        """End the shedding of one rig at a time, the most efficient first."""
        shed = [
            (device, lease)
            for device in self._site.on_feeder[feeder]
            if (lease := self._own(_LOADED, device)) is not None
        ]
        for device, lease in sorted(shed, key=lambda found: self._site.efficiency_j_th(found[0])):
            is_due = self._now.ms - lease.begun_ms >= _SHED_FOR_S * 1000
            if is_due and drawn_w + self._site.awake_w(device) <= limit_w * _RESTORE_TO:
                self._end(lease, "the feeder has room again")
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
