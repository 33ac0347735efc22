"""The database drops everybody, or its disk is full: prices and calls wait, none twice."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import structlog

from lode_hub.energy import hearing
from lode_hub.energy.sources import run
from lode_hub.energy.sources.run import EnergySources
from lode_hub.errors import UnavailableError
from lode_hub.ingest.gmqtt_link import GmqttLink
from lode_hub.queries.energy import EnergyQueries
from lode_hub.store import Store, energy, energy_calls, energy_documents
from lode_sim.grid import PriceServer, VtnServer
from tests.hub.away import full, refusing
from tests.hub.energy.mosquitto import PASSWORD, Mosquitto, mosquitto
from tests.hub.ingest.talk import speaker

T0 = 1_800_000_000_000  # 2027-01-15T08:00Z
H = 3_600_000
PRICES = """
quantity = "{quantity}"
unit = "USD/MWh"
node = "HB_WEST"
format = "{form}"
step_s = 300
every_s = 10
url = "{url}"
{more}
[columns]
time = "when"
value = "price"
format = "epoch-ms"
"""
CALLS = 'reduce = "by"\npower_kw = 400\n{more}'


class Stage:
    """A hub's sources: one polled, one heard; a programme at a VTN, and one that is heard."""

    def __init__(self, store: Store, folder: Path) -> None:
        (folder / "broker").write_text(PASSWORD)
        self.store, self.now_ms = store, T0
        self.queries = EnergyQueries(store, lambda: self.now_ms)
        self.sources = EnergySources(
            store, folder, name="test", make_link=GmqttLink, clock_ms=lambda: self.now_ms
        )

    async def save(self, kind: str, name: str, body: str) -> None:
        async with self.store.pool.connection() as conn:
            await energy_documents.save(conn, 1, kind, name, body, person="ada", saved_ms=T0)

    async def prices(self, quantity: str = "real-time") -> list[float | None]:
        async with self.store.pool.connection() as conn:
            rows = await energy.values(conn, 1, quantity, "HB_WEST", (T0 - H, T0 + H))
        return [row["value"] for row in rows]

    async def calls(self) -> list[tuple[str, float]]:
        async with self.store.pool.connection() as conn:
            rows = await energy_calls.calls(conn, "north", (T0 - 99 * H, T0 + 99 * H))
            kept = await (await conn.execute("select count(*) from energy_call")).fetchall()
        assert kept == [(len(rows),)]
        return sorted((row["event"], row["power_kw"]) for row in rows)

    async def alerts(self) -> list[str]:
        """Give the subjects of the alerts of calls, one for each alert and for each opening."""
        async with self.store.pool.connection() as conn:
            found = await conn.execute(
                "select a.subject from alert a where a.rule = 'energy-call' order by 1"
            )
            return [subject for (subject,) in await found.fetchall()]


@pytest.fixture
def stage(store: Store, tmp_path: Path) -> Stage:
    return Stage(store, tmp_path)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as found:
        yield found


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as made:
        yield made


def page(*prices: float) -> bytes:
    rows = [f"{T0 + 300_000 * n},{price}" for n, price in enumerate(prices)]
    return "\n".join(["when,price", *rows, ""]).encode()


def event(name: str) -> dict:
    return {
        "id": name, "programID": "p1",
        "intervalPeriod": {"start": "2027-01-15T09:00:00Z", "duration": "PT1H"},
        "intervals": [
            {"id": 0, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [300]}]}
        ],
    }  # fmt: skip


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + 40
    while not await holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


async def say(broker: Mosquitto, topic: str, *said: object) -> None:
    def speak() -> None:
        with speaker(broker.login, f"market-{time.monotonic_ns()}") as one:
            for each in said:
                one.say(topic, json.dumps(each).encode())

    await asyncio.to_thread(speak)


@asynccontextmanager
async def at_work(stage: Stage) -> AsyncIterator[list]:
    """Let the sources work, and give what they log."""
    task = asyncio.create_task(stage.sources.run())
    with structlog.testing.capture_logs() as logs:
        try:
            yield logs
            assert not task.done()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def quick(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(run, "LOOK_S", 0.05)
    monkeypatch.setattr(run, "LONGEST_PAUSE_S", 0.4)
    monkeypatch.setattr(hearing, "_RETRY_S", 0.1)
    monkeypatch.setattr(stage.store.pool, "timeout", 0.3)
    return stage


async def furnish(stage: Stage, server: PriceServer, vtn: VtnServer, broker: Mosquitto) -> None:
    server.pages["/rt.csv"] = page(40)
    polled = {"quantity": "real-time", "form": "csv", "url": f"{server.url}/rt.csv", "more": ""}
    heard = {"quantity": "day-ahead", "form": "json", "url": broker.url("da")}
    where = f'[mqtt]\nurl = "{broker.url("dr")}"\nsecret = "broker"'
    await stage.save("source", "rt", PRICES.format(**polled))
    await stage.save("source", "da", PRICES.format(**heard, more='secret = "broker"'))
    await stage.save("programme", "ERS", CALLS.format(more=where))
    await stage.save("programme", "VTN", CALLS.format(more=f'[openadr]\nurl = "{vtn.url}"'))


@pytest.mark.needs("mosquitto", "mosquitto_passwd")
async def test_a_database_that_refuses_everybody_is_waited_for_and_nothing_is_lost_or_doubled(
    quick: Stage, broker: Mosquitto, postgres: str
) -> None:
    stage = quick
    async with PriceServer() as server, VtnServer() as vtn, at_work(stage) as logs:
        await furnish(stage, server, vtn, broker)
        await until(lambda: _is(stage.prices(), [40]), "polled")
        await until(lambda: _is(_deaf(stage), []), "listens")
        await say(broker, "da", {"when": T0, "price": 30})
        await until(lambda: _is(stage.prices("day-ahead"), [30]), "heard")
        async with refusing(postgres):
            server.pages["/rt.csv"] = page(40, 41)
            vtn.events = [event("v1")]
            stage.now_ms += 120_000
            asked = len(server.asked) + len(vtn.asked)
            rows = [{"when": T0 + 300_000 * n, "price": 30 + n} for n in range(1, 6)]
            await say(broker, "da", *rows)
            call = {"event": "m1", "from_ms": T0 + H, "until_ms": T0 + 2 * H}
            await say(broker, "dr", call, call)
            await until(lambda: _has(logs, "energy waits", 3), "looks that wait")
            assert asked == len(server.asked) + len(vtn.asked)
        await until(lambda: _is(stage.prices(), [40, 41]), "polled again")
        await until(lambda: _is(stage.prices("day-ahead"), [30 + n for n in range(6)]), "heard")
        await until(lambda: _is(stage.calls(), [("m1", 400.0), ("v1/0", 300.0)]), "calls")
        told = ["site:1:call:ERS/m1", "site:1:call:VTN/v1/0"]
        await until(lambda: _is(stage.alerts(), told), "alerts")
    troubles = [each for each in logs if each["log_level"] in {"warning", "error"}]
    assert len([each for each in troubles if each["event"] == "message waits"]) <= 2
    assert not any("\n" in str(each.get("reason")) or "exc_info" in each for each in troubles)


async def _is(found: Awaitable[object], wanted: object) -> bool:
    with contextlib.suppress(Exception):  # the pool has yet to come back
        return await found == wanted
    return False


async def _has(logs: list, event: str, times: int) -> bool:
    return len([each for each in logs if each["event"] == event]) >= times


async def _deaf(stage: Stage) -> list[str]:
    async with stage.store.pool.connection() as conn:
        rows = [row for kind in ("source", "programme")
                for row in await energy_documents.fetches(conn, kind)]  # fmt: skip
    assert {row["name"] for row in rows} >= {"rt", "VTN"}
    return [row["name"] for row in rows if row["failures"]]


async def test_a_call_whose_alert_found_a_full_disk_is_told_later(
    stage: Stage, postgres: str, client: httpx.AsyncClient
) -> None:
    async with VtnServer() as vtn:
        vtn.events = [event("v1")]
        await stage.save("programme", "VTN", CALLS.format(more=f'[openadr]\nurl = "{vtn.url}"'))
        async with full(postgres, "alert"):
            with pytest.raises(Exception, match="No space left"):
                await stage.sources.look(client)
        assert await stage.calls() == [("v1/0", 300.0)]
        assert await stage.alerts() == []
        await stage.sources.look(client)
        await stage.sources.look(client)
        assert await stage.alerts() == ["site:1:call:VTN/v1/0"]


async def test_calls_that_found_a_full_disk_are_asked_for_at_the_next_look(
    stage: Stage, postgres: str, client: httpx.AsyncClient
) -> None:
    async with VtnServer() as vtn:
        vtn.events = [event("v1"), event("v2")]
        await stage.save("programme", "VTN", CALLS.format(more=f'[openadr]\nurl = "{vtn.url}"'))
        async with full(postgres, "energy_call"):
            with pytest.raises(Exception, match="No space left"):
                await stage.sources.look(client)
        await stage.sources.look(client)
        assert await stage.calls() == [("v1/0", 300.0), ("v2/0", 300.0)]


async def test_prices_that_found_a_full_disk_are_kept_once_there_is_room(
    stage: Stage, postgres: str, client: httpx.AsyncClient
) -> None:
    async with PriceServer() as server:
        server.pages["/rt.csv"] = page(40, 41)
        polled = PRICES.format(quantity="real-time", form="csv", url=f"{server.url}/rt.csv",
                               more="")  # fmt: skip
        await stage.save("source", "rt", polled)
        async with full(postgres, "energy_value"):
            with pytest.raises(ExceptionGroup) as raised:
                await stage.sources.look(client)
        (error,) = raised.value.exceptions
        assert isinstance(error, UnavailableError)
        assert "disk is full; make room" in str(error)
        await stage.sources.look(client)
        assert await stage.prices() == [40, 41]


@pytest.mark.needs("mosquitto", "mosquitto_passwd")
async def test_a_message_that_found_a_full_disk_is_kept_once_and_told_in_one_line(
    stage: Stage, broker: Mosquitto, postgres: str, client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(hearing, "_RETRY_S", 0.05)
    where = f'[mqtt]\nurl = "{broker.url("dr")}"\nsecret = "broker"'
    await stage.save("programme", "ERS", CALLS.format(more=where))
    with structlog.testing.capture_logs() as logs:
        await until(lambda: _hears(stage, client), "listens")
        async with full(postgres, "energy_call"):
            await say(broker, "dr", {"event": "m1", "from_ms": T0 + H, "until_ms": T0 + 2 * H})
            await until(lambda: _has(logs, "message waits", 1), "waits")
            await asyncio.sleep(0.2)  # and is tried again, some times
        await until(lambda: _is(stage.calls(), [("m1", 400.0)]), "call")
        await stage.sources.close()
    (told,) = [each for each in logs if each["event"] == "message waits"]
    assert told["reason"] == "database: its disk is full; make room there"


async def _hears(stage: Stage, client: httpx.AsyncClient) -> bool:
    await stage.sources.look(client)
    (row,) = await stage.queries.programmes("north")
    return not row.is_deaf
