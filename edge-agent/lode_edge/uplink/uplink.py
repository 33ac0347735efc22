"""The uplink at work: one thread that keeps a connection to one of the brokers, and sends.

next broker ─► connect (MQTT 5, else 3.1.1) ─► send and hear until it ends ─► wait a little ─┐
     ▲───────────────────────────────────────────────────────────────────────────────────────┘
"""

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog

from lode_edge.clock import SYSTEM, Clock
from lode_edge.spool import Spool
from lode_edge.uplink.mqtt import V5, V311, Address, Mqtt, Session
from lode_edge.uplink.sender import Identity, Sender
from lode_edge.uplink.transport import Closed, Transport
from lode_edge.uplink.window import Window
from lode_wire import messages, topics
from lode_wire.messages import Presence

_OPEN_S = 15.0  # from dialling to the subscription; a cluster that lost a node elects for 4 to 9 s
_BACKOFF_S, _MAX_BACKOFF_S = 0.5, 15.0

log = structlog.get_logger(__name__)

Dial = Callable[[Address, Session, bool], Transport]
"""Makes a connection; the last argument says whether MQTT 5 is to be tried."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How the uplink is."""

    is_connected: bool
    broker: str
    is_stuck: bool  # the broker takes batches but the hub commits none
    refused_batches: int  # by a broker that says so: the agent may not publish there
    clock_offset_ms: float | None  # the hub's clock minus ours
    rtt_ms: float | None
    heard_s: float | None = None  # when the hub was last heard, by the clock that rises
    hub_ms: float | None = None  # what its clock was at the last echo
    hub_at_s: float | None = None  # and when that was


def dial(address: Address, session: Session, is_v5: bool) -> Transport:
    """Connect by paho."""
    return Mqtt(address, session, V5 if is_v5 else V311)


class Uplink:
    """Sends what the spool holds. Every method may be called from any thread."""

    def __init__(
        self,
        identity: Identity,
        spool: Spool,
        addresses: Sequence[Address],
        window: Window,
        *,
        dial: Dial = dial,
        clock: Clock = SYSTEM,
    ) -> None:
        self._identity, self._spool, self._clock = identity, spool, clock
        self._addresses, self._dial = list(addresses), dial
        self._sender = Sender(identity, spool, window, clock=clock)
        self._speaks_v5 = {address.url: True for address in addresses}
        self._transport: Transport | None = None
        self._broker = ""
        self._was_stuck = False
        self._told: dict[str, str] = {}  # why each broker's connection ended, as last logged
        self._to_announce: tuple[int, ...] | None = None
        self._stopping = threading.Event()
        self._is_to_reconnect = False
        self._drain_until_s = 0.0
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._spool.on_commit.append(self._wake)
        self._thread.start()

    def on_command(self, take: Callable[[bytes], None]) -> None:
        """Have commands handed to `take`, by the uplink's thread; to be said before `start`."""
        self._sender.on_command = take

    def announce(self, batches: Iterable[int]) -> None:
        """Send these batches first, and nothing else until the hub has committed them."""
        self._to_announce = tuple(batches)
        self._wake()

    def reconnect(self) -> None:
        """Come to the broker anew, as the files say by then; what was on its way is sent again."""
        self._is_to_reconnect = True
        self._wake()

    def stop(self, *, drain_s: float = 0.0) -> None:
        """Send what is left for at most so long, and disconnect in good order."""
        self._drain_until_s = self._clock.mono_s() + drain_s
        self._stopping.set()
        self._wake()
        self._thread.join(drain_s + 2 * _OPEN_S)

    @property
    def status(self) -> Status:
        """Say how the uplink is."""
        sender = self._sender
        return Status(
            is_connected=sender.closed is None,
            broker=self._broker,
            is_stuck=sender.window.is_stuck(self._clock.mono_s()),
            refused_batches=sender.window.refused,
            clock_offset_ms=sender.echo.offset_ms,
            rtt_ms=sender.echo.rtt_ms,
            heard_s=sender.echo.heard_s,
            hub_ms=sender.echo.hub_ms,
            hub_at_s=sender.echo.hub_at_s,
        )

    def _wake(self) -> None:
        transport = self._transport
        if transport is not None:
            transport.wake()

    def _run(self) -> None:
        failures, turn = 0, 0
        while not self._stopping.is_set():
            address = self._addresses[turn % len(self._addresses)]
            self._broker = address.url
            is_again = False
            try:
                closed = self._connection(address)
                is_again = self._tries_other_version(address, closed)
                self._tell_closed(address, closed)
            except Exception:
                log.exception("uplink failed", broker=address.url)
            failures = 0 if self._sender.has_heard_hub else failures + 1
            if not is_again:
                turn += 1
                # Other brokers are tried at once; what grows is the wait between rounds of all.
                self._stopping.wait(_backoff_s(failures // len(self._addresses)))

    def _connection(self, address: Address) -> Closed:
        """Live through one connection; say how it ended."""
        presence = Presence(
            agent=self._identity.agent,
            partition=self._identity.partition,
            is_online=False,
            boot=self._identity.boot,
            epoch=self._spool.depth.epoch,
            sent_ms=None,
        )
        self._is_to_reconnect = False
        name = self._identity.agent.replace(".", "_")  # nats-server takes no dots
        session = Session(
            # Another agent, even a stolen one, cannot guess the epoch and take this session.
            client_id=f"lode-{name}-{self._spool.depth.epoch}",
            subscriptions=self._subscriptions(),
            will_topic=topics.presence(self._identity.agent),
            will=messages.encode(presence),
        )
        transport = self._dial(address, session, self._speaks_v5[address.url])
        self._transport = transport
        self._sender.attach(transport)
        try:
            return self._served(transport)
        finally:
            self._transport, self._spool.is_online = None, False
            transport.close()

    def _subscriptions(self) -> tuple[str, ...]:
        heard = (topics.ack(self._identity.agent),)
        if self._sender.on_command is None:
            return heard
        return (*heard, topics.command(self._identity.agent))

    def _served(self, transport: Transport) -> Closed:
        sender, opens_until_s = self._sender, self._clock.mono_s() + _OPEN_S
        while True:
            events = transport.poll(sender.wait_s())
            ended = next((event for event in events if isinstance(event, Closed)), None)
            self._take_announcement()
            sender.handle(events)
            ended = ended or self._renewed()
            if ended is not None:
                return ended
            if sender.closed == "connecting":
                if self._clock.mono_s() > opens_until_s or self._stopping.is_set():
                    sender.closed = f"not open after {_OPEN_S:.0f} s"
                    return Closed(sender.closed, is_version=True, is_silent=True)
            else:
                sender.step()
            if sender.closed not in (None, "connecting"):
                return Closed(sender.closed)
            if sender.has_heard_hub and not self._spool.is_online:
                log.info("uplink opened", broker=self._broker)
            self._spool.is_online = sender.has_heard_hub
            self._tell_stuck()
            if self._stopping.is_set() and self._is_drained():
                sender.say_goodbye()
                sender.closed = "stopped"
                return Closed("stopped")

    def _renewed(self) -> Closed | None:
        if not self._is_to_reconnect:
            return None
        self._sender.closed = "to come back with a fresh certificate"
        return Closed(self._sender.closed)

    def _take_announcement(self) -> None:
        announced, self._to_announce = self._to_announce, None
        if announced is not None:
            self._sender.announce(announced)

    def _tell_closed(self, address: Address, closed: Closed) -> None:
        # A broker that stays away is told of once, not at every attempt.
        tell = log.debug if self._told.get(address.url) == closed.reason else log.info
        tell("uplink closed", broker=address.url, reason=closed.reason)
        self._told[address.url] = "" if self._sender.has_heard_hub else closed.reason

    def _tell_stuck(self) -> None:
        is_stuck = self._sender.window.is_stuck(self._clock.mono_s())
        if is_stuck and not self._was_stuck:
            log.warning(
                "hub stopped committing",
                broker=self._broker,
                advice="see whether the hub runs and the agent may publish its topics",
            )
        self._was_stuck = is_stuck

    def _is_drained(self) -> bool:
        return not self._spool.depth.batches or self._clock.mono_s() >= self._drain_until_s

    def _tries_other_version(self, address: Address, closed: Closed) -> bool:
        """Change to the other version when this one may be why; tell whether to try it at once."""
        if not closed.is_version:
            return False
        was_v5 = self._speaks_v5[address.url]
        self._speaks_v5[address.url] = not was_v5
        return was_v5 and not closed.is_silent  # a frozen broker must not cost the time twice


def _backoff_s(rounds: int) -> float:
    longest_s = min(_MAX_BACKOFF_S, _BACKOFF_S * 2.0 ** min(rounds, 10))
    return random.uniform(longest_s / 2, longest_s)  # noqa: S311 -- spreads agents, hides nothing
