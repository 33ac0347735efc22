"""What alerts should be, as a model that fits on a page: lists and plain ifs."""

from dataclasses import dataclass, field

from lode_hub.alerts.journal import SETTLE_MS
from lode_hub.alerts.lifecycle import FLAP_COMINGS, FLAP_HOLD_MS, FLAP_WINDOW_MS, REVIEW_MS

DELAYS_MS = {"plain": (0, 0), "slow": (90_000, 150_000), "agent-stale": (0, 60_000)}
"""On-delay and off-delay of the rules; an alert of agent-stale silences the others."""

Key = tuple[str, str]
Change = tuple[Key, bool, bool]
"""Of which alarm, whether its trouble is there, and whether it is critical."""


@dataclass
class Modelled:
    """What one alert should be."""

    key: Key
    state: str
    turns_at: int | None = None
    held_until: int | None = None
    is_cleared: bool = False
    why: str = ""  # untold: shelved, inhibited, settling
    settles_at: int | None = None
    is_critical: bool = False
    is_known_critical: bool = False  # to people
    outbox: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.state in ("open", "acknowledged")


@dataclass
class Model:
    """What all alerts should be, what came when, and what is shelved until when."""

    alerts: list[Modelled] = field(default_factory=list)
    comings: dict[Key, list[int]] = field(default_factory=dict)
    shelf: dict[Key, int] = field(default_factory=dict)
    reviewed: int = 0
    fresh: list[Modelled] = field(default_factory=list)
    worse: list[Modelled] = field(default_factory=list)

    def current(self, key: Key) -> Modelled | None:
        live = [a for a in self.alerts if a.key == key and a.state != "resolved"]
        assert len(live) <= 1
        return live[0] if live else None

    def take(self, changes: list[Change], now: int) -> None:
        self.pass_time(now)
        for turn in turns(changes):
            for key, is_on, is_critical in turn:
                if is_on:
                    self.appear(key, now, is_critical=is_critical)
            self.settle_fresh(now)
            self.worsen(now)
            for key, is_on, _ in turn:
                if not is_on:
                    self.clear(key, now)
        if now - self.reviewed >= REVIEW_MS:
            self.reviewed = now
            self.review(self.alerts, now)

    def pass_time(self, now: int) -> None:
        for alert in self.alerts:
            if alert.state == "pending" and alert.turns_at <= now:
                self.open(alert, now)
        self.settle_fresh(now)
        for alert in self.alerts:
            if alert.is_open and alert.turns_at is not None and alert.turns_at <= now:
                self.resolve(alert)
        self.end_holds(now)

    def end_holds(self, now: int) -> None:
        for alert in self.alerts:
            if alert.state == "resolved" or alert.held_until is None or alert.held_until > now:
                continue
            if self.recent(alert.key, now) >= FLAP_COMINGS:
                alert.held_until = now + FLAP_HOLD_MS
            elif alert.is_cleared:
                self.resolve(alert)
            else:
                alert.held_until = None

    def recent(self, key: Key, now: int) -> int:
        return sum(now - at < FLAP_WINDOW_MS for at in self.comings.get(key, []))

    def appear(self, key: Key, now: int, *, is_critical: bool) -> None:
        alert = self.current(key)
        on_ms, _ = DELAYS_MS[key[0]]
        if alert is None:
            alert = Modelled(key, "pending", turns_at=now + on_ms)
            alert.is_critical = alert.is_known_critical = is_critical
            self.alerts.append(alert)
            if on_ms == 0:
                self.open(alert, now)
            return
        if alert.is_cleared:
            alert.is_cleared, alert.turns_at = False, None
            self.comings.setdefault(key, []).append(now)
        alert.is_critical = is_critical
        if alert.is_open and not alert.why and is_critical and not alert.is_known_critical:
            self.worse.append(alert)

    def worsen(self, now: int) -> None:
        for alert in self.worse:
            alert.state = "open"
        if self.worse:
            self.review(self.alerts, now)
        for alert in self.worse:
            if not alert.why:
                alert.is_known_critical = True
                if "opened" not in alert.outbox:
                    alert.outbox.append("worsened")
        self.worse = []

    def open(self, alert: Modelled, now: int) -> None:
        alert.state, alert.turns_at = "open", None
        alert.is_known_critical = alert.is_critical
        self.comings.setdefault(alert.key, []).append(now)
        self.fresh.append(alert)

    def settle_fresh(self, now: int) -> None:
        self.review(self.fresh, now)
        for alert in self.fresh:
            if not alert.why:
                alert.outbox.append("opened")
        self.fresh = []

    def clear(self, key: Key, now: int) -> None:
        alert = self.current(key)
        if alert is None or alert.is_cleared:
            return
        if alert.state == "pending":
            self.alerts.remove(alert)
        elif alert.held_until is not None:
            alert.is_cleared = True
        elif self.recent(key, now) >= FLAP_COMINGS:
            alert.held_until, alert.is_cleared = now + FLAP_HOLD_MS, True
            if alert.outbox and not alert.why:
                alert.outbox.append("flapping")
        elif DELAYS_MS[key[0]][1]:
            alert.is_cleared, alert.turns_at = True, now + DELAYS_MS[key[0]][1]
        else:
            self.resolve(alert)

    def acknowledge(self, alert: Modelled) -> None:
        alert.state, alert.why, alert.settles_at = "acknowledged", "", None
        alert.is_known_critical = alert.is_critical
        if alert.outbox:
            alert.outbox.append("acknowledged")

    def resolve(self, alert: Modelled) -> None:
        alert.state, alert.why, alert.settles_at = "resolved", "", None
        alert.held_until = alert.turns_at = None
        if alert.outbox:
            alert.outbox.append("resolved")

    def review(self, alerts: list[Modelled], now: int) -> None:
        reasons = {alert.key: self.reason(alert, now) for alert in alerts}
        for alert in alerts:
            if alert.state != "open":
                continue
            reason, was = reasons[alert.key], alert.why
            if reason or not was:
                alert.why, alert.settles_at = reason, None
            elif was != "settling":
                alert.why, alert.settles_at = "settling", now + SETTLE_MS
            elif alert.settles_at <= now and not alert.is_cleared:
                alert.why, alert.settles_at = "", None
                alert.is_known_critical = alert.is_critical
                if "opened" not in alert.outbox:
                    alert.outbox.append("opened")

    def reason(self, alert: Modelled, now: int) -> str:
        if self.shelf.get(alert.key, 0) > now:
            return "shelved"
        is_stale = any(a.key[0] == "agent-stale" and a.is_open for a in self.alerts)
        return "inhibited" if is_stale and alert.key[0] != "agent-stale" else ""


def turns(changes: list[Change]) -> list[list[Change]]:
    """Split changes into runs in which no key occurs twice."""
    found: list[list[Change]] = []
    for change in changes:
        place = sum(any(key == change[0] for key, *_ in turn) for turn in found)
        if place == len(found):
            found.append([])
        found[place].append(change)
    return found
