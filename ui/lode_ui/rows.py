"""The fleet's rows for the browser: all of them once, then only those that changed.

Queries.rigs ─► compare with the rows shown last ─► rows newer than the browser's mark ─► JSON
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from lode_hub.queries.nouns import RigRow
from lode_ui.hub import Queries

LIMIT = 100_000
SHARE = 0.2
"""Reading the fleet may take this share of the time: a slow database is asked more seldom."""

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = tuple[Cell, ...]


class Fleet:
    """Keeps the rows as last read, and since which beat each has been so."""

    def __init__(self, queries: Queries, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._queries = queries
        self._clock = clock
        self._boot = secrets.token_hex(8)
        self._beat = 0
        self._rows: dict[int, Row] = {}
        self._changed: dict[int, int] = {}
        self._gone: dict[int, int] = {}
        self._rest_until = 0.0
        self._reading = asyncio.Lock()

    async def since(self, boot: str, beat: int) -> dict[str, object]:
        """Give what has changed since `beat` of this process, or everything to a stranger.

        `later_ms` is not 0 when the fleet was not read anew, because that was done a moment ago: so
        long later there may be more.
        """
        later_s = await self._read()
        is_known = boot == self._boot and 0 < beat <= self._beat
        return {
            "boot": self._boot,
            "beat": self._beat,
            "fields": FIELDS,
            "whole": not is_known,
            "rows": self._newer(beat) if is_known else list(self._rows.values()),
            "gone": [key for key, at in self._gone.items() if at > beat] if is_known else [],
            "later_ms": round(later_s * 1000),
        }

    async def _read(self) -> float:
        async with self._reading:
            begin = self._clock()
            if begin < self._rest_until:
                return self._rest_until - begin
            async with asyncio.timeout(10):
                rigs = await self._queries.rigs(limit=LIMIT)
            self._take(rigs)
            took = self._clock() - begin
            self._rest_until = begin + max(0.9, took / SHARE)
            return 0.0

    def _take(self, rigs: Sequence[RigRow]) -> None:
        self._beat += 1
        rows = {rig.device_id: _row(rig) for rig in rigs}
        for key, row in rows.items():
            if self._rows.get(key) != row:
                self._changed[key] = self._beat
                self._gone.pop(key, None)
        for key in self._rows.keys() - rows.keys():
            self._changed.pop(key)
            self._gone[key] = self._beat
        self._rows = rows

    def _newer(self, beat: int) -> list[Row]:
        return [self._rows[key] for key, at in self._changed.items() if at > beat]


FIELDS = (
    "id",
    "name",
    "site",
    "rack",
    "model",
    "address",
    "serial",
    "state",
    "at",
    "hashrate",
    "share",
    "power",
    "efficiency",
    "chip_temp",
    "chip_temp_max",
    "board_temp",
    "board_temp_max",
    "fan",
    "boards",
    "rated_boards",
    "uptime",
    "alerts",
)


def _row(rig: RigRow) -> Row:
    return (
        rig.device_id,
        rig.name,
        rig.site,
        rig.rack,
        rig.model,
        rig.address,
        rig.serial,
        rig.state,
        rig.at_ms,
        _rounded(rig.hashrate_ths, 2),
        _share(rig.hashrate_ths, rig.rated_hashrate_ths),
        _rounded(rig.power_w, 0),
        _rounded(rig.efficiency_jth, 1),
        _rounded(rig.chip_temp_c, 1),
        rig.chip_temp_max_c,
        _rounded(rig.board_temp_c, 1),
        rig.board_temp_max_c,
        _rounded(rig.fan_rpm, 0),
        rig.boards_alive,
        rig.rated_boards,
        rig.uptime_s,
        rig.open_alerts,
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _share(value: float | None, rated: float | None) -> float | None:
    return None if value is None or not rated else round(value / rated * 100, 1)
