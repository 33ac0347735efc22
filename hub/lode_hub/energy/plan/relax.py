"""The relaxed plan: rigs of each class on each step, as fractions, and the bound."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.optimize import linprog

from lode_hub.energy.nouns import Floats, Ints, Market, Reason, RigClass, Site, Standing
from lode_hub.energy.plan.alike import alike
from lode_hub.energy.plan.curve import curve
from lode_hub.energy.plan.earnings import starts_s
from lode_hub.energy.plan.programme import KW, Programme, Start
from lode_hub.energy.plan.whole import whole
from lode_hub.errors import HubError

LEAST_W = 0.01  # what a ramp is kept off its limit for the solver's sake
LEAST_KW = 1e-3  # below this, over a limit is the solver's tolerance


class PlanError(HubError):
    """The solver gave no plan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Relaxed:
    """By class an array (steps, periods), powers at the rigs by (feeder, period), and the bound.

    `free_min_up` says that minimum up times had to be let go to get below a cap.
    """

    steps: tuple[Floats, ...]
    feeder_w: Floats
    objective_usd: float
    bound_usd: float
    free_min_up: bool
    reasons: tuple[Reason, ...]


def relax(
    site: Site, market: Market, standings: tuple[Standing, ...], *, is_whole: bool = False
) -> Relaxed:
    """Solve the programme; when rigs that may not sleep yet break a cap, let them.

    `is_whole` asks for whole rigs, which go right up to ramps: what rounds nothing needs no margin.

    Raises:
        PlanError: the solver did not end well; the numbers given are not of this world.
    """
    divided = alike(site, standings)
    now = stand(divided.site, market, divided.standings)
    found = _solve(divided.site, market, now, is_whole=is_whole)
    if any(reason.kind == "cap" for reason in found.reasons) and now.locked_up.any():
        free = replace(now, locked_up=np.zeros_like(now.locked_up))
        found = _solve(divided.site, market, free, is_whole=is_whole)
        found = replace(found, free_min_up=True)
    return replace(found, steps=divided.joined(found.steps))


def stand(site: Site, market: Market, standings: tuple[Standing, ...]) -> Start:
    """Count by class what the rigs' standing leaves to choose."""
    begins = starts_s(market)[:-1]
    tomorrow_s = float(market.dt_s[market.day == market.day[0]].sum())
    awake = [int((rigs.mode >= 0).sum()) for rigs in standings]
    power = {feeder.name: 0.0 for feeder in site.feeders}
    for kind, rigs in zip(site.classes, standings, strict=True):
        watts = np.array([*(mode.power_w for mode in kind.modes), kind.sleep_w])
        power[kind.feeder] += float(watts[rigs.mode].sum())
    return Start(
        awake=np.array(awake),
        locked_up=np.stack(
            [
                _locked(begins, kind.min_up_s - rigs.since_s[rigs.mode >= 0])
                for kind, rigs in zip(site.classes, standings, strict=True)
            ]
        ),
        locked_down=np.stack(
            [
                _locked(begins, _asleep_till_s(kind, rigs, tomorrow_s))
                for kind, rigs in zip(site.classes, standings, strict=True)
            ]
        ),
        starts_left=np.array([_left(*pair) for pair in zip(site.classes, standings, strict=True)]),
        power_w=np.array(list(power.values())),
    )


def quantum_w(site: Site) -> Floats:
    """Give by feeder the largest single step of one rig: what rounding may be off by."""
    largest = {feeder.name: 0.0 for feeder in site.feeders}
    for kind in site.classes:
        step_w = float(curve(kind).step_w.max())
        largest[kind.feeder] = max(largest[kind.feeder], step_w)
    return np.array(list(largest.values()))


def _locked(begins: Floats, until_s: Floats) -> Ints:
    """Count by period the rigs that are not free yet when it begins."""
    ends = np.sort(until_s)
    return len(ends) - np.searchsorted(ends, begins + 1e-6, side="right")


def _asleep_till_s(kind: RigClass, rigs: Standing, tomorrow_s: float) -> Floats:
    asleep = rigs.mode < 0
    rested_s = kind.min_down_s - rigs.since_s[asleep]
    if kind.starts_per_day is None:
        return rested_s
    used_up = rigs.starts[asleep] >= kind.starts_per_day
    return np.where(used_up, np.maximum(rested_s, tomorrow_s), rested_s)


def _left(kind: RigClass, rigs: Standing) -> int:
    per_day = kind.starts_per_day
    return 0 if per_day is None else int(np.maximum(0, per_day - rigs.starts).sum())


def _solve(site: Site, market: Market, now: Start, *, is_whole: bool) -> Relaxed:
    quanta_w = quantum_w(site)
    made = Programme(site, market, now, np.full_like(quanta_w, LEAST_W) if is_whole else quanta_w)
    cost = np.concatenate(made.cost)
    answer = linprog(
        cost,
        A_ub=made.rows.matrix(made.variables),
        b_ub=made.rows.limits,
        A_eq=made.equal.matrix(made.variables),
        b_eq=made.equal.limits,
        bounds=np.column_stack([np.concatenate(made.low), np.concatenate(made.high)]),
        method="highs",
    )
    if answer.x is None:
        raise PlanError(f"plan of {site.name}: {answer.message}; check the site's and the prices")
    # The value of a programme is concave in its limits, so its slope bounds what the margin cost.
    slope = -np.asarray(answer.ineqlin.marginals)
    margin = sum(float(slope[rows] @ kept) for rows, kept in made.ramp_rows)
    chosen = whole(made, answer.x) if is_whole else answer.x
    return Relaxed(
        steps=tuple(chosen[np.stack(numbers)] for numbers in made.steps),
        feeder_w=chosen[np.stack(made.feeder)] * KW,
        objective_usd=-float(cost @ chosen) - made.constant_usd(),
        bound_usd=-float(answer.fun) - made.constant_usd() + margin,
        free_min_up=False,
        reasons=_reasons(made, chosen),
    )


def _reasons(made: Programme, x: Floats) -> tuple[Reason, ...]:
    places = [part.name for part in made.site.bounded]
    over: list[tuple[Literal["cap", "ramp", "commitment"], str, Ints]]
    over = [("cap", *pair) for pair in zip(places, made.over_cap, strict=True)]
    over += [("ramp", *pair) for pair in zip(places, made.over_ramp, strict=True)]
    over += [
        ("commitment", promise.name, numbers)
        for promise, numbers in zip(made.market.commitments, made.over_promise, strict=True)
    ]
    return tuple(
        Reason(kind=kind, where=where, period=int(at), amount=float(x[numbers[at]]), unit="kW")
        for kind, where, numbers in over
        for at in np.flatnonzero(x[numbers] > LEAST_KW)
    )
