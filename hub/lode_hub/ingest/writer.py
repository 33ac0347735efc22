"""One group of checked batches, one transaction.

sources, partitions, points (each by itself, harmless alone) ─► begin
  ─► lock the ledger ─► take each number ─► facts of agents and devices ─► device ids
  ─► COPY, last state, 1 min rollup ─► quarantine ─► save the ledger ─► NOTIFY ─► commit
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lode_hub.committed import Committed
from lode_hub.errors import HubError
from lode_hub.ingest import facts, group
from lode_hub.ingest.check import Checked, Fit, Readings, Unfit
from lode_hub.store import (
    Connection,
    Store,
    agents,
    devices,
    ledger,
    partitions,
    quality,
    quarantined,
    readings,
    rollups,
)
from lode_hub.store.agents import Source
from lode_hub.store.cursor import Cursor
from lode_wire import records

_DAY_MS = 86_400_000
_POINTS_REMEMBERED = 100_000

Key = tuple[str, str]  # agent and epoch


class StaleError(HubError):
    """What the writer remembered of the database is no longer so; the same again will work."""


@dataclass(slots=True)
class Written:
    """What a transaction has done."""

    committed: list[Committed] = field(default_factory=list)
    cursors: dict[Key, Cursor] = field(default_factory=dict)
    agent_ids: dict[str, int] = field(default_factory=dict)
    unfit: list[Unfit] = field(default_factory=list)  # quarantined now
    taken: list[Fit] = field(default_factory=list)
    repeated: int = 0


@dataclass(slots=True)
class _Work:
    """A transaction on its way: what it has read and decided."""

    sources: dict[Key, Source]
    cursors: dict[int, Cursor]
    numbers: dict[int, group.Numbers]
    written: Written = field(default_factory=Written)
    placed: list[group.Placed] = field(default_factory=list)


class Writer:
    """Writes groups, one after the other, and remembers what it has read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._partitions = partitions.Partitions()
        self._sources: dict[Key, Source] = {}
        self._cursors: dict[int, Cursor] = {}
        self._numbers: dict[int, group.Numbers] = {}
        self._points: dict[tuple[str, str], int] = {}

    def forget(self) -> None:
        """Drop all that is remembered; the database may have become another."""
        self._partitions.forget()
        for memory in (self._sources, self._cursors, self._numbers, self._points):
            memory.clear()

    def cursor(self, agent: str, epoch: str) -> Cursor | None:
        """Give the last known cursor of an agent's epoch."""
        source = self._sources.get((agent, epoch))
        return None if source is None else self._cursors.get(source.source_id)

    async def write(self, checked: Sequence[Checked]) -> Written:
        """Commit a group: all of it, or nothing.

        Raises:
            StaleError: another one changed what was remembered; nothing was written.
            psycopg.Error: the database did not take it; nothing was written, unless the connection
                broke at the commit itself.
        """
        async with self._store.pool.connection() as conn:
            sources = await self._prepare(conn, checked)
            async with conn.transaction():
                work = await self._begin(conn, sources)
                for one in sorted(checked, key=_in_order):
                    await self._take(conn, work, one)
                await self._write(conn, work)
        self._cursors |= work.cursors
        self._numbers |= work.numbers
        return work.written

    async def _prepare(self, conn: Connection, checked: Sequence[Checked]) -> dict[Key, Source]:
        wanted = {key: partition for one in checked for key, partition in _keys(one)}
        fresh = [(a, p, e) for (a, e), p in wanted.items() if (a, e) not in self._sources]
        if fresh:
            self._sources |= await agents.resolve(conn, fresh)
        contents = [one.content for one in checked if isinstance(one, Fit)]
        batches = [content for content in contents if isinstance(content, Readings)]
        if batches:
            days = np.unique(np.concatenate([batch.at_ms for batch in batches]) // _DAY_MS)
            await self._partitions.ensure(conn, days.tolist())
        points = {pair for batch in batches if batch.points for pair in batch.points[0]}
        if points - self._points.keys():
            if len(self._points) > _POINTS_REMEMBERED:
                self._points.clear()
            self._points |= await devices.points(conn, points)
        return {key: self._sources[key] for key in wanted}

    async def _begin(self, conn: Connection, sources: dict[Key, Source]) -> _Work:
        ids = {source.source_id for source in sources.values()}
        cursors = await ledger.lock(conn, ids, self._cursors)
        if len(cursors) != len(ids):
            self.forget()
            raise StaleError("ledger: a source is gone; was the database replaced?")
        for source_id, cursor in cursors.items():
            known = self._cursors.get(source_id)
            if known is None or known.version != cursor.version:
                self._numbers.pop(source_id, None)  # another worker was here meanwhile
        written = Written(
            cursors={key: cursors[source.source_id] for key, source in sources.items()},
            agent_ids={key[0]: source.agent_id for key, source in sources.items()},
        )
        return _Work(sources, cursors, {}, written)

    async def _take(self, conn: Connection, work: _Work, one: Checked) -> None:
        if one.header is None:
            work.written.unfit.append(_unfit(one))
            return
        source = work.sources[one.header.agent, one.header.epoch]
        if not work.cursors[source.source_id].take(one.header.seq):
            work.written.repeated += 1
        elif isinstance(one, Unfit):
            work.written.unfit.append(one)
        elif isinstance(one.content, Readings):
            await self._place(conn, work, source, one, one.content)
        else:
            await self._note(conn, work, source, one, one.content)

    async def _place(
        self, conn: Connection, work: _Work, source: Source, fit: Fit, content: Readings
    ) -> None:
        numbers = await self._numbers_of(conn, work, source.source_id)
        ids = numbers.ids(content.numbers)
        if ids is None:
            listed = ", ".join(map(str, numbers.unknown(content.numbers)[:5]))
            reason = f"device number {listed} unknown in epoch {fit.header.epoch}"
            work.written.unfit.append(Unfit(fit.incoming, fit.header.agent, fit.header, reason))
            return
        work.placed.append(group.Placed(fit, source, content, ids))
        work.written.taken.append(fit)

    async def _note(
        self,
        conn: Connection,
        work: _Work,
        source: Source,
        fit: Fit,
        listed: Sequence[records.Record],
    ) -> None:
        said = agents.Said(agent_id=source.agent_id, source_id=source.source_id, seq=fit.header.seq)
        cursors = {
            epoch: work.cursors[other.source_id]
            for (agent, epoch), other in work.sources.items()
            if agent == fit.header.agent
        }
        await facts.note(conn, said, fit.incoming.partition, listed, cursors)
        if fit.header.kind == records.Device.tag:
            work.numbers.pop(source.source_id, None)
            self._numbers.pop(source.source_id, None)
        work.written.taken.append(fit)

    async def _numbers_of(self, conn: Connection, work: _Work, source_id: int) -> group.Numbers:
        for memory in (work.numbers, self._numbers):
            if source_id in memory:
                return memory[source_id]
        found = await devices.numbers(conn, [source_id])
        work.numbers[source_id] = group.Numbers(found[source_id])
        return work.numbers[source_id]

    async def _write(self, conn: Connection, work: _Work) -> None:
        written = work.written
        rows = group.gather(work.placed, self._points)
        for one in rows:
            await readings.append(conn, one)
            await readings.keep_last(conn, one)
            if (used := quality.usable(one)) is not None:
                await rollups.add(conn, used)
        if written.unfit:
            await quarantined.add(conn, [_bad(one) for one in written.unfit])
        await ledger.save(conn, work.cursors.values())
        await self._tell(conn, work)
        written.committed = group.committed(rows, self._points)

    async def _tell(self, conn: Connection, work: _Work) -> None:
        changed = {fit.header.agent for fit in work.written.taken}
        changed |= {one.agent for one in work.written.unfit if one.header is not None and one.agent}
        ids = [work.written.agent_ids[agent] for agent in changed]
        if not ids:
            return
        await agents.committed(conn, ids)
        births = [fit for fit in work.written.taken if fit.header.kind in facts.CHANGING_DEVICES]
        if births:
            await devices.leave_out(conn, {work.written.agent_ids[f.header.agent] for f in births})
        sites = await agents.sites_of(conn, ids)
        await agents.notify(conn, ids, {site for site in sites.values() if site is not None})


def _in_order(one: Checked) -> tuple[str, str, int]:
    return (
        ("", "", 0) if one.header is None else (one.header.agent, one.header.epoch, one.header.seq)
    )


def _keys(one: Checked) -> Iterable[tuple[Key, int]]:
    if one.header is None:
        return
    yield (one.header.agent, one.header.epoch), one.incoming.partition
    if isinstance(one, Fit) and isinstance(one.content, list):
        for record in one.content:
            if isinstance(record, records.Gap):
                yield (one.header.agent, record.epoch), one.incoming.partition


def _unfit(one: Checked) -> Unfit:
    assert isinstance(one, Unfit)  # noqa: S101 -- only these have no header
    return one


def _bad(one: Unfit) -> quarantined.Bad:
    return quarantined.Bad(
        agent=one.agent,
        topic=one.incoming.topic,
        reason=one.reason,
        payload=one.incoming.payload,
    )
