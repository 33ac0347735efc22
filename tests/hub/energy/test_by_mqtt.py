"""Prices and calls by MQTT, from a real Mosquitto: kept once, or refused with words."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from lode_hub.energy import hearing
from lode_hub.energy.sources.run import EnergySources
from lode_hub.ingest.ingress import MakeLink
from lode_hub.store import Store, energy, energy_calls, energy_documents
from lode_hub.trust.ca import Authority
from tests.hub.energy.mosquitto import PASSWORD, Mosquitto, mosquitto
from tests.hub.ingest.conftest import LINKS
from tests.hub.ingest.talk import speaker

pytestmark = pytest.mark.needs("mosquitto", "mosquitto_passwd")

T0 = 1_800_000_000_000
H = 3_600_000
SOURCE = """
quantity = "real-time"
unit = "USD/MWh"
node = "HB_WEST"
format = "{form}"
step_s = 300
url = "{url}"
secret = "broker"
[columns]
time = "when"
value = "price"
format = "epoch-ms"
"""
PROGRAMME = """
reduce = "by"
power_kw = 400
levels_kw = [100, 300]
[mqtt]
url = "{url}"
secret = "broker"
{columns}
"""


class Stage:
    """A hub that listens, and a broker that others speak to."""

    def __init__(self, store: Store, folder: Path, broker: Mosquitto, link: MakeLink) -> None:
        (folder / "broker").write_text(PASSWORD + "\n")
        self.store, self.broker = store, broker
        self.now_ms = T0
        self.sources = EnergySources(
            store, folder, name="test", make_link=link, clock_ms=lambda: self.now_ms
        )

    async def save(self, kind: str, name: str, body: str | None) -> None:
        async with self.store.pool.connection() as conn:
            await energy_documents.save(
                conn, 1, kind, name, body, person="ada", saved_ms=self.now_ms
            )

    async def look(self) -> None:
        self.broker.keep()
        async with httpx.AsyncClient() as client:
            await self.sources.look(client)

    async def say(self, topic: str, payload: object, *, retain: bool = False) -> None:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()

        def speak() -> None:
            with speaker(self.broker.login, f"market-{time.monotonic_ns()}") as one:
                one.say(topic, data, retain=retain)

        await asyncio.to_thread(speak)

    async def state(self, kind: str = "source") -> dict:
        async with self.store.pool.connection() as conn:
            return ([*await energy_documents.fetches(conn, kind), {}])[0]

    async def until(self, kind: str, **wanted: object) -> dict:
        """Look until a document's state is this, and so many messages or more were heard.

        One whose acknowledgement was lost with its session comes again, and counts again.
        """
        least = wanted.pop("messages", 0)
        deadline = time.monotonic() + 40
        while True:
            await self.look()
            state = await self.state(kind)
            is_so = state and all(state[name] == value for name, value in wanted.items())
            if is_so and state["messages"] >= least:
                return state
            assert time.monotonic() < deadline, f"{wanted}, but {state}"
            await asyncio.sleep(0.02)

    async def prices(self) -> list[float | None]:
        async with self.store.pool.connection() as conn:
            rows = await energy.values(conn, 1, "real-time", "HB_WEST", (T0 - 10**9, T0 + 10**9))
        return [row["value"] for row in rows]

    async def calls(self) -> list[tuple]:
        async with self.store.pool.connection() as conn:
            rows = await energy_calls.calls(conn, "north", (T0 - 99 * H, T0 + 99 * H))
        return [(r["event"], r["power_kw"], r["is_cancelled"], r["way"]) for r in rows]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as found:
        yield found


@pytest.fixture
async def stage(
    store: Store, tmp_path: Path, broker: Mosquitto, make_link: MakeLink
) -> AsyncIterator[Stage]:
    made = Stage(store, tmp_path, broker, make_link)
    yield made
    await made.sources.close()


@pytest.fixture(params=LINKS)
def make_link(request: pytest.FixtureRequest) -> MakeLink:
    return LINKS[request.param]


async def test_prices_are_kept_once_and_bad_messages_are_refused_with_where_and_what(
    stage: Stage,
) -> None:
    await stage.say("market/rt", [{"when": T0, "price": 40}], retain=True)
    await stage.save("source", "rt", SOURCE.format(form="json", url=stage.broker.url("market/+")))
    await stage.until("source", messages=1)
    assert await stage.prices() == [40]
    await stage.say("market/rt", [{"when": T0, "price": 40}, {"when": T0 + 300_000, "price": -7}])
    state = await stage.until("source", messages=2)
    assert (state["bad"], state["trouble"], state["ok_ms"]) == (0, "", T0)
    assert await stage.prices() == [40, -7]
    await stage.say("market/rt", b"<html>")
    state = await stage.until("source", messages=3)
    assert state["bad"] == 1
    assert "on market/rt: json of real-time: no JSON" in state["trouble"]
    await stage.say("market/rt", b" " * (hearing.MAX_BYTES + 1))
    assert "more than 262144 bytes" in (await stage.until("source", bad=2))["trouble"]
    rows = [{"when": T0 + 600_000, "price": 9}, {"when": T0 + 900_000, "price": "dear"}]
    await stage.say("market/rt", rows)
    state = await stage.until("source", messages=5)
    assert (state["bad"], state["refused"]) == (2, 1)
    assert "line 2: value 'dear'" in state["trouble"]
    assert await stage.prices() == [40, -7, 9]
    await stage.say("market/rt", [{"when": T0 + 900_000, "price": 11}])
    assert (await stage.until("source", messages=6))["trouble"] == ""


async def test_a_broker_that_is_away_is_said_and_what_was_told_meanwhile_comes(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    csv = SOURCE.format(form="csv", url=stage.broker.url("rt"))
    stage.broker.stop()
    await stage.save("source", "rt", csv)
    state = await stage.until("source", failures=1)
    assert state["trouble"]
    stage.broker.start()
    await stage.until("source", failures=0, trouble="")
    await stage.say("rt", f"when,price\n{T0},40\n".encode())
    await stage.until("source", messages=1)
    stage.broker.stop()
    await stage.until("source", failures=1)
    stage.broker.start()
    await stage.until("source", failures=0, trouble="")
    await stage.say("rt", f"when,price\n{T0 + 300_000},41\n".encode())
    await stage.until("source", messages=2)
    await stage.sources.close()  # the hub is away
    await stage.say("rt", f"when,price\n{T0 + 600_000},42\n".encode())
    await stage.until("source", messages=3)
    assert await stage.prices() == [40, 41, 42]
    assert PASSWORD not in caplog.text


async def test_a_wrong_password_is_said_and_another_one_is_taken_without_a_restart(
    stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "broker").write_text("wr0ng")
    await stage.save("source", "rt", SOURCE.format(form="json", url=stage.broker.url("rt")))
    state = await stage.until("source", failures=1)
    while "not connected yet" in state["trouble"]:
        await stage.look()
        state = await stage.state()
    assert "uthor" in state["trouble"]  # not authorised, in either client's words
    assert "wr0ng" not in state["trouble"]
    (tmp_path / "broker").unlink()
    assert "secret file" in (await _troubled(stage, "secret file"))["trouble"]
    (tmp_path / "broker").write_text(PASSWORD)
    await stage.until("source", failures=0)


async def _troubled(stage: Stage, words: str) -> dict:
    deadline = time.monotonic() + 40
    while words not in (await stage.state()).get("trouble", ""):
        assert time.monotonic() < deadline, words
        await stage.look()
    return await stage.state()


async def test_calls_of_any_shape_are_taken_once_changed_and_cancelled(stage: Stage) -> None:
    columns = """[columns]
event = "id"
begin = "period.start"
end = "period.end"
format = "iso"
level = "signal"
modification = "version"
cancelled = "gone"
rows = "events"
"""
    body = PROGRAMME.format(url=stage.broker.url("dr/ers"), columns=columns)
    await stage.save("programme", "ERS", body)
    await stage.until("programme", failures=0)
    period = {"start": "2027-01-15T09:00:00Z", "end": "2027-01-15T10:00:00Z"}
    first = {"id": "e1", "version": 1, "period": period, "signal": 2}
    bad = {"id": "e2", "period": period, "signal": 5}
    await stage.say("dr/ers", {"events": [first, bad]}, retain=True)
    state = await stage.until("programme", messages=1)
    assert await stage.calls() == [("e1", 300.0, False, "mqtt")]
    assert (state["refused"], state["bad"]) == (1, 0)
    assert "call 2: level 5; set levels_kw" in state["trouble"]
    await stage.say("dr/ers", {"events": [first]})
    await stage.say("dr/ers", {"events": [{**first, "version": 2, "signal": 1}]})
    await stage.until("programme", messages=3, trouble="")
    assert await stage.calls() == [("e1", 100.0, False, "mqtt")]
    await stage.say("dr/ers", {"events": [first]})
    state = await stage.until("programme", messages=4, bad=1)
    assert "a later modification is there" in state["trouble"]
    await stage.say("dr/ers", {"events": [{"id": "e1", "version": 3, "gone": True}]})
    await stage.until("programme", messages=5)
    assert await stage.calls() == [("e1", 100.0, True, "mqtt")]
    await stage.save("programme", "ERS", None)
    await stage.look()
    await stage.say("dr/ers", {"events": [{**first, "version": 9}]})
    await stage.look()
    assert (await stage.calls())[0][2]


# paho leaves a socket whose handshake failed to the collector of garbage.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_broker_of_an_authority_of_its_own_is_trusted_by_name_only(
    store: Store, tmp_path: Path, make_link: MakeLink
) -> None:
    theirs = Authority.open(tmp_path / "theirs")
    shown = theirs.own(tmp_path / "theirs", "broker", ["127.0.0.1"])
    with mosquitto(tmp_path, shown=shown) as broker:
        stage = Stage(store, tmp_path, broker, make_link)
        body = SOURCE.format(form="json", url=broker.tls_url("rt"))
        trusting = body.replace('secret = "broker"', 'secret = "broker"\nca = "theirs-ca"')
        await stage.save("source", "rt", body)
        await _troubled(stage, "verify failed")  # the system trusts others
        (tmp_path / "theirs-ca").write_text("no such thing")
        await stage.save("source", "rt", trusting)
        await _troubled(stage, "secret theirs-ca: no certificate in PEM in it")
        (tmp_path / "theirs-ca").write_text(Authority.open(tmp_path / "others").pem)
        await _troubled(stage, "verify failed")
        (tmp_path / "theirs-ca").write_text(theirs.pem)
        await stage.until("source", failures=0, trouble="")
        await stage.say("rt", [{"when": T0, "price": 40}])
        await stage.until("source", messages=1)
        assert await stage.prices() == [40]
        await stage.sources.close()


async def test_a_retained_call_that_was_overtaken_stays_so(stage: Stage) -> None:
    call = {"event": "e1", "from_ms": T0 + H, "until_ms": T0 + 2 * H}
    await stage.say("dr", call, retain=True)
    body = PROGRAMME.format(url=stage.broker.url("dr"), columns="")
    await stage.save("programme", "ERS", body)
    await stage.until("programme", messages=1)
    await stage.say("dr", {"event": "e1", "is_cancelled": True})
    await stage.until("programme", messages=2)
    await stage.save("programme", "ERS", body.replace("400", "500"))  # listens anew
    state = await stage.until("programme", messages=3)
    assert (await stage.calls())[0][2]
    assert (state["trouble"], state["bad"]) == ("", 0)
