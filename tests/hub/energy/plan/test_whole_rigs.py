"""Whole rigs within the limits of one period: the fit by hand, turns, spreads, what a rig earns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.energy.nouns import ASLEEP, Commitment, DemandCharge, Standing
from lode_hub.energy.plan.curve import curve
from lode_hub.energy.plan.earnings import earnings, target_w, warm_up
from lode_hub.energy.plan.fit import Fit
from lode_hub.energy.plan.known import Known
from lode_hub.energy.plan.rigs import Rigs, rigs_of
from tests.hub.energy.plan.cases import market
from tests.hub.energy.plan.test_make import site

INF = np.inf


def fit(taken, *, step_w=(2000.0, 1500.0), worth=None, low=0, high=10, **limits) -> Fit:
    """Classes on one feeder, ten rigs each, with two steps: on, and full."""
    rows = np.array(taken)
    usual = {"floor_w": -INF, "guide_w": INF, "loose_w": INF, "most_w": INF} | limits
    return Fit(
        taken=rows.copy(),
        step_w=np.tile(step_w, (len(rows), 1)).astype(float),
        worth=np.tile([2.0, 1.0], (len(rows), 1)) if worth is None else np.array(worth, float),
        low=np.full(len(rows), low),
        high=np.full(len(rows), high),
        through=np.ones((2, len(rows)), bool),  # the feeder, and the site
        asleep_w=np.array([100.0, 100.0]),
        **{name: np.full(2, watts, float) for name, watts in usual.items()},
    )


def settled(one: Fit, wanted=None) -> list:
    one.settle(np.array(one.taken if wanted is None else wanted, float))
    return one.taken.tolist()


@pytest.mark.parametrize(
    ("guide_w", "taken"),
    [
        (100 + 10 * 3500, [[10, 10]]),
        (100 + 10 * 3500 - 1, [[10, 9]]),  # one rig a mode lower is enough
        (100 + 10 * 2000, [[10, 0]]),  # all throttled before any sleeps
        (100 + 10 * 2000 - 1, [[9, 1]]),  # what one leaves, another uses
        (100, [[0, 0]]),
        (0, [[0, 0]]),  # what sleeps draws cannot be taken away
    ],
)
def test_the_least_worth_is_taken_away_first(guide_w, taken) -> None:
    assert settled(fit([[10, 10]], guide_w=guide_w, most_w=guide_w)) == taken


def test_of_two_classes_the_worse_one_gives() -> None:
    worth = [[5.0, 4.0], [3.0, 2.0]]
    one = fit([[10, 10], [10, 10]], worth=worth, guide_w=100 + 14 * 3500, most_w=1e9)
    assert settled(one)[0] == [10, 10]


def test_those_that_may_not_stop_yet_stay_awake() -> None:
    one = fit([[10, 10]], low=6, guide_w=100, most_w=1e9)
    assert settled(one) == [[6, 0]]
    one.force(np.array([100.0, 100.0]))
    assert one.taken.tolist() == [[0, 0]]


def test_a_ramps_floor_keeps_steps_that_earn_nothing() -> None:
    one = fit([[0, 0]], worth=[[-1.0, -2.0]], floor_w=100 + 3 * 2000, guide_w=0, most_w=1e9)
    assert settled(one, [[0, 0]]) == [[3, 0]]


@pytest.mark.parametrize(
    ("worth", "taken"), [([2.0, 1.0], [[8, 5]]), ([2.0, -1.0], [[8, 4]]), ([-2.0, -1.0], [[7, 4]])]
)
def test_what_rounding_took_is_given_back_where_it_earns(worth, taken) -> None:
    assert settled(fit([[7, 4]], worth=[worth]), [[7.6, 4.3]]) == taken


@pytest.mark.parametrize(
    ("loose_w", "taken"), [(INF, [[5, 0], [5, 1]]), (10_100, [[5, 1], [5, 0]])]
)
def test_what_no_whole_rig_can_take_goes_to_a_step_of_another(loose_w, taken) -> None:
    one = fit([[5, 0], [5, 0]], step_w=(2000.0, 1000.0), worth=[[2, 1], [2, 1.5]])
    one.through = np.array([[True, False], [False, True], [True, True]])  # two feeders, the site
    one.asleep_w = np.array([100.0, 100.0, 200.0])
    one.floor_w, one.most_w = np.full(3, -INF), np.full(3, INF)
    one.guide_w = np.array([11_300.0, 10_100.0, 21_400.0])
    one.loose_w = np.array([INF, loose_w, INF])
    assert settled(one, [[5.6, 0], [5, 0]]) == taken


@given(
    st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=1, max_size=4),
    st.integers(0, 160_000), st.integers(0, 6),
)  # fmt: skip
def test_a_fit_is_within_its_limits_and_its_order(rows, most_w, low) -> None:
    taken = [[max(low, a, b), min(max(low, a), b)] for a, b in rows]
    one = fit(taken, low=low, guide_w=most_w, most_w=most_w)
    one.settle(np.array(taken, float))
    locked_w = 100 + 2000 * low * len(rows)
    assert one.power_w()[-1] <= max(most_w, locked_w) + 1e-3
    assert (np.diff(one.taken, axis=1) <= 0).all()
    assert (one.taken >= 0).all()
    assert (one.taken[:, 0] >= low).all()


def rigs(modes, since_s=INF, starts=0, **of_class) -> Rigs:
    one = site(count=len(modes), **of_class)
    standing = Standing(
        mode=np.array(modes),
        since_s=np.broadcast_to(np.asarray(since_s, float), len(modes)).copy(),
        starts=np.broadcast_to(np.asarray(starts), len(modes)).copy(),
    )
    return rigs_of(one, (standing,), [curve(kind) for kind in one.classes])


def test_those_started_least_often_start_first_then_those_at_rest_for_longest() -> None:
    found = rigs([ASLEEP] * 4, since_s=[50, 900, 60, 70], starts=[0, 3, 0, 1])
    found.turn(0, 2, 0.0)
    assert found.modes().tolist() == [0, ASLEEP, 0, ASLEEP]
    assert found.starts.tolist() == [1, 3, 1, 1]


def test_those_that_may_not_turn_do_not() -> None:
    found = rigs([ASLEEP] * 3, since_s=[10, 600, 600], starts=[0, 2, 1],
                 min_down_s=300.0, starts_per_day=2)  # fmt: skip
    assert found.may_start(0.0).tolist() == [False, False, True]
    assert found.may_start(290.0).tolist() == [True, False, True]
    awake = rigs([0, 1], since_s=[10, 600], min_up_s=300.0)
    assert awake.may_stop(0.0).tolist() == [False, True]
    assert awake.may_start(0.0).tolist() == [False, False]


def test_a_cap_stops_first_who_may_stop() -> None:
    found = rigs([0, 0, 0], since_s=[10, 600, 20], min_up_s=300.0)
    found.turn(0, -2, 0.0)
    assert found.modes().tolist() == [0, ASLEEP, ASLEEP]  # and of the others the longest up


def test_a_spread_changes_as_few_rigs_as_can_be() -> None:
    found = rigs([1, 0, ASLEEP, 1, 0])
    found.spread(0, np.array([4, 2]))
    assert found.modes().tolist() == [1, 0, ASLEEP, 1, 0]
    found.spread(0, np.array([4, 1]))
    assert found.modes().tolist() == [1, 0, ASLEEP, 0, 0]


@pytest.mark.parametrize(
    ("mode", "power_w", "ths", "usd"),
    # 50 $/PH/day is 0.05 $/TH/day: 200 TH/s earn 0.41667 $ an hour, 3.5 kW at 60 cost 0.21.
    [(1, 3500, 200, 0.2066667), (0, 2000, 130, 0.1508333), (ASLEEP, 0, 0, 0.0)],
)
def test_what_one_rig_earns_in_an_hour(mode, power_w, ths, usd) -> None:
    count = np.zeros((2, 1), int)
    if mode != ASLEEP:
        count[mode] = 1
    found = earnings(site(count=1), market([60]), (count,), np.zeros((1, 1), int))
    assert (found.power_w[0], found.hashrate_ths[0]) == (power_w, ths)
    assert found.profit_usd == pytest.approx(usd, abs=1e-6)


def test_cooling_fees_adders_and_a_negative_price_are_in_it() -> None:
    told = market([-40.0], pue=np.array([1.2]), adder_usd_mwh=np.array([10.0]))
    one = site(count=1, pool_fee_ratio=0.02)
    found = earnings(one, told, (np.array([[0], [1]]),), np.zeros((1, 1), int))
    assert found.energy_usd[0] == pytest.approx(3.5e-3 * 1.2 * -30)
    assert found.revenue_usd[0] == pytest.approx(200 * 0.05 / 24 * 0.98)


@pytest.mark.parametrize(
    ("warm_s", "lost"),
    [
        (0, []),
        (1800, [[0.5, 0.5, 0.5]]),
        (3600, [[1, 1, 1]]),
        (5400, [[1, 1, 1], [0.5, 0.5]]),
        (36_000, [[1, 1, 1], [1, 1], [1]]),
    ],
)
def test_a_warm_up_reaches_into_later_periods(warm_s, lost) -> None:
    found = warm_up(site(warm_up_s=warm_s).classes[0], market([1, 1, 1]))
    assert [share.tolist() for share in found] == lost


@pytest.mark.parametrize(
    ("kind", "given", "watts"),
    [
        ("reduce_to", {"watts": 500.0}, 500),
        ("reduce_by", {"watts": 300.0, "baseline_w": 1000.0}, 700),
        ("reduce_by", {"watts": 3000.0, "baseline_w": 1000.0}, 0),
        ("all", {}, 150),  # ten rigs asleep draw 15 W each
    ],
)
def test_what_a_commitment_leaves(kind, given, watts) -> None:
    promise = Commitment(
        name="c", kind=kind, counts=np.array([True]), penalty_usd_mwh=100.0, **given
    )
    pue = np.array([1.0, 1.2])
    share = pue if promise.kind == "all" else np.ones(2)  # asleep, the site still cools
    assert target_w(site(count=10, sleep_w=15.0), promise, pue).tolist() == (watts * share).tolist()


def test_a_peak_is_paid_above_what_was_reached_and_a_promise_by_what_is_over() -> None:
    counts = np.array([True, False])
    told = market(
        [0, 0],
        demand_charges=(DemandCharge(name="d", usd_kw=10.0, counts=counts, peak_w=1000.0),),
        commitments=(Commitment(name="c", kind="reduce_to", counts=~counts, watts=1500.0,
                                penalty_usd_mwh=1000.0),),
    )  # fmt: skip
    found = earnings(site(count=1), told, (np.array([[0, 0], [1, 1]]),), np.zeros((1, 2), int))
    assert found.demand_usd == pytest.approx(2.5 * 10)
    assert found.penalty_usd == pytest.approx(2.0)  # 2 kW over, an hour, at 1 $/kWh
    calm = earnings(site(count=1), told, (np.zeros((2, 2), int),), np.zeros((1, 2), int))
    assert (calm.demand_usd, calm.penalty_usd) == (0, 0)


def known(price, forecast=None, **given) -> Known:
    begins = np.arange(len(price)) * 3600.0
    nothing = np.full(len(price), np.nan)
    return Known(
        begins_s=begins, local_s=begins, price_usd_mwh=np.asarray(price, float),
        forecast=nothing if forecast is None else np.asarray(forecast, float), **given,
    )  # fmt: skip


def test_the_first_period_of_all_is_believed_to_go_on() -> None:
    assert known([30.0] * 5).believed(0, 5).tolist() == [30] * 5


def test_the_later_of_two_past_days_counts_more() -> None:
    price = [10.0] * 24 + [20.0] * 24 + [15.5] * 24
    believed = known(price).believed(48, 72)
    # 0.8 for yesterday's 20, 0.64 for the day before's 10: 15.556, and today's miss fades.
    assert believed[-1] == pytest.approx((0.8 * 20 + 0.64 * 10) / 1.44, abs=0.06)


@given(st.integers(0, 70), st.integers(1, 25), st.sampled_from(["current", "day-ahead"]))
def test_what_is_known_is_believed_as_it_is(now: int, length: int, knowledge: str) -> None:
    price = np.random.default_rng(now).normal(40, 20, 96)
    believed = known(price, knowledge=knowledge).believed(now, now + length)
    assert len(believed) == length
    assert believed[0] == price[now]
    assert np.isfinite(believed).all()
    if knowledge == "day-ahead":
        last_day = now // 24 + (now % 24 >= 12)
        sure = [at for at in range(now, now + length) if at // 24 <= last_day]
        assert (believed[: len(sure)] == price[sure]).all()


def test_a_past_before_the_walk_is_used_and_not_numbered() -> None:
    price = np.concatenate([np.full(24, 10.0), np.full(24, 90.0)])
    whole = known(price)
    walked = known(price, past=24)
    assert walked.believed(0, 24).tolist() == whole.believed(24, 48).tolist()
