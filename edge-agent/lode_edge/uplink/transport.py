"""What the uplink needs of a connection to a broker, whatever makes it.

A transport is made for one connection and used by one thread, save for `wake`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Opened:
    """The broker has taken the connection and the subscriptions."""

    window: int  # how many messages it takes before it receipts one
    max_payload_bytes: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The broker has taken a message (PUBACK); proof of nothing more than a live link."""

    token: int
    is_refused: bool = False  # by a broker that says so (MQTT 5)


@dataclass(frozen=True, slots=True)
class Message:
    """Something came on a subscribed topic."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is gone, or was never had."""

    reason: str
    is_version: bool = False  # the broker may not speak the version of MQTT that was tried
    is_silent: bool = False  # it took the connection and never answered


Event = Opened | Receipt | Message | Closed


class Transport(Protocol):
    """One connection."""

    def poll(self, timeout_s: float) -> Sequence[Event]:
        """Wait for events, at most so long or until woken."""

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False) -> int:
        """Hand a message over (QoS 1); its receipt bears the token given back. Never waits."""

    def wake(self) -> None:
        """End a `poll` from any thread."""

    def close(self) -> None:
        """End the connection; in good order if it is up, so that no last will is sent."""
