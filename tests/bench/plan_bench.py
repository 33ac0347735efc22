"""The planner: how long a plan takes on one core, and how close whole rigs come to the bound."""

import time
from collections.abc import Iterator

import numpy as np

from lode_hub.energy.nouns import DemandCharge, Feeder, Market, Mode, RigClass, Site, Standing
from lode_hub.energy.plan.make import make
from tests.bench.figure import Figure

LIMIT_S = 2.0
LIMIT_GAP = 0.001
PERIODS, STEP_S = 96, 900.0
FEEDERS = 4


def run() -> Iterator[Figure]:
    """Plan a day in quarters of an hour for 50 classes: 1,000 rigs, and 10,000."""
    for rigs in (1_000, 10_000):
        site, market = of(50, rigs // 50)
        standings = tuple(
            Standing(
                mode=np.ones(kind.count, dtype=np.int64),
                since_s=np.full(kind.count, np.inf),
                starts=np.zeros(kind.count, dtype=np.int64),
            )
            for kind in site.classes
        )
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        plan = make(site, market, standings)
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        gap = 1.0 - plan.objective_usd / plan.bound_usd
        name = f"plan: 50 classes x 96 periods, {rigs:,} rigs"
        yield Figure(name=name, value=wall_s, unit="s", ratio=wall_s / LIMIT_S, against="2 s")
        yield Figure(name=f"{name}: CPU", value=cpu_s, unit="s")
        yield Figure(
            name=f"{name}: below the bound", value=100 * gap, unit="%", ratio=gap / LIMIT_GAP,
            against="0.1 %",
        )  # fmt: skip
        assert not plan.reasons


def of(classes: int, count: int) -> tuple[Site, Market]:
    """Make a site whose every limit binds now and then, and a day of prices that swing."""
    chance = np.random.default_rng(1)
    kinds = tuple(_class(chance, at, classes, count) for at in range(classes))
    whole_w = sum(kind.count * kind.modes[1].power_w for kind in kinds)
    site = Site(
        name="bench",
        classes=kinds,
        feeders=tuple(
            Feeder(
                name=f"f{at}",
                limit_w=1.1 * whole_w / FEEDERS,
                ramp_kw_min=whole_w / 1000 / FEEDERS / 30,
            )
            for at in range(FEEDERS)
        ),
        limit_w=1.1 * whole_w,
        step_s=STEP_S,
        ramp_kw_min=whole_w / 1000 / 45,
    )
    return site, _market(chance, whole_w)


def _class(chance: np.random.Generator, at: int, classes: int, count: int) -> RigClass:
    j_th, ths = 16 + 22 * at / classes, chance.uniform(90, 200)
    speeds = {"low": (0.6, 0.92), "normal": (1.0, 1.0), "high": (1.2, 1.12)}
    return RigClass(
        name=f"c{at}",
        count=count,
        modes=tuple(
            Mode(name=name, power_w=speed * ths * j_th * worse, hashrate_ths=speed * ths)
            for name, (speed, worse) in speeds.items()
        ),
        feeder=f"f{at % FEEDERS}",
        sleep_w=20.0,
        start_cost_usd=0.3,
        warm_up_s=600.0,
        min_up_s=3600.0,
        min_down_s=1800.0,
        starts_per_day=4,
    )


def _market(chance: np.random.Generator, whole_w: float) -> Market:
    at = np.arange(PERIODS)
    swing = 55 + 35 * np.sin(at / PERIODS * 2 * np.pi) + chance.normal(0, 12, PERIODS)
    called = (at > 50) & (at < 60)
    return Market(
        start_ms=0,
        dt_s=np.full(PERIODS, STEP_S),
        day=np.zeros(PERIODS, dtype=np.int64),
        price_usd_mwh=swing,
        adder_usd_mwh=np.full(PERIODS, 3.0),
        hashprice_usd_phd=np.full(PERIODS, 50.0),
        pue=np.full(PERIODS, 1.05),
        cap_w=np.where(called, 0.3 * whole_w, np.inf),
        demand_charges=(DemandCharge(name="peak", usd_kw=0.2, counts=(at > 20) & (at < 90)),),
    )
