"""Commands as people make them: whom they may be for, and the rows they become.

order ─► add (queued, or proposed) ─► approve ─► queued ─► store.commands_queue
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from psycopg.rows import class_row, scalar_row

from lode_hub.store.connection import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A device that may be asked something; `offers` None: its agent has not said."""

    device_id: int
    name: str
    driver: str
    mac: str
    serial: str
    model: str
    agent_id: int
    offers: list[str] | None
    presets: list[str] | None
    power_min_w: float | None
    power_max_w: float | None
    blocked: str | None
    is_in_maintenance: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An agent and its site."""

    agent_id: int
    agent: str
    site_id: int | None
    site: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A device of a command, the action asked of it, and what it is expected to save."""

    target: str
    wish: str
    expected_w: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class New:
    """A command to be made; `devices` are what it asks of which, as far as that is known."""

    id: str
    agent_id: int
    site_id: int
    device_id: int | None
    target: str
    actor: str
    action: str
    about: str
    asked: dict[str, Any]
    body: bytes
    stage: str
    valid_s: float
    devices: Sequence[Part] = ()
    curtailment_id: str | None = None
    lease: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A command as actions need it; it is locked."""

    id: str
    agent_id: int
    agent: str
    site: str
    actor: str
    action: str
    stage: str
    body: bytes | None
    valid_s: float
    is_over: bool  # its proposal has run out


async def place_of_agent(conn: Connection, agent: str) -> Place | None:
    """Find an agent by its name."""
    found = await _places(conn, "a.name = %s", agent)
    return found[0] if found else None


async def places_of_site(conn: Connection, site: str) -> list[Place]:
    """List the agents of a site."""
    return await _places(conn, "s.name = %s", site)


async def place_of_device(conn: Connection, device_id: int) -> Place | None:
    """Find the agent of a device that is configured."""
    condition = "a.id = (select agent_id from device where id = %s and is_configured)"
    found = await _places(conn, condition, device_id)
    return found[0] if found else None


async def _places(conn: Connection, condition: str, value: object) -> list[Place]:
    async with conn.cursor(row_factory=class_row(Place)) as cursor:
        statement = (
            "select a.id as agent_id, a.name as agent, s.id as site_id, s.name as site "  # noqa: S608 -- conditions are the constants above
            f"from agent a left join site s on s.id = a.site_id where {condition} order by a.id"
        )
        await cursor.execute(statement.encode(), (value,))
        return await cursor.fetchall()


_TARGET = """
    select d.id as device_id, d.name, d.driver, d.mac, d.serial, d.model, d.agent_id,
        c.offers, c.presets, c.power_min_w, c.power_max_w, c.blocked,
        m.device_id is not null as is_in_maintenance
    from device d
        left join device_controls c on c.device_id = d.id
        left join device_maintenance m on m.device_id = d.id
    where d.is_configured and
"""


async def target(conn: Connection, device_id: int) -> Target | None:
    """Find a configured device, with what can be asked of it."""
    async with conn.cursor(row_factory=class_row(Target)) as cursor:
        await cursor.execute((_TARGET + "d.id = %s").encode(), (device_id,))
        return await cursor.fetchone()


async def targets(conn: Connection, agent_id: int, names: Sequence[str]) -> dict[str, Target]:
    """Find the configured devices of an agent that have these names."""
    async with conn.cursor(row_factory=class_row(Target)) as cursor:
        statement = _TARGET + "d.agent_id = %s and d.name = any(%s)"
        await cursor.execute(statement.encode(), (agent_id, list(names)))
        return {found.name: found async for found in cursor}


async def device_ids(conn: Connection, agent_id: int, names: Sequence[str]) -> dict[str, int]:
    """Give the ids of the agent's devices that have these names."""
    found = await conn.execute(
        "select name, id from device where agent_id = %s and name = any(%s)",
        (agent_id, sorted(set(names))),
    )
    return dict(await found.fetchall())


async def recent(conn: Connection, actor: str, within_s: float) -> int:
    """Count the commands a person made of late."""
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(
            "select count(*) from command where actor = %s "
            "and created_at > now() - make_interval(secs => %s)",
            (actor, within_s),
        )
        return int(await cursor.fetchone() or 0)


async def serialise(conn: Connection, person: str) -> None:
    """Let a person's requests be done one after the other, in all hubs."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('lode_order:' || %s))", (person,))


async def requested(conn: Connection, person: str, key: str) -> tuple[bytes, list[str]] | None:
    """Give digest and commands of a request that was done already."""
    found = await conn.execute(
        "select digest, commands from command_request where person = %s and key = %s",
        (person, key),
    )
    row = await found.fetchone()
    return (bytes(row[0]), row[1]) if row else None


async def note_request(
    conn: Connection, person: str, key: str, digest: bytes, commands: Sequence[str]
) -> None:
    """Remember a request, in the transaction that does it."""
    await conn.execute(
        "insert into command_request (person, key, digest, commands) values (%s, %s, %s, %s)",
        (person, key, digest, list(commands)),
    )


async def add(conn: Connection, new: New, *, proposal_s: float) -> str:
    """Make a command, and give its id; a proposal runs out after `proposal_s`."""
    is_proposal = new.stage == "proposed"
    await conn.execute(
        """
        insert into command (id, agent_id, site_id, device_id, target, curtailment_id, lease,
            actor, action, about, asked, body, stage, valid_s, counts, expires_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s::jsonb,
            clock_timestamp() + make_interval(secs => %s))
        """,
        (new.id, new.agent_id, new.site_id, new.device_id, new.target, new.curtailment_id,
         new.lease, new.actor, new.action, new.about, _json(new.asked), new.body, new.stage,
         new.valid_s, _json({"waiting": len(new.devices)} if new.devices else {}),
         proposal_s if is_proposal else new.valid_s),
    )  # fmt: skip
    if new.devices:
        await conn.execute(
            "insert into command_device (command_id, target, place, device_id, wish, expected_w) "
            "select %s, v.name, v.place, d.id, v.wish, v.expected_w "
            "from unnest(%s::text[], %s::text[], %s::real[]) "
            "with ordinality as v (name, wish, expected_w, place) "
            "left join device d on d.agent_id = %s and d.name = v.name",
            (
                new.id,
                [part.target for part in new.devices],
                [part.wish for part in new.devices],
                [part.expected_w for part in new.devices],
                new.agent_id,
            ),
        )
    if is_proposal:
        await decide(conn, new.id, new.actor, "proposed")
    return new.id


async def decide(conn: Connection, command_id: str, person: str, decision: str) -> bool:
    """Write down what a person says to a proposal; False when they have said something before."""
    done = await conn.execute(
        "insert into command_approval (command_id, person, decision) values (%s, %s, %s) "
        "on conflict do nothing",
        (command_id, person, decision),
    )
    return done.rowcount == 1


async def known(conn: Connection, command_id: str) -> Known | None:
    """Find a command, and lock it for this transaction."""
    async with conn.cursor(row_factory=class_row(Known)) as cursor:
        await cursor.execute(
            "select c.id, c.agent_id, a.name as agent, s.name as site, c.actor, c.action, c.stage, "
            "c.body, c.valid_s, c.expires_at < clock_timestamp() as is_over from command c "
            "join agent a on a.id = c.agent_id join site s on s.id = c.site_id "
            "where c.id = %s for update of c",
            (command_id,),
        )
        return await cursor.fetchone()


async def approve(conn: Connection, command_id: str, body: bytes, asked: dict[str, Any]) -> None:
    """Let a proposal be sent: its time begins now, and what was ordered before is before it."""
    await conn.execute(
        "update command set number = default, stage = 'queued', body = %s, asked = %s::jsonb, "
        "expires_at = clock_timestamp() + make_interval(secs => valid_s) "
        "where id = %s and stage = 'proposed'",
        (body, _json(asked), command_id),
    )


async def decline(conn: Connection, command_id: str, reason: str) -> None:
    """End a proposal."""
    await conn.execute(
        "update command set stage = 'declined', reason = %s, body = null, ended_at = now() "
        "where id = %s and stage = 'proposed'",
        (reason, command_id),
    )


async def maintain(conn: Connection, device_id: int, person: str, note: str) -> bool:
    """Put a device in maintenance; False when there is no such device."""
    done = await conn.execute(
        "insert into device_maintenance as old (device_id, person, note) "
        "select id, %s, %s from device where id = %s "
        "on conflict (device_id) do update set person = excluded.person, note = excluded.note, "
        "at = now()",
        (person, note, device_id),
    )
    return done.rowcount == 1


async def end_maintenance(conn: Connection, device_id: int) -> None:
    """Take a device out of maintenance."""
    await conn.execute("delete from device_maintenance where device_id = %s", (device_id,))


async def announce(conn: Connection, ids: Sequence[str]) -> None:
    """Tell all who listen on `lode_command`, after the commit, which commands changed."""
    few = sorted(set(ids))
    # A payload ends at 8,000 bytes; no ids: more changed than fit.
    payload = _json({"commands": few if len(few) <= _MAX_ANNOUNCED else []})
    await conn.execute("select pg_notify('lode_command', %s)", (payload,))


_MAX_ANNOUNCED = 50  # ids of up to 128 characters


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
