"""A connection without sockets: what is published waits to be carried, lost or repeated.

The twin of the MQTT transport for everything that is to be shown of the protocol itself.
"""

from collections.abc import Sequence

from lode_edge.uplink.transport import Closed, Event, Message, Opened, Receipt
from lode_wire.codec import MAX_PAYLOAD_BYTES


class Loopback:
    """One connection whose other end is in the hands of the one who made it."""

    def __init__(self, *, window: int = 65_535, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self.outbox: list[tuple[int, str, bytes]] = []  # token, topic, payload: not yet carried
        self.is_open = True
        self._events: list[Event] = [Opened(window, max_payload_bytes)]
        self._token = 0

    def poll(self, timeout_s: float) -> Sequence[Event]:  # noqa: ARG002 -- nothing to wait for
        """Give what has happened."""
        events, self._events = self._events, []
        return events

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False) -> int:  # noqa: ARG002
        """Put a message into the outbox."""
        self._token += 1
        if self.is_open:
            self.outbox.append((self._token, topic, payload))
        return self._token

    def wake(self) -> None:
        """Do nothing: nobody waits here."""

    def close(self) -> None:
        """Lose what was not carried."""
        self.is_open = False
        self.outbox.clear()

    def receipt(self, token: int, *, is_refused: bool = False) -> None:
        """Have the broker receipt a message."""
        self._events.append(Receipt(token, is_refused))

    def deliver(self, topic: str, payload: bytes) -> None:
        """Have a message arrive."""
        self._events.append(Message(topic, payload))

    def cut(self, reason: str = "cut") -> None:
        """End the connection from the other side."""
        self.close()
        self._events.append(Closed(reason))
