"""What can be asked of devices, as their agents said last."""

from collections.abc import Sequence

from lode_hub.store.agents import Said
from lode_hub.store.connection import Connection
from lode_wire.records import Controls


async def keep(conn: Connection, said: Said, listed: Sequence[Controls]) -> None:
    """Keep the newest of each device; one whose number is not known is left out."""
    latest = {controls.device: controls for controls in listed}
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            insert into device_controls as old (device_id, offers, presets, power_min_w,
                power_max_w, starts_left, feeder, outlet, blocked, at, source_id, seq)
            select device_id, %s, %s, %s, %s, %s, %s, %s, %s, to_timestamp(%s / 1e3), %s, %s
            from device_number where source_id = %s and number = %s
            on conflict (device_id) do update set offers = excluded.offers,
                presets = excluded.presets, power_min_w = excluded.power_min_w,
                power_max_w = excluded.power_max_w, starts_left = excluded.starts_left,
                feeder = excluded.feeder, outlet = excluded.outlet, blocked = excluded.blocked,
                at = excluded.at, source_id = excluded.source_id, seq = excluded.seq
            where (old.source_id, old.seq) <= (excluded.source_id, excluded.seq)
            """,
            [
                (list(c.offers), list(c.presets), c.power_min_w, c.power_max_w, c.starts_left,
                 c.feeder, c.outlet, c.blocked, c.at_ms, said.source_id, said.seq,
                 said.source_id, c.device)
                for c in latest.values()
            ],
        )  # fmt: skip
