"""What can be asked of each device: asked of it, joined with the envelope, told when it changes."""

from collections.abc import Collection, Sequence

from lode_edge.control.allowed import limits_w, modes, offered_actions, presets
from lode_edge.control.book import Book
from lode_edge.control.envelope import UNNAMED, Line, Model
from lode_edge.control.site import Device, Site
from lode_edge.drivers.acting import Abilities
from lode_edge.errors import DriverError, Unsupported
from lode_wire.orders import PowerLimit, PowerMode, mode_offer
from lode_wire.records import Controls

EVERY_S = 3600.0
_AGAIN_S = 60.0  # after a device did not say
_NEWS_S = 5.0  # between two looks at what has changed


class Offers:
    """What each device offers, as it was last told."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._due_s: dict[str, float] = {}
        self._told: dict[str, tuple[object, ...]] = {}  # what was told of each rests on
        self._news_s = 0.0

    def is_due(self, device: Device) -> None:
        """Have a device asked anew, because it may have become another."""
        self._due_s.pop(device.name, None)

    def due(self, now_s: float, limit: int, taken: Collection[str]) -> Sequence[Device]:
        """List devices to be asked now."""
        found = [
            device
            for device in self._site.devices.values()
            if device.hands is not None
            and device.facts is not None
            and not device.is_busy
            and device.name not in taken
            and now_s >= self._due_s.get(device.name, 0.0)
        ][: max(0, limit)]
        for device in found:
            self._due_s[device.name] = now_s + EVERY_S
        return found

    def take(self, device: Device, said: object, now_s: float) -> None:
        """Take in what a device offers."""
        if isinstance(said, Unsupported):
            device.abilities = Abilities(blocked=str(said))
        elif isinstance(said, DriverError):
            self._due_s[device.name] = now_s + _AGAIN_S
        elif isinstance(said, Abilities):
            device.abilities = said

    def news(self, book: Book, at_ms: int, now_s: float) -> Sequence[Controls]:
        """Give what has changed since it was told last."""
        found: list[Controls] = []
        if now_s < self._news_s:
            return found
        self._news_s = now_s + _NEWS_S
        for device in self._site.devices.values():
            model = self._site.model(device)
            left = None
            if device.is_rig:
                left = book.starts_left(device.name, (model or UNNAMED).starts_per_day)
            owners, blocked = self._owners(device), self._site.blocked
            is_ours = model is None and book.has_put_to_sleep(device.name)
            rests_on = (device.abilities, device.facts, model, left, owners, blocked, is_ours)
            if self._told.get(device.name) == rests_on:
                continue
            controls = self._controls(book, device, left, at_ms)
            if controls is not None:
                self._told[device.name] = rests_on
                found.append(controls)
        return found

    def forget(self) -> None:
        """Have everything told again, from any thread."""
        self._told.clear()
        self._news_s = 0.0

    def _controls(
        self, book: Book, device: Device, left: int | None, at_ms: int
    ) -> Controls | None:
        offered = device.abilities
        if offered is None:
            if not self._site.blocked or device.hands is None:
                return None
            offered = Abilities()
        blocked, model = self._site.blocked, self._site.model(device)
        least_w, most_w = limits_w(self._site, device)
        unknown = "" if model is not None else "the envelope says nothing of its model"
        offers = frozenset() if blocked else offered_actions(book, self._site, device)
        if PowerMode.action in offers:
            offers |= {mode_offer(mode) for mode in modes(self._site, device)}
        is_limited = PowerLimit.action in offers
        site, feeder, kind = self._owners(device)
        return Controls(
            at_ms=at_ms,
            device=device.number,
            offers=tuple(sorted(offers)),
            presets=tuple(presets(self._site, device)),
            power_min_w=least_w if is_limited else None,
            power_max_w=most_w if is_limited else None,
            starts_left=left,
            feeder=device.entry.feeder,
            outlet=device.entry.outlet,
            blocked=blocked or offered.blocked or unknown,
            site_limit_kw=site.limit_kw,
            site_ramp_up_kw_per_min=site.ramp_up_kw_per_min,
            site_ramp_down_kw_per_min=site.ramp_down_kw_per_min,
            feeder_limit_kw=feeder.limit_kw,
            feeder_ramp_up_kw_per_min=feeder.ramp_up_kw_per_min,
            feeder_ramp_down_kw_per_min=feeder.ramp_down_kw_per_min,
            starts_per_day=None if kind is None else kind.starts_per_day,
            min_up_s=None if kind is None else kind.min_up_s,
            min_down_s=None if kind is None else kind.min_down_s,
        )

    def _owners(self, device: Device) -> tuple[Line, Line, Model | None]:
        """Give the envelope's site, feeder and model of a rig; of other devices nothing is told."""
        if not device.is_rig:
            return Line(), Line(), None
        envelope, feeder = self._site.envelope, device.entry.feeder
        line = envelope.line(feeder) if feeder else Line()
        return envelope.site, line, self._site.model(device)
