"""What agents say of themselves, their devices and commands, written into the tables for it."""

from collections.abc import Mapping, Sequence

import msgspec

from lode_hub.ingest import conduct
from lode_hub.store import Connection, agents, devices, ledger
from lode_hub.store.agents import Said
from lode_hub.store.cursor import Cursor
from lode_wire import records

CHANGING_DEVICES = {records.Birth.tag, records.Device.tag}
"""Kinds after which devices may turn out to be left out of the configuration."""


async def note(
    conn: Connection,
    said: Said,
    partition: int,
    listed: Sequence[records.Record],
    cursors: Mapping[str, Cursor],
) -> None:
    """Write one batch of facts; `cursors` are the agent's locked ones, by epoch."""
    found = [record for record in listed if isinstance(record, records.Device)]
    if found:
        await devices.add(conn, said, found)
    gaps = [record for record in listed if isinstance(record, records.Gap)]
    if gaps:
        await ledger.add_gaps(conn, [_known(gap, cursors[gap.epoch]) for gap in gaps])
    for record in listed:
        if isinstance(record, records.Birth):
            await _born(conn, said, partition, record)
        elif isinstance(record, records.Death):
            await agents.died(conn, said, at_ms=record.at_ms, boot=record.boot)
    await conduct.note(conn, said, listed)
    healths = [record for record in listed if isinstance(record, records.Health)]
    if healths:
        newest = healths[-1]
        health = msgspec.to_builtins(newest)
        await agents.healthy(conn, said, at_ms=newest.at_ms, health=health)


async def _born(conn: Connection, said: Said, partition: int, birth: records.Birth) -> None:
    await agents.born(
        conn,
        said,
        partition=partition,
        at_ms=birth.at_ms,
        boot=birth.boot,
        site=birth.site,
        version=birth.version,
        config_hash=birth.config_hash,
        hostname=birth.hostname,
        devices=birth.devices,
    )


def _known(gap: records.Gap, cursor: Cursor) -> ledger.KnownGap:
    detail = gap.detail
    if gap.from_seq is not None and gap.to_seq is not None:
        come = cursor.void(gap.from_seq, gap.to_seq)
        if come:
            detail = f"{detail}; {come} of these batches had come before".removeprefix("; ")
    return ledger.KnownGap(
        source_id=cursor.source_id,
        reason=gap.reason.name.lower(),
        from_seq=gap.from_seq,
        to_seq=gap.to_seq,
        from_ms=gap.from_ms,
        to_ms=gap.to_ms,
        records=gap.records,
        detail=detail,
    )
