"""What may be asked about telling: channels, people's ways, who is on call, what was delivered.

Times are Unix ms; a missing value is None.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lode_hub.errors import NotFoundError
from lode_hub.notify import oncall
from lode_hub.notify.routes import reached
from lode_hub.notify.senders import Senders, serves
from lode_hub.notify.webhook import secret_for
from lode_hub.store import Store, queries_telling
from lode_hub.store import telling as rows
from lode_hub.store.asking import asking
from lode_hub.store.telling import Habit, Layer, Policy, Step

DeliveryState = Literal["waiting", "sent", "dead"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelRow:
    """A channel of the settings, and how it fared in the last 24 h."""

    channel: str
    kind: str  # mail, sms, telegram, webhook, apprise
    tells_always: int  # messages an alert makes of it, people's own ways left out
    serves_people: bool
    waiting: int
    sent: int
    dead: int
    last_sent_ms: int | None
    last_error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WayRow:
    """One way to tell one person."""

    way_id: int
    person: str
    kind: str
    address: str
    min_severity: str
    is_on_call_only: bool
    is_resolved_told: bool
    is_served: bool  # there is a channel for it


@dataclass(frozen=True, kw_only=True, slots=True)
class OverrideRow:
    """Somebody who stands in."""

    override_id: int
    person: str
    from_ms: int
    until_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleRow:
    """A schedule."""

    name: str
    time_zone: str
    sites: list[str] | None
    layers: tuple[Layer, ...]
    overrides: list[OverrideRow]
    on_call: str | None  # now


@dataclass(frozen=True, kw_only=True, slots=True)
class ShiftRow:
    """Who is on call when; no person is a gap."""

    person: str | None
    is_reachable: bool
    from_ms: int
    until_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRow:
    """One message to one recipient."""

    delivery_id: int
    key: str
    channel: str
    person: str | None
    recipient: str  # empty: the channel's own
    site: str | None
    cause: str
    what: str  # news, escalated, digest
    state: DeliveryState
    attempts: int
    error: str | None  # of the latest attempt
    reference: str | None  # what the channel calls it
    alerts: int
    created_ms: int
    due_ms: int
    finished_ms: int | None
    link_used_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TimerRow:
    """An alert that nobody has acknowledged, and when the next are told."""

    alert_id: int
    title: str
    site: str | None
    policy: str
    step: int
    begun_ms: int
    due_ms: int


class TellingQueries:
    """Answers from the database and the settings."""

    def __init__(self, store: Store, senders: Senders) -> None:
        self._store = store
        self._senders = senders

    async def channels(self) -> list[ChannelRow]:
        """Give every channel of the settings."""
        async with asking(self._store) as conn:
            counts = {row.pop("channel"): row for row in await queries_telling.channel_counts(conn)}
        nothing = {"waiting": 0, "sent": 0, "dead": 0, "last_sent_ms": None, "last_error": None}
        return [
            ChannelRow(
                channel=name,
                kind=channel.way or "apprise",
                tells_always=len(self._senders.own(name)),
                serves_people=serves(channel),
                **counts.get(name, nothing),
            )
            for name, channel in self._senders.channels.items()
        ]

    async def ways(self, person: str | None = None) -> list[WayRow]:
        """Give people's ways, or one person's."""
        async with asking(self._store) as conn:
            found = await queries_telling.ways(conn, person)
        return [
            WayRow(**row, is_served=self._senders.serving(row["kind"]) is not None) for row in found
        ]

    async def habit(self, person: str) -> Habit:
        """Give when a person is left alone."""
        async with asking(self._store) as conn:
            return await rows.habit(conn, person)

    async def webhook_secret(self, way_id: int, person: str) -> str:
        """Give the secret that messages to a webhook of this person are signed with.

        Raises:
            NotFoundError: they have no such webhook.
        """
        mine = [w for w in await self.ways(person) if w.way_id == way_id and w.kind == "webhook"]
        channel = self._senders.channels.get("webhook")
        if not mine or channel is None:
            raise NotFoundError(f"way {way_id}: {person} has no such webhook; reload the page")
        return secret_for(mine[0].address, self._senders.people_secret())

    async def schedules(self) -> list[ScheduleRow]:
        """Give every schedule, with who is on call now."""
        async with asking(self._store) as conn:
            now = await rows.now(conn)
            found = await rows.schedules(conn)
        return [
            ScheduleRow(
                name=one.name,
                time_zone=one.time_zone,
                sites=one.sites,
                layers=one.layers,
                overrides=[
                    OverrideRow(
                        override_id=over.id,
                        person=over.person,
                        from_ms=_ms(over.from_at),
                        until_ms=_ms(over.until_at),
                    )
                    for over in one.overrides
                ],
                on_call=oncall.on_call(one, now),
            )
            for one in found
        ]

    async def shifts(self, schedule: str, days: int = 7) -> list[ShiftRow]:
        """Give who is on call from now on, gaps among them.

        Raises:
            NotFoundError: there is no such schedule.
        """
        async with asking(self._store) as conn:
            now = await rows.now(conn)
            found = {one.name: one for one in await rows.schedules(conn)}
            ways = await rows.ways(conn)
        if schedule not in found:
            raise NotFoundError(f"schedule {schedule}: there is none; see the list of schedules")
        until = now + datetime.timedelta(days=days)
        reachable = reached(found[schedule], ways, self._senders)
        return [
            ShiftRow(
                person=shift.person,
                is_reachable=shift.person in reachable,
                from_ms=_ms(shift.from_at),
                until_ms=_ms(shift.until_at),
            )
            for shift in oncall.shifts(found[schedule], now, until)
        ]

    async def policies(self) -> list[Policy]:
        """Give every escalation policy."""
        async with asking(self._store) as conn:
            return await rows.policies(conn)

    async def timers(self) -> list[TimerRow]:
        """Give the escalations that run, the next first."""
        async with asking(self._store) as conn:
            return [TimerRow(**row) for row in await queries_telling.timers(conn)]

    async def deliveries(
        self,
        *,
        states: Sequence[DeliveryState] | None = None,
        channel: str | None = None,
        person: str | None = None,
        alert_id: int | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[DeliveryRow]:
        """Give deliveries, newest first; the next page is `before` the last one's delivery_id."""
        async with asking(self._store) as conn:
            found = await queries_telling.deliveries(
                conn,
                states=states,
                channel=channel,
                person=person,
                alert_id=alert_id,
                limit=limit,
                before=before,
            )
        return [DeliveryRow(**row) for row in found]


def _ms(moment: datetime.datetime) -> int:
    return int(moment.timestamp() * 1000)


__all__ = [
    "ChannelRow",
    "DeliveryRow",
    "DeliveryState",
    "Habit",
    "Layer",
    "OverrideRow",
    "Policy",
    "ScheduleRow",
    "ShiftRow",
    "Step",
    "TellingQueries",
    "TimerRow",
    "WayRow",
]
