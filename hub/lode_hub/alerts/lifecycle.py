"""The life of an alert, and the only ways to change it.

              finding                 person                  finding away, or a person
    (none) ──► open ─────────────────► acknowledged ─────────► resolved
                │ └──────────────────────────────────────────► resolved
                └── comes and goes: held open, marked flapping, 30 min at a time

A change, its event and its outbox row are one transaction. (rule, subject) has at most one alert
that is not resolved; the database sees to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lode_hub.committed import Finding
from lode_hub.errors import ConflictError, NotFoundError
from lode_hub.store import Store
from lode_hub.store import alerts as rows
from lode_hub.store.connection import Connection

FLAP_TURNS = 4
"""Openings and resolutions within the window that make an alert flapping."""

FLAP_WINDOW_MS = 10 * 60_000
FLAP_HOLD_MS = 30 * 60_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What findings did to the alerts, each alert by its id."""

    opened: tuple[int, ...] = ()
    resolved: tuple[int, ...] = ()
    flapping: tuple[int, ...] = ()  # held open from now on


async def take(store: Store, findings: Sequence[Finding], now_ms: int) -> Taken:
    """Open, renew and resolve alerts as the findings say, in their order.

    Call it with every tick, findings or not: it also ends the holds of flapping alerts.
    An active finding whose alert a person has resolved opens a new one: the trouble is still there.
    """
    async with store.pool.connection() as conn, conn.transaction():
        await rows.serialise(conn)
        journal = _Journal(conn, now_ms)
        await _end_holds(journal)
        for turn in _turns(findings):
            await _appear(journal, [finding for finding in turn if finding.is_active])
            await _clear(journal, [finding for finding in turn if not finding.is_active])
        await journal.announce()
    return Taken(
        opened=tuple(journal.ids["opened"]),
        resolved=tuple(journal.ids["resolved"]),
        flapping=tuple(journal.ids["flapping"]),
    )


async def acknowledge(store: Store, alert_id: int, by: str, now_ms: int) -> None:
    """Write down that a person has seen an open alert.

    Raises:
        NotFoundError: there is no such alert.
        ConflictError: it is acknowledged or resolved already.
    """
    async with store.pool.connection() as conn, conn.transaction():
        await rows.serialise(conn)
        await _expect(conn, alert_id, ("open",), "acknowledged")
        await rows.acknowledge(conn, alert_id, by, now_ms)
        await _Journal(conn, now_ms).write_and_announce(alert_id, "acknowledged", by)


async def resolve(store: Store, alert_id: int, by: str, now_ms: int) -> None:
    """End an alert because a person says so; it opens again when the trouble is found again.

    Raises:
        NotFoundError: there is no such alert.
        ConflictError: it is resolved already.
    """
    async with store.pool.connection() as conn, conn.transaction():
        await rows.serialise(conn)
        await _expect(conn, alert_id, ("open", "acknowledged"), "resolved")
        await rows.resolve(conn, [alert_id], now_ms, by)
        await _Journal(conn, now_ms).write_and_announce(alert_id, "resolved", by)


class _Journal:
    """Writes the events of one transaction, and remembers which alerts they were about."""

    def __init__(self, conn: Connection, now_ms: int) -> None:
        self.conn = conn
        self.now_ms = now_ms
        self.ids: dict[rows.What, list[int]] = {"opened": [], "resolved": [], "flapping": []}

    async def write(self, ids: Sequence[int], what: rows.What, by: str | None = None) -> None:
        if ids:
            await rows.record(self.conn, ids, what, self.now_ms, by)
            self.ids.setdefault(what, []).extend(ids)

    async def announce(self) -> None:
        changed = [alert_id for ids in self.ids.values() for alert_id in ids]
        if changed:
            await rows.announce(self.conn, changed)

    async def write_and_announce(self, alert_id: int, what: rows.What, by: str) -> None:
        await self.write([alert_id], what, by)
        await self.announce()


async def _appear(journal: _Journal, findings: Sequence[Finding]) -> None:
    if not findings:
        return
    await journal.write(await rows.returned(journal.conn, findings), "returned")
    opened = await rows.open_or_renew(journal.conn, findings, journal.now_ms)
    await journal.write(opened, "opened")


async def _clear(journal: _Journal, findings: Sequence[Finding]) -> None:
    if not findings:
        return
    conn, now_ms = journal.conn, journal.now_ms
    found = await rows.cleared(conn, findings, now_ms, FLAP_WINDOW_MS)
    held = [alert.id for alert in found if alert.is_held]
    # This resolution would be one more turn.
    flapping = [a.id for a in found if not a.is_held and a.turns + 1 >= FLAP_TURNS]
    over = [a.id for a in found if not a.is_held and a.turns + 1 < FLAP_TURNS]
    if flapping:
        await rows.hold(conn, flapping, now_ms + FLAP_HOLD_MS)
        await rows.mark_cleared(conn, flapping, now_ms)
        await journal.write(flapping, "flapping")
    if held:
        await journal.write(await rows.mark_cleared(conn, held, now_ms), "cleared")
    if over:
        await rows.resolve(conn, over, now_ms)
        await journal.write(over, "resolved")


async def _end_holds(journal: _Journal) -> None:
    conn, now_ms = journal.conn, journal.now_ms
    ended = await rows.ended_holds(conn, now_ms, FLAP_WINDOW_MS)
    restless = [alert.id for alert in ended if alert.turns >= FLAP_TURNS]
    calm = [alert for alert in ended if alert.turns < FLAP_TURNS]
    over = [alert.id for alert in calm if alert.is_cleared]
    there = [alert.id for alert in calm if not alert.is_cleared]
    if restless:
        await rows.hold(conn, restless, now_ms + FLAP_HOLD_MS)
    if over:
        await rows.resolve(conn, over, now_ms)
        await journal.write(over, "resolved")
    if there:
        await rows.unhold(conn, there)


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
