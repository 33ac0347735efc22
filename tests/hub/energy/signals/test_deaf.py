"""A VTN that does not answer: shown at once, an alert once it has lasted, and over when it is."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from lode_hub.energy.sources.run import EnergySources
from lode_hub.ingest.gmqtt_link import GmqttLink
from lode_hub.queries.energy import EnergyQueries
from lode_hub.store import Store, energy_documents
from lode_sim.grid import Told, VtnServer

T0 = 1_800_000_000_000
MINUTE = 60_000


class Stage:
    """A programme at a VTN, looked at when the test says."""

    def __init__(
        self, store: Store, folder: Path, vtn: VtnServer, client: httpx.AsyncClient
    ) -> None:
        self.client, self.folder = client, folder
        self.store, self.vtn, self.now_ms = store, vtn, T0
        self.queries = EnergyQueries(store, lambda: self.now_ms)
        self.begin_anew()

    def begin_anew(self) -> None:
        self.sources = EnergySources(
            self.store, self.folder, name="test", make_link=GmqttLink,
            clock_ms=lambda: self.now_ms,
        )  # fmt: skip

    async def look(self, *minutes: float) -> None:
        for one in minutes:
            self.now_ms += round(one * MINUTE)
            await self.sources.look(self.client)

    async def save(self, body: str) -> None:
        async with self.store.pool.connection() as conn:
            await energy_documents.save(
                conn, 1, "programme", "ERS", body, person="ada", saved_ms=self.now_ms
            )

    async def alerts(self) -> list[tuple[str, str]]:
        async with self.store.pool.connection() as conn:
            found = await conn.execute(
                "select subject, likely_cause from alert where rule = 'energy-calls-deaf' "
                "and resolved_at is null"
            )
            return await found.fetchall()


@pytest.fixture
async def stage(store: Store, tmp_path: Path) -> AsyncIterator[Stage]:
    async with VtnServer() as vtn, httpx.AsyncClient() as client:
        made = Stage(store, tmp_path, vtn, client)
        await made.save(f'reduce = "all"\nwebhook_secret = "s"\n[openadr]\nurl = "{vtn.url}"\n')
        yield made


async def test_a_vtn_that_does_not_answer_is_an_alert_once_it_has_lasted(stage: Stage) -> None:
    await stage.look(0)
    (row,) = await stage.queries.programmes("north")
    assert (row.ways, row.ok_ms, row.is_deaf) == (("openadr", "webhook"), T0, False)
    stage.vtn.fault = Told(503)
    await stage.look(1, 4)
    assert await stage.alerts() == []
    (row,) = await stage.queries.programmes("north")
    assert (row.is_deaf, row.ok_ms, row.deaf_ms) == (True, T0, T0 + MINUTE)
    await stage.look(1.1)
    ((subject, cause),) = await stage.alerts()
    assert subject == "site:1:programme:ERS"
    assert "answered 503" in cause
    stage.vtn.fault = None
    await stage.look(0.6, 1.1)  # the rule's off-delay
    assert await stage.alerts() == []
    (row,) = await stage.queries.programmes("north")
    assert (row.is_deaf, row.deaf_ms, row.trouble) == (False, None, "")


async def test_a_hub_that_takes_over_knows_since_when_nothing_is_heard(stage: Stage) -> None:
    stage.vtn.fault = Told(503)
    await stage.look(0, 4)
    stage.begin_anew()
    await stage.look(1.1)
    assert len(await stage.alerts()) == 1


async def test_what_is_not_asked_any_more_is_not_deaf(stage: Stage) -> None:
    stage.vtn.fault = Told(503)
    await stage.look(0, 6)
    assert len(await stage.alerts()) == 1
    await stage.save('reduce = "all"\nwebhook_secret = "s"')
    await stage.look(1, 2)
    assert await stage.alerts() == []
