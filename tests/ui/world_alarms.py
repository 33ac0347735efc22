"""Alerts of a made-up world: asked for, grouped, taken on, put aside, silenced."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lode_hub.actions import Matchers, Span
from lode_hub.errors import ForbiddenError, NotFoundError
from lode_hub.queries.alert_nouns import (
    AlarmFigures,
    Alarming,
    AlertCounts,
    AlertDetail,
    AlertEventRow,
    AlertGroup,
    AlertGroups,
    MaintenanceRow,
    ShelfRow,
    SilenceRow,
)
from lode_hub.queries.nouns import AlertRow, AlertState
from lode_hub.queries.telling import DeliveryRow
from lode_ui.states import SEVERITY_ORDER
from tests.ui.made import now_ms

if TYPE_CHECKING:
    from tests.ui.world import Someone, World

MAY_ACT = {"operator", "admin"}


@dataclass
class Alarms:
    """What was said and planned about alerts."""

    events: dict[int, list[AlertEventRow]] = field(default_factory=dict)
    silences: dict[int, SilenceRow] = field(default_factory=dict)
    maintenance: dict[int, MaintenanceRow] = field(default_factory=dict)
    deliveries: dict[int, list[DeliveryRow]] = field(default_factory=dict)
    shelf: list[ShelfRow] = field(default_factory=list)  # whose alerts are over

    def tell(self, alert_id: int, what: str, by: str | None, note: str = "") -> None:
        """Let something have happened to an alert, just now."""
        event = AlertEventRow(what=what, at_ms=now_ms(), by=by, note=note)
        self.events.setdefault(alert_id, []).insert(0, event)


class StandInAlarmQueries:
    """Answers about a world's alerts."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def detail(self, alert_id: int, limit: int = 200) -> AlertDetail | None:
        await self._world.asked("alert")
        alert = self._world.open_alerts.get(alert_id)
        if alert is None:
            return None
        opened = AlertEventRow(what="opened", at_ms=alert.opened_ms, by=None, note="")
        events = [*self._world.alarms.events.get(alert_id, []), opened]
        return AlertDetail(alert=alert, history=events[:limit])

    async def names(self, keys: Sequence[str]) -> dict[str, str]:
        await self._world.asked("names")
        called = {f"device:{number}": rig.name for number, rig in self._world.fleet.items()}
        return {key: called[key] for key in keys if key in called}

    async def counts(self, site: str | None = None) -> AlertCounts:
        await self._world.asked("counts")
        living = [
            a
            for a in self._world.open_alerts.values()
            if a.state != "resolved" and site in (None, a.site)
        ]
        here = [a for a in living if a.state != "pending"]
        stakes = [a.stake_usd_h for a in here if a.stake_usd_h is not None]
        return AlertCounts(
            by_state=_counted(a.state for a in living),
            by_severity=_counted(a.severity for a in here),
            by_cause=_counted(a.cause for a in here),
            untold=sum(bool(a.untold) for a in here),
            flapping=sum(a.flapping_until_ms is not None for a in here),
            stake_usd_h=sum(stakes) if stakes else None,
        )

    async def groups(self, *, limit: int = 20, offset: int = 0, **chosen: object) -> AlertGroups:
        await self._world.asked("groups")
        found = gravest_first(kept(self._world, **chosen))
        keys = list(dict.fromkeys((a.site, a.cause) for a in found))
        made = [_group(key, [a for a in found if (a.site, a.cause) == key]) for key in keys]
        shown = made[offset : offset + limit]
        n_groups, n_alerts = (len(made), len(found)) if shown else (0, 0)
        return AlertGroups(groups=shown, n_groups=n_groups, n_alerts=n_alerts)

    async def silences(self, *, is_over: bool = False, limit: int = 100) -> list[SilenceRow]:
        await self._world.asked("silences")
        rows = self._world.alarms.silences.values()
        return [row for row in rows if (row.ends_ms <= now_ms()) == is_over][:limit]

    async def maintenance(self, *, is_over: bool = False, limit: int = 100) -> list[MaintenanceRow]:
        await self._world.asked("maintenance")
        rows = self._world.alarms.maintenance.values()
        return [row for row in rows if (row.ends_ms <= now_ms()) == is_over][:limit]

    async def shelved(self, limit: int = 100) -> list[ShelfRow]:
        await self._world.asked("shelf")
        found = [
            shelf(a.rule, alert_id=a.alert_id, title=a.title, severity=a.severity, state=a.state,
                  by=a.shelved_by, until_ms=a.shelved_until_ms, site=a.site)
            for a in self._world.open_alerts.values() if a.shelved_until_ms is not None
        ]  # fmt: skip
        return sorted([*found, *self._world.alarms.shelf], key=lambda row: row.until_ms)[:limit]

    async def figures(
        self,
        *,
        site: str | None = None,
        days: float = 7,
        operators: int = 1,
        to_ms: int | None = None,
    ) -> AlarmFigures:
        await self._world.asked("figures")
        return figures(days, operators, to_ms)


class StandInTelling:
    """Says who was told of a world's alerts."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def deliveries(self, *, alert_id: int, limit: int = 100) -> list[DeliveryRow]:
        await self._world.asked("deliveries")
        return self._world.alarms.deliveries.get(alert_id, [])[:limit]


class StandInAlarmActions:
    """Shelves, silences and maintains in a world, for those who may."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def shelve(self, person: "Someone", alert_id: int, until_ms: int, note: str = "") -> None:
        self._demand(person)
        self._world.done.append(("shelve", alert_id, person.name))
        alert = self._world.open_alerts[alert_id]
        self._world.open_alerts[alert_id] = replace(
            alert, shelved_until_ms=until_ms, shelved_by=person.name, untold="shelved until later"
        )
        self._world.alarms.tell(alert_id, "untold", person.name, note)

    async def unshelve(self, person: "Someone", alert_id: int) -> None:
        self._demand(person)
        alert = self._world.open_alerts[alert_id]
        if alert.shelved_until_ms is None:
            raise NotFoundError(f"alert {alert_id}: it is not shelved")
        self._world.done.append(("unshelve", alert_id, person.name))
        self._world.open_alerts[alert_id] = replace(
            alert, shelved_until_ms=None, shelved_by=None, untold=""
        )

    async def silence(self, person: "Someone", matchers: Matchers, span: Span, comment: str) -> int:
        self._demand(person)
        number = len(self._world.alarms.silences) + 1
        self._world.done.append(("silence", number, person.name))
        self._world.alarms.silences[number] = silence(
            number,
            site=matchers.site,
            rule=matchers.rule,
            cause=matchers.cause,
            rack=matchers.rack,
            subject=matchers.subject,
            author=person.name,
            comment=comment,
            starts_ms=span.starts_ms,
            ends_ms=span.ends_ms,
        )
        return number

    async def end_silence(self, person: "Someone", silence_id: int) -> None:
        self._demand(person)
        self._world.done.append(("end silence", silence_id, person.name))
        del self._world.alarms.silences[silence_id]

    async def maintain(
        self, person: "Someone", place: tuple[str, str | None], span: Span, note: str
    ) -> int:
        self._demand(person)
        number = len(self._world.alarms.maintenance) + 1
        self._world.done.append(("maintain", number, person.name))
        self._world.alarms.maintenance[number] = MaintenanceRow(
            maintenance_id=number,
            site=place[0],
            rack=place[1],
            person=person.name,
            note=note,
            starts_ms=span.starts_ms,
            ends_ms=span.ends_ms,
            is_active=span.starts_ms <= now_ms(),
        )
        return number

    async def end_maintenance(self, person: "Someone", maintenance_id: int) -> None:
        self._demand(person)
        self._world.done.append(("end maintenance", maintenance_id, person.name))
        del self._world.alarms.maintenance[maintenance_id]

    def _demand(self, person: "Someone") -> None:
        if person.role not in MAY_ACT:
            raise ForbiddenError(f"alerts.silence: {person.name} as {person.role} may not do that")


def kept(
    world: "World",
    *,
    states: Sequence[AlertState],
    severities: Sequence[str] = (),
    causes: Sequence[str] = (),
    site: str | None = None,
    device_id: int | None = None,
    search: str = "",
    is_untold: bool | None = None,
) -> list[AlertRow]:
    """Give the alerts that fit, as the hub would."""
    return [
        a
        for a in world.open_alerts.values()
        if a.state in states
        and (not severities or a.severity in severities)
        and (not causes or a.cause in causes)
        and (site is None or (a.site or "") == site)
        and device_id in (None, a.device_id)
        and (is_untold is None or bool(a.untold) == is_untold)
        and search.lower() in f"{a.title} {a.rule} {a.subject} {a.site} {a.rack}".lower()
    ]


def gravest_first(alerts: Sequence[AlertRow]) -> list[AlertRow]:
    """Order alerts by severity, money at stake and age."""
    return sorted(
        alerts,
        key=lambda a: (SEVERITY_ORDER.index(a.severity), -(a.stake_usd_h or 0), a.since_ms),
    )


def silence(number: int, **values: object) -> SilenceRow:
    """Make a silence that holds now, for an hour on."""
    now = now_ms()
    shown: dict[str, object] = {
        "silence_id": number, "site": "north", "rule": None, "cause": "heat", "rack": "A*",
        "subject": None, "called": None, "author": "noor", "comment": "louvres are being mended",
        "starts_ms": now - 60_000, "ends_ms": now + 3_600_000,
    } | values  # fmt: skip
    return SilenceRow(**{"is_active": shown["starts_ms"] <= now, **shown})


def maintenance(number: int, **values: object) -> MaintenanceRow:
    """Make maintenance that begins tomorrow."""
    now = now_ms()
    shown: dict[str, object] = {
        "maintenance_id": number, "site": "north", "rack": "B2", "person": "noor",
        "note": "new power supplies", "starts_ms": now + 86_400_000, "ends_ms": now + 90_000_000,
        "is_active": False,
    } | values  # fmt: skip
    return MaintenanceRow(**shown)


def shelf(rule: str, **values: object) -> ShelfRow:
    """Make an alarm that is put aside for four hours, whose alert is over."""
    shown: dict[str, object] = {
        "rule": rule, "key": "device:17", "subject": "rig-017", "site": "north", "by": "noor",
        "note": "a board is on its way", "at_ms": now_ms(), "until_ms": now_ms() + 14_400_000,
        "alert_id": None, "title": None, "severity": None, "state": None,
    } | values  # fmt: skip
    return ShelfRow(**shown)


def delivery(number: int, **values: object) -> DeliveryRow:
    """Make a mail that was sent."""
    now = now_ms()
    shown: dict[str, object] = {
        "delivery_id": number, "key": "1ccc02", "channel": "mail", "person": "noor",
        "recipient": "noor@example.org", "site": "north", "cause": "heat", "what": "news",
        "state": "sent", "attempts": 1, "error": None, "reference": "<1ccc02@lode>", "alerts": 3,
        "created_ms": now - 209_000, "due_ms": now - 209_000, "finished_ms": now - 208_000,
        "link_used_ms": None,
    } | values  # fmt: skip
    return DeliveryRow(**shown)


def figures(days: float, operators: int, until_ms: int | None = None) -> AlarmFigures:
    """Make figures with one flood three hours before their end."""
    to_ms = until_ms or now_ms()
    ten = 600_000
    begun = to_ms // ten * ten
    bins = [
        (begun - n * ten, count) for n, count in ((140, 1), (60, 2), (19, 24), (18, 12), (2, 1))
    ]
    return AlarmFigures(
        from_ms=to_ms - round(days * 86_400_000), to_ms=to_ms, operators=operators, alarms=40,
        per_10_min=40 / 144 / days / operators, peak_10_min=24 / operators,
        per_day=40 / days / operators, busy_ratio=0.021, floods=1, flood_ratio=0.014, standing=3,
        chattering=2, shelved=None if until_ms else 1,
        by_severity={"critical": 6, "warning": 30, "info": 4},
        most_frequent=[
            Alarming(rule="rig-over-temperature", key="device:17", subject="rig-017", n=12),
            Alarming(rule="rig-unreachable", key="device:5", subject="rig-005", n=7),
        ],
        is_cut=False, bin_ms=[at for at, _ in bins], bin_n=[n for _, n in bins],
    )  # fmt: skip


def _group(key: tuple[str | None, str], alerts: Sequence[AlertRow]) -> AlertGroup:
    stakes = [a.stake_usd_h for a in alerts if a.stake_usd_h is not None]
    return AlertGroup(
        site=key[0],
        cause=key[1],
        n=len(alerts),
        n_open=sum(a.state == "open" for a in alerts),
        untold=sum(bool(a.untold) for a in alerts),
        stake_usd_h=sum(stakes) if stakes else None,
        since_ms=min(a.since_ms for a in alerts),
        severity=alerts[0].severity,
        worst=list(alerts[:3]),
    )


def _counted(names: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts
