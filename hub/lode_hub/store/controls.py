"""What can be asked of devices, as their agents said last."""

from collections.abc import Sequence

from lode_hub.store.agents import Said
from lode_hub.store.connection import Connection
from lode_wire.records import Controls

ENVELOPE = (
    "site_limit_kw", "site_ramp_up_kw_per_min", "site_ramp_down_kw_per_min",
    "feeder_limit_kw", "feeder_ramp_up_kw_per_min", "feeder_ramp_down_kw_per_min",
    "starts_per_day", "min_up_s", "min_down_s",
)  # fmt: skip
"""What the site's owner has set for a rig, by column and by field."""

_KEPT = (
    "offers", "presets", "power_min_w", "power_max_w", "starts_left", "feeder", "outlet", "blocked",
    *ENVELOPE,
)  # fmt: skip


async def keep(conn: Connection, said: Said, listed: Sequence[Controls]) -> None:
    """Keep the newest of each device; one whose number is not known is left out."""
    latest = {controls.device: controls for controls in listed}
    async with conn.cursor() as cursor:
        await cursor.executemany(
            _KEEP,
            [
                {
                    **{name: getattr(controls, name) for name in _KEPT},
                    "offers": list(controls.offers),
                    "presets": list(controls.presets),
                    "at_ms": controls.at_ms,
                    "source_id": said.source_id,
                    "seq": said.seq,
                    "number": controls.device,
                }
                for controls in latest.values()
            ],
        )


_KEEP = f"""
    insert into device_controls as old (device_id, at, source_id, seq, {", ".join(_KEPT)})
    select device_id, to_timestamp(%(at_ms)s / 1e3), %(source_id)s, %(seq)s,
        {", ".join(f"%({name})s" for name in _KEPT)}
    from device_number where source_id = %(source_id)s and number = %(number)s
    on conflict (device_id) do update set at = excluded.at, source_id = excluded.source_id,
        seq = excluded.seq, {", ".join(f"{name} = excluded.{name}" for name in _KEPT)}
    where (old.source_id, old.seq) <= (excluded.source_id, excluded.seq)
""".encode()  # noqa: S608 -- of constants
