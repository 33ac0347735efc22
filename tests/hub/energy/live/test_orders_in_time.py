"""A schedule from moment to moment: wakes part by part, trims, orders of agents; and a market."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.energy.live.fleet import fleet
from lode_hub.energy.live.limits import described
from lode_hub.energy.live.outlook import (
    CAP_SHARE,
    KEPT_USD_MWH,
    PERIODS,
    SETPOINT_SHARE,
    believe,
    first_ms,
    outlook,
)
from lode_hub.energy.live.schedule import (
    STAGGER,
    STAGGER_MS,
    Schedule,
    begins_of,
    staggered,
    standing_orders,
    starts_of,
    trimmed,
)
from lode_hub.energy.live.wishes import FULL, SLEEP, wish_of
from lode_hub.energy.nouns import Commitment, Market
from lode_hub.energy.prices import OPEN_MS, Values, none, over, periods
from lode_wire import orders
from lode_wire.orders import Order, StandingPlan
from tests.hub.energy.live.plant import rig_of

T0 = 1_800_000_000_000 - 1_800_000_000_000 % 300_000
STEP = 300_000
HOUR = 12 * STEP
LOW = "preset:340MHz"

MODES = st.sampled_from([SLEEP, FULL, LOW])


@st.composite
def schedules(draw) -> Schedule:
    lengths = draw(st.lists(st.sampled_from([20_000, 120_000, STEP, HOUR]), min_size=1, max_size=5))
    edges = tuple(itertools.accumulate(lengths, initial=T0))
    row = st.tuples(*[MODES] * len(lengths))
    rows = draw(st.lists(row, min_size=1, max_size=70))
    rigs = [rig_of(n, agent="ab"[n % 2], full_ths=90.0 + n) for n in range(len(rows))]
    return Schedule(edges_ms=edges, rigs=tuple(rigs), modes=dict(enumerate(rows)))


@settings(max_examples=80, deadline=None)
@given(schedules(), st.data())
def test_a_rig_wakes_when_wanted_or_a_little_later_and_sleeps_at_once(told, data):
    before = {n: data.draw(MODES) for n in told.modes if n % 3}
    now_ms = data.draw(st.integers(T0 - STEP, T0 + STEP))
    laid = staggered(told, before, now_ms)
    assert list(laid.edges_ms) == sorted(laid.edges_ms)
    assert (laid.edges_ms[0], laid.edges_ms[-1]) == (told.edges_ms[0], told.edges_ms[-1])
    assert {len(row) for row in laid.modes.values()} == {len(laid.edges_ms) - 1}
    for begin, end in itertools.pairwise(told.edges_ms):
        assert laid.now(end - 1) == told.now(end - 1)
        late_ms = max(begin, now_ms) + STAGGER * STAGGER_MS
        for at_ms in (at for at in {*laid.edges_ms, begin, late_ms} if begin <= at < end):
            for rig, mode in told.now(at_ms).items():
                here = laid.now(at_ms)[rig]
                assert here == mode or (here == SLEEP and at_ms < late_ms)


def test_what_is_awake_already_is_not_put_to_sleep_to_be_staggered():
    rows = dict.fromkeys(range(20), (FULL, SLEEP, LOW))
    rigs = tuple(rig_of(n) for n in rows)
    told = Schedule(edges_ms=(T0, T0 + STEP, T0 + 2 * STEP, T0 + 3 * STEP), rigs=rigs, modes=rows)
    laid = staggered(told, dict.fromkeys(rows, LOW), T0)
    assert set(laid.now(T0).values()) == {FULL}
    assert set(laid.now(T0 + STEP).values()) == {SLEEP}
    woken = [sum(m == LOW for m in laid.now(T0 + 2 * STEP + n * STAGGER_MS).values())
             for n in range(5)]  # fmt: skip
    assert woken == [5, 10, 15, 20, 20]


@pytest.mark.parametrize(("rigs", "parts"), [(1, 1), (5, 1), (6, 2), (45, 9), (46, 8), (900, 9)])
def test_waking_takes_nine_parts_at_most_and_five_rigs_at_least(rigs, parts):
    told = Schedule(edges_ms=(T0, T0 + HOUR), rigs=tuple(rig_of(n) for n in range(rigs)),
                    modes=dict.fromkeys(range(rigs), (FULL,)))  # fmt: skip
    laid = staggered(told, dict.fromkeys(range(rigs), SLEEP), T0)
    assert len(laid.edges_ms) - 1 == parts


@settings(max_examples=80, deadline=None)
@given(schedules(), st.data())
def test_a_trim_changes_its_rigs_in_its_time_and_nothing_else(told, data):
    override = data.draw(st.dictionaries(st.integers(0, 80), st.booleans(), max_size=20))
    now_ms = data.draw(st.integers(T0 - STEP, told.edges_ms[-1] + STEP))
    until_ms = now_ms + data.draw(st.integers(1, HOUR))
    laid = trimmed(told, override, (), now_ms, until_ms)
    asked = {now_ms, until_ms, *told.edges_ms, *laid.edges_ms}
    for at_ms in {moment + more for moment in asked for more in (-1, 0)}:
        expected = told.now(at_ms)
        for rig, is_asleep in override.items():
            if rig in expected and now_ms <= at_ms < until_ms:
                awake = FULL if expected[rig] == SLEEP else expected[rig]
                expected[rig] = SLEEP if is_asleep else awake
        assert laid.now(at_ms) == expected


def test_rigs_that_no_plan_moves_are_trimmed_too_in_their_order():
    told = Schedule(edges_ms=(T0, T0 + STEP), rigs=(rig_of(1, full_ths=100.0),), modes={1: (FULL,)})
    others = [rig_of(2, full_ths=90.0), rig_of(3, full_ths=110.0)]
    laid = trimmed(told, {2: True}, others, T0, T0 + 1000)
    assert [rig.device_id for rig in laid.rigs] == [2, 1, 3]
    assert laid.now(T0) == {1: FULL, 2: SLEEP, 3: FULL}
    assert laid.now(T0 + 1000) == {1: FULL, 2: FULL, 3: FULL}


@settings(max_examples=80, deadline=None)
@given(schedules())
def test_what_agents_are_sent_says_what_the_schedule_says(told):
    sent = standing_orders(told)
    assert set(sent) == {rig.agent for rig in told.rigs}
    for begin, end in itertools.pairwise(told.edges_ms):
        for at_ms in (begin, end - 1):
            wishes = {}
            for agent, plan in sent.items():
                here = [p for p in plan.periods if p.from_ms <= at_ms < p.to_ms]
                assert len(here) <= 1
                for step in (step for period in here for step in period.steps):
                    wishes |= {(agent, name): step.wish for name in step.devices}
            expected = {(rig.agent, rig.name): wish_of(told.now(at_ms)[rig.device_id])
                        for rig in told.rigs}  # fmt: skip
            assert wishes == {rig: wish for rig, wish in expected.items() if wish}
    for plan in sent.values():
        for one, other in itertools.pairwise(plan.periods):
            assert one.to_ms < other.from_ms or one.steps != other.steps
        assert all(isinstance(p.steps[0].wish, orders.Sleep) or
                   SLEEP not in [s.wish.action for s in p.steps] for p in plan.periods)  # fmt: skip
        assert orders.decode_order(orders.encode_order(Order(intent=plan))).intent == plan


def test_an_order_too_long_in_its_first_period_is_none_rather_than_refused(monkeypatch):
    rigs = tuple(rig_of(n) for n in range(50))
    told = Schedule(edges_ms=(T0, T0 + STEP), rigs=rigs, modes=dict.fromkeys(range(50), (SLEEP,)))
    monkeypatch.setattr(orders, "MAX_BODY_BYTES", 300)
    assert standing_orders(told) == {"north-1": StandingPlan(periods=())}


def test_starts_and_begins_are_counted_from_what_was_before():
    rigs = (np.array([[1, 3, 0], [1, 0, 4]]), np.array([[0, 2, 2]]))
    assert starts_of(rigs, [1, 1]).tolist() == [[1, 1, 1], [0, 2, 0]]
    assert begins_of(np.array([True, True, False, True, False])) == [0, 3]
    assert begins_of(np.zeros(3, bool)) == []


def values(rows: list[tuple[int, int, float, int]], unit: str = "USD/MWh") -> Values:
    columns = list(zip(*sorted(rows), strict=True))
    ints = [np.array(columns[n], np.int64) for n in (0, 1, 3)]
    return Values(unit=unit, from_ms=ints[0], until_ms=ints[1], value=np.array(columns[2], float),
                  published_ms=ints[2])  # fmt: skip


SPANS = st.lists(
    st.tuples(st.integers(-30, 280), st.integers(1, 40), st.integers(-50, 500)), max_size=12
)


@settings(max_examples=80, deadline=None)
@given(SPANS, SPANS)
def test_what_is_published_is_never_overruled_and_what_is_not_is_filled(known, ahead):
    rows = [(T0 + b * STEP, T0 + (b + n) * STEP, float(usd), T0 - 1000 + place)
            for place, (b, n, usd) in enumerate([(0, 1, 33), *known])]  # fmt: skip
    first = [(T0 + b * STEP, T0 + (b + n) * STEP, float(usd), T0) for b, n, usd in ahead]
    series, begins = values(rows), periods(T0, PERIODS, 300.0)
    have, published = over(series, *begins), values(first) if first else none()
    filled, missing = believe(series, published, T0, T0 + 1000)
    found, day_ahead = over(filled, *begins), over(published, *begins)
    assert missing == np.isnan(have).sum()
    np.testing.assert_array_equal(found[~np.isnan(have)], have[~np.isnan(have)])
    assert not np.isnan(found).any()
    believed = np.isnan(have) & ~np.isnan(day_ahead)
    np.testing.assert_array_equal(found[believed], day_ahead[believed])


def test_a_correction_of_five_minutes_leaves_the_rest_of_its_hour():
    series = values([(T0, T0 + HOUR, 40.0, 1), (T0 + STEP, T0 + 2 * STEP, 90.0, 2)])
    filled, missing = believe(series, none(), T0, T0 + 1000)
    assert missing == PERIODS - 12
    assert over(filled, *periods(T0, 12, 300.0)).tolist() == [40.0, 90.0] + [40.0] * 10


def test_an_open_price_ends_where_the_next_begins():
    series = values([(T0, OPEN_MS, 40.0, 1), (T0 + STEP, T0 + 2 * STEP, 90.0, 2)])
    filled, missing = believe(series, none(), T0, T0 + 1000)
    assert missing == PERIODS - 2
    assert over(filled, *periods(T0, 3, 300.0)).tolist() == [40.0, 90.0, 40.0]


def test_a_day_ahead_price_in_another_unit_is_not_taken():
    series = values([(T0, T0 + STEP, 40.0, 1)])
    ahead = values([(T0, T0 + PERIODS * STEP, 55.0, 1)], "EUR/MWh")
    filled, _ = believe(series, ahead, T0, T0 + 1000)
    assert set(over(filled, *periods(T0, PERIODS, 300.0))) == {40.0}


@pytest.mark.parametrize(("now_ms", "first"), [(T0, T0), (T0 + STEP - 1, T0), (T0 - 1, T0 - STEP)])
def test_the_first_period_is_the_one_that_is_on(now_ms, first):
    assert first_ms(now_ms) == first


def market(promises: list[Commitment], cap_w: float = np.inf, pue: float = 1.0) -> Market:
    n = 12
    return Market(
        start_ms=T0, dt_s=np.full(n, 300.0), day=np.zeros(n, np.int64), pue=np.full(n, pue),
        price_usd_mwh=np.full(n, 40.0), adder_usd_mwh=np.zeros(n),
        hashprice_usd_phd=np.full(n, 50.0), cap_w=np.full(n, cap_w),
        commitments=tuple(promises),
    )  # fmt: skip


def promise(kind: str, counts: slice, watts: float = 0.0, penalty: float = 0.0) -> Commitment:
    mask = np.zeros(12, bool)
    mask[counts] = True
    return Commitment(name=kind, kind=kind, counts=mask, penalty_usd_mwh=penalty, watts=watts,
                      baseline_w=30_000.0)  # fmt: skip


def looked(found: Market, limit: str = "", unexplained_w: float = 0.0, silent: int = 1):
    rigs = [rig_of(n) for n in range(10)] + [rig_of(20 + n, state="silent") for n in range(silent)]
    site = fleet("n", rigs, described(limit), now_ms=T0, standing={}, disobeying={},
                 pool_fee_ratio=0.0)  # fmt: skip
    return outlook(found, site, 0, unexplained_w)


def test_planned_is_what_is_left_of_a_promise_when_the_others_are_drawn():
    both = [promise("reduce_to", slice(2, 6), 20_000.0, 900.0),
            promise("reduce_by", slice(4, 8), 12_000.0)]  # fmt: skip
    found = looked(market(both), unexplained_w=1000.0)
    assert found.fixed_w == 4000.0
    assert found.setpoint_w[:2].tolist() == [np.inf, np.inf]
    assert found.setpoint_w[[3, 5, 7]].tolist() == [20_000.0, 18_000.0, 18_000.0]  # the lower
    to, by = found.market.commitments
    assert to.watts == pytest.approx(SETPOINT_SHARE * 20_000 - 4000)
    assert by.watts == pytest.approx(SETPOINT_SHARE * 18_000 - 4000)
    assert (to.penalty_usd_mwh, by.penalty_usd_mwh) == (900.0, KEPT_USD_MWH)


def test_of_a_promise_of_all_the_others_remain():
    found = looked(market([promise("all", slice(0, 3))]))
    assert found.setpoint_w[0] == 10 * 100.0 + 3000.0  # asleep, and the silent one


@pytest.mark.parametrize(
    ("cap_w", "limit", "unexplained_w", "cap", "planned"),
    [
        (25_000.0, "", 0.0, 25_000.0, CAP_SHARE * 25_000 - 3000),
        (25_000.0, "limit_kw = 20", 0.0, 20_000.0, CAP_SHARE * 20_000 - 3000),
        (25_000.0, "", -9000.0, 25_000.0, CAP_SHARE * 25_000),  # never less than nothing
        (2000.0, "", 0.0, 2000.0, 0.0),
    ],
)
def test_a_cap_bears_the_others_first(cap_w, limit, unexplained_w, cap, planned):
    found = looked(market([], cap_w), limit, unexplained_w)
    assert set(found.cap_w.tolist()) == {cap}
    assert found.market.cap_w.tolist() == pytest.approx([planned] * found.market.periods)
    assert np.isinf(found.setpoint_w).all()
