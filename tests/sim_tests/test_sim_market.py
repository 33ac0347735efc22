"""The simulated power market, and the site that is furnished to buy there."""

import httpx
import pytest

from lode_hub.access import Access
from lode_hub.energy.sources.decode import decode
from lode_hub.energy.sources.described import described
from lode_hub.settings import AccessSettings
from lode_hub.store import Store, energy_documents
from lode_sim import furnished
from lode_sim.furnished import PERSON, SOURCE, UNITS
from lode_sim.market import HOUR_MS, STEP_MS, day_ahead_usd_mwh, market, pages
from tests.hub.queries.mine import Mine

NOON_MS = 1_790_000_000_000 // (24 * HOUR_MS) * 24 * HOUR_MS + 12 * HOUR_MS


def read(quantity: str, page: bytes):
    unit, node, more = UNITS[quantity]
    body = SOURCE.format(quantity=quantity, unit=unit, node=node, url="http://market", more=more)
    (quotes,) = decode(described(body), page).quotes
    return quotes


@pytest.mark.parametrize("quantity", UNITS)
async def test_the_hub_reads_each_page_whole(quantity):
    async with market("127.0.0.1", 0) as server, httpx.AsyncClient() as client:
        answer = await client.get(f"{server.url}/{quantity}.json")
    quotes = read(quantity, answer.content)
    assert len(quotes.from_ms) >= 26


def test_a_moment_has_the_same_price_whenever_it_is_asked():
    early = read("real-time", pages(NOON_MS)["/real-time.json"])
    later = read("real-time", pages(NOON_MS + 6 * HOUR_MS)["/real-time.json"])
    now = dict(zip(early.from_ms, early.value, strict=True))
    then = dict(zip(later.from_ms, later.value, strict=True))
    assert max(now) == NOON_MS
    shared = now.keys() & then.keys()
    assert len(shared) > 200
    assert {at: now[at] for at in shared} == {at: then[at] for at in shared}


def test_tomorrow_is_known_from_noon_on():
    before = read("day-ahead", pages(NOON_MS - STEP_MS)["/day-ahead.json"])
    after = read("day-ahead", pages(NOON_MS)["/day-ahead.json"])
    assert max(before.from_ms) == NOON_MS + 11 * HOUR_MS
    assert max(after.from_ms) == NOON_MS + 35 * HOUR_MS
    assert after.value[-1] == day_ahead_usd_mwh(NOON_MS + 35 * HOUR_MS)


async def test_a_furnished_site_keeps_what_a_person_changed(postgres, monkeypatch):
    store = await Store.open(postgres)
    try:
        await store.migrate()
        await Mine(store).agent()
        await Access(store, AccessSettings()).add(PERSON.name, PERSON.role)
        await furnished._furnish(postgres, "north", "http://127.0.0.1:1", 100.0)
        monkeypatch.setattr(furnished, "TARIFF", "")  # which would be refused
        await furnished._furnish(postgres, "north", "http://127.0.0.1:1", 100.0)
        async with store.pool.connection() as conn:
            kinds = ("tariff", "source", "economics", "limits", "programme")
            found = [
                row
                for kind in kinds
                for row in await energy_documents.documents(conn, kind, is_of_any_site=True)
            ]
        assert sorted({row["kind"] for row in found}) == sorted(kinds)
        assert {row["revision"] for row in found} == {1}
    finally:
        await store.close()
