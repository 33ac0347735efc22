"""The contract of an ingress: both clients on both brokers."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lode_hub.errors import SettingsError
from lode_hub.ingest.ingress import Address, Ingress, Session
from tests.hub.ingest.conftest import LINKS, free_port
from tests.hub.ingest.talk import speaker, until

TOPIC = "lode/v1/07/north-1/state"
SESSION = Session(client_id="hub-p07", topic="lode/v1/07/+/+")
ROOT = Path(__file__).resolve().parents[3]


@contextlib.asynccontextmanager
async def running(ingress):
    task = asyncio.create_task(ingress.run())
    try:
        yield ingress
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def say(broker, *payloads, topic=TOPIC, agent="north-1", retain=False):
    def speak():
        with speaker(broker.agent(agent)) as one:
            for payload in payloads:
                one.say(topic, payload, retain=retain)

    await asyncio.to_thread(speak)


async def test_delivers_what_is_published(broker, make_link):
    got = []
    async with running(Ingress(SESSION, [broker.hub], got.append, make=make_link)) as ingress:
        await until(lambda: ingress.is_connected, "connected")
        await say(broker, b"one", b"two", b"")
        await until(lambda: len(got) == 3, "three deliveries")
        for delivery in got:
            delivery.ack()
    assert [delivery.payload for delivery in got] == [b"one", b"two", b""]
    assert {delivery.topic for delivery in got} == {TOPIC}
    assert not any(delivery.is_retained for delivery in got)
    assert all(abs(delivery.received_ms - 1.7e12) < 1e12 for delivery in got)


@pytest.mark.slow
async def test_what_was_not_acknowledged_comes_again(broker, make_link):
    first, second, third = [], [], []
    async with running(Ingress(SESSION, [broker.hub], first.append, make=make_link)) as ingress:
        await until(lambda: ingress.is_connected, "connected")
        await say(broker, b"a", b"b", b"c")
        await until(lambda: len(first) == 3, "first deliveries")
        next(one for one in first if one.payload == b"b").ack()
        await say(broker, b"d")  # a round trip through the broker, behind the acknowledgement
        await until(lambda: len(first) >= 4, "one more")
    await say(broker, b"e")  # while nobody is there
    async with running(Ingress(SESSION, [broker.hub], second.append, make=make_link)):
        await until(lambda: {d.payload for d in second} >= {b"a", b"c", b"d", b"e"}, "again")
        for delivery in second:
            delivery.ack()
        await say(broker, b"f")
        await until(lambda: any(d.payload == b"f" for d in second), "the last")
        next(one for one in second if one.payload == b"f").ack()
        await say(broker, b"g")
        await until(lambda: any(d.payload == b"g" for d in second), "behind it")
    async with running(Ingress(SESSION, [broker.hub], third.append, make=make_link)):
        await until(lambda: any(d.payload == b"g" for d in third), "what was left")
    assert b"b" not in {d.payload for d in second}
    assert {d.payload for d in third} == {b"g"}


@pytest.mark.slow
async def test_an_acknowledgement_of_an_old_connection_is_dropped(broker, make_link):
    """It would tell the broker that another message, with the same packet number, was safe."""
    got, others, once_more = [], [], []
    async with running(Ingress(SESSION, [broker.hub], got.append, make=make_link)) as ingress:
        await until(lambda: ingress.is_connected, "connected")
        await say(broker, b"old")
        await until(lambda: bool(got), "the old delivery")
        stale = got[0]
        # Another takes the session and finishes the message; then the first one comes back.
        ingress._may_connect = lambda: False
        async with running(Ingress(SESSION, [broker.hub], others.append, make=make_link)):
            await until(lambda: bool(others), "redelivered")
            for delivery in others:
                delivery.ack()
            await say(broker, b"x")
            await until(lambda: len(others) > 1, "x")
        ingress._may_connect = lambda: True
        await until(lambda: ingress.connections == 2, "back", within_s=30)
        await say(broker, b"new")
        await until(lambda: any(d.payload == b"new" for d in got), "the new delivery")
        stale.ack()
        await say(broker, b"behind")
        await until(lambda: any(d.payload == b"behind" for d in got), "behind the stale ack")
    async with running(Ingress(SESSION, [broker.hub], once_more.append, make=make_link)):
        await until(lambda: {d.payload for d in once_more} >= {b"new", b"behind"}, "new again")


async def test_no_connection_without_the_lease(broker, make_link):
    owner, zombie = [], []
    async with running(Ingress(SESSION, [broker.hub], zombie.append, make=make_link)) as old:
        await until(lambda: old.is_connected, "connected")
        old._may_connect = lambda: False
        async with running(Ingress(SESSION, [broker.hub], owner.append, make=make_link)) as new:
            await until(lambda: new.is_connected and not old.is_connected, "taken over")
            await say(broker, *(str(i).encode() for i in range(20)))
            await until(lambda: len(owner) >= 20, "all to the new owner")
            assert (old.connections, new.connections) == (1, 1), "a takeover storm"


async def test_connects_again_when_the_broker_is_back(one_broker, make_link):
    got = []
    async with running(Ingress(SESSION, [one_broker.hub], got.append, make=make_link)) as ingress:
        await until(lambda: ingress.is_connected, "connected")
        await one_broker.program.stop()
        await until(lambda: not ingress.is_connected, "lost")
        await one_broker.program.start()
        await until(lambda: ingress.is_connected, "connected again")
        await say(one_broker, b"after")
        await until(lambda: any(d.payload == b"after" for d in got), "delivered")


async def test_takes_the_next_address_when_one_does_not_answer(one_broker, make_link):
    nobody = Address(host="127.0.0.1", port=free_port())
    addresses = [nobody, one_broker.hub]
    async with running(Ingress(SESSION, addresses, lambda _: None, make=make_link)) as ingress:
        await until(lambda: ingress.is_connected, "connected")


async def test_a_paused_session_waits_and_loses_nothing(broker, make_link):
    got = []
    count = 200
    async with running(Ingress(SESSION, [broker.hub], got.append, make=make_link)) as ingress:
        await until(lambda: ingress.is_connected, "connected")
        ingress.pause()
        await say(broker, *(str(i).encode() for i in range(count)))
        assert len(got) < count
        ingress.resume()

        def acknowledged():
            for delivery in got:
                delivery.ack()
            return len({delivery.payload for delivery in got}) == count

        await until(acknowledged, "all")


async def test_a_clean_session_hears_what_is_retained_and_leaves_nothing(broker, make_link):
    session = Session(client_id="hub-presence", topic="lode/v1/state/+", qos=0, is_clean=True)
    await say(broker, b"here", topic="lode/v1/state/north-1", retain=True)
    for _ in range(2):
        got = []
        async with running(Ingress(session, [broker.hub], got.append, make=make_link)) as ingress:
            await until(lambda: got and ingress.is_connected, "retained")  # noqa: B023
            assert got[0].is_retained
            assert ingress.publish("lode/v1/ack/north-1", b"x")
        await say(broker, b"there", topic="lode/v1/state/north-2", agent="north-2")
        assert {delivery.topic for delivery in got} == {"lode/v1/state/north-1"}


async def test_publishes(broker, make_link):
    ingress = Ingress(SESSION, [broker.hub], lambda _: None, make=make_link)
    assert not ingress.publish("lode/v1/ack/north-1", b"too early")
    with speaker(broker.agent("north-1"), "listener", "lode/v1/ack/north-1") as listener:
        async with running(ingress):
            await until(lambda: ingress.is_connected and listener.is_listening, "connected")
            assert ingress.publish("lode/v1/ack/north-1", b"mark")
            await until(lambda: listener.heard == [("lode/v1/ack/north-1", b"mark")], "heard")


@pytest.mark.slow
async def test_every_message_comes_again_until_acknowledged_over_kill_9(broker, make_link):
    client = next(name for name, link in LINKS.items() if link is make_link)
    sent = [f"message-{i}".encode() for i in range(1500)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "committed"
        file.touch()

        def start():
            command = [sys.executable, "-m", "tests.hub.ingest.subscriber", client]
            command += [broker.hub.host, str(broker.hub.port), str(broker.hub.password), str(file)]
            return subprocess.Popen(command, cwd=ROOT)

        def committed():
            return set(file.read_bytes().split(b"\n")) - {b""}

        process = start()
        try:
            # The session has to be there before the first message.
            async with running(
                Ingress(SESSION, [broker.hub], lambda _: None, make=make_link)
            ) as session:
                await until(lambda: session.is_connected, "a session")
            for part in range(5):
                size = len(committed())
                await say(broker, *sent[part * 300 : part * 300 + 300])
                await until(lambda: len(committed()) > size, "something committed")  # noqa: B023
                process.kill()
                process.wait()
                process = start()
            await until(lambda: committed() >= set(sent), "every message", within_s=40)
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("url", ["http://a", "mqtt://", "a:1883"])
def test_a_url_that_is_none_is_named(url):
    with pytest.raises(SettingsError, match="mqtt://"):
        Address.of(url)


def test_a_url_says_all():
    plain = Address.of("mqtt://hub:s%20t@broker:18420")
    assert (plain.host, plain.port, plain.username, plain.password, plain.tls) == (
        "broker", 18420, "hub", "s t", None,
    )  # fmt: skip
    assert Address.of("mqtts://broker").port == 8883
    assert Address.of("mqtts://broker").tls is not None
