"""The command lode-hub plan: what a site would earn along a series of prices."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

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
    from lode_hub.energy.plan.told import run  # noqa: PLC0415 -- scipy only when it is needed

    knowledge: Literal["current", "day-ahead"] = "day-ahead" if known == "day-ahead" else "current"
    for line in run(site, prices, out, forecast, knowledge, _progress):
        print(line)


def _progress(name: str, period: int, periods: int) -> None:
    if sys.stderr.isatty() and (period % 10 == 0 or period == periods):
        end = "\n" if period == periods else ""
        print(f"\r{name}: {period}/{periods}", end=end, file=sys.stderr, flush=True)
