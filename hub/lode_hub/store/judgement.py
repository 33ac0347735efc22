"""What the detectors read of the database beside readings, and what they remember in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from lode_hub.store.connection import Connection
from lode_hub.store.ordered import ORDERED


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A device as it is compared with others; None where nobody said."""

    device_id: int
    agent_id: int
    site_id: int | None
    site: str
    name: str
    kind: int
    model: str
    rack: str
    is_configured: bool
    interval_s: float | None
    rated_hashrate_ths: float | None
    rated_power_w: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordered:
    """A device that is under an order; equal orders have equal modes, from 1 to 32,767."""

    device_id: int
    mode: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """How far an agent's clock is ahead of the hub's."""

    agent_id: int
    offset_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """What one detector remembers of one site."""

    site_id: int
    detector: str
    version: int
    at_ms: int
    state: bytes


async def devices(conn: Connection) -> list[Device]:
    """List every device there ever was."""
    cursor = conn.cursor(row_factory=class_row(Device))
    await cursor.execute(
        """
        select d.id as device_id, d.agent_id, a.site_id, coalesce(s.name, '') as site, d.name,
            d.kind, d.model, d.rack, d.is_configured, d.interval_s, d.rated_hashrate_ths,
            d.rated_power_w
        from device d join agent a on a.id = d.agent_id left join site s on s.id = a.site_id
        order by d.id
        """
    )
    return await cursor.fetchall()


async def ordered(conn: Connection, now_ms: int) -> list[Ordered]:
    """List the devices that an order holds now, each by its latest.

    A plan is another order for a device with each of its steps.
    """
    cursor = conn.cursor(row_factory=class_row(Ordered))
    await cursor.execute(
        f"""
        with {ORDERED}
        select distinct on (device_id) device_id,
            1 + (coalesce(case action when 'plan' then hashtext(action || read_back)
                else hashtext(action || intent_hash) end, 0)::bigint + 2147483648) %% 32767 as mode
        from ordered order by device_id, number desc
        """.encode(),  # noqa: S608 -- of constants
        {"now_ms": now_ms},
    )
    return await cursor.fetchall()


async def restarted(conn: Connection) -> list[int]:
    """List the devices that are told, or were told in the last minute, what restarts a rig."""
    cursor = await conn.execute(
        """
        select distinct cd.device_id
        from command c join command_device cd on cd.command_id = c.id
        where cd.device_id is not null and c.stage not in ('proposed', 'queued')
            and c.action in ('restart_mining', 'reboot', 'firmware', 'pools')
            and (c.ended_at is null or (c.ended_at > now() - interval '1 minute'
                and c.number > (select max(number) - 1000 from command)))
        """
    )
    return [device_id for (device_id,) in await cursor.fetchall()]


async def clocks(conn: Connection) -> list[Clock]:
    """List the agents whose clock is known to be more than 2 s off."""
    cursor = conn.cursor(row_factory=class_row(Clock))
    await cursor.execute(
        "select id as agent_id, clock_offset_ms::float8 as offset_ms from agent "
        "where abs(clock_offset_ms) > 2000"
    )
    return await cursor.fetchall()


async def save(conn: Connection, snapshots: Sequence[Snapshot]) -> None:
    """Write snapshots over older ones."""
    for one in snapshots:
        await conn.execute(
            """
            insert into judgement_state as old (site_id, detector, version, at, state)
            values (%s, %s, %s, to_timestamp(%s / 1e3), %s)
            on conflict (site_id, detector) do update set version = excluded.version,
                at = excluded.at, state = excluded.state
            where old.at <= excluded.at or old.version <> excluded.version
            """,
            (one.site_id, one.detector, one.version, one.at_ms, one.state),
        )


async def saved(conn: Connection, site_ids: Sequence[int]) -> list[Snapshot]:
    """List the snapshots of sites."""
    cursor = conn.cursor(row_factory=class_row(Snapshot))
    await cursor.execute(
        """
        select site_id, detector, version, (extract(epoch from at) * 1000)::bigint as at_ms, state
        from judgement_state where site_id = any(%s) order by site_id, detector
        """,
        (list(site_ids),),
    )
    return await cursor.fetchall()
