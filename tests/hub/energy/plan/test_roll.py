"""Walking along prices: no look-ahead, the right information, and better than the baselines."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lode_hub.energy.nouns import Commitment, DemandCharge
from lode_hub.energy.plan import roll
from lode_hub.energy.plan.ahead import ahead, horizon
from lode_hub.energy.plan.backtest import story
from lode_hub.energy.plan.known import Known
from lode_hub.energy.plan.price_file import read_forecast, read_prices
from lode_hub.energy.plan.relax import relax
from lode_hub.energy.plan.site_file import all_on, read
from tests.hub.energy.plan.cases import broken, market, random_case
from tests.hub.energy.plan.test_make import site

GOLDEN = Path(__file__).parents[3] / "golden" / "energy"


def hourly(price, forecast=None, **given) -> Known:
    begins_s = np.arange(len(price)) * 3600.0
    nothing = np.full(len(price), np.nan)
    return Known(
        begins_s=begins_s,
        local_s=begins_s,
        price_usd_mwh=np.asarray(price, float),
        forecast=nothing if forecast is None else np.asarray(forecast, float),
        **given,
    )


def test_the_future_changes_nothing_that_is_believed():
    chance = np.random.default_rng(3)
    price, forecast = chance.normal(40, 10, (2, 96))
    for knowledge, now, first_unknown in [
        ("current", 50, 51), ("day-ahead", 50, 72), ("day-ahead", 47, 72)
    ]:  # fmt: skip
        other = price.copy()
        other[first_unknown:] += 1000
        believed = [
            hourly(p, forecast, knowledge=knowledge).believed(now, 80) for p in (price, other)
        ]
        known = min(first_unknown, 80) - now
        assert (believed[0][:known] == price[now : now + known]).all()
        assert (believed[0] == believed[1]).all()


def test_a_forecast_counts_from_noon_of_the_day_before():
    price, forecast = np.full(72, 30.0), np.full(72, 30.0)
    told = forecast.copy()
    told[24:48] = 99.0
    before, after = hourly(price, told).believed(11, 48), hourly(price, told).believed(12, 48)
    assert before[24 - 11 :].max() == 30.0
    assert after[24 - 12 :].min() == 99.0


def test_without_a_forecast_past_days_are_one():
    price = np.tile(np.where(np.arange(24) < 12, 20.0, 60.0), 5)
    assert hourly(price).believed(96, 120) == pytest.approx(price[96:120])


def test_a_miss_fades_as_misses_have_lately():
    chance = np.random.default_rng(5)
    forecast = np.full(400, 40.0)
    miss = np.zeros(400)
    for at in range(1, 400):
        miss[at] = 0.8 * miss[at - 1] + chance.normal(0, 5)
    believed = hourly(forecast + miss, forecast).believed(350, 360)
    left = (believed - 40.0) / miss[350]
    assert left[0] == pytest.approx(1.0)
    assert left[1] == pytest.approx(0.8, abs=0.1)
    assert left[9] < 0.3


def test_prices_without_a_past_that_only_jump_are_not_taken_to_stay():
    price = np.random.default_rng(1).normal(60, 80, 40)
    believed = hourly(price).believed(30, 34)
    assert believed[0] == price[30]
    assert abs(believed[2] - price[:31].mean()) < 0.25 * abs(price[30] - price[:31].mean()) + 25
    ours = site(count=20, start_cost_usd=0.02, warm_up_s=300.0, min_up_s=3600.0)
    told = market(price, dt_s=300.0)
    known = replace(hourly(price), begins_s=np.arange(40) * 300.0, local_s=np.arange(40) * 300.0)
    best, greedy = (
        roll.walk(known, ours, told, all_on(ours), policy).earned.profit_usd
        for policy in (roll.best, roll.greedy)
    )
    assert best > greedy


def test_later_periods_are_joined_to_hours():
    told = market(
        np.arange(600.0), dt_s=300.0,
        commitments=(
            Commitment(name="c", kind="all", counts=np.arange(600) == 50, penalty_usd_mwh=1.0),
        ),
    )  # fmt: skip
    end = horizon(told, 7)
    assert end == 7 + 24 * 12
    seen = ahead(told, 7, told.price_usd_mwh[7:end], ())
    assert seen.dt_s.sum() == 24 * 3600.0
    assert (seen.dt_s[:12] == 300.0).all()
    assert (seen.dt_s[17:-1] == 3600.0).all()
    assert seen.price_usd_mwh @ seen.dt_s == pytest.approx(300 * told.price_usd_mwh[7:end].sum())
    assert seen.price_usd_mwh[0] == 7.0
    assert seen.commitments[0].counts.sum() == 1


def test_a_peak_is_earned_back_over_what_is_left_of_its_periods():
    charge = DemandCharge(name="m", usd_kw=10.0, counts=np.ones(96, bool))
    told = market(np.full(96, 20.0), demand_charges=(charge,))
    seen = ahead(told, 0, told.price_usd_mwh[:24], (5e5,)).demand_charges[0]
    assert (seen.usd_kw, seen.peak_w) == (2.5, 5e5)


@pytest.mark.parametrize("policy", [roll.best, roll.greedy, roll.threshold, roll.always_on])
@pytest.mark.parametrize("seed", [2, 8, 11])
def test_every_policy_keeps_every_limit_while_prices_surprise(policy, seed):
    ours, told, standings = random_case(seed, most=20)
    told = replace(
        told, day=np.arange(told.periods) // 7, demand_charges=(), commitments=(),
        cap_w=np.full(told.periods, np.inf),
    )  # fmt: skip
    begins_s = np.concatenate([[0.0], np.cumsum(told.dt_s)])[:-1]
    nothing = np.full(told.periods, np.nan)
    known = Known(
        begins_s=begins_s, local_s=begins_s, price_usd_mwh=told.price_usd_mwh, forecast=nothing
    )
    seen: list[np.ndarray] = []

    def spied(moment):
        seen.append(np.concatenate([stand.mode for stand in moment.standings]))
        return policy(moment)

    roll.walk(known, ours, told, standings, spied)
    table = np.stack([*seen[1:], seen[-1]], axis=1).astype(np.int8)
    edges = np.cumsum([kind.count for kind in ours.classes])[:-1]
    plan = type("P", (), {"schedule": np.split(table, edges)})
    assert len(seen) == told.periods
    assert not broken((ours, told, standings), plan)


@pytest.mark.parametrize(
    "future",
    [
        {"hashprice_usd_phd": [44.0] * 6 + [90.0] * 24},
        {"hashprice_usd_phd": [44.0] * 6 + [0.0] * 24},
        {"pue": [1.1] * 6 + [1.0] * 24},
        {"pue": [1.1] * 6 + [1.5] * 24},
        {"commitments": "late"},
    ],
    ids=["a better hashprice", "none", "a better PUE", "a worse one", "a call"],
)
@pytest.mark.parametrize("policy", [roll.best, roll.greedy])
def test_what_nobody_knew_changes_nothing_before_it_comes(policy, future):
    ours = site(count=20, start_cost_usd=2.0, min_down_s=7200.0, min_up_s=7200.0)
    call = Commitment(
        name="DR", kind="all", counts=np.arange(30) == 6, penalty_usd_mwh=1e5, known=6
    )
    usual = {"hashprice_usd_phd": np.full(30, 44.0), "pue": np.full(30, 1.1)}
    told = replace(market(np.full(30, 100.0)), **usual)
    other = {
        name: (call,) if name == "commitments" else np.array(values)
        for name, values in future.items()
    }
    known = hourly(told.price_usd_mwh)
    plain, changed = (
        roll.walk(known, ours, one, all_on(ours), policy).rigs[0]
        for one in (told, replace(told, **other))
    )
    assert (plain[:, :6] == changed[:, :6]).all()


def test_a_missed_commitment_is_told_and_paid_for():
    call = Commitment(name="DR", kind="all", counts=np.arange(6) == 4, penalty_usd_mwh=1.0)
    told = market(np.full(6, 20.0), commitments=(call,))
    ours = site(count=10)
    course = roll.walk(hourly(told.price_usd_mwh), ours, told, all_on(ours), roll.best)
    assert [(r.kind, r.where, r.period, r.amount) for r in course.reasons] == [
        ("commitment", "DR", 4, 35.0)
    ]
    assert course.earned.penalty_usd == pytest.approx(0.035)


def test_a_demand_peak_is_remembered_between_plans():
    charge = DemandCharge(name="m", usd_kw=0.5, counts=np.arange(24) == 3, peak_w=0.0)
    told = market(np.full(24, 20.0), demand_charges=(charge,))
    ours = site(count=100)
    known = hourly(told.price_usd_mwh)
    course = roll.walk(known, ours, told, all_on(ours), roll.best)
    assert course.earned.power_w[3] == 0.0
    assert course.earned.demand_usd == 0.0


def test_real_prices_come_close_to_perfect_foresight_and_beat_greedy():
    _beats("pjm", 36)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["np", "pjm"])
def test_a_real_week_does_so_too(name):
    _beats(name, 7 * 24)


def _beats(name: str, periods: int) -> None:
    file = read(GOLDEN / "backtest.toml")
    series = read_prices(GOLDEN / f"{name}_prices.csv", file.zone)
    forecast = read_forecast(GOLDEN / f"{name}_forecast.csv", file.zone, series)[:periods]
    short = replace(
        series, at_ms=series.at_ms[:periods],
        columns={
            "price_usd_mwh": series.columns["price_usd_mwh"][:periods],
            "hashprice_usd_phd": np.full(periods, 40.0),
        },
    )  # fmt: skip
    told = story(file, short)
    known = hourly(told.market.price_usd_mwh, forecast)
    standings = all_on(told.site)
    earned = {
        policy: roll.walk(known, told.site, told.market, standings, policy).earned.profit_usd
        for policy in (roll.best, roll.greedy)
    }
    perfect = relax(told.site, told.market, standings).bound_usd
    assert 0.97 * perfect <= earned[roll.best] <= perfect
    assert earned[roll.best] >= earned[roll.greedy]
