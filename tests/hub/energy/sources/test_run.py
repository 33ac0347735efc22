"""Polling: asked when due, kept once, backed off when it fails, and said when it is stale."""

from pathlib import Path

import httpx
import pytest

from lode_hub.energy.sources.run import EnergySources
from lode_hub.ingest.gmqtt_link import GmqttLink
from lode_hub.store import Store, energy, energy_documents
from lode_sim.grid import PriceServer, Told

T0 = 1_800_000_000_000  # 2027-01-15T08:00Z
SOURCE = """
quantity = "real-time"
unit = "USD/MWh"
node = "HB_WEST"
format = "csv"
step_s = 300
every_s = 60
timeout_s = 2
stale_after_s = 900
url = "{url}/prices.csv?from={{from:%Y%m%d%H%M}}"
[columns]
time = "when"
value = "price"
format = "epoch-ms"
"""


class Stage:
    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.now_ms = T0
        self.sources = EnergySources(
            store, folder, name="test", make_link=GmqttLink, clock_ms=lambda: self.now_ms
        )

    async def look(self, later_s: float = 0.0) -> None:
        self.now_ms += round(later_s * 1000)
        async with httpx.AsyncClient() as client:
            await self.sources.look(client)

    async def save(self, body: str | None, name: str = "rtm", site: int | None = 1) -> None:
        async with self.store.pool.connection() as conn:
            await energy_documents.save(
                conn, site, "source", name, body, person="ada", saved_ms=self.now_ms
            )

    async def state(self) -> dict:
        async with self.store.pool.connection() as conn:
            return (await energy_documents.fetches(conn, "source"))[0]

    async def prices(self) -> list[float | None]:
        async with self.store.pool.connection() as conn:
            span = (T0 - 10**9, T0 + 10**9)
            rows = await energy.values(conn, 1, "real-time", "HB_WEST", span)
        return [row["value"] for row in rows]

    async def alerts(self) -> list[tuple[str, str]]:
        async with self.store.pool.connection() as conn:
            found = await conn.execute("select rule, subject from alert where resolved_at is null")
            return await found.fetchall()


@pytest.fixture
def stage(store: Store, tmp_path: Path) -> Stage:
    return Stage(store, tmp_path)


def page(*prices: float, begin: int = T0) -> bytes:
    rows = [f"{begin + 300_000 * n},{price}" for n, price in enumerate(prices)]
    return "\n".join(["when,price", *rows, ""]).encode()


async def test_a_source_is_asked_when_due_and_what_is_known_is_not_kept_again(stage: Stage) -> None:
    async with PriceServer() as server:
        server.pages["/prices.csv"] = page(40, 41)
        await stage.save(SOURCE.format(url=server.url))
        await stage.look()
        await stage.look(30)
        assert len(server.asked) == 1
        assert server.asked[0].query == {"from": "202701140800"}
        await stage.look(31)
        assert server.asked[1].headers["if-none-match"].startswith('"')
        assert await stage.prices() == [40, 41]
        server.pages["/prices.csv"] = page(40, 55, -3)
        await stage.look(61)
        assert await stage.prices() == [40, 55, -3]
        assert await stage.alerts() == []


async def test_one_that_fails_is_backed_off_and_comes_back_and_says_no_secret(
    stage: Stage, tmp_path: Path, caplog
) -> None:
    (tmp_path / "key").write_text("s3cr3t\n")
    async with PriceServer() as server:
        body = SOURCE.format(url=server.url).replace(
            "[columns]", 'secret = "key"\nsecret_query = "securityToken"\n[columns]'
        )
        await stage.save(body)
        server.fault = Told(500)
        await stage.look()
        server.pages["/prices.csv"] = page(40)
        state = await stage.state()
        assert (state["failures"], state["due_ms"]) == (1, T0 + 60_000)
        await stage.look(61)
        assert (await stage.state())["due_ms"] == stage.now_ms + 120_000
        server.fault = Told(429, headers={"retry-after": "1800"})
        await stage.look(121)
        assert (await stage.state())["due_ms"] == stage.now_ms + 1_800_000
        assert "answered 429" in (await stage.state())["trouble"]
        server.fault = None
        await stage.look(1801)
        state = await stage.state()
        assert (state["failures"], state["trouble"], state["refused"]) == (0, "", 0)
        assert server.asked[-1].query["securityToken"] == "s3cr3t"
    await stage.look(61)
    assert "ConnectError" in (await stage.state())["trouble"]
    assert "s3cr3t" not in (await stage.state())["trouble"] + caplog.text


async def test_silence_size_and_garbage_are_failures_and_half_an_answer_is_kept(
    stage: Stage,
) -> None:
    async with PriceServer() as server:
        await stage.save(SOURCE.format(url=server.url).replace("timeout_s = 2", "timeout_s = 0.2"))
        server.is_silent = True
        await stage.look()
        assert "Timeout" in (await stage.state())["trouble"]
        server.is_silent = False
        server.pages["/prices.csv"] = b"x" * (17 << 20)
        await stage.look(61)
        assert (await stage.state())["failures"] == 2
        server.pages["/prices.csv"] = b"<html>maintenance</html>"
        await stage.look(121)
        assert "no column" in (await stage.state())["trouble"]
        server.pages["/prices.csv"] = page(40) + b"never,5\n"
        await stage.look(241)
        state = await stage.state()
        assert (state["failures"], state["refused"]) == (0, 1)
        assert await stage.prices() == [40]
        await stage.look(61)
        assert "if-none-match" not in server.asked[-1].headers


async def test_a_stale_price_is_one_alert_that_ends_when_prices_come(stage: Stage) -> None:
    async with PriceServer() as server:
        server.pages["/prices.csv"] = page(40, 41)
        await stage.save(SOURCE.format(url=server.url))
        await stage.look()
        await stage.look(1400)
        assert await stage.alerts() == []
        await stage.look(200)
        await stage.look(10)
        assert await stage.alerts() == [("energy-price-stale", "site:1:source:rtm")]
        server.pages["/prices.csv"] = page(39, begin=stage.now_ms)
        await stage.look(61)
        assert await stage.alerts() == []
    await stage.look(5000)
    assert len(await stage.alerts()) == 1


async def test_a_source_that_never_gave_anything_is_stale_too_and_a_removed_one_is_not(
    stage: Stage,
) -> None:
    await stage.save(SOURCE.format(url="http://127.0.0.1:9"), site=None)
    await stage.look()
    await stage.look(1000)
    assert await stage.alerts() == [("energy-price-stale", "source:rtm")]
    await stage.save(None, site=None)
    await stage.look(10)
    assert await stage.alerts() == []
