"""Which model is at work, and what people let it do."""

import msgspec

from lode_hub.store import Store, learned
from lode_models.rig import Trial, load
from tests.hub.queries.mine import Mine


async def test_a_model_that_comes_back_advises_nowhere(postgres):
    first = load().card
    second = msgspec.structs.replace(first, model_sha256="0" * 64)
    store = await Store.open(postgres)
    try:
        await store.migrate()
        await Mine(store).agent()
        async with store.pool.connection() as conn:
            (site,) = await learned.sites(conn)

            async def advising(card, now_ms):
                await learned.know(conn, card, now_ms)
                (row,) = await learned.sites(conn)
                sites = await learned.advising(conn, card.model_sha256)
                assert (row["stage"] == "advisory") == bool(sites)
                return sites

            assert await advising(first, 1_000) == set()
            trial = Trial(model_sha256=first.model_sha256)
            await learned.decide(
                conn, site["site_id"], "advisory", "ada", trial=trial, now_ms=2_000
            )
            assert await advising(first, 3_000) == {site["site_id"]}  # the hub started again
            assert await advising(second, 4_000) == set()
            assert await advising(first, 5_000) == set()
    finally:
        await store.close()
