"""Calls: done once, later modifications win, cancelled ones end; a VTN that is asked for them."""

import datetime as dt
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.energy.signals import call_of
from lode_hub.energy.signals.calls import share
from lode_hub.energy.signals.openadr import calls_of
from lode_hub.energy.signals.programme import Programme, described
from lode_hub.energy.signals.taking import keep_call
from lode_hub.energy.sources.run import EnergySources
from lode_hub.energy.vtn import OpenAdr, Vtn, VtnError, seconds
from lode_hub.errors import InvalidError
from lode_hub.ingest.gmqtt_link import GmqttLink
from lode_hub.store import Store, energy_calls, energy_documents
from lode_sim.grid import Told, VtnServer

T0 = 1_800_000_000_000
H = 3_600_000
ERS = Programme(reduce="by", power_kw=500.0, levels_kw=(100.0, 300.0), penalty_usd_mwh=800.0)


def said(**more) -> dict:
    return {"event": "e1", "from_ms": T0 + H, "until_ms": T0 + 3 * H} | more


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"event": ""}, "name of its own"), ({"until_ms": T0}, "more than 0 s"),
        ({"until_ms": T0 + 200 * H}, "up to 7 days"), ({"reduce": "some"}, "use to, by or all"),
        ({"reduce": "to"}, "give power_kw"), ({"power_kw": -1}, "power_kw"),
        ({"power_kw": float("nan")}, "power_kw"), ({"from_ms": "now"}, "from_ms"),
        ({"modification": 1.5}, "modification"), ({"random_s": 1e9}, "random_s"),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_says_why(more: dict, why: str) -> None:
    with pytest.raises(InvalidError, match=why):
        call_of("ERS", ERS, said(**more), site="north")


def test_the_programme_fills_in_what_a_call_does_not_say() -> None:
    call = call_of("ERS", ERS, said(), site="north")
    assert (call.reduce, call.power_kw, call.penalty_usd_mwh) == ("by", 500.0, 800.0)
    assert call_of("ERS", ERS, said(reduce="all"), site="north").power_kw is None


@given(st.text(min_size=1, max_size=9), st.floats(0, 3600))
def test_a_random_start_is_within_its_range_and_ever_the_same(event: str, random_s: float) -> None:
    if "\x00" in event:
        return
    one, again = (
        call_of("ERS", ERS, said(event=event, random_s=random_s), site="north") for _ in range(2)
    )
    assert one == again
    assert T0 + H <= one.from_ms <= T0 + H + random_s * 1000 + 1
    assert one.until_ms - one.from_ms == 2 * H


def test_random_starts_spread_over_sites() -> None:
    shares = [share(f"site-{n}", "ERS", "e1") for n in range(1000)]
    assert 0.4 < sum(shares) / 1000 < 0.6


async def kept(store: Store, **more) -> int | None:
    async with store.pool.connection() as conn:
        call = call_of("ERS", ERS, said(**more), site="north")
        return await keep_call(conn, 1, call, "api", person="ada", now_ms=T0)


async def standing(store: Store) -> list[dict]:
    async with store.pool.connection() as conn:
        return await energy_calls.calls(conn, "north", (T0, T0 + 100 * H))


async def test_a_call_is_kept_once_and_a_later_modification_wins(store: Store) -> None:
    first = await kept(store)
    assert first
    assert await kept(store) is None
    assert await kept(store, modification=2, power_kw=200.0)
    assert await kept(store, modification=1, power_kw=900.0) is None
    (call,) = await standing(store)
    assert (call["modification"], call["power_kw"]) == (2, 200.0)
    assert await kept(store, modification=3, is_cancelled=True)
    (call,) = await standing(store)
    assert call["is_cancelled"]
    async with store.pool.connection() as conn:
        found = await energy_calls.call(conn, first)
        assert found is not None
        assert found["modification"] == 3
        before = await energy_calls.calls(conn, "north", (T0, T0 + 9 * H), as_of_ms=1)
        assert before == []


def test_durations() -> None:
    assert [seconds(text) for text in ("PT1H", "PT15M", "P1DT2H", "PT0S", "PT1.5S", "P9999Y")] == [
        3600, 900, 93_600, 0, 1.5, 9999 * 365 * 86_400,
    ]  # fmt: skip
    for wrong in ("P", "PT", "1H", "-PT1H", ""):
        with pytest.raises(InvalidError):
            seconds(wrong)


def iso(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat()


def event(ident: str = "ev1", kind: str = "SIMPLE", value: float = 2, **more) -> dict:
    return {
        "id": ident, "programID": "p1", "modificationDateTime": iso(T0), "objectType": "EVENT",
        "intervalPeriod": {"start": iso(T0 + H), "duration": "PT1H"},
        "intervals": [{"id": 0, "payloads": [{"type": kind, "values": [value]}]}],
    } | more  # fmt: skip


def test_an_event_becomes_a_call_for_each_interval() -> None:
    payloads = [{"type": "IMPORT_CAPACITY_LIMIT", "values": [kw]} for kw in (300, 0)]
    more = event(intervals=[{"id": n, "payloads": [p]} for n, p in enumerate(payloads)])
    first, second = calls_of(more, "ERS", ERS, site="north", now_ms=T0)
    assert (first.event, first.reduce, first.power_kw) == ("ev1/0", "to", 300)
    assert (second.from_ms, second.until_ms) == (T0 + 2 * H, T0 + 3 * H)
    assert first.modification == T0
    (level,) = calls_of(event(), "ERS", ERS, site="north", now_ms=T0)
    assert (level.reduce, level.power_kw) == ("by", 300.0)
    (end,) = calls_of(event(value=0), "ERS", ERS, site="north", now_ms=T0)
    assert end.is_cancelled
    (now,) = calls_of(
        event(intervalPeriod={"start": "0000-00-00T00:00:00Z", "duration": "PT1H"}),
        "ERS", ERS, site="north", now_ms=T0 + 5,
    )  # fmt: skip
    assert now.from_ms == T0 + 5
    assert list(calls_of(event(kind="PRICE"), "ERS", ERS, site="north", now_ms=T0)) == []
    with pytest.raises(InvalidError, match="level 3"):
        list(calls_of(event(value=3), "ERS", ERS, site="north", now_ms=T0))


async def test_the_client_takes_every_page_renews_its_token_and_reports() -> None:
    async with VtnServer(client_secret="s3cr3t") as server, httpx.AsyncClient() as client:
        server.programs = [{"id": "p1", "programName": "ERS"}, {"id": "p2", "programName": "X"}]
        server.events = [event(f"ev{n}", programID=f"p{1 + n % 2}") for n in range(120)]
        told = OpenAdr(url=server.url, programs=("ERS",), client_id="ven", client_secret="key")
        vtn = Vtn(told, "s3cr3t", client)
        assert len(await vtn.events()) == 60
        server.tokens.clear()  # revoked before its time
        assert len(await vtn.events()) == 60
        mine = {"programID": "p1", "eventID": "ev1", "clientName": "lode", "resources": []}
        server.reports = [mine | {"id": f"r{n}", "reportName": f"x {n}"} for n in range(60)]
        for usage in (12.5, 13.0):
            await vtn.report(mine | {"reportName": "north ev1", "usage": usage})
            assert [one["usage"] for one in server.reports[60:]] == [usage]
        with pytest.raises(VtnError, match="check client_id") as refused:
            await Vtn(told, "wr0ng", client).events()
        assert "wr0ng" not in str(refused.value)
        for fault in (Told(500), Told(200, b"<html>"), Told(200, b"{}")):
            server.fault = fault
            with pytest.raises(VtnError):
                await vtn.events()


@pytest.fixture
def now() -> list[int]:
    return [T0]


@pytest.fixture
def sources(store: Store, tmp_path: Path, now: list[int]) -> EnergySources:
    return EnergySources(store, tmp_path, name="test", make_link=GmqttLink, clock_ms=lambda: now[0])


async def test_a_vtns_event_is_a_call_an_alert_and_ends_when_it_is_gone(
    store: Store, sources: EnergySources, now: list[int]
) -> None:
    async def open_alerts() -> list[tuple[str, str]]:
        async with store.pool.connection() as conn:
            found = await conn.execute("select rule, subject from alert where state <> 'resolved'")
            return await found.fetchall()

    async with VtnServer() as server, httpx.AsyncClient() as client:
        body = f'reduce = "by"\npower_kw = 400\nnotice_s = 600\n[openadr]\nurl = "{server.url}"\n'
        assert described(body).power_kw == 400
        async with store.pool.connection() as conn:
            await energy_documents.save(
                conn, 1, "programme", "ERS", body, person="ada", saved_ms=T0
            )
        server.events = [event(), event("ev2", eventName="Test of July", value=1)]
        for _ in range(3):
            await sources.look(client)
            now[0] += 31_000
        calls = await standing(store)
        assert [(c["event"], c["is_test"], c["power_kw"]) for c in calls] == [
            ("ev1/0", False, 400.0), ("ev2/0", True, 400.0),
        ]  # fmt: skip
        assert len(await open_alerts()) == 2
        server.events = [event("ev2", eventName="Test of July", value=1)]
        for _ in range(3):
            assert [c["is_cancelled"] for c in await standing(store)] == [False, False]
            await sources.look(client)
            now[0] += 10_000
        calls = await standing(store)
        assert [c["is_cancelled"] for c in calls] == [True, False]
        assert await open_alerts() == [("energy-call", "site:1:call:ERS/ev2/0")]
        server.events = []
        server.fault = Told(503)
        now[0] += 31_000
        await sources.look(client)
        assert [c["is_cancelled"] for c in await standing(store)] == [True, False]
        now[0] = T0 + 3 * H
        await sources.look(client)
        assert await open_alerts() == [("energy-calls-deaf", "site:1:programme:ERS")]
