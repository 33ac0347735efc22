"""The spool against kill -9 and against damage of its file: what was committed is kept or told."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.edge.conftest import rig, wait_for

from lode_edge.spool import EPOCH_ROOM, Limits, Origin, Spool
from lode_wire import codec
from lode_wire.errors import DecodeError
from lode_wire.messages import Ack
from lode_wire.records import Gap, GapReason, RigReading

ROOT = Path(__file__).resolve().parents[2]


def opened(home: Path) -> Spool:
    return Spool(Origin(directory=home, agent="a"))


def payloads(home: Path) -> list[bytes]:
    db = sqlite3.connect(f"file:{home / 'spool.db'}?mode=ro", uri=True)
    rows = db.execute("select payload from batch order by id").fetchall()
    db.close()
    return [row[0] for row in rows]


def gaps_told(spool: Spool, home: Path) -> list[Gap]:
    spool.is_online = True
    spool.flush().result(10)
    wait_for(lambda: not _waiting(home))
    found = [codec.decode(payload) for payload in payloads(home)]
    return [r for batch in found for r in batch.records() if isinstance(r, Gap)]


def _waiting(home: Path) -> int:
    db = sqlite3.connect(f"file:{home / 'spool.db'}?mode=ro", uri=True)
    count = db.execute("select count(*) from gap where spooled is null").fetchone()[0]
    db.close()
    return int(count)


@pytest.mark.slow
def test_kill_9_at_random_moments_keeps_all_that_was_committed(tmp_path: Path) -> None:
    chance = random.Random(7)
    sure, start = -1, 0
    kills = 8
    for _ in range(kills):
        command = [sys.executable, "-m", "tests.edge.spool_writer", str(tmp_path), str(start)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.05, 0.5))
            writer.kill()
            said = writer.stdout.read().splitlines()
        sure = max([sure, *map(int, said[:-1])])
        found = [codec.decode(payload) for payload in payloads(tmp_path)]
        shares = [
            r.accepted_shares for b in found for r in b.records() if isinstance(r, RigReading)
        ]
        assert len(shares) == len(set(shares))
        since = [number for number in shares if number is not None and number >= start]
        assert since == list(range(start, start + len(since)))  # a prefix, without a hole
        assert set(range(start, sure + 1)) <= set(since)
        start = (max([start, *since]) // 200 + 1) * 200
        seqs = [batch.header.seq for batch in found]
        assert sorted(set(seqs)) == sorted(seqs)
        assert {batch.header.epoch for batch in found} == {found[0].header.epoch}
    with opened(tmp_path) as spool:
        told = gaps_told(spool, tmp_path)
    # Lives that lie close together share one gap.
    assert {gap.reason for gap in told} == {GapReason.UNCLEAN_STOP}
    assert len(told) <= kills
    assert all(gap.from_ms is not None and gap.to_ms is not None for gap in told)


def filled(home: Path, batches: int = 60) -> str:
    """Fill a spool whose first ten batches the hub has committed; give its epoch."""
    with opened(home) as spool:
        for number in range(batches):
            spool.put([rig(number * 1000 + step, at_ms=number) for step in range(300)])
            spool.flush().result(5)
        spool.acknowledge(Ack(agent="a", epoch=spool.depth.epoch, mark=10, hub_ms=0))
        return spool.depth.epoch


def accounted(home: Path, old: str) -> tuple[set[int], set[int], list[Gap]]:
    """Give the old epoch's saved numbers, its gapped numbers, and all gaps."""
    with opened(home) as spool:
        assert spool.depth.epoch != old
        told = gaps_told(spool, home)
    headers = [codec.peek(payload) for payload in payloads(home)]
    saved = {header.seq for header in headers if header.epoch == old}
    gapped = {
        seq
        for gap in told
        if gap.epoch == old and gap.from_seq is not None and gap.to_seq is not None
        for seq in range(gap.from_seq, gap.to_seq + 1)
    }
    return saved, gapped, told


def test_a_broken_page_costs_the_batches_on_it_and_nothing_else(tmp_path: Path) -> None:
    old = filled(tmp_path)
    path = tmp_path / "spool.db"
    db = sqlite3.connect(path)
    [page] = db.execute(
        "select pageno from dbstat where name = 'batch' and pagetype = 'leaf'"
        " order by pageno limit 1 offset 1"
    ).fetchone() or [None]
    db.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    saved, gapped, told = accounted(tmp_path, old)
    assert gapped
    assert saved | gapped == set(range(11, 61))
    assert not saved & gapped
    assert {gap.reason for gap in told} == {GapReason.SALVAGED}
    assert len(list(tmp_path.glob("spool.db.broken-*"))) == 1


def test_a_file_that_is_no_database_is_told_of_by_its_note(tmp_path: Path) -> None:
    old = filled(tmp_path, 12)
    path = tmp_path / "spool.db"
    path.write_bytes(os.urandom(path.stat().st_size))
    saved, gapped, told = accounted(tmp_path, old)
    assert not saved
    assert not gapped
    assert [(gap.epoch, gap.reason, gap.from_seq) for gap in told] == [
        (old, GapReason.SALVAGED, None)
    ]


def test_a_truncated_file_is_salvaged(tmp_path: Path) -> None:
    old = filled(tmp_path)
    path = tmp_path / "spool.db"
    os.truncate(path, path.stat().st_size * 2 // 3 // 4096 * 4096)
    saved, gapped, _ = accounted(tmp_path, old)
    assert saved | gapped >= set(range(11, 61)) or not saved


def test_a_flipped_bit_in_the_epoch_is_noticed(tmp_path: Path) -> None:
    old = filled(tmp_path)
    db = sqlite3.connect(tmp_path / "spool.db")
    db.execute("update epoch set last_seq = last_seq - 3")
    db.commit()
    db.close()
    saved, gapped, _ = accounted(tmp_path, old)
    assert saved == set(range(11, 61))
    assert not gapped - set(range(1, 11))


def test_a_salvage_that_is_cut_short_begins_anew(tmp_path: Path) -> None:
    old = filled(tmp_path)
    db = sqlite3.connect(tmp_path / "spool.db")
    db.execute("update epoch set crc = 0")
    db.commit()
    db.close()
    (tmp_path / "spool.db.new").write_bytes(b"half a salvage")
    saved, *_ = accounted(tmp_path, old)
    assert saved == set(range(11, 61))


def test_salvaged_batches_are_deleted_by_the_old_epoch_acknowledgement(tmp_path: Path) -> None:
    old = filled(tmp_path)
    db = sqlite3.connect(tmp_path / "spool.db")
    db.execute("update epoch set crc = 0")
    db.commit()
    db.close()
    with opened(tmp_path) as spool:
        assert spool.depth.batches >= 50
        spool.acknowledge(Ack(agent="a", epoch=old, mark=40, sack=((50, 60),), hub_ms=0))
        spool.flush().result(5)
        headers = [codec.peek(payload) for payload in payloads(tmp_path)]
        assert {h.seq for h in headers if h.epoch == old} == set(range(41, 50))


def test_a_file_that_breaks_in_use_is_replaced_under_way(tmp_path: Path) -> None:
    epochs: list[str] = []
    with Spool(Origin(directory=tmp_path, agent="a"), devices=["x", "y"]) as spool:
        old = spool.depth.epoch
        spool.on_new_epoch.append(lambda: epochs.append("new"))
        for number in range(20):
            spool.put([rig(number)])
            spool.flush().result(5)
        db = sqlite3.connect(tmp_path / "spool.db", isolation_level=None)
        db.execute("update epoch set crc = 0")
        db.close()
        spool.set_suspect()
        wait_for(lambda: epochs)
        spool.put([rig(20)])
        spool.flush().result(5)
        assert spool.depth.epoch != old
        assert spool.numbers == {"x": 1, "y": 2}
        found = [codec.decode(payload) for payload in payloads(tmp_path)]
        shares = [
            r.accepted_shares for b in found for r in b.records() if isinstance(r, RigReading)
        ]
        assert sorted(shares, key=str) == sorted(range(21), key=str)


@pytest.mark.slow
def test_single_flipped_bits_anywhere_are_survived(tmp_path: Path) -> None:
    chance = random.Random(3)
    filled(tmp_path / "whole", 20)
    size = (tmp_path / "whole" / "spool.db").stat().st_size
    for turn in range(60):
        home = tmp_path / f"flip-{turn}"
        shutil.copytree(tmp_path / "whole", home)
        with (home / "spool.db").open("r+b") as file:
            place = chance.randrange(size)
            file.seek(place)
            old = file.read(1)[0]
            file.seek(place)
            file.write(bytes([old ^ (1 << chance.randrange(8))]))
        with Spool(Origin(directory=home, agent="a", limits=Limits())) as spool:
            spool.put([rig(1)])
            spool.flush().result(10)
            base = spool.depth.base
        whole = 0
        for payload in payloads(home):
            try:
                codec.peek(payload)
            except DecodeError:
                continue
            whole += 1
        assert whole >= 9, (turn, place, base // EPOCH_ROOM)  # of 10 + 1; the flip may cost one
        shutil.rmtree(home)


def test_a_log_that_lost_its_end_gives_no_number_twice(tmp_path: Path) -> None:
    live, copy = tmp_path / "live", tmp_path / "killed"
    with opened(live) as spool:
        for number in range(20):
            spool.put([rig(number)])
            spool.flush().result(5)
        sent = {codec.peek(payload).seq for payload in payloads(live)}
        shutil.copytree(live, copy)
    log = copy / "spool.db-wal"
    with log.open("r+b") as file:  # SQLite takes the log only up to the first damaged page
        file.seek(32 + 4 * 4120 + 100)
        byte = file.read(1)[0]
        file.seek(32 + 4 * 4120 + 100)
        file.write(bytes([byte ^ 1]))
    with opened(copy) as spool:
        before = {codec.peek(payload).seq for payload in payloads(copy)}
        assert before < sent
        spool.put([rig(99)])
        spool.flush().result(5)
        told = gaps_told(spool, copy)
        given = {codec.peek(payload).seq for payload in payloads(copy)} - before
    assert not given & sent
    gapped = {s for g in told for s in range(g.from_seq or 0, (g.to_seq or -1) + 1)}
    assert sent - before <= gapped
