"""The store: what is committed stays, a chain that shows every change, a disk that is full."""

import sqlite3

import msgspec
import pytest

from lode_edge.control import journal
from lode_edge.control import store as store_module
from lode_edge.control.book import Book, Named, Turned
from lode_edge.control.journal import JournalError, verify
from lode_edge.control.now import Now
from lode_edge.control.store import Store, StoreError
from lode_wire.orders import Evidence
from lode_wire.records import Stage


def opened(home) -> tuple[Store, Book]:
    store = Store(home, "a", 1000)
    return store, Book(store, Now())


def filled(home, count: int = 5) -> tuple[Store, Book]:
    store, book = opened(home)
    store.begin()
    for number in range(count):
        book.note(Named(f"c{number}", number), Stage.ACCEPTED, "why", Evidence(said="x"))
    store.commit()
    return store, book


def test_what_is_committed_stays_and_what_is_not_is_gone(tmp_path):
    store, book = filled(tmp_path)
    store.begin()
    book.turned.put("r1", Turned(starts=2))
    store.commit()
    store.begin()
    book.turned.put("r1", Turned(starts=9))
    store.raise_mark("k", 7)
    store.close()
    store, book = opened(tmp_path)
    assert book.turned.get("r1") == Turned(starts=2)
    assert store.highest("k") is None
    assert [entry.number for entry in store.journal.untold(100)] == [1, 2, 3, 4, 5]
    store.close()


@pytest.mark.parametrize(
    "change",
    [
        "update journal set reason = 'other' where number = 2",
        "delete from journal where number = 2",
        "delete from journal",
    ],
)
def test_the_journal_refuses_to_be_changed(tmp_path, change):
    store, _ = filled(tmp_path)
    with pytest.raises(sqlite3.IntegrityError, match="journal is never"):
        store._db.execute(change)
    assert verify(store._db) == 5
    store.close()


@pytest.mark.parametrize(
    "change",
    [
        "update journal set reason = 'other' where number = 2",
        "update journal set at_ms = at_ms + 1 where number = 5",
        "update journal set hash = zeroblob(32) where number = 3",
        "delete from journal where number = 3",
        "delete from journal where number = 1",
        "update seal set upto = 3",
    ],
)
def test_a_change_from_outside_breaks_the_chain(tmp_path, change):
    store, _ = filled(tmp_path)
    store._db.execute("drop trigger journal_stays")
    store._db.execute("drop trigger journal_is_kept")
    store._db.execute(change)
    with pytest.raises(JournalError, match="not what was written"):
        verify(store._db)
    store.close()


def test_a_long_journal_is_cut_behind_a_seal_and_only_what_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "MAX_ENTRIES", 20)
    store, book = filled(tmp_path, 30)
    store.begin()
    store.journal.told(range(1, 9))
    store.commit()
    assert store._db.execute("select min(number) from journal").fetchone() == (9,)
    store.begin()
    store.journal.told(range(9, 31))
    store.commit()
    assert store._db.execute("select min(number) from journal").fetchone() == (13,)
    assert verify(store._db) == 18
    store.begin()
    book.note(Named("later"), Stage.SENT)
    store.commit()
    store.close()
    store, _ = opened(tmp_path)
    assert verify(store._db) == 19
    store.close()


def test_a_full_disk_is_said_and_nothing_is_half_written(tmp_path):
    store, book = filled(tmp_path)
    pages = store._db.execute("pragma page_count").fetchone()[0]
    store._db.execute(f"pragma max_page_count = {pages}")
    store.begin()
    with pytest.raises((StoreError, sqlite3.OperationalError), match="full"):
        write_much(store, book)
    store.close()
    store, _ = opened(tmp_path)
    assert verify(store._db) == 5
    store.close()


def write_much(store: Store, book: Book) -> None:
    for number in range(10_000):
        book.note(Named(f"x{number}"), Stage.SENT, "y" * 1000)
    store.commit()


def test_a_file_that_was_only_begun_is_begun_again(tmp_path):
    (tmp_path / "control.db").touch()
    store, _ = opened(tmp_path)
    assert not store.was_broken
    assert store.life.forgot_until_ms == 0
    store.close()


@pytest.mark.parametrize("damage", ["truncated", "text", "other", "row"])
def test_a_broken_file_is_set_aside_and_sequences_stay(tmp_path, damage):
    store, book = filled(tmp_path)
    store.begin()
    store.raise_mark("k", 41)
    book.turned.put("r1", Turned(starts=2))
    store.commit()
    if damage == "row":
        store._db.execute("update kept set body = '{' where shelf = 'turned'")
    store.close()
    file = tmp_path / "control.db"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:5000])
    elif damage == "text":
        file.write_bytes(b"text" * 5000)
    elif damage == "other":
        file.unlink()
        with sqlite3.connect(file) as db:
            db.execute("create table x (y)")
        db.close()
    store, book = opened(tmp_path)
    assert store.was_broken
    assert store.highest("k") == 41
    assert store.life.forgot_until_ms == 86_400_000
    assert not book.turned.all
    assert len(list(tmp_path.glob("control.db.broken-*"))) == 1
    store.close()


def test_a_store_of_another_agent_is_not_used(tmp_path):
    filled(tmp_path)[0].close()
    with pytest.raises(StoreError, match="belongs to agent a"):
        Store(tmp_path, "b", 1000)


def test_a_sequence_counts_as_seen_once_it_is_committed(tmp_path):
    store, book = filled(tmp_path)
    pages = store._db.execute("pragma page_count").fetchone()[0]
    store.begin()
    store.raise_mark("k", 7)
    store._db.execute(f"pragma max_page_count = {pages}")
    with pytest.raises((StoreError, sqlite3.OperationalError), match="full"):
        write_much(store, book)
    store.close()
    store, _ = opened(tmp_path)
    assert store.highest("k") is None
    store.close()


def test_a_kill_between_commit_and_marks_forgets_no_sequence(tmp_path, monkeypatch):
    """Nothing was sent by then, and nothing is until the marks are written too."""

    def killed(*_: object) -> None:
        raise OSError(28, "No space left on device")

    store, _ = filled(tmp_path)
    store.begin()
    store.raise_mark("k", 7)
    with monkeypatch.context() as patched:
        patched.setattr(store_module, "_write_synced", killed)
        with pytest.raises(StoreError, match=r"control\.marks"):
            store.commit()
        store.close()
        with pytest.raises(StoreError, match=r"control\.marks"):
            opened(tmp_path)
    opened(tmp_path)[0].close()
    (tmp_path / "control.db").write_bytes(b"text" * 5000)
    store, _ = opened(tmp_path)
    assert store.was_broken
    assert store.highest("k") == 7
    store.close()


def test_marks_never_fall_back(tmp_path):
    store, _ = filled(tmp_path)
    for sequence in (5, 9, 3):
        store.begin()
        store.raise_mark("k", sequence)
        store.commit()
    (tmp_path / "control.marks").write_bytes(msgspec.json.encode({"highest": {"k": 2}}))
    store.close()
    store, _ = opened(tmp_path)
    assert store.highest("k") == 9
    store.close()
