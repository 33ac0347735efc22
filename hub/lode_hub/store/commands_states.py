"""What agents say became of commands, kept as it came, and applied to commands and devices.

Every state is a step, appended once. The latest by (source, seq, place) says how far the command
and each of its devices is, because batches may come in any order and clocks may be set back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from psycopg.rows import class_row

from lode_hub.store.agents import Said
from lode_hub.store.connection import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """One state as told; `place` is where in its batch it stood."""

    place: int
    command_id: str
    at_ms: int
    sequence: int
    stage: str
    reason: str
    target: str  # as the evidence names it; empty: the whole
    entry: int
    expected_w: float | None
    power_before_w: float | None
    power_after_w: float | None
    power_source: str
    read_back: str
    changes: str  # JSON
    said: str
    answer: str | None  # JSON
    evidence: str  # all of it, JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A command that states are about; it is locked."""

    id: str
    action: str
    target: str
    stage: str
    sequence: int | None
    reseals: int
    said_stage: str | None
    answered_s: float | None  # since its agent's first word
    is_late: bool  # past its expiry
    is_listed: bool  # every device it is for is known
    is_idle: bool  # it releases a lease that never was held, or is over


async def keep(conn: Connection, said: Said, states: Sequence[State]) -> list[State]:
    """Append steps; give those that are new."""
    found = await conn.execute(
        f"""
        insert into command_step (command_id, agent_id, source_id, seq, place, at, sequence, entry,
            stage, reason, target, is_ours, evidence)
        select v.command_id, %(agent_id)s, %(source_id)s, %(seq)s, v.place,
            to_timestamp(v.at_ms / 1e3), v.sequence, v.entry, v.stage, v.reason, v.target,
            exists (select 1 from command c
                where c.id = v.command_id and c.agent_id = %(agent_id)s),
            v.evidence
        from {_STATES} order by v.place
        on conflict do nothing returning place
        """.encode(),  # noqa: S608 -- of constants
        {"agent_id": said.agent_id, "source_id": said.source_id, "seq": said.seq, **_of(states)},
    )
    new = {row[0] for row in await found.fetchall()}
    return [state for state in states if state.place in new]


async def held(conn: Connection, agent_id: int, ids: Sequence[str]) -> dict[str, Held]:
    """Find the agent's commands of these ids, and lock them for this transaction."""
    async with conn.cursor(row_factory=class_row(Held)) as cursor:
        await cursor.execute(
            "select id, action, target, stage, sequence, reseals, said_stage, "
            "extract(epoch from now() - answered_at)::float8 as answered_s, "
            "expires_at < now() as is_late, target <> '' or action = 'curtail' as is_listed, "
            "exists (select 1 from command m where m.id = c.lease "
            "and (m.answered_at is null or m.ended_at is not null)) as is_idle "
            "from command c where agent_id = %s and id = any(%s) order by id for update",
            (agent_id, sorted(set(ids))),
        )
        return {row.id: row async for row in cursor}


async def apply_to_devices(conn: Connection, said: Said, states: Sequence[State]) -> None:
    """Let states say how far devices are; of each command and target one state only.

    A state without proof of its own leaves the proof that there was.
    """
    await conn.execute(
        f"""
        insert into command_device as old (command_id, target, place, device_id, stage, reason,
            expected_w, power_before_w, power_after_w, power_source, read_back, changes, said,
            answer, entry, at, source_id, seq, said_place)
        select v.command_id, v.target, 2147483647, d.id, v.stage, v.reason, v.expected_w,
            v.power_before_w, v.power_after_w, v.power_source, v.read_back, v.changes, v.said,
            v.answer, v.entry, to_timestamp(v.at_ms / 1e3), %(source_id)s, %(seq)s, v.place
        from {_STATES}
            left join device d on d.agent_id = %(agent_id)s and d.name = v.target
        on conflict (command_id, target) do update set
            stage = excluded.stage, reason = excluded.reason, entry = excluded.entry,
            at = excluded.at, source_id = excluded.source_id, seq = excluded.seq,
            said_place = excluded.said_place,
            expected_w = coalesce(excluded.expected_w, old.expected_w),
            power_before_w = coalesce(excluded.power_before_w, old.power_before_w),
            power_after_w = coalesce(excluded.power_after_w, old.power_after_w),
            power_source = coalesce(nullif(excluded.power_source, ''), old.power_source),
            read_back = coalesce(nullif(excluded.read_back, ''), old.read_back),
            changes = case when excluded.changes = '[]' then old.changes else excluded.changes end,
            said = coalesce(nullif(excluded.said, ''), old.said),
            answer = coalesce(excluded.answer, old.answer)
        where old.source_id is null or (old.source_id, old.seq, old.said_place)
            < (excluded.source_id, excluded.seq, excluded.said_place)
        """.encode(),  # noqa: S608 -- of constants
        {"agent_id": said.agent_id, "source_id": said.source_id, "seq": said.seq, **_of(states)},
    )


async def apply_to_wholes(conn: Connection, said: Said, states: Sequence[State]) -> None:
    """Let states say how far whole commands are; of each command one state only."""
    await conn.execute(
        "update command c set said_stage = v.stage, said_reason = v.reason, "
        "said_source_id = %(source_id)s, said_seq = %(seq)s, said_place = v.place "
        "from unnest(%(id)s::text[], %(stage)s::text[], %(reason)s::text[], %(place)s::int[]) "
        "as v (id, stage, reason, place) "
        "where c.id = v.id and (c.said_source_id is null or "
        "(c.said_source_id, c.said_seq, c.said_place) < (%(source_id)s, %(seq)s, v.place))",
        {
            "source_id": said.source_id,
            "seq": said.seq,
            "id": [state.command_id for state in states],
            "stage": [state.stage for state in states],
            "reason": [state.reason for state in states],
            "place": [state.place for state in states],
        },
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What was last said of a whole command, and how many of its devices are in which stage."""

    id: str
    said: str  # empty: nothing of the whole
    reason: str
    counts: dict[str, int]


async def told(conn: Connection, ids: Sequence[str]) -> list[Told]:
    """Say what is told of commands."""
    async with conn.cursor(row_factory=class_row(Told)) as cursor:
        await cursor.execute(
            "select c.id, coalesce(c.said_stage, '') as said, c.said_reason as reason, "
            "coalesce(n.counts, '{}') as counts "
            "from command c left join (select command_id, jsonb_object_agg(stage, n) as counts "
            "from (select command_id, coalesce(stage, 'waiting') as stage, count(*) as n "
            "from command_device where command_id = any(%(ids)s) group by 1, 2) by_stage "
            "group by 1) n on n.command_id = c.id where c.id = any(%(ids)s) order by c.id",
            {"ids": list(ids)},
        )
        return await cursor.fetchall()


async def move(conn: Connection, whole: Told, stage: str, *, is_over: bool) -> None:
    """Say how far a command is that its agent has answered; what was sent is needed no more."""
    await conn.execute(
        "update command set stage = %s, reason = %s, counts = %s::jsonb, body = null, "
        "sealed = null, answered_at = coalesce(answered_at, now()), "
        "ended_at = case when %s then coalesce(ended_at, now()) end where id = %s",
        (stage, whole.reason, _json(whole.counts), is_over, whole.id),
    )


async def requeue(conn: Connection, command_id: str) -> None:
    """Let a command be sealed again, with a higher sequence, if nothing later takes its place."""
    await conn.execute(
        "update command set stage = 'queued', sealed = null, reseals = reseals + 1 "
        "where id = %s and stage = 'dispatched'",
        (command_id,),
    )


_COLUMNS = {
    "place": "int",
    "command_id": "text",
    "at_ms": "bigint",
    "sequence": "bigint",
    "stage": "text",
    "reason": "text",
    "target": "text",
    "entry": "bigint",
    "expected_w": "real",
    "power_before_w": "real",
    "power_after_w": "real",
    "power_source": "text",
    "read_back": "text",
    "changes": "jsonb",
    "said": "text",
    "answer": "jsonb",
    "evidence": "jsonb",
}
_STATES = (
    f"unnest({', '.join(f'%({name})s::{of}[]' for name, of in _COLUMNS.items())}) "
    f"as v ({', '.join(_COLUMNS)})"
)


def _of(states: Sequence[State]) -> dict[str, list[Any]]:
    return {name: [getattr(state, name) for state in states] for name in _COLUMNS}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
