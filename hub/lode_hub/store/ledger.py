"""The ledger: which batches are committed, in the transaction of their data.

lock(sources, in id order) ─► cursor.take(seq) ... ─► the data ─► save ─► commit

A cached cursor is good as long as its version is the row's: another worker's commit raises it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lode_hub.store.connection import Connection
from lode_hub.store.cursor import Cursor, Hole, Settled

MISSING = "missing"
"""The reason of a gap that the hub still asks for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownGap:
    """A gap that an agent reported: records that will never come."""

    source_id: int
    reason: str
    from_seq: int | None
    to_seq: int | None
    from_ms: int | None
    to_ms: int | None
    records: int | None
    detail: str


async def lock(
    conn: Connection, source_ids: Iterable[int], cached: Mapping[int, Cursor]
) -> dict[int, Cursor]:
    """Lock sources until the transaction ends; give copies of their cursors to change.

    A source that is not there is left out.
    """
    # In the order of their ids, so that two workers never wait for each other in a circle.
    found = await conn.execute(
        "select id, mark, version from source where id = any(%s) order by id for update",
        (sorted(source_ids),),
        prepare=True,
    )
    rows = await found.fetchall()
    fresh = {row[0]: cached[row[0]].copy() for row in rows if _is_good(cached, row[0], row[2])}
    stale = {row[0]: (row[1], row[2]) for row in rows if row[0] not in fresh}
    return {**fresh, **(await _load(conn, stale) if stale else {})}


async def look(conn: Connection, agent: str, epoch: str) -> Cursor | None:
    """Read the cursor of an agent's epoch without locking it; None when there is none."""
    found = await conn.execute(
        "select s.id, s.mark, s.version from source s join agent a on a.id = s.agent_id "
        "where a.name = %s and s.epoch = %s",
        (agent, epoch),
    )
    row = await found.fetchone()
    return None if row is None else (await _load(conn, {row[0]: (row[1], row[2])}))[row[0]]


async def save(conn: Connection, cursors: Iterable[Cursor]) -> None:
    """Write changed cursors, their ranges ahead and their gap rows."""
    every = [(cursor, cursor.settle()) for cursor in cursors]
    settled = [(cursor, changes) for cursor, changes in every if changes.is_changed]
    if not settled:
        return  # nothing but repetitions
    ids = [cursor.source_id for cursor, _ in settled]
    marks = [cursor.mark for cursor, _ in settled]
    await conn.execute(
        "update source s set mark = v.mark, version = s.version + 1 "
        "from unnest(%s::int[], %s::bigint[]) as v (id, mark) where s.id = v.id",
        (ids, marks),
        prepare=True,
    )
    await _save_ahead(conn, settled)
    await _save_holes(conn, settled)
    for cursor, _ in settled:
        cursor.version += 1


async def add_gaps(conn: Connection, gaps: Sequence[KnownGap]) -> None:
    """Write down gaps that agents reported."""
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "insert into gap (source_id, reason, from_seq, to_seq, from_at, to_at, records, detail)"
            " values (%s, %s, %s, %s, to_timestamp(%s / 1e3), to_timestamp(%s / 1e3), %s, %s)",
            [
                (g.source_id, g.reason, g.from_seq, g.to_seq, g.from_ms, g.to_ms, g.records,
                 g.detail)
                for g in gaps
            ],
        )  # fmt: skip


def _is_good(cached: Mapping[int, Cursor], source_id: int, version: int) -> bool:
    return source_id in cached and cached[source_id].version == version


async def _load(conn: Connection, heads: Mapping[int, tuple[int, int]]) -> dict[int, Cursor]:
    ids = list(heads)
    ahead: dict[int, list[tuple[int, int]]] = {source_id: [] for source_id in ids}
    found = await conn.execute(
        "select source_id, seq, to_seq from ahead where source_id = any(%s)", (ids,)
    )
    for source_id, low, high in await found.fetchall():
        ahead[source_id].append((low, high))
    holes: dict[int, list[Hole]] = {source_id: [] for source_id in ids}
    found = await conn.execute(
        "select source_id, id, from_seq, to_seq from gap "
        "where source_id = any(%s) and reason = 'missing' and filled_at is null",
        (ids,),
    )
    for source_id, gap_id, low, high in await found.fetchall():
        holes[source_id].append(Hole(low, high, gap_id))
    return {
        source_id: Cursor(
            source_id, version=version, mark=mark, ahead=ahead[source_id], holes=holes[source_id]
        )
        for source_id, (mark, version) in heads.items()
    }


async def _save_ahead(conn: Connection, settled: Sequence[tuple[Cursor, Settled]]) -> None:
    gone = [(c.source_id, low) for c, s in settled for low in s.ahead_gone]
    if gone:
        await conn.execute(
            "delete from ahead a using unnest(%s::int[], %s::bigint[]) as v (id, seq) "
            "where a.source_id = v.id and a.seq = v.seq",
            tuple(map(list, zip(*gone, strict=True))),
        )
    changed = [(c.source_id, low, high) for c, s in settled for low, high in s.ahead]
    if changed:
        await conn.execute(
            "insert into ahead (source_id, seq, to_seq) "
            "select * from unnest(%s::int[], %s::bigint[], %s::bigint[]) "
            "on conflict (source_id, seq) do update set to_seq = excluded.to_seq",
            tuple(map(list, zip(*changed, strict=True))),
        )


async def _save_holes(conn: Connection, settled: Sequence[tuple[Cursor, Settled]]) -> None:
    dropped = [gap_id for _, s in settled for gap_id in s.dropped]
    if dropped:
        await conn.execute("delete from gap where id = any(%s)", (dropped,))
    changed = [
        (hole.gap_id, hole.low, hole.high, hole.gap_id in s.filled)
        for _, s in settled
        for hole in s.changed
    ]
    if changed:
        await conn.execute(
            "update gap g set from_seq = v.low, to_seq = v.high, "
            "filled_at = case when v.is_full then now() end "
            "from unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bool[]) "
            "as v (id, low, high, is_full) where g.id = v.id",
            tuple(map(list, zip(*changed, strict=True))),
        )
    opened = {(c.source_id, hole.low): hole for c, s in settled for hole in s.opened}
    if opened:
        found = await conn.execute(
            "insert into gap (source_id, reason, from_seq, to_seq) "
            "select id, %s, low, high from unnest(%s::int[], %s::bigint[], %s::bigint[]) "
            "as v (id, low, high) returning source_id, from_seq, id",
            (
                MISSING,
                [source_id for source_id, _ in opened],
                [low for _, low in opened],
                [hole.high for hole in opened.values()],
            ),
        )
        for source_id, low, gap_id in await found.fetchall():
            opened[source_id, low].gap_id = gap_id
