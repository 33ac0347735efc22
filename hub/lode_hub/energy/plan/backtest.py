"""A site's file and prices become a market to walk along; what came of it becomes a table."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import numpy as np

from lode_hub.energy.nouns import Commitment, DemandCharge, Floats, Ints, Market, Site
from lode_hub.energy.plan.price_file import PRICE, Series
from lode_hub.energy.plan.roll import Course
from lode_hub.energy.plan.site_file import DemandForm, PlanFileError, SiteFile, site_of

USUAL_TEMP_C = 20.0
COLUMNS = (
    "timestamp", "price_usd_mwh", "power_w", "hashrate_ths", "starts", "revenue_usd", "cost_usd",
    "profit_usd",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What is to be walked along: the site, what came true, and local seconds of each period."""

    site: Site
    market: Market
    local_s: Floats
    at_ms: Ints


def story(file: SiteFile, series: Series) -> Story:
    """Put a site and a series of prices together; what no column says, the site's file says.

    Raises:
        PlanFileError: a cell of an optional column is empty or out of its range.
    """
    at_ms = series.at_ms
    step_s = float(at_ms[1] - at_ms[0]) / 1000.0
    site = site_of(file, step_s)
    local_s = _local_s(file, at_ms)
    market = Market(
        start_ms=int(at_ms[0]),
        dt_s=np.full(len(at_ms), step_s),
        day=(local_s // 86_400).astype(np.int64),
        price_usd_mwh=series.columns[PRICE],
        adder_usd_mwh=_beside(series, "adder_usd_mwh", file.site.adder_usd_mwh),
        hashprice_usd_phd=_beside(series, "hashprice_usd_phd", file.site.hashprice_usd_phd, 0.0),
        pue=site.pue_at(_beside(series, "temp_c", USUAL_TEMP_C)),
        cap_w=1000.0 * _beside(series, "cap_kw", np.inf, 0.0),
        demand_charges=tuple(
            charge for form in file.demand_charge for charge in _charges(form, local_s)
        ),
        commitments=tuple(
            Commitment(
                name=form.name,
                kind=form.kind,
                counts=(at_ms + 1000 * step_s > form.begin.timestamp() * 1000)
                & (at_ms < form.end.timestamp() * 1000),
                penalty_usd_mwh=form.penalty_usd_mwh,
                watts=1000.0 * form.kw,
                baseline_w=1000.0 * form.baseline_kw,
            )
            for form in file.commitment
        ),
    )
    return Story(site=site, market=market, local_s=local_s, at_ms=at_ms)


def _local_s(file: SiteFile, at_ms: Ints) -> Floats:
    """Give local seconds since 1970, for days and hours; a clock's turns make them jump."""
    hours, index = np.unique(at_ms // 3_600_000, return_inverse=True)
    offsets = np.array(
        [
            datetime.fromtimestamp(hour * 3600, file.zone).utcoffset().total_seconds()  # type: ignore[union-attr]
            for hour in hours.tolist()
        ]
    )
    return np.asarray(at_ms / 1000.0 + offsets[index])


def _beside(series: Series, name: str, usual: float, least: float = -np.inf) -> Floats:
    values = series.columns.get(name)
    if values is None:
        return np.full(len(series.at_ms), usual)
    wrong = np.flatnonzero(np.isnan(values) | (values < least))
    if len(wrong) and name != "cap_kw":
        is_empty = np.isnan(values[wrong[0]])
        what = f"no {name}; fill it in" if is_empty else f"{name} is below {least:g}; mend it"
        raise PlanFileError(f"prices line {wrong[0] + 2}: {what}, or leave the column out")
    return np.where(np.isnan(values), usual, values)


def _charges(form: DemandForm, local_s: Floats) -> Iterator[DemandCharge]:
    """Give one charge for each calendar month; what was reached before is of the first."""
    hour = local_s % 86_400 / 3600.0
    weekday = (local_s // 86_400 + 3) % 7 + 1  # 1970 began on a Thursday
    counts = (hour >= form.from_hour) & (hour < form.to_hour) & np.isin(weekday, form.weekdays)
    months = local_s.astype("datetime64[s]").astype("datetime64[M]")
    for month in np.unique(months):
        yield DemandCharge(
            name=f"{form.name} {month}",
            usd_kw=form.usd_kw,
            counts=counts & (months == month),
            peak_w=1000.0 * form.peak_kw if month == months[0] else 0.0,
        )


def write(file: TextIO, told: Story, course: Course) -> None:
    """Write a line a period: what was drawn, hashed, started, earned; rigs by class and mode.

    Columns `rigs:CLASS:MODE` count the rigs in that mode, `rigs:CLASS:asleep` those that sleep.
    """
    table = csv.writer(file, lineterminator="\n")
    table.writerow([*COLUMNS, *_names(told.site)])
    table.writerows(_rows(told, course))


def _names(site: Site) -> Iterator[str]:
    for kind in site.classes:
        yield from (f"rigs:{kind.name}:{mode.name}" for mode in kind.modes)
        yield f"rigs:{kind.name}:asleep"


def _rows(told: Story, course: Course) -> Iterator[list[object]]:
    earned = course.earned
    cost = earned.energy_usd + earned.starts_usd
    counts = np.vstack(
        [
            np.vstack([count, kind.count - count.sum(axis=0)])
            for kind, count in zip(told.site.classes, course.rigs, strict=True)
        ]
    )
    starts = course.starts.sum(axis=0)
    for at, at_ms in enumerate(told.at_ms.tolist()):
        money = (earned.revenue_usd[at], cost[at], earned.revenue_usd[at] - cost[at])
        yield [
            datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            f"{told.market.price_usd_mwh[at]:g}",
            f"{earned.power_w[at]:.0f}",
            f"{earned.hashrate_ths[at]:.1f}",
            int(starts[at]),
            *(f"{usd:.4f}" for usd in money),
            *counts[:, at].tolist(),
        ]


def written(path: Path, told: Story, course: Course) -> None:
    """Write the table so that the file is there whole or not at all.

    Raises:
        PlanFileError: the folder cannot be written to.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("w", newline="", encoding="utf-8") as file:
            write(file, told, course)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise PlanFileError(f"{path}: {error.strerror}; give a place to write to") from None
