"""What has been delivered and not yet been finished: bounded, by pausing those who deliver."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MAX_BYTES = 64 << 20
MAX_COUNT = 20_000
_LOW = 0.5  # of the limits: from here on deliveries flow again


@dataclass(frozen=True, slots=True)
class Incoming:
    """A payload from the broker, with its topic; `ack` when it is safe to forget."""

    partition: int
    topic: str
    payload: bytes
    received_ms: int
    ack: Callable[[], None]


class Inbox:
    """A queue that counts what is inside until it is finished, not only until it is taken.

    `pause` and `resume` are called when it becomes full and when half of it is free again. What
    is already on its way is still taken: the broker's window bounds it.
    """

    def __init__(
        self,
        *,
        pause: Callable[[], None],
        resume: Callable[[], None],
        max_bytes: int = MAX_BYTES,
        max_count: int = MAX_COUNT,
    ) -> None:
        self._pause, self._resume = pause, resume
        self._max_bytes, self._max_count = max_bytes, max_count
        self._waiting: deque[Incoming] = deque()
        self._inside: dict[tuple[str, bytes], list[Callable[[], None]]] = {}
        self._arrived = asyncio.Event()
        self.size_bytes = 0
        self.count = 0
        self.is_full = False

    @property
    def room(self) -> int:
        """How many more payloads it takes."""
        return 0 if self.is_full else max(0, self._max_count - self.count)

    def put(self, incoming: Incoming) -> None:
        """Take a payload in; one that is inside already only waits for the same end.

        A broker that hears nothing for its `ack_wait` sends again on the same connection, and an
        outage of the database is longer than that.
        """
        key = (incoming.topic, incoming.payload)
        if key in self._inside:
            self._inside[key].append(incoming.ack)
            return
        self._inside[key] = [incoming.ack]
        self._waiting.append(incoming)
        self.count += 1
        self.size_bytes += len(incoming.payload)
        self._arrived.set()
        if not self.is_full and self._level() >= 1.0:
            self.is_full = True
            self._pause()

    async def get(self) -> Incoming:
        """Take the oldest payload out; it counts until `finish`."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def finish(self, incoming: Incoming) -> None:
        """Say that a payload is committed or quarantined: acknowledge it to the broker."""
        for ack in self._inside.pop((incoming.topic, incoming.payload), ()):
            ack()
        self.count -= 1
        self.size_bytes -= len(incoming.payload)
        if self.is_full and self._level() <= _LOW:
            self.is_full = False
            self._resume()

    def _level(self) -> float:
        return max(self.size_bytes / self._max_bytes, self.count / self._max_count)
