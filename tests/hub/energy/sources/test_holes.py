"""What a source has nothing for, although it reaches further: said with its begin and its end."""

import pytest

from lode_hub.queries.energy import EnergyQueries
from lode_hub.store import Store, energy, energy_documents

T0 = 1_800_000_000_000
H = 3_600_000
BODY = """
quantity = "day-ahead"
unit = "USD/MWh"
format = "csv"
[columns]
time = "t"
value = "v"
"""


async def keep(store: Store, *values: tuple, node: str = "A", received_ms: int = T0) -> None:
    rows = [(T0 + round(a * H), None if b is None else T0 + round(b * H), v, 0)
            for a, b, v in values]  # fmt: skip
    async with store.pool.connection() as conn:
        await energy.add(conn, 1, "da", ("day-ahead", node, "USD/MWh"), rows, received_ms)


@pytest.mark.parametrize(
    ("values", "hole"),
    [
        ((), None),
        (((0, 1, 5), (1, 2, 5)), None),
        (((0, 1, 5), (2, 3, 5), (4, 5, 5)), (1, 2)),
        (((-9, -8, 5), (0, 1, 5)), None),  # of the past nobody plans
        (((1, 2, 5),), (0, 1)),  # nothing now
        (((-5, -4, 5), (1, 2, 5)), (0, 1)),
        (((-1, None, 5), (3, 4, 5)), None),  # the first holds until the next
        (((-1, None, 5), (3, 4, 5), (5, 6, 5)), (4, 5)),
        (((0, 4, 5), (1, 2, 5), (5, 6, 5)), (4, 5)),  # a finer one within
        (((0, 1, 5), (1, 2, None), (2, 3, 5)), (1, 2)),  # withdrawn
    ],
)
async def test_the_first_hole_from_now_on(store: Store, values: tuple, hole) -> None:
    async with store.pool.connection() as conn:
        await energy_documents.save(conn, 1, "source", "da", BODY, person="ada", saved_ms=T0)
    if values:
        await keep(store, *values)
    (row,) = await EnergyQueries(store, lambda: T0).sources("north")
    assert row.hole_ms == (hole and tuple(T0 + at * H for at in hole))


async def test_what_is_filled_is_no_hole_and_that_of_any_node_is_told(store: Store) -> None:
    async def hole() -> tuple[int, int] | None:
        async with store.pool.connection() as conn:
            return await energy.hole(conn, 1, "da", T0)

    await keep(store, (0, 1, 5), (3, 4, 5))
    await keep(store, (0, 2, 5), (3, 4, 5), node="B")
    assert await hole() == (T0 + H, T0 + 3 * H)
    await keep(store, (1, 3, 7), received_ms=T0 + 1)
    assert await hole() == (T0 + 2 * H, T0 + 3 * H)
    await keep(store, (2, 3, 7), node="B", received_ms=T0 + 1)
    assert await hole() is None
