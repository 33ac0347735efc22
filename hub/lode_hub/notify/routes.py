"""Who is told of what: the settings' channels, people by their ways, a policy's first step."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from lode_hub.notify import oncall
from lode_hub.notify.channels import NEWS, PEOPLE_ARE_TOLD, Routing, is_at_least, recipients_of
from lode_hub.notify.quiet import held_until
from lode_hub.notify.senders import Senders
from lode_hub.store import telling
from lode_hub.store.connection import Connection
from lode_hub.store.outbox import OWN, WAY, Bundle, Target
from lode_hub.store.telling import Policy, Schedule, Step, Way


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Events for one recipient: now, or kept until a moment (Unix seconds) and why."""

    target: Target
    event_ids: list[int]
    due_s: float | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Roll:
    """Everybody who may be told, at one moment."""

    now: datetime.datetime
    senders: Senders
    routing: Routing
    ways: Sequence[Way] = ()
    schedules: Sequence[Schedule] = ()
    policies: dict[int, Policy] = field(default_factory=dict)

    @classmethod
    async def read(cls, conn: Connection, senders: Senders, routing: Routing) -> Self:
        """Read it from the database."""
        return cls(
            now=await telling.now(conn),
            senders=senders,
            routing=routing,
            ways=await telling.ways(conn),
            schedules=await telling.schedules(conn),
            policies={policy.id: policy for policy in await telling.policies(conn)},
        )

    def routes(self, bundles: Sequence[Bundle]) -> list[Route]:
        """Say where the events of a group go; one route a recipient and moment."""
        found: dict[tuple[Target, float | None, str], list[int]] = {}
        for bundle in bundles:
            for target, due_s, why in {*self._of_settings(bundle), *self._of_people(bundle)}:
                found.setdefault((target, due_s, why), []).extend(bundle.event_ids)
        return [
            Route(target=target, event_ids=sorted(events), due_s=due_s, why=why)
            for (target, due_s, why), events in found.items()
        ]

    def escalated(self, step: Step, due: telling.Due) -> list[Route]:
        """Say where a policy's step goes."""
        found = {
            self._when(way, "critical", is_on_call=is_on_call)
            for way, is_on_call in self._told_by(step, due.site)
        }
        return [
            Route(target=target, event_ids=due.event_ids, due_s=due_s, why=why)
            for target, due_s, why in found
        ]

    def policy(self, bundle: Bundle) -> Policy | None:
        """Give the policy for a group's events; None when they have none."""
        if bundle.severity != "critical" or bundle.what not in NEWS:
            return None
        named = [p for p in self.policies.values() if p.sites and bundle.site in p.sites]
        others = [p for p in self.policies.values() if p.sites is None]
        return next(iter([*named, *others]), None)

    def on_call(self, site: str | None) -> set[str]:
        """Name who is on call for a site now."""
        found = {
            oncall.on_call(schedule, self.now)
            for schedule in self.schedules
            if schedule.sites is None or site is None or site in schedule.sites
        }
        return {person for person in found if person is not None}

    def _of_settings(self, bundle: Bundle) -> Iterator[tuple[Target, float | None, str]]:
        for channel in self.senders.channels.values():
            # What does not work is not asked to say so.
            if bundle.channel in {channel.name, f"{channel.name}{OWN}"}:
                continue
            if self.routing.tells(channel, bundle.what, bundle.severity):
                for to in recipients_of(channel):
                    yield Target(channel=channel.name, recipient=to), None, ""

    def _of_people(self, bundle: Bundle) -> Iterator[tuple[Target, float | None, str]]:
        if bundle.what not in PEOPLE_ARE_TOLD:
            return
        policy = self.policy(bundle)
        firsts = [step for step in policy.steps if step.after_s == 0] if policy else []
        called = {
            way.id: is_on_call
            for step in firsts
            for way, is_on_call in self._told_by(step, bundle.site)
        }
        on_call = self.on_call(bundle.site)
        for way in self.ways:
            if way.id in called or self._wants(way, bundle, on_call):
                is_on_call = called.get(way.id, way.person in on_call)
                target, due_s, why = self._when(way, bundle.severity, is_on_call=is_on_call)
                if bundle.channel not in {target.channel, f"{target.channel}{WAY}{way.id}"}:
                    yield target, due_s, why

    def _wants(self, way: Way, bundle: Bundle, on_call: set[str]) -> bool:
        return (
            self.senders.serving(way.kind) is not None
            and _may_know(way, bundle.site)
            and is_at_least(bundle.severity, way.min_severity)
            and (way.is_resolved_told or bundle.what != "resolved")
            and (not way.is_on_call_only or way.person in on_call)
        )

    def _told_by(self, step: Step, site: str | None) -> list[tuple[Way, bool]]:
        """Give the ways of those a step tells, each with whether its person is on call."""
        named: set[str | None] = set()
        called: set[str | None] = set()
        for told in step.tell:
            kind, _, name = told.partition(":")
            named |= {name} if kind == "person" else set()
            found = [s for s in self.schedules if kind == "schedule" and s.name == name]
            called |= {oncall.on_call(schedule, self.now) for schedule in found}
        on_duty = called | self.on_call(site)
        return [
            (way, way.person in on_duty)
            for way in self.ways
            if way.person in named | called
            and _may_know(way, site)
            and self.senders.serving(way.kind) is not None
        ]

    def _when(
        self, way: Way, severity: str, *, is_on_call: bool
    ) -> tuple[Target, float | None, str]:
        channel = self.senders.serving(way.kind)
        target = Target(
            channel=channel.name if channel else "",
            recipient=way.address,
            way_id=way.id,
            person_id=way.person_id,
        )
        # Who is on call has said to be there for what is critical, whatever the hour.
        is_there = severity == "critical" and is_on_call
        held = None if is_there else held_until(way.habit, severity, self.now)
        return (target, held[0].timestamp(), held[1]) if held else (target, None, "")


def _may_know(way: Way, site: str | None) -> bool:
    return way.sites is None or site is None or site in way.sites


def reached(schedule: Schedule, ways: Sequence[Way], senders: Senders) -> set[str]:
    """Name the people whom a channel can tell of all that a schedule is for."""
    return {
        way.person
        for way in ways
        if senders.serving(way.kind) is not None
        and (way.sites is None or set(schedule.sites or ()) <= set(way.sites))
    }
