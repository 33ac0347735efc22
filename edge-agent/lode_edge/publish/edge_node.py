"""The site as a Sparkplug B 3.0 edge node: each device of ours is a device of the node.

    CONNECT (will: NDEATH, bdSeq) ─► subscribe ─► [primary host online] ─► NBIRTH ─► DBIRTH ... ─►
    DDATA when something changes, DDEATH and DBIRTH as devices go and come ─► NDEATH ─► DISCONNECT

QoS and retain are the specification's: 0 and false for all, but 1 for deaths and subscriptions.
"""

import asyncio
import contextlib
import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import structlog

from lode_edge.clock import SYSTEM, Clock
from lode_edge.drivers.mqtt.link import Link, LinkError, Message, Server, keep
from lode_edge.drivers.sparkplug.payload import decode
from lode_edge.drivers.sparkplug.session import NAMESPACE, Place
from lode_edge.errors import BadAnswer
from lode_edge.publish.certificates import SEQS, Certificates
from lode_edge.publish.site import Change, Known, Site
from lode_wire.records import Record

_REBIRTH_EVERY_S = 1.0  # who asks more often is answered together
_HOST_S = 10.0  # for the primary host to be online at a broker, where there is another broker

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What the node is called, and how it behaves."""

    place: Place
    state_file: Path  # remembers bdSeq over restarts
    primary_host: str | None = None
    interval_s: float = 1.0


class _HostState(msgspec.Struct, frozen=True):
    """What a host says of itself."""

    online: bool
    timestamp: int


class EdgeNode:
    """Publishes the site to one broker, or to the next when that is lost."""

    def __init__(
        self,
        node: Node,
        servers: Callable[[], Sequence[Server]],
        born: Sequence[Record],
        *,
        clock: Clock = SYSTEM,
    ) -> None:
        self.site = Site(born)
        self.births = 0
        self._node, self._servers, self._clock = node, servers, clock
        self._turn = itertools.count()
        self._says = Certificates(node.place)
        self._ids = _ids(self.site.devices.values())
        self._alive: dict[
            int, int
        ] = {}  # devices that are born, and how many figures they then had
        self._bdseq = _remembered(node.state_file)
        self._host_topic = f"{NAMESPACE}/STATE/{node.primary_host}" if node.primary_host else ""
        self._host_ms = 0
        self._is_wanted = not self._host_topic  # the primary host is there to hear
        self._is_rebirth_due = False
        self._nudge = asyncio.Event()

    async def run(self) -> None:
        """Publish until cancelled."""
        await keep(self._make, self._live)

    def _make(self) -> Link:
        self._bdseq = (self._bdseq + 1) % SEQS
        _remember(self._node.state_file, self._bdseq)
        servers, place = self._servers(), self._node.place
        return Link(
            servers[next(self._turn) % len(servers)],
            f"{place.group}-{place.node}",
            self._received,
            will=self._says.node_death(self._bdseq, self._clock.now_ms()),
        )

    async def _live(self, link: Link) -> None:
        self._is_wanted, self._host_ms, self._is_rebirth_due = not self._host_topic, 0, False
        hears = [(self._node.place.topic("NCMD"), 1)]
        await link.subscribe(hears + ([(self._host_topic, 1)] if self._host_topic else []))
        lost = asyncio.ensure_future(link.lost())
        began_s, born_s = self._clock.mono_s(), 0.0
        try:
            while not lost.done():
                self._nudge.clear()
                now_s = self._clock.mono_s()
                if not self._is_wanted:
                    is_elsewhere = len(self._servers()) > 1 and now_s > began_s + _HOST_S
                    if born_s or is_elsewhere:
                        raise LinkError(f"primary host {self._node.primary_host} is offline there")
                elif not born_s or (self._is_rebirth_due and now_s > born_s + _REBIRTH_EVERY_S):
                    self._is_rebirth_due, born_s = False, now_s
                    await self._birth(link)
                elif not self._is_rebirth_due:
                    await self._tell(link)
                await self._pause(lost)
        finally:
            lost.cancel()
            self._alive.clear()
            if born_s:
                link.publish(self._says.node_death(self._bdseq, self._clock.now_ms()))

    async def _pause(self, lost: "asyncio.Future[str]") -> None:
        """Wait for the interval's end, or for something that cannot wait."""
        nudged = asyncio.ensure_future(self._nudge.wait())
        waiting: list[asyncio.Future[Any]] = [lost, nudged]
        await asyncio.wait(
            waiting, timeout=self._node.interval_s, return_when=asyncio.FIRST_COMPLETED
        )
        nudged.cancel()

    async def _birth(self, link: Link) -> None:
        """Publish every birth; what was true meanwhile follows as history."""
        changes = self.site.changes()
        while self.site.is_behind:
            await asyncio.sleep(0)
            changes += self.site.changes()
        self.births += 1
        self._alive.clear()
        await _send(link, self._says.node_birth(self._bdseq, self._clock.now_ms()))
        for device in self.site.devices.values():
            if device.is_there:
                await self._device_birth(link, device)
        for number, some in _by_device(changes).items():
            await self._history(link, number, some)

    async def _tell(self, link: Link) -> None:
        """Publish what has changed, as long as nobody asks for a rebirth."""
        while not self._is_rebirth_due:
            by_device = _by_device(self.site.changes())
            for number in list(self.site.touched):
                await self._tell_of(link, number, by_device[number])
            if not self.site.is_behind:
                break

    async def _tell_of(self, link: Link, number: int, changes: Sequence[Change]) -> None:
        device = self.site.devices[number]
        if not device.is_there:
            if self._alive.pop(number, None) is not None:
                name = self._ids[number]
                await _send(link, self._says.device_death(name, self._clock.now_ms()))
        elif self._alive.get(number) != len(device.values):
            await self._device_birth(link, device)
            await self._history(link, number, changes)
        else:
            await self._data(link, number, changes)

    async def _device_birth(self, link: Link, device: Known) -> None:
        number = device.facts.number
        self._alive[number] = len(device.values)
        now_ms = self._clock.now_ms()
        await _send(link, self._says.device_birth(self._ids[number], device, now_ms))

    async def _history(self, link: Link, number: int, changes: Sequence[Change]) -> None:
        """Publish as history what a birth has left behind."""
        late = [
            replace(change, is_late=True)
            for change in changes
            if change.at_ms < change.device.values[change.figure][1]
        ]
        if number in self._alive:
            await self._data(link, number, late)

    async def _data(self, link: Link, number: int, changes: Sequence[Change]) -> None:
        if changes:
            now_ms = self._clock.now_ms()
            await _send(link, self._says.device_data(self._ids[number], changes, now_ms))

    def _received(self, message: Message) -> None:
        if message.topic == self._host_topic:
            self._heed_host(message.payload)
            return
        try:
            command = decode(message.payload)
        except BadAnswer as error:
            log.warning("bad command", reason=str(error))
            return
        if any(self._says.is_rebirth(metric) for metric in command.metrics):
            self._is_rebirth_due = True
            self._nudge.set()

    def _heed_host(self, payload: bytes) -> None:
        try:
            state = msgspec.json.decode(payload, type=_HostState)
        except msgspec.MsgspecError:
            return
        if state.timestamp >= self._host_ms:  # an older one was overtaken
            self._host_ms, self._is_wanted = state.timestamp, state.online
            self._nudge.set()


async def _send(link: Link, message: Message) -> None:
    link.publish(message)
    await link.flushed()


def _by_device(changes: Sequence[Change]) -> defaultdict[int, list[Change]]:
    found: defaultdict[int, list[Change]] = defaultdict(list)
    for change in changes:
        found[change.device.facts.number].append(change)
    return found


def _ids(devices: Iterable[Known]) -> dict[int, str]:
    """Give each device a name that may stand in a topic."""
    names: dict[int, str] = {}
    for device in devices:
        facts = device.facts
        name = re.sub(r"[+#/\x00]", "_", facts.name)
        names[facts.number] = f"{name}-{facts.number}" if name in names.values() else name
    return names


def _remembered(path: Path) -> int:
    """Read the last bdSeq; the first CONNECT of all has 0."""
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text(encoding="utf-8")) % SEQS
    return -1


def _remember(path: Path, bdseq: int) -> None:
    fresh = path.with_suffix(".new")
    try:
        fresh.write_text(str(bdseq), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        log.warning("bdSeq not remembered", path=str(path), reason=str(error))
