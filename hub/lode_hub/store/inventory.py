"""What the detectors read of the database: rigs with their facts and last readings, and agents."""

from dataclasses import dataclass

from psycopg.rows import class_row

from lode_hub.store.connection import Connection
from lode_wire.records import DeviceKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Rig:
    """A rig's facts; None where the agent gave none."""

    device_id: int
    agent_id: int
    name: str
    rack: str
    is_configured: bool
    interval_s: float | None
    rated_hashrate_ths: float | None
    rated_boards: int | None
    rated_fans: int | None
    chip_temp_max_c: float | None
    board_temp_max_c: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LastReading:
    """A rig's newest reading, as far as detectors go on from it after a restart."""

    device_id: int
    at_ms: int
    received_ms: int
    state: int
    quality: int
    hashrate_ths: float | None
    board_temp_c: float | None
    chip_temp_c: float | None
    inlet_temp_c: float | None
    fan_rpm: float | None
    fans_alive: int | None
    boards_alive: int | None
    chips_alive: int | None
    uptime_s: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """An agent as the detectors see it; `committed_ms` is the hub's time of its last batch."""

    agent_id: int
    name: str
    site: str | None
    partition: int
    committed_ms: int | None
    is_stopped: bool  # in good order, and not started since
    is_revoked: bool  # thrown out: nothing is taken of it


async def rigs(conn: Connection) -> list[Rig]:
    """List every rig there ever was."""
    cursor = conn.cursor(row_factory=class_row(Rig))
    await cursor.execute(
        """
        select id as device_id, agent_id, name, rack, is_configured, interval_s,
            rated_hashrate_ths, rated_boards, rated_fans, chip_temp_max_c, board_temp_max_c
        from device where kind = %s order by id
        """,
        (int(DeviceKind.RIG),),
    )
    return await cursor.fetchall()


async def last_readings(conn: Connection) -> list[LastReading]:
    """List the newest reading of every rig that has one."""
    cursor = conn.cursor(row_factory=class_row(LastReading))
    await cursor.execute(
        """
        select device_id, (extract(epoch from at) * 1000)::bigint as at_ms,
            (extract(epoch from received_at) * 1000)::bigint as received_ms, state, quality,
            hashrate_ths, board_temp_c, chip_temp_c, inlet_temp_c, fan_rpm, fans_alive,
            boards_alive, chips_alive, uptime_s
        from rig_last
        """
    )
    return await cursor.fetchall()


async def agents(conn: Connection) -> list[Agent]:
    """List every agent."""
    cursor = conn.cursor(row_factory=class_row(Agent))
    await cursor.execute(
        """
        select a.id as agent_id, a.name, s.name as site, a.partition,
            (extract(epoch from a.committed_at) * 1000)::bigint as committed_ms,
            a.stopped_at is not null as is_stopped, e.revoked_at is not null as is_revoked
        from agent a left join site s on s.id = a.site_id left join enrolment e on e.agent = a.name
        order by a.id
        """
    )
    return await cursor.fetchall()


async def facts_version(conn: Connection) -> tuple[int, int]:
    """Give a number pair that changes whenever a device is added or its facts are written.

    A row's xmin is the transaction that wrote it, so nothing else has to be kept for this.
    """
    cursor = await conn.execute(
        "select count(*), coalesce(sum(xmin::text::bigint), 0)::bigint from device"
    )
    ((count, version),) = await cursor.fetchall()
    return int(count), int(version)
