"""The site for Home Assistant: each device and figure appears there by MQTT discovery.

    homeassistant/sensor/lode-{agent}/{device}-{figure}/config   what it is; retained
    lode-site/{agent}/{device}/state                             its figures, JSON; retained
    lode-site/{agent}/{device}/available, lode-site/{agent}/available

An unknown figure is null there, never 0; a device that does not answer is unavailable, and so is
everything when the agent is gone. What is no longer configured is removed.
"""

import asyncio
import contextlib
import itertools
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog

from lode_edge.drivers.mqtt.link import Link, Message, Server, keep
from lode_edge.inventory import VERSION
from lode_edge.publish.figures import Figure
from lode_edge.publish.site import Known, Site
from lode_wire.records import Device, Record

_PREFIX = "homeassistant"
_MAX_TAKEN_BACK = 10_000  # retained configurations of an earlier start

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Shown:
    """What Home Assistant has been told of a device."""

    facts: Device
    figures: set[Figure] = field(default_factory=set)
    is_there: bool | None = None
    state: bytes = b""


class HomeAssistant:
    """Publishes the site to one broker, or to the next when that is lost."""

    def __init__(
        self,
        agent: str,
        servers: Callable[[], Sequence[Server]],
        born: Sequence[Record],
        *,
        interval_s: float = 1.0,
    ) -> None:
        self.site = Site(born)
        self._agent, self._servers, self._interval_s = agent, servers, interval_s
        self._turn = itertools.count()
        self._home = f"lode-site/{agent}"
        self._node = f"lode-{_slug(agent)}"
        self._shown: dict[int, _Shown] = {}
        self._found: list[Message] = []  # configurations that the broker has kept

    async def run(self) -> None:
        """Publish until cancelled."""
        await keep(self._make, self._live)

    def _make(self) -> Link:
        servers = self._servers()
        server = servers[next(self._turn) % len(servers)]
        will = self._kept(f"{self._home}/available", b"offline")
        return Link(server, f"lode-ha-{self._agent}", self._received, will=will)

    async def _live(self, link: Link) -> None:
        self._shown.clear()
        await link.subscribe([(f"{_PREFIX}/sensor/{self._node}/+/config", 1)])
        link.publish(self._kept(f"{self._home}/available", b"online"))
        lost = asyncio.ensure_future(link.lost())
        try:
            while not lost.done():
                self._take_back(link)
                await self._tell(link)
                await asyncio.wait([lost], timeout=self._interval_s)
        finally:
            lost.cancel()
            link.publish(self._kept(f"{self._home}/available", b"offline"))

    async def _tell(self, link: Link) -> None:
        """Publish what is new of every device, or of all when nothing has been published."""
        news = set() if self._shown else set(self.site.devices)
        self.site.changes()
        news |= self.site.touched
        while self.site.is_behind:
            await asyncio.sleep(0)
            self.site.changes()
            news |= self.site.touched
        for number in news:
            self._show(link, self.site.devices[number])
            await link.flushed()

    def _show(self, link: Link, device: Known) -> None:
        """Publish what is new of a device: what it is, whether it is there, how it is."""
        if not device.values:
            return
        shown = self._shown.get(device.facts.number)
        if shown is None or shown.facts != device.facts:
            shown = self._shown[device.facts.number] = _Shown(device.facts)
        for figure in sorted(set(device.values) - shown.figures, key=lambda one: one.name):
            link.publish(self._config(device.facts, figure))
            shown.figures.add(figure)
        place = f"{self._home}/{_slug(device.facts.name)}"
        if device.is_there is not shown.is_there:
            shown.is_there = device.is_there
            said = b"online" if device.is_there else b"offline"
            link.publish(self._kept(f"{place}/available", said))
        values = {_key(figure.name): value for figure, (value, _) in device.values.items()}
        state = msgspec.json.encode(values)
        if state != shown.state:
            shown.state = state
            link.publish(self._kept(f"{place}/state", state))

    def _config(self, facts: Device, figure: Figure) -> Message:
        name, key = _slug(facts.name), _key(figure.name)
        place = f"{self._home}/{name}"
        config: dict[str, Any] = {
            "name": figure.name.replace("_", " "),
            "unique_id": f"{self._node}-{name}-{key}",
            "object_id": f"{name}_{key}",
            "state_topic": f"{place}/state",
            "value_template": "{{ value_json['" + key + "'] }}",
            "availability": [
                {"topic": f"{self._home}/available"},
                {"topic": f"{place}/available"},
            ],
            "availability_mode": "all",
            "device": self._device(facts),
            "origin": {"name": "Lode", "sw_version": VERSION},
        }
        if figure.unit:
            config["unit_of_measurement"] = figure.unit
        if figure.sort:
            config["device_class"] = figure.sort
        if figure.kind != "text":
            config["state_class"] = "total_increasing" if figure.is_counter else "measurement"
        topic = f"{_PREFIX}/sensor/{self._node}/{name}-{key}/config"
        return self._kept(topic, msgspec.json.encode(config))

    def _device(self, facts: Device) -> dict[str, Any]:
        known = {
            "manufacturer": facts.vendor,
            "model": facts.model,
            "sw_version": facts.firmware,
            "serial_number": facts.serial,
            "suggested_area": facts.rack,
        }
        told: dict[str, Any] = {what: value for what, value in known.items() if value}
        if facts.mac:
            told["connections"] = [["mac", facts.mac]]
        identity = f"{self._node}-{_slug(facts.name)}"
        return {"identifiers": [identity], "name": facts.name, **told}

    def _received(self, message: Message) -> None:
        if message.is_retained and message.payload and len(self._found) < _MAX_TAKEN_BACK:
            self._found.append(message)

    def _take_back(self, link: Link) -> None:
        """Remove what an earlier start has shown and nobody has configured any more."""
        names = {_slug(device.facts.name) for device in self.site.devices.values()}
        homes = {f"{self._home}/{name}" for name in names}
        found, self._found = self._found, []
        for message in found:
            place = _place_of(message.payload)
            if place.startswith(f"{self._home}/") and place not in homes:
                log.info("removed from Home Assistant", device=place)
                for topic in (message.topic, f"{place}/state", f"{place}/available"):
                    link.publish(self._kept(topic, b""))

    def _kept(self, topic: str, payload: bytes) -> Message:
        return Message(topic=topic, payload=payload, qos=1, is_retained=True)


def _place_of(config: bytes) -> str:
    """Say which device a configuration is of; empty when it is not ours."""
    with contextlib.suppress(msgspec.DecodeError, TypeError, KeyError, UnicodeDecodeError):
        return str(msgspec.json.decode(config)["state_topic"]).removesuffix("/state")
    return ""


def _slug(name: str) -> str:
    """Write a name as Home Assistant takes it in a topic; two names never become the same."""
    return _marked(name, re.sub(r"[^A-Za-z0-9_-]", "_", name))


def _key(name: str) -> str:
    """Write a figure's name as a template may hold it."""
    return _marked(name, re.sub(r"[^a-z0-9_]", "_", name))


def _marked(name: str, plain: str) -> str:
    return plain if plain == name else f"{plain}_{zlib.crc32(name.encode()):08x}"
