"""Samples on their way to the detectors: dealt by time, corrected, bounded; and damaged memory."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.committed import Committed
from lode_hub.sites.judgement import latest as latest_
from lode_hub.sites.judgement import snapshots
from lode_hub.sites.judgement.latest import ROUNDS, Latest
from lode_hub.sites.judgement.series import Key, SeriesWatch

T0 = 1_800_000_000_000


def group(at_ms: list[int], agent_id: int = 1) -> Committed:
    times = np.array(at_ms, np.int64)
    ids = np.full(len(times), agent_id, np.int64)
    columns = {"hashrate_ths": times.astype(np.float64) % 1000}
    return Committed(
        kind="rig", agent_id=ids, device_id=ids, at_ms=times, received_ms=times, columns=columns
    )


def ready(rigs: int) -> Latest:
    found = Latest()
    found.fit(rigs)
    return found


def taken(found: Latest, rows: list[tuple[int, int]]) -> None:
    """Take rows of (slot, seconds)."""
    slots = np.array([slot for slot, _ in rows], np.intp)
    found.take(group([T0 + 1000 * second for _, second in rows]), slots)


def dealt(found: Latest) -> list[dict[int, int]]:
    turns = [(slots.tolist(), rows["at_ms"].tolist()) for slots, rows in found.turns()]
    return [{slot: (at - T0) // 1000 for slot, at in zip(*turn, strict=True)} for turn in turns]


@pytest.mark.parametrize("n", [1, ROUNDS, ROUNDS + 1, 255, 256, 257, 271, 272, 300, 1000])
def test_of_a_backlog_the_newest_are_judged_however_long_it_is(n):
    found = ready(2)
    taken(found, [(0, second) for second in range(n)] + [(1, 5)])
    turns = dealt(found)
    assert [turn[0] for turn in turns if 0 in turn] == list(range(max(0, n - ROUNDS), n))
    assert [turn[1] for turn in turns if 1 in turn] == [5]
    assert ((found.rows["at_ms"] - T0) // 1000)[:2].tolist() == [n - 1, 5]


ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 60)), max_size=60)


@settings(max_examples=100, deadline=None)
@given(batches=st.lists(ROWS, min_size=1, max_size=4), where=st.data())
def test_rigs_are_dealt_in_order_of_time_and_nothing_late_twice_or_lost(batches, where):
    found, judged = ready(5), {slot: [] for slot in range(5)}
    for rows in batches:
        newest = {slot: seen[-1] for slot, seen in judged.items() if seen}
        cut = where.draw(st.integers(0, len(rows)))
        taken(found, rows[:cut])
        taken(found, rows[cut:])
        for turn in dealt(found):
            for slot, second in turn.items():
                judged[slot].append(second)
        for slot in judged:
            due = sorted(s for one, s in rows if one == slot and s > newest.get(slot, 0))
            assert due[-ROUNDS:] == judged[slot][len(judged[slot]) - len(due[-ROUNDS:]) :]
    assert all(seen == sorted(seen) for seen in judged.values())
    assert dealt(found) == []


def test_rigs_that_are_not_ours_are_left_out():
    found = ready(2)
    taken(found, [(-1, 3), (1, 4), (-1, 5)])
    assert dealt(found) == [{1: 4}]
    taken(found, [(-1, 9)])
    assert dealt(found) == []


def test_what_waits_is_bounded_and_what_is_given_up_is_counted(monkeypatch):
    monkeypatch.setattr(latest_, "MAX_WAITING", 10)
    found = ready(1)
    for begin in (0, 6, 12):
        taken(found, [(0, begin + n) for n in range(6)])
    assert found.given_up == 12
    assert [turn[0] for turn in dealt(found)] == list(range(12, 18))


@pytest.mark.parametrize(
    ("corrections", "expected_ms"),
    [
        ([{}], 0),
        ([{1: 5000.0}], -5000),
        ([{1: -5000.4}], 5000),
        ([{1: 1000.0}], 0),  # trembles
        ([{1: 5000.0}, {1: 5900.0}], -5000),
        ([{1: 5000.0}, {1: 6001.0}], -6001),
        ([{1: 5000.0}, {}], 0),
        ([{7: 5000.0}], 0),  # another agent's
        ([{7: 5000.0}, {1: 3000.0}], -3000),
    ],
)
def test_times_are_by_the_hubs_clock(corrections, expected_ms):
    found = ready(1)
    for one in corrections:
        found.correct(one)
    found.take(group([T0]), np.array([0]))
    ((_, rows),) = found.turns()
    assert rows["at_ms"].tolist() == [T0 + expected_ms]


def test_what_was_heard_and_not_used_is_noted_of_rigs_that_are_ours():
    found = ready(3)
    found.hold(np.array([-1, 2, 0]), np.array([T0, T0 + 1, T0 + 2]))
    assert found.held_ms.tolist() == [T0 + 2, 0, T0 + 1]


def npz(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def damaged(data: bytes) -> bytes:
    return data[:400] + bytes([data[400] ^ 255]) + data[401:]


def not_a_table() -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(3))
    return out.getvalue()


def strange_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("head.npy", b"\x93NUMPY no header")
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"PK\x03\x04 not a zip", npz(x=np.arange(300))[:600], damaged(npz(x=np.arange(300))),
        not_a_table(), strange_zip(), npz(x=np.array([{}], object)),
    ],
    ids=["empty", "magic only", "cut short", "a bit turned", "one array", "no header", "pickled"],
)  # fmt: skip
def test_a_file_of_arrays_that_cannot_be_read_is_a_value_error(data):
    with pytest.raises(ValueError, match="snapshot: cannot be read"):
        snapshots._loaded(data)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_to_what_was_kept_of_series_is_another_error_or_half_taken(data):
    watch, key = SeriesWatch(), Key(1, "power", "site:1", "n")
    watch.step(T0, {key: 100.0})
    whole = watch.kept(1)
    cut = data.draw(st.integers(0, len(whole) - 1))
    other = SeriesWatch()
    with pytest.raises(ValueError):  # noqa: PT011 -- of whichever layer finds it
        other.restore(1, whole[:cut])
    assert (other.numbers, other.usual, other.open) == ({}, [], {})


@pytest.mark.parametrize("state", [b"", b"state", bytes(1000)])
def test_bytes_come_back_as_they_were_and_damage_is_told(state):
    packed = snapshots.packed(state)
    assert snapshots.unpacked(packed) == state
    for wrong in (packed[:-1], b"\xff" + packed[1:], packed[:-1] + bytes([packed[-1] ^ 1])):
        with pytest.raises(ValueError, match="snapshot"):
            snapshots.unpacked(wrong)


def test_what_is_too_large_unpacked_is_refused(monkeypatch):
    monkeypatch.setattr(snapshots, "MAX_BYTES", 1000)
    assert snapshots.unpacked(snapshots.packed(bytes(999))) == bytes(999)
    with pytest.raises(ValueError, match="larger than 1000 bytes"):
        snapshots.unpacked(snapshots.packed(bytes(1_000_000)))
