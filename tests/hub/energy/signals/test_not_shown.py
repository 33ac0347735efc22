"""Events that a VTN shows no more: by mistake for a moment, or because they are withdrawn."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from lode_hub.energy.signals.grid import GONE_AFTER
from lode_hub.energy.sources.run import EnergySources
from lode_hub.store import Store, energy_documents
from lode_sim.grid import VtnServer
from tests.hub.energy.signals.test_calls import T0, H, event, iso, now, sources, standing

__all__ = ["now", "sources"]
Poll = Callable[..., Awaitable[list[tuple[bool, float]]]]


async def saved(store: Store, url: str, now_ms: int, more: str = "") -> None:
    body = f'reduce = "by"\npower_kw = 400\nlevels_kw=[100, 300]\n[openadr]\nurl = "{url}"\n{more}'
    async with store.pool.connection() as conn:
        await energy_documents.save(
            conn, 1, "programme", "ERS", body, person="ada", saved_ms=now_ms
        )


@pytest.fixture
async def vtn(store: Store, now: list[int]):
    async with VtnServer() as server:
        await saved(store, server.url, T0)
        server.events = [event(value=1)]
        yield server


@pytest.fixture
async def poll(vtn: VtnServer, store: Store, sources: EnergySources, now: list[int]):
    """Ask once, half a minute later; give of each call whether it is cancelled, and its power."""
    async with httpx.AsyncClient() as client:

        async def asked(*events: dict, after_s: float = 31.0) -> list[tuple[bool, float]]:
            vtn.events = list(events)
            now[0] += round(1000 * after_s)
            await sources.look(client)
            return [(c["is_cancelled"], c["power_kw"]) for c in await standing(store)]

        yield asked


async def test_an_event_that_one_answer_lacks_goes_on(poll: Poll) -> None:
    await poll(event(value=1))
    for _ in range(3):
        for _ in range(GONE_AFTER - 1):
            assert await poll() == [(False, 100.0)]
        assert await poll(event(value=1)) == [(False, 100.0)]


async def test_a_withdrawn_event_ends_soon(poll: Poll) -> None:
    await poll(event(value=1))
    assert await poll(after_s=30) == [(False, 100.0)]
    assert await poll(after_s=10) == [(False, 100.0)]
    assert await poll(after_s=10) == [(True, 100.0)]
    assert await poll() == [(True, 100.0)]


async def test_the_same_event_shown_again_holds_again_as_often_as_it_goes(poll: Poll) -> None:
    await poll(event(value=1))
    for _ in range(2):
        for _ in range(GONE_AFTER):
            found = await poll()
        assert found == [(True, 100.0)]
        for _ in range(2):
            assert await poll(event(value=1)) == [(False, 100.0)]
    changed = event(value=2, modificationDateTime=iso(T0 + 60_000))
    assert await poll(changed) == [(False, 300.0)]


async def test_what_the_vtn_itself_cancelled_comes_not_back_by_an_older_word(poll: Poll) -> None:
    await poll(event(value=1))
    cancelled = event(value=0, modificationDateTime=iso(T0 + 60_000))
    assert [is_cancelled for is_cancelled, _ in await poll(cancelled)] == [True]
    for _ in range(GONE_AFTER):
        await poll()
    assert [is_cancelled for is_cancelled, _ in await poll(event(value=1))] == [True]


async def test_an_older_word_of_a_changed_event_brings_back_what_stood(poll: Poll) -> None:
    await poll(event(value=1))
    await poll(event(value=2, modificationDateTime=iso(T0 + 60_000)))
    for _ in range(GONE_AFTER):
        await poll()
    assert await poll(event(value=1)) == [(False, 300.0)]  # a replica that lags


async def test_one_that_is_over_or_cannot_be_read_is_left_as_it_is(
    poll: Poll, now: list[int]
) -> None:
    await poll(event(value=1))
    for _ in range(2 * GONE_AFTER):
        assert await poll(event(value=99)) == [(False, 100.0)]
    now[0] = T0 + 3 * H
    for _ in range(2 * GONE_AFTER):
        assert await poll() == [(False, 100.0)]


async def test_a_mistake_in_the_document_cancels_nothing_at_once_and_mends(
    store: Store, vtn: VtnServer, poll: Poll, now: list[int]
) -> None:
    await poll(event(value=1))
    for _ in range(GONE_AFTER - 1):
        await poll()
    await saved(store, vtn.url, now[0], 'programs = ["p1-typo"]\n')
    assert await poll(event(value=1)) == [(False, 100.0)]  # counted anew
    for _ in range(GONE_AFTER - 1):
        found = await poll(event(value=1))
    assert found == [(True, 100.0)]
    await saved(store, vtn.url, now[0], 'programs = ["p1"]\n')
    assert await poll(event(value=1)) == [(False, 100.0)]
