"""Prices by OpenADR 3: as the user guide of the specification has them, from a VTN that pages."""

import datetime as dt
from pathlib import Path

import httpx
import msgspec
import pytest

from lode_hub.energy.sources import decode, described
from lode_hub.energy.sources.run import EnergySources
from lode_hub.errors import InvalidError
from lode_hub.ingest.gmqtt_link import GmqttLink
from lode_hub.store import Store, energy, energy_documents
from lode_sim.grid import Told, VtnServer

T0 = 1_800_000_000_000
H = 3_600_000
SOURCE = 'quantity = "day-ahead"\nunit = "USD/kWh"\nnode = "PGE"\nformat = "openadr"\n'
VTN = '[openadr]\nurl = "{url}"\nprograms = ["prices"]\nclient_id = "ven"\nclient_secret = "key"\n'


def iso(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat()


def priced(*prices: object, ident: str = "e1", changed_ms: int = T0, **more: object) -> dict:
    """An event of hourly prices from T0 on, as the guide's example of a price."""
    return {
        "id": ident, "objectType": "EVENT", "programID": "prices",
        "modificationDateTime": iso(changed_ms),
        "payloadDescriptors": [{"objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": "PRICE",
                                "units": "KWH", "currency": "USD"}],
        "intervalPeriod": {"start": iso(T0), "duration": "PT1H"},
        "intervals": [{"id": n, "payloads": [{"type": "PRICE", "values": [price]}]}
                      for n, price in enumerate(prices)],
    } | more  # fmt: skip


def read(*events: object, unit: str = "USD/kWh"):
    return decode(described(SOURCE.replace("USD/kWh", unit)), msgspec.json.encode(events))


def test_each_interval_is_a_price_known_since_the_event_was_changed() -> None:
    (quotes,) = read(priced(0.17, -0.02, changed_ms=T0 - H)).quotes
    assert (quotes.quantity, quotes.node) == ("day-ahead", "PGE")
    assert quotes.from_ms.tolist() == [T0, T0 + H]
    assert quotes.until_ms.tolist() == [T0 + H, T0 + 2 * H]
    assert quotes.value.tolist() == [0.17, -0.02]
    assert set(quotes.published_ms.tolist()) == {T0 - H}


def test_other_payloads_are_no_prices() -> None:
    more = {"type": "GHG", "values": [0.4]}
    event = priced(0.17)
    event["intervals"][0]["payloads"].insert(0, more)
    event["intervals"].append({"id": 1, "payloads": [more]})
    (quotes,) = read(event).quotes
    assert quotes.value.tolist() == [0.17]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (priced(0.2, payloadDescriptors=[{"payloadType": "PRICE", "currency": "EUR"}]),
         "openadr event e1: prices in EUR/KWH, expected USD/kWh"),
        (priced("dear"), "dear"),
        (priced(0.2, intervalPeriod={"start": "soon", "duration": "PT1H"}), "expected RFC 3339"),
        (priced(0.2, intervalPeriod={"start": iso(T0), "duration": "PT0S"}), "ends before"),
        (priced(0.2, intervals=3), "no list"),
        (priced(*[0.2] * 3001), "3001 intervals, at most 3000"),
        (priced(2e5), "200000"),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_read_is_refused_and_the_rest_goes_on(event, why) -> None:
    good = priced(0.3, ident="e2", intervalPeriod={"start": iso(T0 + 9 * H), "duration": "PT1H"})
    parsed = read(event, good)
    assert [quotes.value.tolist() for quotes in parsed.quotes] == [[0.3]]
    assert parsed.refused_n == 1
    assert why in parsed.refused[0].reason
    with pytest.raises(InvalidError, match="none of 1 rows"):
        read(event)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'["x"]', b"[" * 5000])
def test_what_is_no_list_of_events_is_refused_whole(body) -> None:
    with pytest.raises(InvalidError, match=r"no JSON|no list of events"):
        decode(described(SOURCE), body)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (SOURCE + 'url = "https://vtn"\n', "leave url"),
        (SOURCE.replace("day-ahead", "hashprice").replace("USD/kWh", "USD/TH/day"), "gives prices"),
        (SOURCE.replace("openadr", "json") + VTN.format(url="https://vtn"), "format openadr"),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(text, why) -> None:
    if '"json"' in text:
        text = text.replace("[openadr]", '[columns]\ntime = "t"\nvalue = "v"\n[openadr]')
    with pytest.raises(InvalidError, match=why):
        described(text)


async def test_a_vtn_is_asked_with_a_token_and_its_prices_kept(store: Store, tmp_path: Path):
    now = [T0]
    (tmp_path / "key").write_text("s3cr3t\n")
    sources = EnergySources(
        store, tmp_path, name="test", make_link=GmqttLink, clock_ms=lambda: now[0]
    )

    async def look() -> dict:
        async with httpx.AsyncClient() as client:  # another after each loss of the lease
            await sources.look(client)
        now[0] += 31_000
        async with store.pool.connection() as conn:
            return (await energy_documents.fetches(conn, "source"))[0]

    async def prices() -> list[float | None]:
        async with store.pool.connection() as conn:
            rows = await energy.values(conn, 1, "day-ahead", "PGE", (T0, T0 + 9 * H))
        return [row["value"] for row in rows]

    async with VtnServer(client_secret="s3cr3t") as server:
        body = SOURCE + VTN.format(url=server.url)
        async with store.pool.connection() as conn:
            await energy_documents.save(conn, 1, "source", "da", body, person="ada", saved_ms=T0)
        server.events = [priced(0.17, 0.25), priced(9.0, ident="other", programID="another")]
        assert (await look())["trouble"] == ""
        assert await prices() == [0.17, 0.25]
        server.events = [priced(0.17, 0.31, changed_ms=T0 + 9_000)]
        assert (await look())["trouble"] == ""
        assert await prices() == [0.17, 0.31]
        server.fault = Told(503)
        state = await look()
        assert "503" in state["trouble"]
        assert "s3cr3t" not in state["trouble"]
        assert await prices() == [0.17, 0.31]
        server.fault, now[0] = None, now[0] + H
        assert (await look())["trouble"] == ""
