"""Plan a site's file along a file of prices, and say what it would have earned.

site, prices, forecast ─► story ─► walked by plan, greedy and always on ─► PLAN.csv, summary
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from lode_hub.energy.plan import roll
from lode_hub.energy.plan.backtest import Story, story, written
from lode_hub.energy.plan.known import Knowledge, Known
from lode_hub.energy.plan.price_file import read_forecast, read_prices
from lode_hub.energy.plan.site_file import PlanFileError, all_on, read

Progress = Callable[[str, int, int], None]
"""Hears how far it is: what is walked, the period, of how many."""


def run(
    site: Path,
    prices: Path,
    out: Path,
    forecast: Path | None,
    known: Knowledge,
    progress: Progress,
) -> list[str]:
    """Write the plan, and say in lines what it earned.

    Raises:
        PlanFileError: a file cannot be read or written, or says what makes no sense.
    """
    if not out.parent.is_dir():
        raise PlanFileError(f"{out}: No such file or directory; give a folder that is there")
    file = read(site)
    series = read_prices(prices, file.zone)
    told = story(file, series)
    published = np.full(len(series.at_ms), np.nan)
    if forecast is not None:
        published = read_forecast(forecast, file.zone, series)
    seen = Known(
        begins_s=told.at_ms / 1000.0,
        local_s=told.local_s,
        price_usd_mwh=told.market.price_usd_mwh,
        forecast=published,
        knowledge=known,
    )
    done = {
        name: _walk(seen, told, policy, partial(progress, name))
        for name, policy in (
            ("plan", roll.best),
            ("greedy", roll.greedy),
            ("always on", roll.always_on),
        )
    }
    written(out, told, done["plan"])
    return summary(told, done, seen.knowledge)


def summary(told: Story, done: dict[str, roll.Course], known: Knowledge) -> list[str]:
    """Say what the plan earned, used and started, and what the baselines would have earned."""
    course = done["plan"]
    earned, dt_s = course.earned, told.market.dt_s
    hours = dt_s / 3600.0
    rig_mwh = float(earned.power_w @ hours) * 1e-6
    meter_mwh = float((earned.power_w * told.market.pue) @ hours) * 1e-6
    hashed_th = float(earned.hashrate_ths @ dt_s)
    j_th = f"{rig_mwh * 3.6e9 / hashed_th:.2f} J/TH" if hashed_th > 0 else "nothing hashed"
    profits = {name: one.earned.profit_usd for name, one in done.items()}
    lines = [
        f"{told.site.name}: {told.market.periods} periods of {dt_s[0]:g} s; known: {known}",
        f"profit     {profits['plan']:14,.2f} USD",
        f"  revenue  {earned.revenue_usd.sum():14,.2f} USD",
        f"  energy   {-earned.energy_usd.sum():14,.2f} USD",
        f"  starts   {-earned.starts_usd.sum():14,.2f} USD  ({course.starts.sum():,} starts)",
        f"  demand   {-earned.demand_usd:14,.2f} USD",
        f"  penalty  {-earned.penalty_usd:14,.2f} USD",
        f"energy     {meter_mwh:14,.2f} MWh at the meter",
        f"efficiency {j_th}",
    ]
    lines += [
        f"against {name} under the same limits ({profits[name]:,.2f} USD):"
        f" {profits['plan'] - profits[name]:+,.2f} USD"
        for name in ("always on", "greedy")
    ]
    broken = sorted({(reason.kind, reason.where) for reason in course.reasons})
    return lines + [
        f"could not keep: {kind} of {where}, in"
        f" {sum((r.kind, r.where) == (kind, where) for r in course.reasons)} periods"
        for kind, where in broken
    ]


def _walk(
    seen: Known, told: Story, policy: roll.Policy, progress: Callable[[int, int], None]
) -> roll.Course:
    def walked(period: int) -> None:
        progress(period, told.market.periods)

    return roll.walk(seen, told.site, told.market, all_on(told.site), policy, walked)
