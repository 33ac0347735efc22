"""The life of an alert, and the only ways to change it.

             on-delay          person               finding away for the off-delay, or a person
    pending ─────────► open ─────────► acknowledged ─────────► resolved
       └─► (nothing)    │ └──────────────────────────────────► resolved
                        └── comes and goes: held open, marked flapping, 30 min at a time

An alert that becomes graver than people know is open again, and told again; a fall is not told.

A change, its event and its outbox row are one transaction. (rule, subject) has at most one alert
that is not resolved; the database sees to it. When a trouble began is event time; delays and holds
run by the hub's clock. Whether people are told is decided as the alert opens, and reviewed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lode_hub.alerts.journal import Journal
from lode_hub.committed import Finding
from lode_hub.errors import ConflictError, NotFoundError
from lode_hub.store import Store, alerts_open, alerts_review
from lode_hub.store import alerts as rows
from lode_hub.store.asking import asking
from lode_hub.store.connection import Connection

FLAP_COMINGS = 2
"""Comings within the window, each with its going, that make an alert flapping: four turns."""

FLAP_WINDOW_MS = 10 * 60_000
FLAP_HOLD_MS = 30 * 60_000
REVIEW_MS = 5_000
"""How often it is looked at who is not told, beyond the alerts that have just opened."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What findings did to the alerts, each alert by its id."""

    opened: tuple[int, ...] = ()
    resolved: tuple[int, ...] = ()
    flapping: tuple[int, ...] = ()  # held open from now on


async def take(store: Store, findings: Sequence[Finding], now_ms: int) -> Taken:
    """Open, renew and resolve alerts as the findings say, in their order.

    Call it with every tick, findings or not: delays, holds and silences end by it.
    An active finding whose alert a person has resolved opens a new one: the trouble is still there.
    """
    async with store.pool.connection() as conn, conn.transaction():
        await rows.serialise(conn)
        journal = Journal(conn, now_ms)
        await _pass_time(journal)
        for turn in _turns(findings):
            await _appear(journal, [finding for finding in turn if finding.is_active])
            await _clear(journal, [finding for finding in turn if not finding.is_active])
        if await alerts_review.is_due(conn, now_ms, REVIEW_MS):
            await journal.review()
        await journal.announce()
    return Taken(
        opened=tuple(journal.ids["opened"]),
        resolved=tuple(journal.ids["resolved"]),
        flapping=tuple(journal.ids["flapping"]),
    )


async def acknowledge(store: Store, alert_id: int, by: str, now_ms: int, *, note: str = "") -> None:
    """Write down that a person has seen an open alert.

    Raises:
        NotFoundError: there is no such alert.
        ConflictError: it is pending, acknowledged or resolved already.
    """
    async with asking(store) as conn, conn.transaction():
        await rows.serialise(conn)
        await _expect(conn, alert_id, ("open",), "acknowledged")
        journal = Journal(conn, now_ms)
        taken_on = await rows.acknowledge(conn, [alert_id], by, now_ms)
        await journal.write(taken_on, "acknowledged", by=by, note=note)
        await journal.announce()


async def acknowledge_open(store: Store, ids: Sequence[int], by: str, now_ms: int) -> int:
    """Write down that a person has seen those of these alerts that are open; give how many."""
    async with asking(store) as conn, conn.transaction():
        await rows.serialise(conn)
        journal = Journal(conn, now_ms)
        taken_on = await rows.acknowledge(conn, ids, by, now_ms)
        await journal.write(taken_on, "acknowledged", by=by)
        await journal.announce()
    return len(taken_on)


async def resolve(store: Store, alert_id: int, by: str, now_ms: int, *, note: str = "") -> None:
    """End an alert because a person says so; it opens again when the trouble is found again.

    Raises:
        NotFoundError: there is no such alert.
        ConflictError: it is pending, or resolved already.
    """
    async with asking(store) as conn, conn.transaction():
        await rows.serialise(conn)
        await _expect(conn, alert_id, ("open", "acknowledged"), "resolved")
        await rows.resolve(conn, [alert_id], now_ms, by)
        journal = Journal(conn, now_ms)
        await journal.write([alert_id], "resolved", by=by, note=note)
        await journal.announce()


async def _pass_time(journal: Journal) -> None:
    """Open what was pending long enough, resolve what was away long enough, end holds."""
    conn, now_ms = journal.conn, journal.now_ms
    await journal.open(await rows.ripe(conn, now_ms))
    await journal.resolve(await rows.over(conn, now_ms))
    await _end_holds(journal)


async def _appear(journal: Journal, findings: Sequence[Finding]) -> None:
    if not findings:
        return
    await journal.write(await alerts_open.returned(journal.conn, findings), "returned")
    renewed = await alerts_open.open_or_renew(journal.conn, findings, journal.now_ms)
    await journal.open(renewed.opened)
    await journal.worsen(renewed.worsened)


async def _clear(journal: Journal, findings: Sequence[Finding]) -> None:
    if not findings:
        return
    conn, now_ms = journal.conn, journal.now_ms
    await rows.forget_pending(conn, findings)
    found = await rows.cleared(conn, findings, now_ms, FLAP_WINDOW_MS)
    fresh = [alert for alert in found if not alert.is_cleared]
    restless = [a.id for a in fresh if not a.is_held and a.comings >= FLAP_COMINGS]
    calm = [alert for alert in fresh if not alert.is_held and alert.comings < FLAP_COMINGS]
    away = [alert.id for alert in fresh if alert.is_held]
    if restless:
        await rows.hold(conn, restless, now_ms + FLAP_HOLD_MS)
        await rows.mark_cleared(conn, restless, now_ms)
        await journal.write(restless, "flapping")
    if away:
        await journal.write(await rows.mark_cleared(conn, away, now_ms), "cleared")
    lasting = [alert for alert in calm if alert.off_delay_s > 0]
    if lasting:
        ends_ms = [now_ms + round(alert.off_delay_s * 1000) for alert in lasting]
        marked = await rows.mark_cleared(conn, [a.id for a in lasting], now_ms, ends_ms)
        await journal.write(marked, "cleared")
    await journal.resolve([alert.id for alert in calm if alert.off_delay_s <= 0])


async def _end_holds(journal: Journal) -> None:
    conn, now_ms = journal.conn, journal.now_ms
    ended = await rows.ended_holds(conn, now_ms, FLAP_WINDOW_MS)
    restless = [alert.id for alert in ended if alert.comings >= FLAP_COMINGS]
    calm = [alert for alert in ended if alert.comings < FLAP_COMINGS]
    there = [alert.id for alert in calm if not alert.is_cleared]
    if restless:
        await rows.hold(conn, restless, now_ms + FLAP_HOLD_MS)
    if there:
        await rows.unhold(conn, there)
    await journal.resolve([alert.id for alert in calm if alert.is_cleared])


def _turns(findings: Sequence[Finding]) -> Iterable[list[Finding]]:
    """Split findings into runs in which no key occurs twice, each key's order kept."""
    turns: list[list[Finding]] = []
    seen: dict[tuple[str, str], int] = {}
    for finding in findings:
        key = (finding.rule, finding.subject)
        place = seen.get(key, -1) + 1
        seen[key] = place
        if place == len(turns):
            turns.append([])
        turns[place].append(finding)
    return turns


async def _expect(
    conn: Connection, alert_id: int, states: tuple[rows.State, ...], change: str
) -> None:
    state = await rows.state_of(conn, alert_id)
    if state is None:
        raise NotFoundError(f"alert {alert_id}: there is no such alert; it may have been deleted")
    if state not in states:
        raise ConflictError(
            f"alert {alert_id}: it is {state} and cannot be {change}; reload to see its state"
        )
