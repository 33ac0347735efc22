"""Make a site's plan of what the database says now; nothing is sent here.

documents, prices, calls, rigs, meters ─► Ground ─► (a thread) plan ─► Solved
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lode_hub.energy.account.make import Told, told
from lode_hub.energy.live import limits as limits_
from lode_hub.energy.live.fleet import Fleet, fleet
from lode_hub.energy.live.limits import Limits
from lode_hub.energy.live.lines import down_ms, said
from lode_hub.energy.live.nouns import LimitRow
from lode_hub.energy.live.outlook import Known, Outlook, known, outlook
from lode_hub.energy.live.power import Measured, drawn, measure, reckoned, unexplained_w
from lode_hub.energy.live.rig import Rig
from lode_hub.energy.live.schedule import Schedule, counts, starts_of
from lode_hub.energy.nouns import Market, Plan, Reason
from lode_hub.energy.plan.earnings import earnings
from lode_hub.energy.plan.make import feeder_w, make, missed
from lode_hub.energy.signals.economics import Economics
from lode_hub.store import energy_documents, energy_live
from lode_hub.store.connection import Connection

LEAST_W = 1.0
AROUND_MS = 600_000
"""So long before a call begins and after it ends, beside its ramps, rigs may move for it."""

HELD_MS = 86_400_000
"""An older baseline is of another time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """All that a plan rests on."""

    told: Told
    limits: Limits
    rigs: tuple[Rig, ...]
    known: Known
    measured: Measured
    now_ms: int
    baseline_w: float
    unexplained_w: float
    documents: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """A plan and what it was made of."""

    ground: Ground
    fleet: Fleet
    outlook: Outlook
    plan: Plan


async def read_rigs(conn: Connection, site: str) -> tuple[Rig, ...]:
    """Read a site's rigs as they are."""
    return tuple(Rig(**row) for row in await energy_live.rigs(conn, site))


async def read_limits(conn: Connection, site_id: int) -> tuple[Limits, tuple[str, str, int] | None]:
    """Read a site's limits, the last document saved, and which that is.

    Raises:
        InvalidError: it cannot be read.
    """
    rows = await energy_documents.documents(conn, "limits", site_id)
    if not rows:
        return Limits(), None
    last = rows[-1]
    found = limits_.described(last["body"], f"limits {last['name']}")
    return found, ("limits", last["name"], last["revision"])


async def ground(
    conn: Connection, site: str, site_id: int, now_ms: int, told_modes: Mapping[int, str]
) -> Ground:
    """Gather what a plan rests on; `told_modes` is what each rig is ordered to do now.

    Raises:
        InvalidError: a document cannot be read.
    """
    documents = await told(conn, site, site_id)
    limits, which = await read_limits(conn, site_id)
    rigs = await read_rigs(conn, site)
    meters = await measure(conn, site, documents.economics.meters)
    around_ms = AROUND_MS + down_ms(rigs, limits)
    found = await known(conn, documents, now_ms, around_ms, meters.power_w)
    before = await energy_live.last_power(conn, site_id, now_ms - HELD_MS) or {}
    pue = _pue_now(documents.economics, found)
    draws, last_w = drawn(rigs, told_modes, limits), before.get("unexplained_w") or 0.0
    measured = meters if meters.is_metered else reckoned(meters, draws, pue, last_w)
    # Around a call what is drawn is drawn less for it: the baseline is from before.
    baseline_w = None if found.is_called else measured.power_w
    if baseline_w is None:
        full_w = pue * sum(rig.full_power_w or 0.0 for rig in rigs)
        now_w = full_w if measured.power_w is None else measured.power_w
        baseline_w = float(before.get("baseline_w") or now_w)
    return Ground(
        told=documents,
        limits=limits,
        rigs=rigs,
        known=found.based(baseline_w),
        measured=measured,
        now_ms=now_ms,
        baseline_w=baseline_w,
        unexplained_w=unexplained_w(meters, draws, pue, last_w),
        documents=(*documents.revisions, which) if which else documents.revisions,
    )


def _pue_now(economics: Economics, found: Known) -> float:
    if found.seen.market is not None:
        return float(found.seen.market.pue[0])
    return float(economics.pue_at(np.array([economics.ambient_assume_c]))[0])


def solve(made_of: Ground, standing: Mapping[int, str], disobeying: Mapping[int, str]) -> Solved:
    """Plan the next 24 hours; the ground's market must be known.

    Raises:
        PlanError: the solver gave no plan.
    """
    market = made_of.known.seen.market
    assert market is not None, "there is nothing to plan by"  # noqa: S101 -- callers ask first
    found = fleet(
        made_of.told.site,
        made_of.rigs,
        made_of.limits,
        now_ms=made_of.now_ms,
        standing=standing,
        disobeying=disobeying,
        pool_fee_ratio=made_of.told.economics.pool_fee_ratio,
    )
    look = outlook(market, found, made_of.known.believed, made_of.unexplained_w)
    has_rigs = bool(found.site.classes)
    plan = make(found.site, look.market, found.standings) if has_rigs else _no_plan(look.market)
    return Solved(ground=made_of, fleet=found, outlook=look, plan=plan)


def bounds(rigs: Sequence[Rig], limits: Limits, economics: Economics) -> tuple[LimitRow, ...]:
    """Say by whose word each limit of a site holds."""
    pue = float(economics.pue_at(np.array([economics.ambient_assume_c]))[0])
    return said(rigs, limits, pue)


def gain_usd(solved: Solved, stands: Schedule | None) -> tuple[float, tuple[Reason, ...]]:
    """Give what a plan earns more than the orders that stand, and what those would not keep."""
    market, site = solved.outlook.market, solved.fleet.site
    before = counts(stands or _empty(), solved.fleet, market)
    awake = [int((standing.mode >= 0).sum()) for standing in solved.fleet.standings]
    earned = earnings(site, market, before, starts_of(before, awake))
    cap_w = np.minimum(market.cap_w, site.limit_w)
    over_w = earned.power_w * market.pue - cap_w
    by_line = dict(zip((line.name for line in site.feeders), feeder_w(site, before), strict=True))
    over = [
        (part.name, sum(by_line[name] for name in part.feeders) - part.limit_w)
        for part in site.bounded[:-1]
    ]
    over.append(("site", over_w))
    above = tuple(
        Reason(kind="cap", where=where, period=int(at), amount=float(watts[at]) / 1000, unit="kW")
        for where, watts in over
        for at in np.flatnonzero(watts > LEAST_W)
    )
    broken = (*above, *missed(site, market, earned.power_w))
    return solved.plan.objective_usd - earned.profit_usd, broken


def _no_plan(market: Market) -> Plan:
    """Give the plan of a site none of whose rigs can be moved."""
    nothing = np.zeros(market.periods)
    return Plan(schedule=(), rigs=(), starts=np.zeros((0, market.periods), np.int64),
                power_w=nothing, hashrate_ths=nothing, objective_usd=0, bound_usd=0)  # fmt: skip


def _empty() -> Schedule:
    return Schedule(edges_ms=(0, 1), rigs=(), modes={})
