"""What was known when: corrections never overwrite, and a backtest sees nothing early."""

import asyncio

import numpy as np

from lode_hub.store import Store, energy

H = 3_600_000
KEY = ("day-ahead", "HB_WEST", "USD/MWh")


async def add(store: Store, *values, site=1, source="a", received=10 * H, key=KEY) -> int:
    async with store.pool.connection() as conn:
        return await energy.add(conn, site, source, key, values, received)


async def known(
    store: Store, at=None, clock="published", site=1, node="HB_WEST", span=(0, 100 * H)
):
    async with store.pool.connection() as conn:
        rows = await energy.values(conn, site, "day-ahead", node, span, known_ms=at, clock=clock)
    return [(row["from_ms"] // H, row["value"]) for row in rows]


async def test_a_correction_is_a_further_revision(store: Store) -> None:
    assert await add(store, (20 * H, 21 * H, 40.0, 5 * H), (21 * H, 22 * H, 41.0, 5 * H)) == 2
    assert await add(store, (20 * H, 21 * H, 44.0, 8 * H)) == 1
    assert await known(store) == [(20, 44.0), (21, 41.0)]
    assert await known(store, at=7 * H) == [(20, 40.0), (21, 41.0)]
    assert await known(store, at=4 * H) == []


async def test_what_was_known_already_is_no_revision(store: Store) -> None:
    row = (20 * H, 21 * H, 40.0, 5 * H)
    assert await add(store, row) == 1
    assert await add(store, row) == 0
    assert await add(store, (20 * H, 21 * H, 40.0, 9 * H)) == 0
    assert await add(store, (20 * H, 20 * H + H // 2, 40.0, 9 * H)) == 1


async def test_an_old_publication_that_comes_late_does_not_win(store: Store) -> None:
    await add(store, (20 * H, 21 * H, 44.0, 8 * H), received=9 * H)
    await add(store, (20 * H, 21 * H, 40.0, 5 * H), received=12 * H)
    assert await known(store) == [(20, 44.0)]
    assert await known(store, at=6 * H) == [(20, 40.0)]
    assert await known(store, at=9 * H, clock="received") == [(20, 44.0)]


async def test_without_a_word_of_the_source_it_is_known_on_receipt(store: Store) -> None:
    await add(store, (20 * H, 21 * H, 40.0, 0), received=10 * H)
    assert await known(store, at=10 * H - 1) == []
    assert await known(store, at=10 * H) == [(20, 40.0)]


async def test_the_value_that_holds_at_the_begin_is_given_too(store: Store) -> None:
    await add(store, (2 * H, None, 1.0, 0), (50 * H, None, 2.0, 0))
    assert await known(store, span=(60 * H, 61 * H)) == [(50, 2.0)]
    assert (0, 1.0) not in await known(store, span=(40 * H, 41 * H))
    assert await known(store, span=(40 * H, 41 * H)) == [(2, 1.0)]


async def test_series_of_all_sites_are_everybodys_and_a_sites_own_are_not(store: Store) -> None:
    await add(store, (20 * H, 21 * H, 1.0, 0), site=None)
    await add(store, (21 * H, 22 * H, 2.0, 0), site=1)
    assert await known(store, site=1) == [(20, 1.0), (21, 2.0)]
    assert await known(store, site=2) == [(20, 1.0)]
    assert await known(store, node="HB_NORTH") == []
    async with store.pool.connection() as conn:
        assert await energy.newest_end(conn, 1, "a") == (22 * H, 10 * H)
        assert await energy.newest_end(conn, 1, "b") is None


async def test_writers_at_once_make_no_revision_twice(store: Store) -> None:
    rows = [(hour * H, (hour + 1) * H, float(hour), 0) for hour in range(100)]
    written = await asyncio.gather(*(add(store, *rows) for _ in range(6)))
    assert sorted(written) == [0, 0, 0, 0, 0, 100]


async def test_no_look_ahead_whatever_comes_in_whatever_order(store: Store) -> None:
    rng = np.random.default_rng(4)
    said = [
        (int(h) * H, (int(h) + 1) * H, float(v), int(p) * H)
        for h, v, p in zip(
            rng.integers(20, 26, 80), rng.integers(0, 9, 80), rng.integers(1, 20, 80), strict=True
        )
    ]
    for row in said:
        await add(store, row, received=30 * H)
    for at in range(20):
        expected: dict[int, float] = {}
        for begin, _, value, published in sorted(said, key=lambda row: row[3]):
            if published <= at * H:
                expected[begin // H] = value
        found = dict(await known(store, at=at * H))
        assert found.keys() == expected.keys()
        ties = {(b // H, p) for b, _, _, p in said}
        for hour, value in found.items():
            newest = max(p for h, p in ties if h == hour and p <= at * H)
            candidates = {v for b, _, v, p in said if b // H == hour and p == newest}
            assert value in candidates
