"""A plan as people see it."""

from collections import Counter

import numpy as np

from lode_hub.energy.live.fleet import Fleet
from lode_hub.energy.live.nouns import (
    LeftOutRig,
    LimitRow,
    PlanClass,
    PlannerMode,
    PlanPeriod,
    PlanReason,
    PlanRow,
)
from lode_hub.energy.live.solve import Ground, Solved, bounds
from lode_hub.energy.live.wishes import SLEEP
from lode_hub.energy.nouns import Floats

MOST_LEFT_OUT = 500
MOST_REASONS = 200


def shown(
    solved: Solved, mode: PlannerMode, cause: str, *, gain_usd: float | None = None,
    decision: str = "", most_left_out: int | None = MOST_LEFT_OUT,
) -> PlanRow:  # fmt: skip
    """Show a plan; `most_left_out` None names every rig that is left out."""
    fleet, look, plan = solved.fleet, solved.outlook, solved.plan
    ground = solved.ground
    notes = list(ground.known.seen.notes)
    if look.believed:
        notes.append(f"the prices of {look.believed * 5 / 60:.1f} h are not published, but believed"
                     " to be as on other days")  # fmt: skip
    notes.append(f"power by {ground.measured.source}")
    notes += [
        _looser(row)
        for row in bounds(ground.rigs, ground.limits, ground.told.economics)
        if row.is_looser
    ]
    ends = _ends_ms(solved)
    return PlanRow(
        site=fleet.site.name,
        mode=mode,
        made_ms=ground.now_ms,
        cause=cause,
        is_sent=False,
        decision=decision,
        periods=_periods(solved, ends),
        classes=_classes(fleet),
        left_out=_left_out(fleet, most_left_out),
        left_out_by_reason=dict(Counter(one.reason for one in fleet.left_out).most_common()),
        reasons=_reasons(solved, ends),
        notes=tuple(notes),
        profit_usd=float(plan.objective_usd),
        bound_usd=float(plan.bound_usd),
        gain_usd=gain_usd,
        fixed_w=look.fixed_w,
        unexplained_w=ground.unexplained_w,
        baseline_w=ground.baseline_w,
        hashprice=ground.known.seen.hashprice.says,
        documents=ground.documents,
    )


def _looser(row: LimitRow) -> str:
    """Say that what is typed allows more than the agents do."""
    typed, own = (f"{value:g} {row.unit}".strip() for value in (row.typed, row.own))
    return (
        f"{row.where}: its limits say {row.what} {typed}, but its agents, by their owner's signed"
        f" envelope, {own}; planned is by the agents'"
    )


def held(ground: Ground, mode: PlannerMode, cause: str, decision: str) -> PlanRow:
    """Show that no plan was made, and why."""
    return PlanRow(
        site=ground.told.site, mode=mode, made_ms=ground.now_ms, cause=cause, is_sent=False,
        decision=decision, periods=(), classes=(), left_out=(), left_out_by_reason={}, reasons=(),
        notes=ground.known.seen.notes, profit_usd=None, bound_usd=None, gain_usd=None, fixed_w=0.0,
        unexplained_w=ground.unexplained_w, baseline_w=ground.baseline_w,
        hashprice=ground.known.seen.hashprice.says, documents=ground.documents,
    )  # fmt: skip


def _ends_ms(solved: Solved) -> list[int]:
    market = solved.outlook.market
    edges = market.start_ms + np.concatenate([[0.0], np.cumsum(market.dt_s)]) * 1000
    return [round(edge) for edge in edges]


def _reasons(solved: Solved, edges: list[int]) -> tuple[PlanReason, ...]:
    return tuple(
        PlanReason(
            kind=reason.kind,
            where=reason.where,
            from_ms=edges[reason.period],
            amount=float(reason.amount),
            unit=reason.unit,
        )
        for reason in solved.plan.reasons[:MOST_REASONS]
    )


def _periods(solved: Solved, edges: list[int]) -> tuple[PlanPeriod, ...]:
    look, plan, kinds = solved.outlook, solved.plan, solved.fleet.site.classes
    market = look.market
    price = market.price_usd_mwh + market.adder_usd_mwh
    power = plan.power_w * market.pue + look.fixed_w
    has_cap = solved.ground.limits.limit_kw is not None
    return tuple(
        PlanPeriod(
            from_ms=edges[at],
            until_ms=edges[at + 1],
            power_w=float(power[at]),
            hashrate_ths=float(plan.hashrate_ths[at]),
            price_usd_mwh=float(price[at]),
            setpoint_w=_finite(look.setpoint_w, at),
            cap_w=_finite(look.cap_w, at) if has_cap else None,
            rigs={
                kind.name: {
                    **{m.name: int(n) for m, n in zip(kind.modes, count[:, at], strict=True) if n},
                    SLEEP: int(kind.count - count[:, at].sum()),
                }
                for kind, count in zip(kinds, plan.rigs, strict=True)
            },
        )
        for at in range(market.periods)
    )


def _classes(fleet: Fleet) -> tuple[PlanClass, ...]:
    return tuple(
        PlanClass(
            name=kind.name,
            model=members[0].model,
            feeder=kind.feeder,
            rigs=kind.count,
            efficiency_jth=kind.full.power_w / kind.full.hashrate_ths,
            modes=tuple(mode.name for mode in kind.modes),
        )
        for kind, members in zip(fleet.site.classes, fleet.members, strict=True)
    )


def _left_out(fleet: Fleet, most: int | None) -> tuple[LeftOutRig, ...]:
    return tuple(
        LeftOutRig(
            device_id=one.rig.device_id, name=one.rig.name, reason=one.reason, detail=one.detail
        )
        for one in fleet.left_out[:most]
    )


def _finite(values: Floats, at: int) -> float | None:
    return float(values[at]) if np.isfinite(values[at]) else None
