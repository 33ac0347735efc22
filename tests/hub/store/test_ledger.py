"""The ledger against a plain set: repeats, any order, voids, two epochs, two writers at once."""

import asyncio
import itertools

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from lode_hub.store import Store, agents, ledger
from lode_hub.store.cursor import MAX_RANGES, Cursor
from lode_hub.store.ranges import Ranges

NUMBERS = st.integers(1, 40)
SPANS = st.tuples(st.integers(1, 40), st.integers(0, 12)).map(lambda pair: (pair[0], sum(pair)))


@given(st.lists(SPANS, max_size=12), SPANS)
def test_ranges_are_a_set(spans, window):
    ranges, model = Ranges(spans), {n for low, high in spans for n in range(low, high + 1)}
    assert {n for low, high in ranges for n in range(low, high + 1)} == model
    lows_and_highs = list(ranges)
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(lows_and_highs))
    inside = set(range(window[0], window[1] + 1))
    missing = {n for low, high in ranges.missing(*window) for n in range(low, high + 1)}
    assert missing == inside - model
    there = {n for low, high in ranges.overlaps(*window) for n in range(low, high + 1)}
    assert there == inside & model
    assert all((n in ranges) == (n in model) for n in range(60))


class CursorMachine(RuleBasedStateMachine):
    """One source in memory: what is taken, voided and asked for."""

    def __init__(self):
        super().__init__()
        self.cursor = Cursor(1)
        self.come: set[int] = set()
        self.void: set[int] = set()
        self.rows: dict[int, list] = {}  # gap id -> [low, high, is_filled]
        self.ids = iter(range(1, 10**6))
        self.ahead: dict[int, int] = {}

    @rule(seqs=st.lists(NUMBERS, max_size=8))
    def take(self, seqs):
        cursor = self.cursor.copy()
        for seq in seqs:
            assert cursor.take(seq) == (seq not in self.come | self.void)
            self.come |= {seq} - self.void
        self.settle(cursor)

    @rule(span=SPANS)
    def voided(self, span):
        cursor = self.cursor.copy()
        numbers = set(range(span[0], span[1] + 1))
        assert cursor.void(*span) == len(numbers & (self.come | self.void))
        self.void |= numbers - self.come
        self.settle(cursor)

    @rule(seqs=st.lists(NUMBERS, min_size=1, max_size=8))
    def failing_transaction(self, seqs):
        cursor = self.cursor.copy()
        for seq in seqs:
            cursor.take(seq)
        cursor.settle()

    def settle(self, cursor):
        settled = cursor.settle()
        for low in settled.ahead_gone:
            del self.ahead[low]
        self.ahead |= dict(settled.ahead)
        for gap_id in settled.dropped:
            del self.rows[gap_id]
        for hole in settled.changed:
            self.rows[hole.gap_id] = [hole.low, hole.high, hole.gap_id in settled.filled]
        for hole in settled.opened:
            hole.gap_id = next(self.ids)
            self.rows[hole.gap_id] = [hole.low, hole.high, False]
        self.cursor = cursor

    @invariant()
    def says_what_the_set_says(self):
        seen = self.come | self.void
        mark = next(n for n in range(1, 100) if n not in seen) - 1
        assert self.cursor.mark == mark
        assert dict(self.cursor.ahead) == self.ahead
        ahead = {n for low, high in self.ahead.items() for n in range(low, high + 1)}
        assert ahead == {n for n in seen if n > mark}

    @invariant()
    def every_hole_is_a_gap_row_and_no_other(self):
        seen = self.come | self.void
        holes = {n for n in range(1, max(seen, default=0)) if n not in seen}
        open_rows = [row for row in self.rows.values() if not row[2]]
        asked = {n for low, high, _ in open_rows for n in range(low, high + 1)}
        assert holes <= asked
        assert all(any(n in holes for n in range(low, high + 1)) for low, high, _ in open_rows)
        filled = {n for low, high, f in self.rows.values() if f for n in range(low, high + 1)}
        assert filled <= self.come  # what was voided never counts as come after all


TestCursor = CursorMachine.TestCase


def test_a_source_cannot_make_the_ledger_grow_without_end():
    cursor = Cursor(1)
    taken = [cursor.take(seq) for seq in range(2, 4 * MAX_RANGES, 2)]
    assert sum(taken) <= MAX_RANGES + 1
    assert cursor.take(3)
    assert cursor.take(1)


class LedgerMachine(RuleBasedStateMachine):
    """Two writers with caches of their own, two epochs, one database."""

    url: str

    @initialize()
    def begin(self):
        self.loop = asyncio.new_event_loop()
        self.store = self.loop.run_until_complete(self.opened())
        self.come = {source_id: set() for source_id in self.sources}
        self.void = {source_id: set() for source_id in self.sources}
        self.caches = [{}, {}]

    async def opened(self):
        store = await Store.open(self.url)
        async with store.pool.connection() as conn:
            await conn.execute("truncate agent, source, ahead, gap restart identity cascade")
            found = await agents.resolve(conn, [("a", 1, "e1"), ("a", 1, "e2")])
        self.sources = sorted(source.source_id for source in found.values())
        return store

    @rule(
        writer=st.integers(0, 1),
        seqs=st.lists(st.tuples(st.integers(0, 1), NUMBERS), min_size=1, max_size=10),
        commits=st.booleans(),
    )
    def group(self, writer, seqs, commits):
        self.loop.run_until_complete(self.write(self.caches[writer], seqs, commits=commits))
        self.all_came(seqs if commits else [])

    @rule(seqs=st.lists(st.tuples(st.integers(0, 1), NUMBERS), min_size=2, max_size=10))
    def two_at_once(self, seqs):
        async def both():
            await asyncio.gather(*(self.write(cache, seqs) for cache in self.caches))

        self.loop.run_until_complete(both())
        # Only now: the second may hear of its commit before the first hears of its own.
        self.all_came(seqs)

    def all_came(self, seqs):
        for which, seq in seqs:
            source_id = self.sources[which]
            assert seq in self.come[source_id] | self.void[source_id]

    @rule(which=st.integers(0, 1), span=SPANS)
    def gap_record(self, which, span):
        self.loop.run_until_complete(self.voided(self.sources[which], span))

    async def write(self, cache, seqs, *, commits=True):
        wanted = [(self.sources[which], seq) for which, seq in seqs]
        fresh = set()
        async with self.store.pool.connection() as conn:
            async with conn.transaction(force_rollback=not commits):
                cursors = await ledger.lock(conn, {source_id for source_id, _ in wanted}, cache)
                for source_id, seq in wanted:
                    if cursors[source_id].take(seq):
                        fresh.add((source_id, seq))
                await ledger.save(conn, cursors.values())
            if commits:
                cache |= cursors
        for source_id, seq in fresh if commits else ():
            assert seq not in self.come[source_id] | self.void[source_id], "taken twice"
            self.come[source_id].add(seq)

    async def voided(self, source_id, span):
        async with self.store.pool.connection() as conn, conn.transaction():
            cursors = await ledger.lock(conn, [source_id], self.caches[0])
            cursors[source_id].void(*span)
            await ledger.save(conn, cursors.values())
        self.void[source_id] |= set(range(span[0], span[1] + 1)) - self.come[source_id]

    def rows(self, query):
        async def ask():
            async with self.store.pool.connection() as conn:
                return await (await conn.execute(query)).fetchall()

        return self.loop.run_until_complete(ask())

    @invariant()
    def tables_say_what_the_sets_say(self):
        if not hasattr(self, "store"):
            return
        marks = dict(self.rows("select id, mark from source"))
        ahead = self.rows("select source_id, seq, to_seq from ahead")
        gaps = self.rows("select source_id, from_seq, to_seq from gap where filled_at is null")
        for source_id in self.sources:
            seen = self.come[source_id] | self.void[source_id]
            mark = next(n for n in range(1, 100) if n not in seen) - 1
            assert marks[source_id] == mark
            above = {n for s, low, high in ahead if s == source_id for n in range(low, high + 1)}
            assert above == {n for n in seen if n > mark}
            asked = {n for s, low, high in gaps if s == source_id for n in range(low, high + 1)}
            assert {n for n in range(1, max(seen, default=0)) if n not in seen} <= asked

    def teardown(self):
        if hasattr(self, "store"):
            self.loop.run_until_complete(self.store.close())
            self.loop.close()


def test_ledger_in_the_database(postgres):
    async def migrated():
        store = await Store.open(postgres)
        await store.migrate()
        await store.close()

    asyncio.run(migrated())
    machine = type("Machine", (LedgerMachine,), {"url": postgres})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
