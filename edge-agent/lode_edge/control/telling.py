"""The journal's way to the hub: through the spool, and noted as told once the spool has it on disk.

An entry that was put and not noted, because the agent was killed between the two, is put again
with the same number and time, by which the hub knows it.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol

import msgspec

from lode_edge.control.book import Book
from lode_edge.control.journal import Entry
from lode_edge.control.now import Now
from lode_wire.records import CommandState, Record


class Spooled(Protocol):
    """What control needs of the spool."""

    def put(self, records: Sequence[Record]) -> None:
        """Hand records over; never waits."""

    def announce(self, records: Sequence[Record]) -> "Future[list[int]]":
        """Hand records over that may not be lost; the result is their batches, once on disk."""

    def is_heard(self, batch: int) -> bool:
        """Tell whether the hub has said that it committed a batch."""


_AT_ONCE = 500
_LOTS = 1000  # of which it is waited for that the hub says so


class _Lot(NamedTuple):
    """Batches on their way to the hub, and the commands that they answer for the first time."""

    batches: Sequence[int]
    commands: Sequence[str]


class Telling:
    """What of the journal is on its way, one lot at a time."""

    def __init__(self, book: Book, spool: Spooled, now: Now) -> None:
        self._book, self._spool, self._now = book, spool, now
        self._journal = book.store.journal
        self._on_its_way: Future[list[int]] | None = None
        self._entries: Sequence[Entry] = ()
        self._lots: deque[_Lot] = deque(maxlen=_LOTS)

    def take_in(self) -> None:
        """Note what the spool has, and what the hub has, within a transaction."""
        arrived = self._on_its_way
        if arrived is not None and arrived.done():
            if not arrived.cancelled() and arrived.exception() is None:
                self._journal.told(entry.number for entry in self._entries)
                self._await_hub(arrived.result())
            self._on_its_way = None
        for _ in range(len(self._lots)):
            lot = self._lots.popleft()
            if all(map(self._spool.is_heard, lot.batches)):
                self._note_heard(lot)
            else:
                self._lots.append(lot)

    def _await_hub(self, batches: Sequence[int]) -> None:
        answers = self._book.answers
        named = dict.fromkeys(entry.command for entry in self._entries if not entry.target)
        first = [c for c in named if (found := answers.get(c)) and found.heard_ms is None]
        if first:
            self._lots.append(_Lot(batches, first))

    def _note_heard(self, lot: _Lot) -> None:
        for command in lot.commands:
            answer = self._book.answers.get(command)
            if answer is not None and answer.heard_ms is None:
                heard = msgspec.structs.replace(answer, heard_ms=self._now.ms)
                self._book.answers.put(command, heard)

    def send(self, then: Callable[[], None]) -> None:
        """Hand over what waits and is committed; `then` is called from any thread."""
        if self._on_its_way is not None:
            return
        waiting = self._journal.untold(_AT_ONCE)
        if waiting:
            self._entries = waiting
            self._on_its_way = self._spool.announce([_state(entry) for entry in waiting])
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
