"""The journal's way to the hub: through the spool, and noted as told once the spool has it on disk.

An entry that was put and not noted, because the agent was killed between the two, is put again
with the same number and time, by which the hub knows it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from lode_edge.control.journal import Entry, Journal
from lode_wire.records import CommandState, Record


class Spooled(Protocol):
    """What control needs of the spool."""

    def put(self, records: Sequence[Record]) -> None:
        """Hand records over; never waits."""

    def announce(self, records: Sequence[Record]) -> "Future[list[int]]":
        """Hand records over that may not be lost; the result comes when they are on disk."""


_AT_ONCE = 500


class Telling:
    """What of the journal is on its way, one lot at a time."""

    def __init__(
        self, journal: Journal, put: Callable[[Sequence[Record]], "Future[list[int]]"]
    ) -> None:
        self._journal, self._put = journal, put
        self._on_its_way: Future[list[int]] | None = None
        self._numbers: list[int] = []

    def take_in(self) -> None:
        """Note what the spool has, within a transaction."""
        arrived = self._on_its_way
        if arrived is None or not arrived.done():
            return
        if not arrived.cancelled() and arrived.exception() is None:
            self._journal.told(self._numbers)
        self._on_its_way = None

    def send(self, then: Callable[[], None]) -> None:
        """Hand over what waits and is committed; `then` is called from any thread."""
        if self._on_its_way is not None:
            return
        waiting = self._journal.untold(_AT_ONCE)
        if waiting:
            self._numbers = [entry.number for entry in waiting]
            self._on_its_way = self._put([_state(entry) for entry in waiting])
            self._on_its_way.add_done_callback(lambda _: then())


def _state(entry: Entry) -> CommandState:
    return CommandState(
        at_ms=entry.at_ms,
        id=entry.command,
        sequence=entry.sequence,
        stage=entry.stage,
        reason=entry.reason,
        evidence=entry.evidence,
    )
