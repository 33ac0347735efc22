"""What a site draws for each watt of its rigs: by its meters, else by the outside temperature.

counters of a day ─► energy of all / energy of the rigs ─┐
forecast, measured point, assumption ─► °C ─► table ─────┴─► PUE by period, and on what it rests
"""

import numpy as np

from lode_hub.energy.account.make import Told, counted
from lode_hub.energy.account.metered import Metered
from lode_hub.energy.prices import Figures, Times, over
from lode_hub.energy.tariff import Rates
from lode_hub.energy.units import unit
from lode_hub.store import energy_measured, energy_meters
from lode_hub.store.connection import Connection

HOURS = 24
LEAST_HOURS = 12
"""Of them so many have to be metered."""

PUE_LEAST, PUE_MOST = 1.0, 2.0
STALE_MS = 6 * 3_600_000
"""A forecast of the outside temperature that ended so long ago is none."""

_HOUR_MS = 3_600_000


async def cooling(
    conn: Connection, told: Told, known: Rates, span: tuple[Times, Times], now_ms: int
) -> tuple[Figures, tuple[str, ...]]:
    """Give the PUE of each period, and say what about it is not measured."""
    notes: list[str] = []
    if told.economics.pue_by == "meters":
        found, why = await _by_meters(conn, told, now_ms)
        if found is not None:
            return np.full(len(span[0]), found), (why,) if why else ()
        notes.append(f"PUE by the table: {why}")
    outside, why = await _outside_c(conn, told, known, span, now_ms)
    if why and len(told.economics.pue) > 1:
        notes.append(why)
    return told.economics.pue_at(outside), tuple(notes)


def ratio(whole: Metered, rigs: Metered) -> tuple[float | None, str]:
    """Give the PUE by the hours in which both are metered; None, and why, when those are few."""
    both = ~np.isnan(whole.energy_kwh) & ~np.isnan(rigs.energy_kwh)
    drawn = float(rigs.energy_kwh[both].sum())
    if both.sum() < LEAST_HOURS or drawn <= 0:
        return None, f"{rigs.meter} and {whole.meter} give {int(both.sum())} of {len(both)} h"
    found = float(whole.energy_kwh[both].sum()) / drawn
    held = min(PUE_MOST, max(PUE_LEAST, found))
    why = f"PUE {found:.2f} by {whole.meter} and {rigs.meter}, {held:g} is taken; check the meters"
    return held, why if held != found else ""


async def _by_meters(conn: Connection, told: Told, now_ms: int) -> tuple[float | None, str]:
    end_ms = now_ms - now_ms % _HOUR_MS
    found = []
    for names in (told.economics.meters, told.economics.it_meters):
        listed = await energy_meters.meters(conn, told.site, names)
        missing = set(names) - {name for _, name in listed}
        if missing:
            return None, f"there is no meter {', '.join(sorted(missing))}"
        span_ms = (end_ms - HOURS * _HOUR_MS, end_ms)
        found.append(await counted(conn, listed, span_ms, 3600))
    return ratio(found[0], found[1])


async def _outside_c(
    conn: Connection, told: Told, known: Rates, span: tuple[Times, Times], now_ms: int
) -> tuple[Figures, str]:
    """Give the outside temperatures: a forecast, else as measured now, else as assumed."""
    forecast = known.of("ambient", "")
    is_old = not len(forecast) or forecast.from_ms[-1] < now_ms - STALE_MS
    outside = np.full(len(span[0]), np.nan) if is_old else over(forecast, *span)
    missing = np.isnan(outside)
    now_c, why = await _measured_c(conn, told, now_ms) if missing.any() else (None, "")
    assumed = told.economics.ambient_assume_c
    outside[missing] = assumed if now_c is None else now_c
    return outside, f"{why}; {assumed:g} °C is assumed outside" if why else ""


async def _measured_c(conn: Connection, told: Told, now_ms: int) -> tuple[float | None, str]:
    where = told.economics.ambient
    if where is None:
        return None, "no outside temperature is measured or forecast"
    row = await energy_measured.point(conn, told.site, where.point, where.device)
    if row is None:
        return None, f"there is no point {where.point}"
    age_s = (now_ms - row["at_ms"]) / 1000
    if age_s > where.stale_after_s:
        return None, f"{where.point} is {age_s / 60:.0f} min old"
    try:
        known = unit("ambient", row["unit"])
    except ValueError as error:
        return None, f"{where.point}: {error}"
    return row["value"] * known.factor + known.offset, ""
