"""Make a site's plan of what the database says now; nothing is sent here.

documents, prices, calls, rigs, meters ─► Ground ─► (a thread) plan ─► Solved
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lode_hub.energy.account.make import Told, told
from lode_hub.energy.live import limits as limits_
from lode_hub.energy.live.fleet import Fleet, fleet
from lode_hub.energy.live.limits import Limits
from lode_hub.energy.live.lines import said
from lode_hub.energy.live.nouns import LimitRow
from lode_hub.energy.live.outlook import Known, Outlook, known, outlook
from lode_hub.energy.live.rig import UNHEARD, Rig
from lode_hub.energy.live.schedule import Schedule, counts, starts_of
from lode_hub.energy.nouns import Market, Plan, Reason
from lode_hub.energy.plan.earnings import earnings
from lode_hub.energy.plan.make import feeder_w, make, missed
from lode_hub.energy.signals.economics import Economics
from lode_hub.store import energy_documents, energy_live
from lode_hub.store.connection import Connection

LEAST_W = 1.0
MOST_UNEXPLAINED = 0.3
"""Of what is measured: rigs and meters are not read at one moment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What a site draws; `source` says by what: meters, or what rigs and PDUs say."""

    power_w: float | None
    source: str


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
    documents: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """A plan and what it was made of."""

    ground: Ground
    fleet: Fleet
    outlook: Outlook
    plan: Plan
    unexplained_w: float


async def read_rigs(conn: Connection, site: str) -> tuple[Rig, ...]:
    """Read a site's rigs as they are."""
    return tuple(Rig(**row) for row in await energy_live.rigs(conn, site))


async def measure(
    conn: Connection, site: str, meters: Sequence[str], rigs: Sequence[Rig]
) -> Measured:
    """Say what a site draws: by its meters while all can be trusted, else by its rigs' sum."""
    found = await energy_live.metered(conn, site, meters)
    troubles = [trouble for row in found if (trouble := _trouble(row))]
    if found and not troubles:
        return Measured(power_w=float(sum(row["power_w"] for row in found)), source="meters")
    why = troubles[0] if troubles else "no meter"
    heard = [r for r in rigs if r.state not in UNHEARD]
    drawn = [watts for r in heard if (watts := r.draw_w) is not None]
    if not drawn:
        return Measured(power_w=None, source=f"{why}, and no rig says what it draws")
    is_whole = len(drawn) == len(rigs)
    lacking = "" if is_whole else f", {len(rigs) - len(drawn)} of {len(rigs)} unheard"
    return Measured(power_w=sum(drawn), source=f"rigs and PDUs ({why}{lacking})")


def _trouble(row: Mapping[str, object]) -> str:
    """Say why a meter's power is not to be built on; empty when it is."""
    if row["is_silent"] or row["power_w"] is None:
        return f"meter {row['name']} is silent"
    return f"meter {row['name']} seems to be in a wrong unit" if row["is_doubted"] else ""


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
    conn: Connection, site: str, site_id: int, now_ms: int, last_baseline_w: float | None
) -> Ground:
    """Gather what a plan rests on.

    Raises:
        InvalidError: a document cannot be read.
    """
    documents = await told(conn, site, site_id)
    limits, which = await read_limits(conn, site_id)
    rigs = await read_rigs(conn, site)
    measured = await measure(conn, site, documents.economics.meters, rigs)
    full_w = sum(rig.full_power_w or 0.0 for rig in rigs)
    drawn_w = measured.power_w if measured.power_w is not None else full_w
    held_w = last_baseline_w if last_baseline_w is not None else drawn_w
    found = await known(conn, documents, now_ms, held_w)
    is_called = any(not c["is_cancelled"] and c["from_ms"] <= now_ms < c["until_ms"]
                    for c in found.calls)  # fmt: skip
    baseline_w = held_w if is_called else drawn_w
    if baseline_w != held_w:
        found = await known(conn, documents, now_ms, baseline_w)
    return Ground(
        told=documents,
        limits=limits,
        rigs=rigs,
        known=found,
        measured=measured,
        now_ms=now_ms,
        baseline_w=baseline_w,
        documents=(*documents.revisions, which) if which else documents.revisions,
    )


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
    unexplained_w = _unexplained_w(made_of, float(market.pue[0]))
    look = outlook(market, found, made_of.known.believed, unexplained_w)
    has_rigs = bool(found.site.classes)
    plan = make(found.site, look.market, found.standings) if has_rigs else _no_plan(look.market)
    return Solved(ground=made_of, fleet=found, outlook=look, plan=plan, unexplained_w=unexplained_w)


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


def _unexplained_w(made_of: Ground, pue: float) -> float:
    """Give what meters show beyond the rigs' own figures: fans, lights, the PUE's error."""
    measured = made_of.measured
    if measured.source != "meters" or measured.power_w is None:
        return 0.0
    figures = [rig.draw_w for rig in made_of.rigs if rig.state not in {"silent", "unreachable"}]
    if not figures or None in figures:
        return 0.0
    said_w = sum(watts for watts in figures if watts is not None) * pue
    most_w = MOST_UNEXPLAINED * measured.power_w
    found_w = measured.power_w - said_w
    return max(-most_w, min(most_w, found_w)) if math.isfinite(found_w) else 0.0
