"""What the outbox holds, made into deliveries: grouped, routed, paced, escalated.

outbox ─► group (site, cause): waits for company ─► routes ─► deliver, or hold
timers ─► the next step of a policy ──────────────────┘          │
held until now ─► one digest a recipient ────────────────────────┘
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lode_hub.notify.channels import Routing, recipients_of
from lode_hub.notify.routes import Roll, Route
from lode_hub.notify.senders import Senders
from lode_hub.store import outbox, telling
from lode_hub.store.connection import Connection
from lode_hub.store.outbox import Bundle, Target

REPEAT_S, REPEAT_MOST_S = 3600.0, 86_400.0
"""When the last step is told again while nobody answers: after an hour, then two, ..., a day."""


@dataclass(frozen=True, slots=True)
class Group:
    """Bundles of one site and cause."""

    bundles: Sequence[Bundle]

    @property
    def event_ids(self) -> list[int]:
        """All of its events."""
        return [event for bundle in self.bundles for event in bundle.event_ids]

    @property
    def worst(self) -> str:
        """Its gravest severity."""
        present = {bundle.severity for bundle in self.bundles}
        return next(one for one in ("critical", "warning", "info") if one in present)

    def wait_s(self, routing: Routing) -> float:
        """Give how much longer it waits for company: until none came of late, but not for long."""
        newest_s = min(bundle.newest_s for bundle in self.bundles)
        oldest_s = max(bundle.oldest_s for bundle in self.bundles)
        return min(routing.group_wait_s - newest_s, routing.group_wait_max_s - oldest_s)


class Dispatcher:
    """Makes deliveries, each pass in its caller's transaction."""

    def __init__(self, senders: Senders, routing: Routing) -> None:
        self._senders = senders
        self._routing = routing

    async def dispatch(self, conn: Connection) -> float:
        """Do all that is due, and give the seconds until more may be."""
        await outbox.serialise(conn)
        next_s = self._routing.poll_s
        groups = groups_of(await outbox.bundles(conn))
        due = await telling.due_escalations(conn)
        if groups or due:
            roll = await Roll.read(conn, self._senders, self._routing)
            for group in groups:
                next_s = min(next_s, await self._tell(conn, group, roll))
            for escalation in due:
                await self._escalate(conn, escalation, roll)
        for digest in await outbox.ripe(conn):
            await outbox.deliver(conn, digest.target, digest.event_ids, what="digest")
            await outbox.digested(conn, digest.target)
        soon = (await outbox.next_held_s(conn), await telling.next_escalation_s(conn))
        return max(0.0, min([next_s, *(wait_s for wait_s in soon if wait_s is not None)]))

    async def _tell(self, conn: Connection, group: Group, roll: Roll) -> float:
        """Tell a group, if it need not wait; give how long it has to."""
        wait_s = group.wait_s(self._routing)
        if wait_s > 0:
            return wait_s
        routes = roll.routes(group.bundles)
        first = group.bundles[0]
        if routes and not await self._may_tell(conn, group):
            return self._routing.poll_s
        for route in routes:
            await self._send(conn, route, first, "news")
        await self._begin_escalation(conn, group, roll)
        await outbox.dispatched(conn, group.event_ids)
        return self._routing.poll_s

    async def _may_tell(self, conn: Connection, group: Group) -> bool:
        first = group.bundles[0]
        # By severity, so that what is critical does not wait for what was not.
        return await outbox.admit(
            conn,
            f"group {first.site_id} {first.cause} {group.worst}",
            every_s=self._routing.update_s,
            burst=self._routing.updates_at_once,
        )

    async def _send(
        self, conn: Connection, route: Route, about: Bundle | telling.Due, what: str
    ) -> None:
        if route.due_s is not None:
            events = route.event_ids
            await outbox.hold(conn, route.target, events, due_s=route.due_s, why=route.why)
        elif await self._has_room(conn, route.target, about.site_id):
            await outbox.deliver(
                conn,
                route.target,
                route.event_ids,
                what=what,
                cause=about.cause,
                site_id=about.site_id,
            )
        else:
            await outbox.overflow(conn, route.target, route.event_ids)

    async def _has_room(self, conn: Connection, target: Target, site_id: int | None) -> bool:
        """Take a token of a site's share of a recipient, and of the recipient's own bucket."""
        routing = self._routing
        buckets = (
            (f"site {site_id} {target.key}", routing.site_at_once),
            (f"to {target.key}", routing.recipient_at_once),
        )
        for key, burst in buckets:
            if not await outbox.admit(conn, key, every_s=routing.recipient_every_s, burst=burst):
                return False
        return True

    async def _begin_escalation(self, conn: Connection, group: Group, roll: Roll) -> None:
        for bundle in group.bundles:
            policy = roll.policy(bundle)
            if policy is None:
                continue
            places = range(len(policy.steps))
            place = next((at for at in places if policy.steps[at].after_s > 0), len(places) - 1)
            after_s = policy.steps[place].after_s or REPEAT_S
            await telling.begin_escalation(conn, bundle.event_ids, policy.id, place, after_s)

    async def _escalate(self, conn: Connection, due: telling.Due, roll: Roll) -> None:
        policy = roll.policies[due.policy_id]
        last = len(policy.steps) - 1
        if due.step <= last:
            routes = roll.escalated(policy.steps[due.step], due)
            # Nobody there, such as in a gap of the schedule, or all asleep: those always told.
            if all(route.due_s is not None for route in routes):
                routes += self._all_channels(due)
            for route in routes:
                await self._send(conn, route, due, "escalated")
        if due.step < last:
            step = due.step + 1
            await telling.step_on(conn, due.alert_ids, step, policy.steps[step].after_s)
        elif due.step == last:
            await telling.repeat(conn, due.alert_ids, REPEAT_S, REPEAT_MOST_S)
        else:  # the policy has fewer steps now
            await telling.end_escalation(conn, due.alert_ids)

    def _all_channels(self, due: telling.Due) -> list[Route]:
        return [
            Route(target=Target(channel=channel.name, recipient=to), event_ids=due.event_ids)
            for channel in self._senders.channels.values()
            for to in recipients_of(channel)
        ]


def groups_of(bundles: Sequence[Bundle]) -> list[Group]:
    """Put bundles together that share site and cause; small sites first, to be fair to them."""
    found: dict[tuple[int | None, str], list[Bundle]] = {}
    for bundle in bundles:
        found.setdefault((bundle.site_id, bundle.cause), []).append(bundle)
    groups = [Group(parts) for parts in found.values()]
    return sorted(groups, key=lambda group: (group.worst != "critical", len(group.event_ids)))
