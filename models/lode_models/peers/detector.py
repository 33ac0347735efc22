"""The detector: readings of any rigs in, one step after another, findings out.

A step takes readings at most one a rig and the time that it is; nothing later is ever looked at.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from operator import attrgetter

import numpy as np

from lode_models.features import Floats
from lode_models.peers import (
    book,
    charts,
    conditions,
    evidence,
    hearing,
    offset,
    parts,
    restarts,
    shared_events,
)
from lode_models.peers.found import Found
from lode_models.peers.kinds import KINDS, NUMBER, VERSION
from lode_models.peers.memory import Array, Memory, of, put
from lode_models.peers.rigs import Rigs
from lode_models.peers.sample import (
    COUNTED,
    JUDGED,
    METRICS,
    RAW,
    Columns,
    Mask,
    Slots,
    Table,
    Times,
    Turn,
    by_column,
    measures,
    pairs,
    says_something,
    some,
)

REFRESH_MS = 60_000
"""How often limits are set anew from what was learned, a few at each step."""

OFFSET_MS = 300_000
REJECTS_MS = 10_000
LEARN_MS, TURN_MS = 29_000, 5_000
"""How often levels and spreads are learned: readings nearer to each other say the same."""

SLOW_S = 45.0  # where polls are rarer, two witnesses in one sample are enough
LEAST_PEERS_NOW = 4
HELD_MS = 2 * 3_600_000
"""So long is a rig that became hot with all others held to its old level."""

MOST_STEP_S = 120.0
MOST = 0.5
"""Where more of the rigs were heard, all are gone through: that is faster than to pick them."""

CHUNK = 5_120
"""How many rigs are judged at a time: what is worked on stays in the processor's cache."""

BLOCK = 4_096
"""How many rigs are learned of in the same turn."""

BEFORE = {"at_ms": attrgetter("heard_ms"), "state": attrgetter("state"), "mode": attrgetter("mode")}
"""What is known of a rig that gives no reading where all are gone through; all else is missing."""

OFFLINE, OFFSET, RESTARTING = NUMBER["offline"], NUMBER["offset"], NUMBER["restarting"]
CHARTED = [NUMBER[n] for n in ("hash_loss", "hash_decay", "power_up", "overheating", "board_loss",
                               "chip_loss", "fan_failure", "flatline")]  # fmt: skip


class Peers:
    """Judges rigs against their peers, step by step.

    `step` for readings and the passing of time, `renew` for what goes on, `fit` when rigs change,
    `snapshot` and `restore` to go on elsewhere exactly as here.
    """

    def __init__(self, rigs: Rigs) -> None:
        self.rigs = rigs
        self.late = 0  # readings that were not newer than their rig's last
        self._m = Memory(len(rigs))
        self._m.interval_s[:] = rigs.interval_s
        self._at_once = np.zeros((len(KINDS), len(rigs)), bool)
        self._median = np.full((len(METRICS), len(rigs)), np.nan, np.float32)
        self._gaps = hearing.Gaps()
        self._events: list[shared_events.Event] = []
        self._refreshed_ms = 0

    @property
    def bytes_per_rig(self) -> int:
        """Give the size of what is remembered of a rig."""
        return self._m.bytes_per_rig

    def fit(self, rigs: Rigs) -> None:
        """Take the rigs as they are now; a slot whose rig is another is emptied."""
        old = self.rigs.rows
        self._m.grow(len(rigs))
        key = [(rig.name, rig.model, rig.rated_hashrate_ths) for rig in rigs.rows]
        was = [(rig.name, rig.model, rig.rated_hashrate_ths) for rig in old]
        changed = [i for i in range(len(was)) if i >= len(key) or repr(was[i]) != repr(key[i])]
        self._m.forget(np.array(changed, np.intp))
        given = ~np.isnan(rigs.interval_s)
        self._m.interval_s[: len(rigs)][given] = rigs.interval_s[given]
        self._at_once = np.zeros((len(KINDS), len(self._m)), bool)
        self._median = np.full((len(METRICS), len(self._m)), np.nan, np.float32)
        self._follow_groups(rigs)
        self.rigs = rigs
        rigs.sort(self._m.mode)

    def _follow_groups(self, rigs: Rigs) -> None:
        kept = []
        for event in self._events:
            group = event.group(self.rigs)
            if group in rigs.groups[event.level]:
                event.number = rigs.groups[event.level].index(group)
                kept.append(event)
        self._events = kept

    def step(self, now_ms: int, slots: Slots, rows: Table, back_ms: Times | int = 0) -> list[Found]:
        """Take readings (at most one a rig, all of `now_ms` or before) and say what they show.

        `back_ms` is since when each rig's source has been heard without a pause, by slot: a
        silence before then is not the rig's.

        Raises:
            ValueError: two readings are of one rig.
        """
        if not (slots[1:] > slots[:-1]).all():
            order = np.argsort(slots, kind="stable")
            slots, rows = slots[order], rows.take(order)
            if (slots[1:] == slots[:-1]).any():
                raise ValueError("step: two readings of one rig; give them in two steps")
        over = np.zeros((len(KINDS), len(self._m)), bool)
        self._at_once[:] = False
        if len(slots):
            self._judge(slots, rows, over)
        self._refresh(now_ms, over)
        return self._find(now_ms, over, back_ms)

    def _heard(self, slots: Slots, rows: Table) -> tuple[Slots | slice, Columns, Mask]:
        """Give new readings by column, with their place, and where there is one."""
        m = self._m
        if len(slots) <= MOST * len(m):
            columns = by_column(rows)
            is_new = self._is_new(slots, columns, np.ones(len(slots), bool))
            return slots[is_new], some(columns, is_new), is_new[is_new]
        place = np.full(len(m), -1)
        place[slots] = np.arange(len(slots))
        columns = by_column(rows.take(place, mode="wrap"))
        heard = self._is_new(slice(0, len(m)), columns, place >= 0)
        silent = np.flatnonzero(~heard)
        for name, column in columns.items():
            column[silent] = BEFORE[name](m)[silent] if name in BEFORE else np.nan
        return slice(0, len(m)), columns, heard

    def _is_new(self, at: Slots | slice, columns: Columns, given: Mask) -> Mask:
        is_new = given & (columns["at_ms"] > of(self._m.heard_ms, at))
        self.late += int(given.sum() - is_new.sum())
        return is_new & says_something(columns)

    def _judge(self, slots: Slots, rows: Table, over: Mask) -> None:
        m, rigs = self._m, self.rigs
        at, columns, heard = self._heard(slots, rows)
        is_ordered = (columns["mode"] != of(m.mode, at)).any()
        step_s = hearing.hear(m, at, columns, self._gaps)
        restarts.follow(m, at, columns, step_s)
        if is_ordered:
            rigs.sort(m.mode)
        x = measures(columns)
        judged = heard & hearing.may_judge(m, at, columns, x) & of(rigs.is_watched, at)
        np.copyto(x, np.nan, where=~judged)
        latest = of(m.latest, at)
        np.copyto(latest, x, where=heard)
        put(m.latest, at, latest)
        rigs.classed.medians(m.latest, LEAST_PEERS_NOW, self._median)
        parts.follow_shares(m, at, columns, step_s)
        turn = Turn(
            at=at, rows={name: columns[name] for name in JUDGED}, x=x,
            step_s=np.minimum(step_s, MOST_STEP_S), judged=judged, heard=heard,
        )  # fmt: skip
        slots = np.arange(len(m))[at]
        for begin in range(0, len(slots), CHUNK):
            part = slice(begin, begin + CHUNK)
            self._judge_some(turn.some(part), slots[part], over)

    def _judge_some(self, turn: Turn, slots: Slots, over: Mask) -> None:
        m, at, rows = self._m, turn.at, turn.rows
        e = charts.residuals(m, at, turn.x, of(self._median, at))
        is_far = charts.update(m, at, e, turn.step_s, rows["at_ms"])
        seen = parts.see(m, turn)
        conditions.follow_own(m, turn, seen.rejects)
        # Most rigs show nothing and are in no trouble: their page of the book stays as it is.
        busy = is_far | seen.suspicious() | of(m.phase, at).any(axis=0)
        here = np.flatnonzero(busy & turn.heard)
        if len(here):
            gone = self._note(
                turn.some(here), slots[here], e[:, here], seen.some(here), is_far[here]
            )
            over[:, slots[here]] = gone
        due = rows["at_ms"] >= of(m.learned_ms, at) + LEARN_MS
        due &= turn.judged
        here = np.flatnonzero(due)
        if isinstance(at, slice) and len(here) > MOST * len(due):
            self._learn(turn, e, due)
        elif len(here):
            self._learn(turn.some(here), e[:, here], due[here])

    def _note(self, turn: Turn, at: Slots, e: Floats, seen: parts.Seen, is_far: Mask) -> Mask:
        """Enter what busy rigs show; give (kind, row) of findings that are over."""
        m = self._m
        shown = conditions.shown(m, turn, e, seen, is_far)
        gone = book.note(m, at, turn.rows["at_ms"], shown)
        charts.forget(m, at[gone[CHARTED].any(axis=0)])
        self._at_once[:, at] = shown.strong & (m.interval_s[at] > SLOW_S)
        return gone

    def _learn(self, turn: Turn, e: Floats, due: Mask) -> None:
        m, at, at_ms = self._m, turn.at, turn.rows["at_ms"]
        learned_ms = of(m.learned_ms, at)
        in_trouble = (of(m.phase, at)[CHARTED] > book.IDLE).any(axis=0)
        is_held = of(m.own_ms, at) > at_ms - HELD_MS
        in_trouble |= is_held[: conditions.OWN_REJECTS].any(axis=0)
        since_s = np.where(learned_ms > 0, (at_ms - learned_ms) / 1000, turn.step_s)
        step_s = np.minimum(since_s, MOST_STEP_S).astype(np.float32)
        step_s[~due] = 0
        parts.learn_rejects(m, at, np.where(is_held[conditions.OWN_REJECTS], 0, step_s))
        step_s[in_trouble] = 0
        charts.learn(m, turn, of(self._median, at), e, step_s)
        # From its first time on each block of slots has a time of its own.
        block = np.arange(len(m))[at] // BLOCK
        late_ms = np.where(learned_ms > 0, 0, block * TURN_MS % LEARN_MS)
        np.copyto(learned_ms, at_ms - late_ms, where=due)
        put(m.learned_ms, at, learned_ms)

    def _refresh(self, now_ms: int, over: Mask) -> None:
        """Set anew what is due of the minute's work: a row of all rigs at a time."""
        m, rigs, since_ms = self._m, self.rigs, self._refreshed_ms
        self._refreshed_ms = max(now_ms, since_ms)
        for row in _due(charts.ROWS, REFRESH_MS, since_ms, now_ms):
            charts.set_limit(m, rigs, row)
        for row in _due(len(RAW), REFRESH_MS, since_ms, now_ms):
            parts.set_run_limit(m, rigs, row)
        for part in _due(len(COUNTED), OFFSET_MS, since_ms, now_ms):
            parts.raise_reference(m, rigs, part)
        if _due(1, REJECTS_MS, since_ms, now_ms):
            parts.set_usual_rejects(m, rigs)
        if _due(1, OFFSET_MS, since_ms, now_ms):
            self._judge_offset(now_ms, over)

    def _judge_offset(self, now_ms: int, over: Mask) -> None:
        """Suspect who is offset twice in a row; a suspicion is settled in the same step."""
        m = self._m
        on, off = offset.judge(m, self.rigs)
        m.seen[OFFSET] = np.where(on & (m.phase[OFFSET] == book.IDLE), m.seen[OFFSET] + 1, 0)
        since_ms = m.heard_ms - (1000 * np.nanmax(m.learned_s, axis=0)).astype(np.int64)
        over[OFFSET] |= book.suspect(m, OFFSET, m.seen[OFFSET] >= 2, off, since_ms, now_ms)  # noqa: PLR2004

    def _silence(self, now_ms: int, over: Mask, back_ms: Times | int) -> tuple[Mask, Times]:
        """Enter who fell silent; give who is late, and since when."""
        m = self._m
        late, offline, due_ms = hearing.silence(
            m, now_ms, self._gaps, self.rigs.is_watched, back_ms
        )
        over[OFFLINE] |= book.suspect(m, OFFLINE, offline, ~late, due_ms, now_ms)
        m.latest[:, offline] = np.nan
        return late, due_ms

    def _find(self, now_ms: int, over: Mask, back_ms: Times | int) -> list[Found]:
        """Settle what is suspected; `over` is (kind, slot) of findings whose trouble is gone."""
        m, rigs = self._m, self.rigs
        late, due_ms = self._silence(now_ms, over, back_ms)
        often = restarts.again_and_again(m) & rigs.is_watched
        first_ms = m.restart_ms[restarts.LEAST - 1]
        over[RESTARTING] |= book.suspect(m, RESTARTING, often, ~often, first_ms, now_ms)
        ripe = book.mature(m, self._at_once)
        suspects = shared_events.Suspects(m=m, ripe=ripe, late=late, due_ms=due_ms)
        ended = shared_events.go_on(m, rigs, suspects, self._events, now_ms)
        # What is over now still explains what was suspected until now.
        begun = shared_events.begin(m, rigs, suspects, self._events, now_ms)
        covered = shared_events.covered(rigs, [*self._events, *begun])
        self._events = [e for e in [*self._events, *begun] if e not in ended]
        fresh = book.settle(m, ripe & (m.phase == book.PENDING), covered)
        taken = covered & (m.phase == book.FOUND)
        np.copyto(m.phase, book.COVERED, where=taken)
        over |= taken
        out = [evidence.of_event(m, rigs, e, now_ms, is_active=False) for e in ended]
        out += [evidence.of_event(m, rigs, e, now_ms, is_active=True) for e in begun]
        for mask, is_active in ((over, False), (fresh, True)):
            out += [
                evidence.of_rig(m, rigs, kind, slot, now_ms, is_active=is_active)
                for kind, slot in np.transpose(pairs(mask)).tolist()
            ]
        return out

    def excuse(self, slots: Slots, at_ms: int) -> None:
        """Take note that rigs were told something then: a restart soon after is not their own."""
        self._m.rest_ms[slots] = np.maximum(self._m.rest_ms[slots], at_ms)

    def renew(self, now_ms: int) -> list[Found]:
        """Say again what goes on, with fresh figures; call it every minute or so."""
        m, rigs = self._m, self.rigs
        return [
            evidence.of_event(m, rigs, event, now_ms, is_active=True) for event in self._events
        ] + [
            evidence.of_rig(m, rigs, kind, slot, now_ms, is_active=True)
            for kind, slot in np.argwhere(m.phase == book.FOUND).tolist()
        ]

    def snapshot(self) -> dict[str, Array]:
        """Give all state as arrays by name, good for `numpy.savez`; `restore` takes it back."""
        events = [{**asdict(event), "members": event.members.tolist()} for event in self._events]
        head = {
            "version": VERSION,
            "late": self.late,
            "gaps": asdict(self._gaps),
            "refreshed_ms": self._refreshed_ms,
            "events": events,
        }
        return {**self._m.arrays(), "head": np.frombuffer(json.dumps(head).encode(), np.uint8)}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take the state of a snapshot of the same rigs.

        Raises:
            ValueError: it is of another version or of other rigs.
        """
        head = json.loads(bytes(arrays["head"]))
        if head["version"] != VERSION:
            raise ValueError(
                f"snapshot: of version {head['version']}, this is {VERSION}; start anew"
            )
        if len(arrays["heard_ms"]) != len(self._m):
            raise ValueError("snapshot: of another number of rigs; restore, then fit the new ones")
        self._m.load(arrays)
        self.rigs.sort(self._m.mode)
        self._gaps = hearing.Gaps(**head["gaps"])
        self.late = head["late"]
        self._refreshed_ms = head["refreshed_ms"]
        self._events = [
            shared_events.Event(**{**event, "members": np.array(event["members"], np.intp)})
            for event in head["events"]
        ]


def _due(count: int, every_ms: int, since_ms: int, now_ms: int) -> list[int]:
    """Give which of `count` works are due now, each once in `every_ms`, one after another."""
    first, end = (at_ms * count // every_ms for at_ms in (since_ms, now_ms))
    return [number % count for number in range(max(first, end - count), end)]
