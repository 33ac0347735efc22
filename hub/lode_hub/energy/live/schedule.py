"""A plan as what each rig does when, and as the standing orders of each agent.

Plan ─► Schedule (by rig) ─► begins early, wakes staggered, trimmed ─► StandingPlan by agent
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lode_hub.energy.live.fleet import Fleet
from lode_hub.energy.live.rig import Rig
from lode_hub.energy.live.wishes import FULL, SLEEP, wish_of
from lode_hub.energy.nouns import ASLEEP, Ints, Market, Plan
from lode_hub.energy.plan.earnings import starts_s
from lode_wire import orders
from lode_wire.orders import Order, Period, StandingPlan, Step

LEAD_MS = 120_000
"""So much before a promise begins rigs are told: orders, rigs and meters take their time."""

STAGGER_MS = 30_000
STAGGER = 9
"""Rigs that wake together are woken in up to so many parts, so far apart."""

LEAST_AT_ONCE = 5
_STEPS_MAX = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """The mode of each rig by name, by period; `edges_ms` has one entry more than periods.

    `rigs` come least efficient first.
    """

    edges_ms: tuple[int, ...]
    rigs: tuple[Rig, ...]
    modes: dict[int, tuple[str, ...]]

    def place(self, now_ms: int) -> int | None:
        """Give the period that holds at a moment; None outside of all."""
        at = int(np.searchsorted(self.edges_ms, now_ms, side="right")) - 1
        return at if 0 <= at < len(self.edges_ms) - 1 else None

    def now(self, now_ms: int) -> dict[int, str]:
        """Give by rig the mode that holds at a moment."""
        place = self.place(now_ms)
        return {} if place is None else {rig: told[place] for rig, told in self.modes.items()}


def schedule(fleet: Fleet, plan: Plan, edges_ms: tuple[int, ...]) -> Schedule:
    """Say of each rig what the plan wants of it, its periods having these edges."""
    modes: dict[int, tuple[str, ...]] = {}
    for kind, members, rows in zip(fleet.site.classes, fleet.members, plan.schedule, strict=True):
        names = [*(mode.name for mode in kind.modes), SLEEP]  # ASLEEP is -1
        for rig, row in zip(members, rows, strict=True):
            modes[rig.device_id] = tuple(names[mode] for mode in row)
    able = [rig for members in fleet.members for rig in members]
    order = sorted(able, key=lambda rig: (-rig.efficiency_jth, rig.name))
    return Schedule(edges_ms=edges_ms, rigs=tuple(order), modes=modes)


def staggered(told: Schedule, before: Mapping[int, str], now_ms: int) -> Schedule:
    """Wake rigs that are to wake together part by part, the most efficient first.

    Args:
        told: what is wanted.
        before: the mode of each rig before the first period.
        now_ms: the first period's rigs are woken from now on.
    """
    edges: list[int] = []
    columns: list[dict[int, str]] = []
    last = dict(before)
    best_first = [rig.device_id for rig in reversed(told.rigs)]
    for period, (begin, end) in enumerate(itertools.pairwise(told.edges_ms)):
        wanted = {rig: modes[period] for rig, modes in told.modes.items()}
        waking = [r for r in best_first if wanted[r] != SLEEP and last.get(r, FULL) == SLEEP]
        share = max(LEAST_AT_ONCE, -(-len(waking) // STAGGER))
        from_ms = max(begin, now_ms)
        edges.append(begin)
        for part in range(share, len(waking), share):
            columns.append(wanted | dict.fromkeys(waking[part:], SLEEP))
            edges.append(min(from_ms + part // share * STAGGER_MS, end - 1))
        columns.append(wanted)
        last = wanted
    modes = {rig: tuple(column[rig] for column in columns) for rig in told.modes}
    return replace(told, edges_ms=(*edges, told.edges_ms[-1]), modes=modes)


def trimmed(
    told: Schedule, override: Mapping[int, bool], others: Sequence[Rig], now_ms: int, until_ms: int
) -> Schedule:
    """Lay a trim over a schedule till it ends: rigs that sleep (True), and that do not (False).

    `others` are rigs that are trimmed though no plan moves them.
    """
    if not override:
        return told
    edges = sorted({*told.edges_ms, now_ms, until_ms})
    edges = [edge for edge in edges if told.edges_ms[0] <= edge <= told.edges_ms[-1]]
    modes = dict(told.modes) | {r.device_id: (FULL,) * (len(told.edges_ms) - 1) for r in others}
    places = [max(0, told.place(edge) or 0) for edge in edges[:-1]]
    laid: dict[int, tuple[str, ...]] = {}
    for rig, row in modes.items():
        spread = [row[place] for place in places]
        if rig in override:
            spread = [
                _laid(mode, is_asleep=override[rig]) if now_ms <= edge < until_ms else mode
                for mode, edge in zip(spread, edges, strict=False)
            ]
        laid[rig] = tuple(spread)
    order = sorted((*told.rigs, *others), key=lambda rig: (-rig.efficiency_jth, rig.name))
    return Schedule(edges_ms=tuple(edges), rigs=tuple(order), modes=laid)


def standing_orders(told: Schedule) -> dict[str, StandingPlan]:
    """Give each agent's orders: only what differs from full; equal periods joined.

    An order that would be too long ends earlier.
    """
    by_agent: dict[str, list[Rig]] = {}
    for rig in told.rigs:
        by_agent.setdefault(rig.agent, []).append(rig)
    return {agent: _fitting(_periods(told, mine)) for agent, mine in by_agent.items()}


def counts(told: Schedule, fleet: Fleet, market: Market) -> tuple[Ints, ...]:
    """Count by class the rigs (modes, periods) of a schedule along another plan's periods."""
    # In their midst: a begin may have been moved, and wakes are staggered.
    begins = market.start_ms + (starts_s(market)[:-1] + market.dt_s / 2) * 1000
    places = [told.place(int(begin)) for begin in begins]
    found = []
    for kind, members in zip(fleet.site.classes, fleet.members, strict=True):
        index = {mode.name: n for n, mode in enumerate(kind.modes)} | {SLEEP: ASLEEP}
        count = np.zeros((len(kind.modes), len(places)), np.int64)
        for rig in members:
            row = told.modes.get(rig.device_id)
            for period, place in enumerate(places):
                name = FULL if row is None or place is None else row[place]
                mode = index.get(name, len(kind.modes) - 1)
                if mode != ASLEEP:
                    count[mode, period] += 1
        found.append(count)
    return tuple(found)


def starts_of(rigs: Sequence[Ints], awake_now: Sequence[int]) -> Ints:
    """Count by class and period how many more rigs are awake than in the period before."""
    awake = np.stack([count.sum(axis=0) for count in rigs])
    before = np.column_stack([np.array(awake_now), awake[:, :-1]])
    return np.asarray(np.maximum(0, awake - before))


def begins_of(counts_: npt.NDArray[np.bool_]) -> list[int]:
    """List the periods in which something begins to count."""
    return np.flatnonzero(counts_ & ~np.concatenate([[False], counts_[:-1]])).tolist()


def _laid(mode: str, *, is_asleep: bool) -> str:
    if is_asleep:
        return SLEEP
    return FULL if mode == SLEEP else mode


def _periods(told: Schedule, rigs: Sequence[Rig]) -> list[Period]:
    found: list[Period] = []
    for at, (begin, end) in enumerate(itertools.pairwise(told.edges_ms)):
        if begin >= end:
            continue
        steps = _steps([(rig.name, told.modes[rig.device_id][at]) for rig in rigs])
        if found and found[-1].steps == steps and found[-1].to_ms == begin:
            found[-1] = Period(from_ms=found[-1].from_ms, to_ms=end, steps=steps)
        elif steps:
            found.append(Period(from_ms=begin, to_ms=end, steps=steps))
    return found


def _steps(modes: Sequence[tuple[str, str]]) -> tuple[Step, ...]:
    """Make a step of each mode but full; sleep comes first, for it saves most."""
    by_mode: dict[str, list[str]] = {}
    for name, mode in modes:
        by_mode.setdefault(mode, []).append(name)
    order = sorted(by_mode, key=lambda mode: (mode != SLEEP, mode))
    wishes = [(wish_of(mode), tuple(by_mode[mode])) for mode in order]
    return tuple(Step(wish=wish, devices=names) for wish, names in wishes if wish)[:_STEPS_MAX]


def _fitting(periods: list[Period]) -> StandingPlan:
    kept = periods
    while True:
        plan = StandingPlan(periods=tuple(kept[:2000]))
        if len(orders.encode_order(Order(intent=plan))) <= orders.MAX_BODY_BYTES:
            return plan
        kept = kept[: max(1, len(kept) * 3 // 4)] if len(kept) > 1 else []
