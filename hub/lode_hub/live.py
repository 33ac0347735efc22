"""What has just been committed, told to every page and WebSocket that wants to know.

transaction ─► NOTIFY lode_live, lode_alert, lode_command ─► one LISTEN ─► subscriber, subscriber

A subscriber that is slow gets one change that says all it has missed: nothing ever piles up.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from lode_hub.errors import UnavailableError
from lode_hub.store.listen import listen

READINGS, ALERTS, COMMANDS = "lode_live", "lode_alert", "lode_command"
_PAUSE_S = (0.2, 0.5, 1.0, 2.0)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What has changed since the last one; `is_all` when it is unknown, or everything."""

    agents: frozenset[int] = frozenset()
    sites: frozenset[int] = frozenset()
    alerts: frozenset[int] = frozenset()
    commands: frozenset[str] = frozenset()
    is_all: bool = False

    def __or__(self, other: "Change") -> "Change":
        """Join two changes into one."""
        return Change(
            agents=self.agents | other.agents,
            sites=self.sites | other.sites,
            alerts=self.alerts | other.alerts,
            commands=self.commands | other.commands,
            is_all=self.is_all or other.is_all,
        )


class Live:
    """Listens to the database and tells its subscribers."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._subscribers: set[_Subscriber] = set()
        self.is_connected = False

    @property
    def subscribers(self) -> int:
        """How many listen now."""
        return len(self._subscribers)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Change]]:
        """Give the changes from now on."""
        subscriber = _Subscriber()
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def run(self) -> None:
        """Listen, and connect again when the connection breaks. Never ends."""
        failures = 0
        while True:
            try:
                async for channel, payload in listen(self._url, (READINGS, ALERTS, COMMANDS)):
                    failures = 0
                    self.is_connected = True
                    self._tell(_change(channel, payload))
            except UnavailableError as error:
                failures += 1
                if self.is_connected:
                    _log.warning("live connection lost", error=str(error))
            finally:
                self.is_connected = False
            await asyncio.sleep(_PAUSE_S[min(failures, len(_PAUSE_S)) - 1])

    def _tell(self, change: Change) -> None:
        for subscriber in self._subscribers:
            subscriber.tell(change)


class _Subscriber:
    def __init__(self) -> None:
        self._change: Change | None = None
        self._told = asyncio.Event()

    def tell(self, change: Change) -> None:
        self._change = change if self._change is None else self._change | change
        self._told.set()

    def __aiter__(self) -> "_Subscriber":
        return self

    async def __anext__(self) -> Change:
        await self._told.wait()
        self._told.clear()
        change, self._change = self._change, None
        return change or Change(is_all=True)


def _change(channel: str, payload: str) -> Change:
    said: object = None
    with contextlib.suppress(json.JSONDecodeError):
        said = json.loads(payload) if payload else None
    if not isinstance(said, dict):  # we have just connected, and may have missed anything
        return Change(is_all=True)
    if channel == ALERTS:
        return Change(alerts=frozenset(said.get("alerts", ())))
    if channel == COMMANDS and said.get("commands"):
        return Change(commands=frozenset(said["commands"]))
    change = Change(
        agents=frozenset(said.get("agents", ())), sites=frozenset(said.get("sites", ()))
    )
    # More changed than fits into a notification.
    return change if change.agents else Change(is_all=True)
