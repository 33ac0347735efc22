"""A small agent on a real broker: it checks seals, answers, loses and repeats its answers."""

import itertools
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import paho.mqtt.client as paho
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from paho.mqtt.enums import CallbackAPIVersion

from lode_hub.ingest.ingress import Address
from lode_wire import messages, orders, seal, topics
from lode_wire.records import Command, CommandState, Record, Stage
from tests.hub.commands.answers import state
from tests.hub.ingest.agents import Agent

Answer = Callable[[Command, orders.Order], Sequence[CommandState]]


def keys_of(pem: bytes) -> dict[str, Ed25519PublicKey]:
    """Read the public keys that an agent is to trust."""
    end = b"-----END PUBLIC KEY-----\n"
    found = {}
    for one in pem.split(end)[:-1]:
        key = load_pem_public_key(one + end)
        assert isinstance(key, Ed25519PublicKey)
        found[seal.key_id(key)] = key
    return found


def works(command: Command, order: orders.Order) -> list[CommandState]:
    """Do what is asked at once, and prove it."""
    if isinstance(order.intent, orders.Curtail):
        rigs = [name for step in order.intent.steps for name in step.devices]
    else:
        rigs = [""]
    proof = {"source": "meter", "power_before_w": 3000.0, "power_after_w": 15.0}
    entries = itertools.count(command.sequence)
    accepted = state(command.id, Stage.ACCEPTED, sequence=command.sequence, entry=next(entries))
    return [accepted] + [
        state(command.id, Stage.EFFECTIVE, sequence=command.sequence, entry=next(entries),
              target=rig, **proof)
        for rig in rigs
    ]  # fmt: skip


@dataclass
class SiteAgent:
    """Hears commands; each is answered once it is heard, unless `loses` says otherwise."""

    broker: Address
    trusted: dict[str, Ed25519PublicKey]
    agent: Agent = field(default_factory=Agent)
    answer: Answer = works
    loses: int = 0  # so many answers
    repeats: int = 1
    heard: list[tuple[bytes, Command]] = field(default_factory=list)
    acted: list[str] = field(default_factory=list)
    highest: int = 0

    def __post_init__(self) -> None:
        self._arrived: queue.Queue[bytes | None] = queue.Queue()
        self._known: dict[str, Sequence[CommandState]] = {}
        self._waiting: dict[int, tuple[str, bytes]] = {}  # for the hub's acknowledgement
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self.agent.name)
        self._client.username_pw_set(self.broker.username, self.broker.password)
        self._client.on_message = lambda *a: self._hear(a[2].topic, a[2].payload)
        self._client.on_subscribe = lambda *_: self._ready.set()
        heard = [(topics.command(self.agent.name), 1), (topics.ack(self.agent.name), 1)]
        self._client.on_connect = lambda *_: self._client.subscribe(heard)
        self._client.connect(self.broker.host, self.broker.port)
        self._client.loop_start()
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()
        assert self._ready.wait(10)

    def present(self, boot: str = "b1") -> None:
        presence = messages.Presence(
            agent=self.agent.name,
            partition=self.agent.partition,
            is_online=True,
            boot=boot,
            epoch=self.agent.epoch,
            sent_ms=None,
        )
        topic = topics.presence(self.agent.name)
        self._client.publish(topic, messages.encode(presence), 1, retain=True).wait_for_publish(10)

    def say(self, *told: Record) -> None:
        """Send a batch; it is sent again until the hub has it."""
        topic = topics.batch(self.agent.partition, self.agent.name, told[0].topic)
        seq = next(self.agent.seqs)
        self._waiting[seq] = topic, self.agent.payload(told, seq)
        for _ in range(self.repeats):
            self._client.publish(*self._waiting[seq], 1)

    def _hear(self, topic: str, payload: bytes) -> None:
        if topic == topics.command(self.agent.name):
            self._arrived.put(payload)
            return
        ack = messages.decode_ack(payload)
        for seq in list(self._waiting):
            if seq <= ack.mark or any(low <= seq <= high for low, high in ack.sack):
                del self._waiting[seq]

    def stop(self) -> None:
        self._arrived.put(None)
        self._worker.join(10)
        self._client.disconnect()
        self._client.loop_stop()

    def _work(self) -> None:
        while True:
            try:
                payload = self._arrived.get(timeout=0.3)
            except queue.Empty:
                for told in list(self._waiting.values()):
                    self._client.publish(*told, 1)
                continue
            if payload is None:
                return
            command = seal.decode(payload)
            self.heard.append((payload, command))
            order = seal.opened(command, self.trusted)
            if self.loses > 0:
                self.loses -= 1
            else:
                self.say(*self._judge(command, order))

    def _judge(self, command: Command, order: orders.Order) -> Sequence[CommandState]:
        if command.id in self._known:
            return self._known[command.id]
        if command.sequence <= self.highest:
            reason = f"out-of-order: {command.sequence} is not above {self.highest}"
            return [state(command.id, Stage.REFUSED, reason, sequence=command.sequence)]
        self.highest = command.sequence
        self.acted.append(command.id)
        self._known[command.id] = self.answer(command, order)
        return self._known[command.id]
