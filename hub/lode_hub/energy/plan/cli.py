"""The command lode-hub plan: what a site would earn along a series of prices."""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from lode_hub.energy.plan import roll
from lode_hub.energy.plan.backtest import Story, story, written
from lode_hub.energy.plan.known import Knowledge, Known
from lode_hub.energy.plan.price_file import read_forecast, read_prices
from lode_hub.energy.plan.site_file import PlanFileError, all_on, read

Day = typer.Option(help="market: `current` (only this period's price is known) or `day-ahead`")


def plan(
    site: Annotated[Path, typer.Option(help="the site, as TOML: docs/energy.md")],
    prices: Annotated[Path, typer.Option(help="CSV: timestamp,price_usd_mwh")],
    out: Annotated[Path, typer.Option(help="where the plan goes, as CSV")],
    forecast: Annotated[
        Path | None, typer.Option(help="CSV like the prices; without it, one of our own")
    ] = None,
    known: Annotated[str, Day] = "current",
) -> None:
    """Plan a site along prices, period by period with what is known then, and reckon it up."""
    if known not in ("current", "day-ahead"):
        raise typer.BadParameter(f"{known!r}: use current or day-ahead", param_hint="--known")
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
        knowledge="day-ahead" if known == "day-ahead" else "current",
    )
    done = {
        name: _walk(seen, told, policy, name)
        for name, policy in (
            ("plan", roll.best),
            ("greedy", roll.greedy),
            ("always on", roll.always_on),
        )
    }
    written(out, told, done["plan"])
    for line in summary(told, done, seen.knowledge):
        print(line)


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


def _walk(seen: Known, told: Story, policy: roll.Policy, name: str) -> roll.Course:
    """Walk, and on a terminal tell how far."""
    shows = sys.stderr.isatty()

    def progress(period: int) -> None:
        if shows and (period % 10 == 0 or period == told.market.periods):
            end = "\n" if period == told.market.periods else ""
            print(f"\r{name}: {period}/{told.market.periods}", end=end, file=sys.stderr, flush=True)

    standings = all_on(told.site)
    return roll.walk(seen, told.site, told.market, standings, policy, progress)
