"""The spool's file against a list: whatever is done to it, it holds what the list holds."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.edge.conftest import meter, rig

from lode_edge.spool import EPOCH_ROOM, Limits, Origin
from lode_edge.spool.file import SpoolFile
from lode_edge.spool.packing import packed
from lode_edge.spool.recover import open_file
from lode_wire import codec
from lode_wire.codec import Packed
from lode_wire.errors import EncodeError
from lode_wire.records import Gap, GapReason


class SpoolModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.file = self.opened()
        self.epoch = self.file.epoch
        self.kept: dict[int, int] = {}  # seq: records
        self.last = 0
        self.gone: set[int] = set()  # evicted or corrupt
        self.acked: set[int] = set()
        self.mark = 0
        self.told: set[int] = set()  # batches of gaps

    def opened(self) -> SpoolFile:
        origin = Origin(directory=self.home, agent="a", limits=Limits(max_bytes=1 << 30))
        file = open_file(origin)
        file.begin_life(0)
        return file

    def teardown(self) -> None:
        self.file.close(is_clean=True)
        shutil.rmtree(self.home)

    @rule(rigs=st.integers(0, 700), meters=st.integers(0, 3))
    def append(self, rigs: int, meters: int) -> None:
        records = [*(rig(n, 5) for n in range(rigs)), *(meter(n) for n in range(meters))]
        batches = [found for found in packed(records) if isinstance(found, Packed)]
        with self.file.transaction():
            ids = self.file.append(batches)
        for id_, batch in zip(ids, batches, strict=True):
            self.last += 1
            assert id_ == self.file.base + self.last
            self.kept[self.last] = batch.n

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        mark = data.draw(st.integers(self.mark, self.last))
        sack = data.draw(st.lists(st.integers(1, self.last + 1), max_size=3))
        with self.file.transaction():
            self.file.acknowledge(
                self.epoch, mark, [(seq, min(seq + 1, self.last)) for seq in sack]
            )
        done = {*range(1, mark + 1), *sack, *(seq + 1 for seq in sack)}
        done &= set(range(1, self.last + 1))
        self.mark = mark
        self.acked |= done
        for seq in done:
            self.kept.pop(seq, None)

    @rule()
    def acknowledge_another_epoch(self) -> None:
        with self.file.transaction():
            self.file.acknowledge("of another agent", self.last, [(1, self.last)])

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def corrupt(self, data: st.DataObject) -> None:
        seq = data.draw(st.sampled_from(sorted(self.kept)))
        writer = sqlite3.connect(self.file.path, isolation_level=None)
        writer.execute(
            "update batch set payload = zeroblob(50) where id = ?", (self.file.base + seq,)
        )
        writer.close()
        with self.file.transaction():
            self.file.set_corrupt(self.file.base + seq, "test")
        del self.kept[seq]
        self.gone.add(seq)

    @precondition(lambda self: self.kept)
    @rule()
    def evict(self) -> None:
        evictable = self.kept.keys() - self.told
        assert self.file.make_room(1 << 29) is False
        left = {row[0] % EPOCH_ROOM for row in self.rows("select id from batch")}
        evicted = self.kept.keys() - left
        kinds = dict(self.rows("select id, kind from batch"))
        assert bool(evicted) == bool(evictable)
        assert not evicted & self.told  # what tells of gaps is never evicted
        for seq in evicted:
            self.gone.add(seq)
            del self.kept[seq]
        # The oldest of the lowest priority: what is left of telemetry is newer.
        rigs = [id_ % EPOCH_ROOM for id_, kind in kinds.items() if kind == "rig"]
        assert not rigs or not evicted or max(evicted) < max(self.last + 1, min(rigs))

    @rule()
    def spool_gaps(self) -> None:
        waiting = self.file.gaps_waiting()
        with self.file.transaction():
            has_spooled = self.file.spool_gaps()
        assert has_spooled == bool(waiting)
        if has_spooled:
            self.last += 1
            self.kept[self.last] = min(waiting, 500)
            self.told.add(self.last)

    @rule()
    def fail_midway(self) -> None:
        before = self.file.last_seq, self.file.totals
        with pytest.raises(EncodeError):
            self.append_impossible()
        assert (self.file.last_seq, self.file.totals) == before

    def append_impossible(self) -> None:
        whole = codec.pack([rig(1, 5)])
        huge = Packed("rig", 1, 5, 5, bytes(codec.MAX_PAYLOAD_BYTES))
        with self.file.transaction():
            self.file.append([whole, huge])

    @rule(is_clean=st.booleans())
    def reopen(self, is_clean: bool) -> None:
        if is_clean:
            self.file.close(is_clean=True)
        else:  # what kill -9 leaves: the file and its log as they are
            copy = Path(tempfile.mkdtemp())
            for path in self.home.iterdir():
                shutil.copy(path, copy)
            self.file.close(is_clean=True)
            shutil.rmtree(self.home)
            self.home = copy
        self.file = self.opened()
        assert self.file.epoch == self.epoch
        if not is_clean:  # numbers that a damaged log could have taken back are not given again
            self.gone |= set(range(self.last + 1, self.file.last_seq + 1))
            assert self.file.last_seq > self.last + 1000
            self.last = self.file.last_seq

    @invariant()
    def holds_what_the_list_holds(self) -> None:
        found = {id_ % EPOCH_ROOM: n for id_, n in self.rows("select id, n from batch")}
        assert found == self.kept
        assert self.file.last_seq == self.last
        assert self.file.totals.batches == len(self.kept)
        assert self.file.totals.records == sum(self.kept.values())

    @invariant()
    def every_number_is_accounted_for(self) -> None:
        numbers = {*self.kept, *self.gone, *self.acked}
        assert numbers == set(range(1, self.last + 1))
        told = set[int]()
        for first, last in self.rows("select from_seq, to_seq from gap where from_seq not null"):
            told.update(range(first, last + 1))
        assert told == self.gone

    def rows(self, query: str) -> list[tuple[int, ...]]:
        reader = sqlite3.connect(f"file:{self.file.path}?mode=ro", uri=True)
        try:
            return reader.execute(query).fetchall()
        finally:
            reader.close()


TestSpoolModel = SpoolModel.TestCase
TestSpoolModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_gaps_merge_only_with_exact_neighbours(tmp_path: Path) -> None:
    file = open_file(Origin(directory=tmp_path, agent="a"))

    def gap(first: int, last: int, reason: GapReason = GapReason.EVICTED) -> Gap:
        return Gap(
            at_ms=1,
            epoch="e",
            reason=reason,
            from_seq=first,
            to_seq=last,
            from_ms=first,
            to_ms=last,
            records=last - first + 1,
        )

    with file.transaction():
        for found in (gap(1, 1), gap(2, 3), gap(5, 5), gap(6, 6, GapReason.EXPIRED), gap(0, 0)):
            file.add_gap(found)
        file.spool_gaps()
    file.close(is_clean=True)
    db = sqlite3.connect(tmp_path / "spool.db")
    payload = db.execute("select payload from batch").fetchone()[0]
    db.close()
    spans = [(g.from_seq, g.to_seq, g.records) for g in codec.decode(payload).records()]  # type: ignore[attr-defined]
    assert spans == [(0, 3, 4), (5, 5, 1), (6, 6, 1)]


TestSpoolModel.pytestmark = [pytest.mark.slow]
