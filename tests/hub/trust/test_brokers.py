"""Real brokers, real TLS: a stolen certificate is worth its own agent's topics and no more."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from lode_hub.broker import Door, EmbeddedBroker
from lode_hub.trust.ca import Authority
from lode_hub.trust.lists import Guest, Roll
from tests.hub.app.opened import free_port, owner_of, until
from tests.hub.trust.people import Badge, badge

KINDS = [pytest.param("mosquitto", marks=pytest.mark.needs("mosquitto")), "nats"]


@pytest.fixture(params=KINDS)
async def broker(
    request: pytest.FixtureRequest, home: Path, authority: Authority, tmp_path: Path
) -> AsyncIterator[EmbeddedBroker]:
    names = ("localhost", "127.0.0.1")
    door = Door(
        host="127.0.0.1",
        port=free_port(),
        names=names,
        authority=authority,
        folder=tmp_path / "trust",
    )
    program = EmbeddedBroker(home / "broker", kind=request.param, port=free_port(), door=door)
    yield program
    await program.stop()


class Peer:
    """A client by paho, in its own thread, that remembers what it hears."""

    def __init__(self, host: str, port: int, name: str = "peer") -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.granted: list[bool] = []
        self.said = ""  # the end of the connection, or how it began
        self._where = host, port
        version = MQTTProtocolVersion.MQTTv311
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            protocol=version,
            clean_session=True,
            reconnect_on_failure=False,
        )
        self.client.on_connect = lambda *a: setattr(self, "said", str(a[3]))
        self.client.on_disconnect = lambda *a: setattr(self, "said", "gone")
        self.client.on_message = lambda *a: self.heard.append((a[2].topic, a[2].payload))
        self.client.on_subscribe = lambda *a: self.granted.append(not a[3][0].is_failure)

    def by_badge(self, authority: Authority, file: Path | None) -> "Peer":
        context = ssl.create_default_context(cadata=authority.pem)
        if file is not None:
            context.load_cert_chain(file)
        self.client.tls_set_context(context)
        return self

    def by_context(self, context: ssl.SSLContext) -> "Peer":
        self.client.tls_set_context(context)
        return self

    def by_password(self, name: str, password: str) -> "Peer":
        self.client.username_pw_set(name, password)
        return self

    async def open(self) -> bool:
        """Come in; tell whether that worked, for longer than a moment."""
        try:
            await asyncio.to_thread(self.client.connect, *self._where)
        except OSError as error:
            self.said = f"gone: {error}"
            return False
        self.client.loop_start()

        async def is_decided() -> bool:
            return bool(self.said)

        await until(is_decided, 10, "the broker's answer")
        return self.said == "Success"

    async def hear(self, topic: str) -> bool:
        """Subscribe; tell whether the broker grants it."""
        count = len(self.granted)
        self.client.subscribe(topic, 1)

        async def is_answered() -> bool:
            return len(self.granted) > count or self.said == "gone"

        await until(is_answered, 10, f"the answer to {topic}")
        return len(self.granted) > count and self.granted[-1]

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Crowd:
    """Opens peers, and closes them all at the end."""

    def __init__(self, broker: EmbeddedBroker, authority: Authority) -> None:
        self.broker, self.authority = broker, authority
        self.peers: list[Peer] = []

    def _peer(self, port: int, name: str) -> Peer:
        self.peers.append(Peer("127.0.0.1", port, name))
        return self.peers[-1]

    async def hub(self, name: str = "hub-p07-secret") -> Peer:
        """Come in as the hub, as soon as the broker lets it: nats-server is slow to change one."""
        for _ in range(20):
            peer = self._hub(name)
            if await peer.open():
                return peer
            await asyncio.sleep(0.2)
        raise AssertionError(peer.said)

    def _hub(self, name: str) -> Peer:
        peer = self._peer(self.broker.entrance[1], name)
        if self.broker.tls is not None:
            peer.by_context(self.broker.tls)
        else:
            peer.by_password("hub", self.broker.hub_password_file.read_text())
        return peer

    def agent(self, shown: Badge | None, name: str = "agent") -> Peer:
        assert self.broker.door is not None
        peer = self._peer(self.broker.door.port, name)
        return peer.by_badge(self.authority, shown.file if shown else None)


@pytest.fixture
async def crowd(broker: EmbeddedBroker, authority: Authority) -> AsyncIterator[Crowd]:
    found = Crowd(broker, authority)
    yield found
    for peer in found.peers:
        await asyncio.to_thread(peer.close)


def heard(peer: Peer, *topics: str):
    async def has_heard() -> bool:
        return set(topics) <= {topic for topic, _ in peer.heard}

    return until(has_heard, 10, f"{topics} to be heard")


async def test_an_agent_says_and_hears_its_own(broker, crowd, authority, tmp_path):
    mine = badge(authority, tmp_path, "north.1")
    await broker.admit(Roll(guests=(mine.guest,)))
    await broker.start()
    assert owner_of(broker.pid) != 0
    hub, agent = await crowd.hub(), crowd.agent(mine)
    assert await agent.open(), agent.said
    assert await hub.hear("lode/v1/07/+/+")
    assert await hub.hear("lode/v1/state/+")
    for topic in ("lode/v1/ack/north.1", "lode/v1/cmd/north.1"):
        assert await agent.hear(topic)
        hub.say(topic, b"x")
    agent.say("lode/v1/07/north.1/mining_metrics", b"x" * (4 << 20))
    agent.say("lode/v1/state/north.1", b"here", retain=True)
    await heard(hub, "lode/v1/07/north.1/mining_metrics", "lode/v1/state/north.1")
    await heard(agent, "lode/v1/ack/north.1", "lode/v1/cmd/north.1")


OTHERS = [
    "lode/v1/ack/south-1",
    "lode/v1/cmd/south-1",
    "lode/v1/state/south-1",
    "lode/v1/07/south-1/mining_metrics",
    "lode/v1/07/+/+",
    "lode/v1/ack/+",
    "lode/#",
    "#",
    "+/+/+/+",
    "$MQTT/sub/#",
    "$MQTT/#",
    "$SYS/#",
    "$share/x/lode/v1/ack/south-1",
]


async def test_a_stolen_certificate_neither_reads_nor_writes_anothers(
    broker, crowd, authority, tmp_path
):
    stolen, other = badge(authority, tmp_path, "north-1"), badge(authority, tmp_path, "south-1")
    await broker.admit(Roll(guests=(stolen.guest, other.guest)))
    await broker.start()
    hub, thief, honest = await crowd.hub(), crowd.agent(stolen), crowd.agent(other, "honest")
    assert await thief.open()
    assert await honest.open()
    for topic in ("lode/v1/07/+/+", "lode/v1/state/+"):
        assert await hub.hear(topic)
    assert await honest.hear("lode/v1/ack/south-1")
    assert await honest.hear("lode/v1/cmd/south-1")
    for topic in OTHERS:
        await thief.hear(topic)  # Mosquitto grants all to clients of 3.1.1, and delivers nothing
        if thief.said == "gone":
            thief = crowd.agent(stolen)
            assert await thief.open()
    thief.heard.clear()
    assert await thief.hear("lode/v1/ack/north-1")
    forged = ["lode/v1/07/south-1/mining_metrics", "lode/v1/state/south-1", "lode/v1/ack/south-1"]
    for topic in [*forged, "lode/v1/cmd/south-1", "lode/v1/cmd/north-1", "lode/v1/ack/north-1"]:
        thief.say(topic, b"forged")
    hub.say("lode/v1/cmd/south-1", b"secret")
    honest.say("lode/v1/07/south-1/mining_metrics", b"secret")
    honest.say("lode/v1/state/south-1", b"secret")
    await heard(honest, "lode/v1/cmd/south-1")
    await heard(hub, "lode/v1/07/south-1/mining_metrics", "lode/v1/state/south-1")
    hub.say("lode/v1/ack/north-1", b"last")
    thief.say("lode/v1/07/north-1/mining_metrics", b"last")
    await heard(hub, "lode/v1/07/north-1/mining_metrics")
    await heard(thief, "lode/v1/ack/north-1")
    assert not [one for one in [*hub.heard, *honest.heard] if one[1] == b"forged"]
    assert set(thief.heard) == {("lode/v1/ack/north-1", b"last")}


async def test_a_thief_cannot_take_the_session_of_the_hub_or_of_another(
    broker, crowd, authority, tmp_path
):
    stolen = badge(authority, tmp_path, "north-1")
    await broker.admit(Roll(guests=(stolen.guest,)))
    await broker.start()
    hub = await crowd.hub("hub-p07-secret")
    assert await hub.hear("lode/v1/07/+/+")
    thief = crowd.agent(stolen, "hub-p07-secret")
    assert await thief.open()
    if broker.kind == "mosquitto":  # the certificate names the session
        assert hub.said == "Success"
    else:  # only who knows the session's secret name can end it, and even they hear nothing of it
        hub = await crowd.hub("hub-p07-secret")
        assert await hub.hear("lode/v1/07/+/+")
    hub.say("lode/v1/07/north-1/mining_metrics", b"secret")
    await heard(hub, "lode/v1/07/north-1/mining_metrics")
    assert thief.heard == []


async def test_whoever_is_not_good_does_not_come_in(broker, crowd, authority, tmp_path):
    good = badge(authority, tmp_path, "north-1")
    late = badge(authority, tmp_path, "late-1", lifetime_s=1)
    stranger = badge(Authority.open(tmp_path / "other"), tmp_path, "north-1")
    revoked = badge(authority, tmp_path, "gone-1")
    guests = (good.guest, late.guest, stranger.guest)
    serials = (revoked.issued.serial,)
    await broker.admit(Roll(guests=guests, revoked=("gone-1",), serials=serials))
    await broker.start()

    async def has_run_out() -> bool:
        return dt.datetime.now(dt.UTC) > late.issued.not_after

    await until(has_run_out, 5, "the certificate to run out")
    for shown in (late, stranger, revoked, None):
        assert not await crowd.agent(shown).open(), shown
    assert await crowd.agent(good).open()


async def test_who_is_thrown_out_goes_at_once_and_the_others_notice_nothing(
    broker, crowd, authority, tmp_path
):
    bad, good = badge(authority, tmp_path, "north-1"), badge(authority, tmp_path, "south-1")
    await broker.admit(Roll(guests=(bad.guest, good.guest)))
    await broker.start()
    pid, hub = broker.pid, await crowd.hub()
    agent, other = crowd.agent(bad), crowd.agent(good, "other")
    for peer in (agent, other):
        assert await peer.open()
    assert await hub.hear("lode/v1/07/+/+")
    assert await agent.hear("lode/v1/cmd/north-1")
    assert await other.hear("lode/v1/cmd/south-1")
    await broker.admit(
        Roll(guests=(good.guest,), revoked=("north-1",), serials=(bad.issued.serial,))
    )

    async def is_shut() -> bool:
        return not await crowd.agent(bad, "again").open()

    await until(is_shut, 10, "the door to be shut")
    agent.say("lode/v1/07/north-1/mining_metrics", b"too late")
    hub.say("lode/v1/cmd/north-1", b"too late")
    hub.say("lode/v1/cmd/south-1", b"x")
    other.say("lode/v1/07/south-1/mining_metrics", b"x")
    await heard(other, "lode/v1/cmd/south-1")
    await heard(hub, "lode/v1/07/south-1/mining_metrics")
    assert {topic for topic, _ in hub.heard} == {"lode/v1/07/south-1/mining_metrics"}
    assert agent.heard == []
    assert (hub.said, other.said, broker.pid) == ("Success", "Success", pid)
    again = badge(authority, tmp_path, "north-1")
    roll = Roll(guests=(good.guest, again.guest), serials=(bad.issued.serial,))
    await broker.admit(roll)

    async def is_in() -> bool:
        return await crowd.agent(again, "new").open()

    await until(is_in, 10, "the new certificate to be let in")
    assert not await crowd.agent(bad, "old").open()
    assert (hub.said, other.said, broker.pid) == ("Success", "Success", pid)


async def test_who_comes_by_password_has_its_own_topics_too(home, crowd_of_passwords):
    broker, crowd = crowd_of_passwords
    hub = await crowd.hub()
    thief, honest = (
        crowd._peer(broker.port, name).by_password(name, f"{name} word")
        for name in ("north-1", "south-1")
    )
    assert await thief.open()
    assert await honest.open()
    assert await hub.hear("lode/v1/07/+/+")
    await thief.hear("lode/v1/ack/south-1")
    assert await thief.hear("lode/v1/ack/north-1")
    assert await honest.hear("lode/v1/ack/south-1")
    thief.say("lode/v1/07/south-1/mining_metrics", b"forged")
    honest.say("lode/v1/07/south-1/mining_metrics", b"x")
    hub.say("lode/v1/ack/south-1", b"secret")
    hub.say("lode/v1/ack/north-1", b"x")
    await heard(hub, "lode/v1/07/south-1/mining_metrics")
    await heard(honest, "lode/v1/ack/south-1")
    await heard(thief, "lode/v1/ack/north-1")
    assert set(thief.heard) == {("lode/v1/ack/north-1", b"x")}
    assert {payload for _, payload in hub.heard} == {b"x"}
    await broker.admit(Roll(guests=(Guest(name="south-1", password="south-1 word"),)))

    async def is_shut() -> bool:
        peer = crowd._peer(broker.port, "again").by_password("north-1", "north-1 word")
        return not await peer.open()

    await until(is_shut, 10, "the password to be good no more")
    assert (hub.said, honest.said) == ("Success", "Success")


@pytest.fixture(params=KINDS)
async def crowd_of_passwords(
    request, home, authority
) -> AsyncIterator[tuple[EmbeddedBroker, Crowd]]:
    program = EmbeddedBroker(home / "plain", kind=request.param, port=free_port())
    guests = [Guest(name=name, password=f"{name} word") for name in ("north-1", "south-1")]
    await program.admit(Roll(guests=tuple(guests)))
    await program.start()
    crowd = Crowd(program, authority)
    yield program, crowd
    for peer in crowd.peers:
        await asyncio.to_thread(peer.close)
    await program.stop()
