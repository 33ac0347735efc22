"""The power market of the simulated site: prices that follow the hour, and now and then leap.

the same moment always has the same price ─► pages of JSON, made anew each minute ─► the hub asks
"""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import AsyncIterator, Iterable

import msgspec

from lode_sim.grid import PriceServer

HOUR_MS = 3_600_000
STEP_MS = 300_000
BACK_MS = 26 * HOUR_MS
RENEW_S = 60.0
LEAP_CHANCE = 0.02
HASHPRICE_USD_TH_DAY = 0.045


def day_ahead_usd_mwh(hour_ms: int) -> float:
    """Give the price of an hour as the auction of the day before made it."""
    hour = hour_ms // HOUR_MS % 24
    evening = 55.0 * math.exp(-(((hour - 19) / 2.2) ** 2))
    noon = -28.0 * math.exp(-(((hour - 13) / 3.0) ** 2))
    return round(48.0 + evening + noon + random.Random(hour_ms).gauss(0.0, 6.0), 2)


def real_time_usd_mwh(at_ms: int) -> float:
    """Give the price of five minutes: near the day-ahead price, unless it leaps."""
    begin_ms = at_ms - at_ms % STEP_MS
    chance = random.Random(begin_ms)
    ahead = day_ahead_usd_mwh(begin_ms - begin_ms % HOUR_MS)
    leap = chance.uniform(3.0, 8.0) if chance.random() < LEAP_CHANCE else 1.0
    return round(ahead * leap + chance.gauss(0.0, 5.0), 2)


def ambient_c(hour_ms: int) -> float:
    """Give the temperature outside, warmest in the afternoon."""
    return round(14.0 + 9.0 * math.cos((hour_ms / HOUR_MS % 24 - 15) / 12 * math.pi), 1)


def pages(now_ms: int) -> dict[str, bytes]:
    """Write the market's pages as of now: what is past, and of the auction what is to come."""
    hour_ms, step_ms = now_ms - now_ms % HOUR_MS, now_ms - now_ms % STEP_MS
    midnight_ms = now_ms - now_ms % (24 * HOUR_MS)
    days = 2 if hour_ms - midnight_ms >= 12 * HOUR_MS else 1  # tomorrow's is known from noon on
    hours = range(hour_ms - BACK_MS, hour_ms + HOUR_MS, HOUR_MS)
    return {
        "/day-ahead.json": _page(
            (at, day_ahead_usd_mwh(at))
            for at in range(hours[0], midnight_ms + days * 24 * HOUR_MS, HOUR_MS)
        ),
        "/real-time.json": _page(
            (at, real_time_usd_mwh(at)) for at in range(step_ms - BACK_MS, step_ms + 1, STEP_MS)
        ),
        "/hashprice.json": _page((at, HASHPRICE_USD_TH_DAY) for at in hours),
        "/ambient.json": _page((at, ambient_c(at)) for at in hours),
    }


@contextlib.asynccontextmanager
async def market(host: str, port: int) -> AsyncIterator[PriceServer]:
    """Serve the pages, and keep them up to date, while the context lasts."""
    async with PriceServer(host=host, port=port) as server, asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(_keep(server))
        try:
            yield server
        finally:
            keeping.cancel()


async def _keep(server: PriceServer) -> None:
    while True:
        server.pages = pages(time.time_ns() // 1_000_000)
        server.asked.clear()
        await asyncio.sleep(RENEW_S)


def _page(rows: Iterable[tuple[int, float]]) -> bytes:
    return msgspec.json.encode([{"time": at, "value": value} for at, value in rows])
