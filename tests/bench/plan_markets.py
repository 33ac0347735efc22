"""What the planner earns on real prices: `python -m tests.bench.plan_markets`, a table in Markdown.

Options: --market NP or PJM, --begin DATE, --hashprice 40 (each may be repeated), --forecast COLUMN
(empty for none), --known day-ahead.

Windows of 28 days begin on the first of March, June, September and December 2017, chosen before any
was run. Prices in €/MWh and $/MWh are both taken for dollars.
"""

import argparse
import csv
import gzip
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from lode_hub.energy.nouns import Floats, Market, Site
from lode_hub.energy.plan import roll, site_file
from lode_hub.energy.plan.known import Known
from lode_hub.energy.plan.relax import relax

PRICES = Path("/work/shared/data/prices")
SITE = Path(__file__).parent.parent / "golden" / "energy" / "backtest.toml"
BEGINS = ["2017-03-01", "2017-06-01", "2017-09-01", "2017-12-01"]
MARKETS = ["NP", "PJM"]
HASHPRICES = [50.0, 40.0]
FORECAST = "LEAR Ensemble"
DAYS, PAST_DAYS = 28, 28
POLICIES = {
    "always on": roll.always_on,
    "threshold": roll.threshold,
    "greedy": roll.greedy,
    "plan": roll.best,
}


@dataclass(frozen=True, kw_only=True)
class Window:
    """Prices of 28 days with what was known of them, at a hashprice."""

    name: str
    site: Site
    market: Market
    known: Known


def windows(options: argparse.Namespace) -> Iterator[Window]:
    """Give all windows asked for."""
    for market in options.market or MARKETS:
        path = PRICES / f"Forecasts_{market}.csv.gz"
        begin_ms, price, published = prices(path, options.forecast)
        for hashprice in options.hashprice or HASHPRICES:
            for begin in options.begin or BEGINS:
                at_ms = datetime.fromisoformat(begin).replace(tzinfo=UTC).timestamp() * 1000
                one = window(price, published, round((at_ms - begin_ms) / 3.6e6), hashprice)
                known = replace(one.known, knowledge=options.known)
                yield replace(one, name=f"{market} {begin}, {hashprice:g}", known=known)


def prices(path: Path, forecast: str) -> tuple[int, Floats, Floats]:
    """Read when a market's series begins, its prices and published forecasts, by hour."""
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    begin = datetime.fromisoformat(rows[0][""]).replace(tzinfo=UTC)
    price = np.array([float(row["Real price"]) for row in rows])
    published = np.array([float(row[forecast]) if forecast else np.nan for row in rows])
    return round(begin.timestamp() * 1000), price, published


def window(price: Floats, published: Floats, first: int, hashprice: float) -> Window:
    """Cut out 28 days, with 28 before them as the past."""
    hours, past = DAYS * 24, PAST_DAYS * 24
    seen = slice(first - past, first + hours)
    known = Known(
        begins_s=np.arange(past + hours) * 3600.0,
        local_s=np.arange(past + hours) * 3600.0,
        price_usd_mwh=price[seen],
        forecast=published[seen],
        past=past,
    )
    file = site_file.read(SITE)
    site = site_file.site_of(file, 3600.0)
    usual = {"dt_s": 3600.0, "adder_usd_mwh": file.site.adder_usd_mwh, "pue": site.pue[0][1]}
    market = Market(
        start_ms=0,
        day=np.arange(hours) // 24,
        price_usd_mwh=price[first : first + hours],
        hashprice_usd_phd=np.full(hours, hashprice),
        cap_w=np.full(hours, np.inf),
        **{name: np.full(hours, value) for name, value in usual.items()},
    )
    return Window(name="", site=site, market=market, known=known)


def earned(of: Window) -> dict[str, float]:
    """Give what each policy earns, and above all the bound of perfect foresight."""
    standings = site_file.all_on(of.site)
    found = {
        name: roll.walk(of.known, of.site, of.market, standings, policy).earned.profit_usd
        for name, policy in POLICIES.items()
    }
    found["perfect"] = relax(of.site, of.market, standings).bound_usd
    return found


def lines(chosen: Iterator[Window]) -> Iterator[str]:
    """Give the table, line by line as it comes."""
    columns = [*POLICIES, "perfect"]
    yield f"| window | {' | '.join(columns)} | plan / perfect | plan / greedy |"
    yield "|---" * (len(columns) + 3) + "|"
    for one in chosen:
        began = time.perf_counter()
        found = earned(one)
        cells = " | ".join(f"{found[name]:,.0f}" for name in columns)
        shares = [found["plan"] / found[than] for than in ("perfect", "greedy")]
        yield f"| {one.name} | {cells} | {shares[0]:.2%} | {shares[1]:.2%} |"
        print(f"{one.name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--market", action="append", choices=MARKETS)
    parser.add_argument("--begin", action="append")
    parser.add_argument("--hashprice", action="append", type=float)
    parser.add_argument("--forecast", default=FORECAST)
    parser.add_argument("--known", default="current", choices=["current", "day-ahead"])
    for line in lines(windows(parser.parse_args())):
        print(line, flush=True)


if __name__ == "__main__":
    main()
