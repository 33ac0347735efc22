"""How the hub is now: its parts, its database and its ingest, asked by machines and by itself."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lode_hub.errors import UnavailableError
from lode_hub.queries import Queries

_FRESH_S = 0.5  # anybody may ask, so the database is asked at most this often
_ANSWER_S = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PartState:
    """How a part of the hub is."""

    is_well: bool
    restarts: int = 0
    trouble: str = ""


Parts = Callable[[], Mapping[str, PartState]]


class Health:
    """Says what is wrong.

    Args:
        queries: tell whether the database answers and somebody takes records in.
        parts: tells how each part of this process is now.
    """

    def __init__(self, queries: Queries, parts: Parts) -> None:
        self.parts = parts
        self._queries = queries
        self._lock = asyncio.Lock()
        self._asked_s = -_FRESH_S
        self._found: tuple[str, ...] = ()

    async def wrong(self) -> list[str]:
        """Name all that does not run as it should; none when the hub is well."""
        parts = [name for name, part in self.parts().items() if not part.is_well]
        return [*parts, *(name for name in await self._pulse() if name not in parts)]

    async def _pulse(self) -> tuple[str, ...]:
        async with self._lock:
            if time.monotonic() - self._asked_s >= _FRESH_S:
                self._found = await self._ask()
                self._asked_s = time.monotonic()
            return self._found

    async def _ask(self) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(_ANSWER_S):
                return () if await self._queries.workers() else ("ingest",)
        except (UnavailableError, TimeoutError):
            return ("database",)
