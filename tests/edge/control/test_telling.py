"""The journal reaches the hub whole: what the spool has not on disk is put again, in order."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from lode_edge.control.book import Answer, Book, Named
from lode_edge.control.now import Now
from lode_edge.control.store import Store
from lode_edge.control.telling import Telling
from lode_wire.records import CommandState, Record, Stage


class Spool:
    """Takes records when the test says so."""

    def __init__(self) -> None:
        self.taken: list[list[CommandState]] = []
        self.waiting: list[Future[list[int]]] = []
        self.heard: set[int] = set()

    def put(self, records: Sequence[Record]) -> None:
        raise AssertionError(f"{records} may be lost so")

    def announce(self, records: Sequence[Record]) -> "Future[list[int]]":
        self.taken.append([one for one in records if isinstance(one, CommandState)])
        self.waiting.append(Future())
        return self.waiting[-1]

    def is_heard(self, batch: int) -> bool:
        return batch in self.heard


class Site:
    """A book, its journal's way out, and the spool at its end."""

    def __init__(self, home: Path) -> None:
        self.store = Store(home, "a", 1000)
        self.book = Book(self.store, Now())
        self.spool = Spool()
        self.telling = Telling(self.book, self.spool, Now())
        self.woken = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        self.store.begin()
        yield
        self.store.commit()

    def note(self, *commands: str) -> None:
        with self.turn():
            for command in commands:
                self.book.note(Named(command), Stage.ACCEPTED, "why")

    def send(self) -> None:
        self.telling.send(self._wake)

    def take_in(self) -> None:
        with self.turn():
            self.telling.take_in()

    def _wake(self) -> None:
        self.woken += 1

    @property
    def untold(self) -> list[str]:
        return [entry.command for entry in self.store.journal.untold(10_000)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path)
    yield found
    found.store.close()


def test_what_is_on_disk_is_told_and_not_before(site: Site) -> None:
    site.note("c1", "c2")
    site.send()
    assert [one.id for one in site.spool.taken[0]] == ["c1", "c2"]
    site.take_in()
    assert site.untold == ["c1", "c2"]
    site.spool.waiting[0].set_result([7])
    assert site.woken == 1
    site.take_in()
    assert site.untold == []
    site.send()
    assert len(site.spool.taken) == 1  # nothing waits: nothing is sent


def test_one_lot_at_a_time_and_what_comes_meanwhile_is_in_the_next(site: Site) -> None:
    site.note("c1")
    site.send()
    site.note("c2")
    site.send()
    assert len(site.spool.taken) == 1
    site.spool.waiting[0].set_result([1])
    site.take_in()
    site.send()
    assert [one.id for one in site.spool.taken[1]] == ["c2"]


@pytest.mark.parametrize("way", ["failed", "cancelled"])
def test_what_did_not_reach_the_disk_is_put_again_as_it_was(site: Site, way: str) -> None:
    site.note("c1", "c2")
    site.send()
    if way == "failed":
        site.spool.waiting[0].set_exception(OSError("disk full"))
    else:
        assert site.spool.waiting[0].cancel()
    site.take_in()
    assert site.untold == ["c1", "c2"]
    site.send()
    assert site.spool.taken[1] == site.spool.taken[0]  # by which the hub knows it
    assert site.woken == 1


def test_after_a_kill_between_the_two_it_is_put_again(tmp_path: Path) -> None:
    first = Site(tmp_path)
    first.note("c1")
    first.send()
    first.spool.waiting[0].set_result([1])  # on disk, and then the agent is gone
    first.store.close()
    second = Site(tmp_path)
    second.send()
    assert second.spool.taken == first.spool.taken
    second.store.close()


def test_a_long_journal_goes_in_lots_in_its_order(site: Site) -> None:
    site.note(*(f"c{number}" for number in range(1201)))
    while site.untold:
        site.send()
        site.spool.waiting[-1].set_result([1])
        site.take_in()
    assert [len(lot) for lot in site.spool.taken] == [500, 500, 201]
    told = [one.id for lot in site.spool.taken for one in lot]
    assert told == [f"c{number}" for number in range(1201)]


def test_a_command_is_known_to_the_hub_once_every_batch_of_its_answer_is(site: Site) -> None:
    with site.turn():
        site.book.answers.put("c1", Answer(expires_ms=10**15))
    site.note("c1", "unasked")
    site.send()
    site.spool.waiting[0].set_result([4, 5])
    site.take_in()
    site.spool.heard = {4}
    site.take_in()
    assert site.book.answers.all["c1"].heard_ms is None
    site.spool.heard = {4, 5}
    site.take_in()
    heard_ms = site.book.answers.all["c1"].heard_ms
    assert heard_ms is not None
    assert "unasked" not in site.book.answers.all
    site.note("c1")  # what is said of it later changes nothing
    site.send()
    site.spool.waiting[1].set_result([6])
    site.spool.heard.add(6)
    site.take_in()
    assert site.book.answers.all["c1"].heard_ms == heard_ms
