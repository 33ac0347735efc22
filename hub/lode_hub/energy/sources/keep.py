"""Quotes into the database, and series out of it as a tariff needs them."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from lode_hub.energy.prices import OPEN_MS, Parsed, Quantity, Times, Values, none
from lode_hub.energy.tariff import Rates, Tariff
from lode_hub.errors import InvalidError
from lode_hub.store import energy
from lode_hub.store.connection import Connection
from lode_hub.store.energy import Clock

HASHING: tuple[Quantity, ...] = ("hashprice", "difficulty", "coin-price", "fees")
MAX_REVISIONS = 100  # of one period in one file
_CHUNK = 20_000


async def keep(
    conn: Connection, site: int | None, source: str, parsed: Parsed, received_ms: int
) -> int:
    """Keep what was read; give how many values say something new."""
    fresh = 0
    for quotes in parsed.quotes:
        key = (quotes.quantity, quotes.node, quotes.unit)
        rows = [
            (
                begin,
                None if until == OPEN_MS else until,
                None if math.isnan(value) else value,
                published,
            )
            for begin, until, value, published in zip(
                quotes.from_ms.tolist(),
                quotes.until_ms.tolist(),
                quotes.value.tolist(),
                quotes.published_ms.tolist(),
                strict=True,
            )
        ]
        for turn in _turns(source, rows):
            for first in range(0, len(turn), _CHUNK):
                chunk = turn[first : first + _CHUNK]
                fresh += await energy.add(conn, site, source, key, chunk, received_ms)
    return fresh


async def series(  # noqa: PLR0913 -- which, when, and as known when
    conn: Connection,
    site: int | None,
    quantity: Quantity,
    node: str,
    span_ms: tuple[int, int],
    *,
    known_ms: int | None = None,
    clock: Clock = "published",
) -> Values:
    """Give a series as known at a moment; rows in another unit than the newest's are left out."""
    rows = await energy.values(conn, site, quantity, node, span_ms, known_ms=known_ms, clock=clock)
    if not rows:
        return none()
    unit = max(rows, key=lambda row: row["received_ms"])["unit"]
    rows = [row for row in rows if row["unit"] == unit]
    return Values(
        unit=unit,
        from_ms=_times(row["from_ms"] for row in rows),
        until_ms=_times(OPEN_MS if row["until_ms"] is None else row["until_ms"] for row in rows),
        value=np.array([np.nan if row["value"] is None else row["value"] for row in rows], float),
        published_ms=_times(row["published_ms"] for row in rows),
    )


def needed(tariffs: Sequence[Tariff]) -> set[tuple[Quantity, str]]:
    """Tell which series tariffs stand on, but for the currencies of prices."""
    found: set[tuple[Quantity, str]] = set()
    for tariff in tariffs:
        if tariff.energy.price != "fixed":
            found.add((tariff.energy.price, tariff.energy.node))
        if tariff.currency != "USD" and tariff.usd_per_unit is None:
            found.add(("exchange", tariff.currency))
        found |= {
            ("peak-probability", peak.probability_node)
            for peak in tariff.peaks
            if peak.probability_node
        }
    return found


async def rates(
    conn: Connection,
    site: int | None,
    wanted: Iterable[tuple[Quantity, str]],
    span_ms: tuple[int, int],
    *,
    known_ms: int | None = None,
    clock: Clock = "published",
) -> Rates:
    """Give series, and the exchange rates of their currencies."""
    found: dict[tuple[Quantity, str], Values] = {}
    for quantity, node in sorted(wanted):
        found[quantity, node] = await series(
            conn, site, quantity, node, span_ms, known_ms=known_ms, clock=clock
        )
    currencies = {Rates(found).currency(quantity, node) for quantity, node in found}
    for currency in sorted(currencies - {"USD"} - {n for what, n in found if what == "exchange"}):
        found["exchange", currency] = await series(
            conn, site, "exchange", currency, span_ms, known_ms=known_ms, clock=clock
        )
    return Rates(found)


def _turns(source: str, rows: Sequence[energy.Value]) -> list[list[energy.Value]]:
    """Split rows so that no period is in one turn twice: its revisions go in one by one."""
    turns: list[list[energy.Value]] = []
    seen: Counter[int] = Counter()
    for row in rows:
        number = seen[row[0]]
        seen[row[0]] += 1
        if number == MAX_REVISIONS:
            raise InvalidError(
                f"source {source}: over {MAX_REVISIONS} revisions of one period; split the file"
            )
        if number == len(turns):
            turns.append([])
        turns[number].append(row)
    return turns


def _times(values: Iterable[int]) -> Times:
    return np.array(list(values), np.int64)
