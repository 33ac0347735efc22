"""A site that is told things: ordered by the API, watched in the simulator and on the broker."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from lode_edge.control.keys import private_key
from lode_sim.control import SITE_SOCKET, Order, send
from lode_sim.stack import StackError, wait_for
from lode_wire import orders, seal, topics
from lode_wire.records import Command
from tests.system.hub_api import HubApi

AGENT = "north-1"
SAMPLE_S = 0.25
PAGE = 1000  # rows of an answer
Row = dict[str, Any]


class Acting(HubApi):
    """What a person does with a site, and how it truly is meanwhile."""

    def wait_until_offered(self, rigs: int, timeout_s: float = 60) -> None:
        """Wait until the hub knows of so many rigs that they can sleep, and what they draw."""

        def is_known() -> bool:
            able = [name for name, row in self.controls().items() if "sleep" in row["offers"]]
            return len(able) >= rigs and self.metered_w() > 0

        wait_for(is_known, timeout_s, f"{rigs} rigs that can sleep", self.stack.edge)

    def controls(self) -> dict[str, Row]:
        """Give what can be asked of each device, by its name."""
        rows: list[Row] = []
        while len(found := self.get("sites/north/controls", limit=PAGE, offset=len(rows))) == PAGE:
            rows += found
        return {row["name"]: row for row in rows + found}

    def metered_w(self) -> float:
        """Give what the site's meter said last; 0 before it has said anything."""
        found = [m for m in self.get("meters") if m["name"] == "meter-site"]
        return float(found[0]["power_w"] or 0.0) if found else 0.0

    def order(self, action: str, rig: str = "", **more: Any) -> str:
        """Order something of a rig, or of the site when none is named; give the command's id."""
        terms = more.pop("terms", None)
        body: Row = {"intent": {"action": action, **more}, "terms": terms}
        if rig:
            body["device_id"] = self.controls()[rig]["device_id"]
        else:
            body["agent"] = AGENT
        made = self.post("commands", body)
        return str(made["command"]["command_id"])

    def curtail(self, **asked: Any) -> tuple[Row, str]:
        """Preview a curtailment and begin it; give the preview and its command."""
        shown = self.post("curtailments/preview", {"site": "north", **asked})
        begun = self.post("curtailments", {"preview": shown["curtailment_id"]})
        (command,) = begun["commands"]
        return shown, str(command)

    def command(self, command_id: str) -> Row:
        """Give a command with its devices and steps."""
        found: Row = self.get(f"commands/{command_id}")
        return found

    def stage(self, command_id: str) -> str:
        """Say how far a command is."""
        return str(self.command(command_id)["command"]["stage"])

    def until(self, command_id: str, *stages: str, timeout_s: float = 60) -> Row:
        """Wait until a command is in one of the stages; give it."""
        what = f"{command_id} to be {' or '.join(stages)}"
        try:
            wait_for(lambda: self.stage(command_id) in stages, timeout_s, what, self.stack.edge)
        except StackError as error:
            raise StackError(f"{error}\n{self.command(command_id)}") from error
        return self.command(command_id)

    def steps(self, command_id: str, target: str = "") -> list[str]:
        """List the stages that were told of a command and one of its devices, oldest first."""
        told = [s for s in self.command(command_id)["steps"] if s["target"] == target]
        return [step["stage"] for step in sorted(told, key=lambda step: step["entry"])]

    def page(self, path: str) -> str:
        """Give a page of the dashboard as it is sent."""
        answer = self._client.get(path)
        answer.raise_for_status()
        return answer.text

    def until_starts(self, rig: str, left: int, timeout_s: float = 20) -> None:
        """Wait until the hub knows that a rig may start so often today."""

        def is_told() -> bool:
            return bool(self.controls()[rig]["starts_left"] == left)

        wait_for(is_told, timeout_s, f"{rig} to have {left} starts left", self.stack.edge)

    # How it truly is.

    def settings(self, *rigs: str) -> dict[str, Row]:
        """Give how rigs are truly set, by name."""
        lines = self._simulator(Order(do="settings", devices=list(rigs)))
        return {row["name"]: row for row in map(json.loads, lines)}

    def kept(self) -> dict[str, Row]:
        """Give what rigs keep: pools, tuning and all else that is not a session."""
        return {name: row["kept"] for name, row in self.settings().items()}

    def disobey(self, fault: str, *rigs: str) -> None:
        """Let rigs fail at what they are told; in no way when no fault is named."""
        self._simulator(Order(do="disobey", fault=fault, devices=list(rigs)))

    def set_mode(self, mode: str, *rigs: str) -> None:
        """Switch rigs as somebody at the rig would."""
        self._simulator(Order(do="mode", mode=mode, devices=list(rigs)))

    def true_w(self) -> float:
        """Give what all rigs truly draw together."""
        return float(sum(row["power_w"] for row in self.settings().values()))

    def site_meter_w(self) -> float:
        """Give what the site's meter itself shows, whatever anybody has read of it."""
        return float(self.settings("meter-site")["meter-site"]["power_w"])

    def _simulator(self, order: Order) -> list[str]:
        return send(self.stack.home / "sim" / SITE_SOCKET, order)

    # As somebody who has broken into the broker, or into the hub itself.

    @property
    def signing_key(self) -> Ed25519PrivateKey:
        """Read the key that the hub signs with."""
        return private_key(self.stack.home / "hub" / "commands" / "current.pem")

    def sealed(self, intent: orders.AnyIntent, target: str = "", **changes: Any) -> Command:
        """Seal a command as the hub would, by its key unless another is given."""
        key, now_ms = changes.pop("key", None) or self.signing_key, int(time.time() * 1000)
        made = {
            "at_ms": now_ms,
            "id": f"stranger-{now_ms}",
            "actor": "mallory",
            "agent": AGENT,
            "sequence": now_ms,
            "not_before_ms": now_ms - 1000,
            "expires_ms": now_ms + 60_000,
            "target": target,
            "action": intent.action,
            "body": orders.encode_order(orders.Order(intent=intent)),
            "key": "",
            "signature": b"",
        }
        return seal.seal(msgspec.convert({**made, **changes}, Command), key)

    def publish(self, *payloads: bytes) -> None:
        """Send commands to the agent as the hub's account, which may say everything."""
        with self._broker(lambda _: None) as client:
            for payload in payloads:
                client.publish(topics.command(AGENT), payload, qos=1).wait_for_publish(10)

    @contextmanager
    def captured(self) -> Iterator[list[bytes]]:
        """Collect what is sent to the agent."""
        found: list[bytes] = []
        with self._broker(found.append) as client:
            heard = threading.Event()
            client.on_subscribe = lambda *_: heard.set()
            client.subscribe(topics.command(AGENT), qos=1)
            assert heard.wait(10), "the broker did not take the subscription"
            yield found

    @contextmanager
    def _broker(self, hear: Callable[[bytes], None]) -> Iterator[Client]:
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"intruder-{time.time_ns()}")
        password = (self.stack.home / "hub" / "broker" / "hub.password").read_text().strip()
        client.username_pw_set("hub", password)

        def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
            hear(message.payload)

        client.on_message = on_message
        client.connect("127.0.0.1", self.stack.broker_port)
        client.loop_start()
        try:
            yield client
        finally:
            client.disconnect()
            client.loop_stop()


class Watched(threading.Thread):
    """Samples what a site truly draws, or another power: `with Watched(site) as watched: ...`."""

    def __init__(self, site: Acting, drawn_w: Callable[[], float] | None = None) -> None:
        super().__init__(daemon=True)
        self._drawn_w, self._over = drawn_w or site.true_w, threading.Event()
        self.samples: list[tuple[float, float]] = []  # monotonic s, W

    def run(self) -> None:
        """Look four times a second."""
        while not self._over.is_set():
            drawn_w = self._drawn_w()
            self.samples.append((time.monotonic(), drawn_w))
            self._over.wait(SAMPLE_S)

    def __enter__(self) -> "Watched":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(10)

    def steepest_w(self, sign: int, window_s: float) -> float:
        """Give by how much power fell (-1) or rose (1) at most within any window."""
        most = 0.0
        for at_s, drawn_w in self.samples:
            before = [sign * w for s, w in self.samples if at_s - window_s <= s <= at_s]
            most = max(most, sign * drawn_w - min(before))
        return most
