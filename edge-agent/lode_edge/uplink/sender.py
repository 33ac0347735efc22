"""What the uplink says and hears on one connection after another, apart from sockets and threads.

spool ─► lanes ─► check ─► window ─► transport ─► broker ─► hub
  ▲                          ▲                               │
  └──────── delete ──────────┴──────────── Ack ◄─────────────┘
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog

from lode_edge.clock import SYSTEM, Clock
from lode_edge.spool import Depth, Reader, SpoolError
from lode_edge.uplink.lanes import Lanes
from lode_edge.uplink.transport import Closed, Event, Message, Opened, Receipt, Transport
from lode_edge.uplink.window import Sent, Window
from lode_wire import codec, messages, records, topics
from lode_wire.codec import Header
from lode_wire.errors import DecodeError
from lode_wire.messages import Ack, Presence

PING_S = 10.0
ECHO_S = 40.0  # no echo for so long: the way to the hub is dead, wherever it ends
SILENCE_S = 25.0  # nothing at all for so long, though pings were sent: the link is dead

log = structlog.get_logger(__name__)


class Store(Protocol):
    """What the sender needs of the spool."""

    @property
    def depth(self) -> Depth:
        """Give what is stored, and which batch is the newest."""

    def reader(self) -> Reader:
        """Open what is committed for reading."""

    def acknowledge(self, ack: Ack) -> None:
        """Delete what the hub has committed."""

    def set_corrupt(self, batch: int, reason: str) -> None:
        """Take a batch out of the way that fails its check."""

    def set_suspect(self) -> None:
        """Have the file checked, because it could not be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who sends: part of every topic and presence."""

    agent: str
    partition: int
    boot: str


@dataclass(slots=True)
class Echo:
    """What the hub's echoes say of its clock and of the way there."""

    offset_ms: float | None = None  # the hub's clock minus ours
    rtt_ms: float | None = None
    heard_s: float | None = None  # when the hub was last heard, by the clock that rises
    hub_ms: float | None = None  # what its clock was at the last echo
    hub_at_s: float | None = None  # and when that was


class Sender:
    """The protocol's state; survives connections."""

    def __init__(
        self, identity: Identity, store: Store, window: Window, *, clock: Clock = SYSTEM
    ) -> None:
        self.identity, self.window, self.echo = identity, window, Echo()
        self._store, self._clock = store, clock
        self._reader: Reader | None = None
        self._lanes: Lanes | None = None
        self._base = -1  # of the epoch that is being sent
        self._gate: dict[int, str] = {}
        self._announced: tuple[int, ...] = ()
        self._transport: Transport | None = None
        self._max_payload_bytes = codec.MAX_PAYLOAD_BYTES
        self._pings: dict[int, float] = {}  # sent_ms of each ping, and when by the clock that rises
        self._pinged_s, self._heard_s, self._echoed_s = 0.0, 0.0, 0.0
        self.closed: str | None = "not connected"  # why there is no connection; None: there is one
        self.has_heard_hub = False  # on this connection
        self.on_command: Callable[[bytes], None] | None = None

    def announce(self, batches: Iterable[int]) -> None:
        """Hold everything behind these batches until the hub has committed them."""
        self._announced = tuple(batches)
        self._base = -1

    def attach(self, transport: Transport) -> None:
        """Begin with a new connection."""
        self._transport = transport
        self.closed, self.has_heard_hub = "connecting", False

    def handle(self, events: Iterable[Event]) -> None:
        """Take in what the transport has heard."""
        now_s = self._clock.mono_s()
        for event in events:
            self._heard_s = now_s
            match event:
                case Opened():
                    self._open(event, now_s)
                case Receipt(token, is_refused):
                    self.window.receipt(token, now_s, is_refused=is_refused)
                case Message(topic, payload):
                    self._take(topic, payload, now_s)
                case Closed(reason):
                    self.closed = reason

    def step(self) -> None:
        """Send what is due; notice a dead link."""
        now_s = self._clock.mono_s()
        if self.closed is not None or self._transport is None:
            return
        if now_s - self._pinged_s >= PING_S:
            self._ping(now_s)
        if now_s - self._heard_s >= SILENCE_S:
            self.closed = f"nothing heard for {SILENCE_S:.0f} s"
        elif now_s - self._echoed_s >= ECHO_S:
            self.closed = f"no echo from the hub for {ECHO_S:.0f} s"
        else:
            self._send_due(now_s)

    def wait_s(self) -> float:
        """Say how long `step` may be left alone when nothing happens."""
        return 1.0 if not len(self.window) else 0.2

    def say_goodbye(self) -> None:
        """Tell the hub that the agent leaves in good order."""
        if self.closed is None and self._transport is not None:
            self._publish_presence(is_online=False)

    def _open(self, opened: Opened, now_s: float) -> None:
        self.closed = None
        self._max_payload_bytes = opened.max_payload_bytes
        self.window.begin(now_s, batches=opened.window - 1)  # one place is the ping's
        if self._lanes is not None:
            self._lanes.rewind()
        self._echoed_s = now_s
        self._ping(now_s)

    def _ping(self, now_s: float) -> None:
        self._pinged_s = now_s
        while len(self._pings) > 8:  # noqa: PLR2004 -- more were never answered
            del self._pings[next(iter(self._pings))]
        self._pings[self._publish_presence(is_online=True)] = now_s

    def _publish_presence(self, *, is_online: bool) -> int:
        sent_ms = self._clock.now_ms()
        presence = Presence(
            agent=self.identity.agent,
            partition=self.identity.partition,
            is_online=is_online,
            boot=self.identity.boot,
            epoch=self._store.depth.epoch,
            sent_ms=sent_ms,
        )
        if self._transport is not None:
            topic = topics.presence(self.identity.agent)
            self._transport.publish(topic, messages.encode(presence), is_retained=True)
        return sent_ms

    def _take(self, topic: str, payload: bytes, now_s: float) -> None:
        if topic == topics.ack(self.identity.agent):
            self._take_ack(payload, now_s)
        elif topic == topics.command(self.identity.agent) and self.on_command is not None:
            self.on_command(payload)

    def _take_ack(self, payload: bytes, now_s: float) -> None:
        try:
            ack = messages.decode_ack(payload)
        except DecodeError as error:
            log.warning("acknowledgement not understood", reason=str(error))
            return
        if ack.agent != self.identity.agent:
            return
        self.window.acknowledged(ack, now_s)
        self._store.acknowledge(ack)
        self.has_heard_hub, self.echo.heard_s = True, now_s
        pinged_s = self._pings.pop(ack.echo_ms, None) if ack.echo_ms is not None else None
        if pinged_s is not None and ack.echo_ms is not None:
            self._echoed_s = now_s
            self.echo.rtt_ms = (now_s - pinged_s) * 1000
            self.echo.offset_ms = ack.hub_ms - (ack.echo_ms + self.echo.rtt_ms / 2)
            self.echo.hub_ms, self.echo.hub_at_s = ack.hub_ms + self.echo.rtt_ms / 2, now_s

    def _send_due(self, now_s: float) -> None:
        try:
            lanes = self._ready(now_s)
            if self.window.stalled(now_s):
                log.info("batches sent again", reason="no commit in time")
                lanes.rewind()
            lanes.send_again(self.window.lost(now_s))
            self._fill(lanes, now_s)
        except SpoolError as error:
            log.warning("spool not readable", reason=str(error))
            self._store.set_suspect()
            self._forget()

    def _ready(self, now_s: float) -> Lanes:
        """Give the lanes over the file as it is now, with the gate as it has to be."""
        depth = self._store.depth
        if self._lanes is None or depth.base != self._base:
            self._forget()
            self._reader = self._store.reader()
            self._lanes = Lanes(self._reader)
            self._base = depth.base
            self._gate = {b: depth.epoch for b in self._announced if b > depth.base}
            self._lanes.close_gate(self._gate)
        if self._gate and all(
            self.window.is_committed(epoch, batch - self._base)
            for batch, epoch in self._gate.items()
        ):
            self._gate = {}
            self._lanes.open_gate()
        self._lanes.advance(depth.head, now_s)
        return self._lanes

    def _forget(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._lanes = None

    def _fill(self, lanes: Lanes, now_s: float) -> None:
        while True:
            found = lanes.next(lambda is_backlog: self.window.has_room(is_backlog=is_backlog))
            if found is None:
                return
            if found.id in self.window:
                continue
            header = self._checked(found.id, found.payload)
            if header is None or self.window.is_committed(header.epoch, header.seq):
                continue
            self._send(found.id, found.payload, header, now_s)

    def _send(self, batch: int, payload: bytes, header: Header, now_s: float) -> None:
        if len(payload) > self._max_payload_bytes:
            log.error("batch larger than the broker takes", seq=header.seq, size_bytes=len(payload))
            return
        identity, kind = self.identity, records.KINDS[header.kind]
        topic = topics.batch(identity.partition, identity.agent, kind.topic)
        if self._transport is not None:
            token = self._transport.publish(topic, payload)
            what = Sent(header.epoch, header.seq, len(payload), token, now_s)
            self.window.sent(batch, what)

    def _checked(self, batch: int, payload: bytes) -> Header | None:
        """Read a batch's header; None when the batch is not what it was when it was stored."""
        try:
            header = codec.peek(payload)
        except DecodeError as error:
            self._store.set_corrupt(batch, str(error))
            return None
        is_ours = header.agent == self.identity.agent and header.kind in records.KINDS
        if not is_ours or header.seq != batch % (1 << 40):
            self._store.set_corrupt(batch, f"numbered {header.seq} of {header.agent}")
            return None
        return header
