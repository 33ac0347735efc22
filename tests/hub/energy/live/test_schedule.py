"""From a plan to orders: who is named, in which order, how long; and which prices are believed."""

import numpy as np
import pytest

from lode_hub.energy.live import limits
from lode_hub.energy.live.outlook import PERIODS, believe
from lode_hub.energy.live.schedule import Schedule, staggered, standing_orders, trimmed
from lode_hub.energy.live.wishes import FULL, SLEEP, modes_of, wish_of
from lode_hub.energy.prices import Values, none, over, periods
from lode_hub.errors import InvalidError
from lode_wire import orders
from tests.hub.energy.live.plant import rig_of

T0 = 1_800_000_000_000 - 1_800_000_000_000 % 300_000
STEP = 300_000


def told(*rows: tuple[str, ...], agents: tuple[str, ...] = ("north-1",)) -> Schedule:
    """Rigs by falling J/TH, each with its modes."""
    rigs = [
        rig_of(n, full_ths=90.0 + n, agent=agents[n % len(agents)]) for n in range(1, len(rows) + 1)
    ]
    edges = tuple(T0 + STEP * n for n in range(len(rows[0]) + 1))
    modes = dict(enumerate(rows, 1))
    return Schedule(edges_ms=edges, rigs=tuple(rigs), modes=modes)


def test_orders_name_the_least_efficient_first_and_join_what_is_alike():
    plan = standing_orders(told((SLEEP, SLEEP, FULL), (FULL, FULL, FULL), (SLEEP, SLEEP, FULL)))
    (period,) = plan["north-1"].periods
    assert (period.from_ms, period.to_ms) == (T0, T0 + 2 * STEP)
    (step,) = period.steps
    assert step.devices == ("rig-0001", "rig-0003")


def test_each_agent_gets_its_own_rigs():
    plans = standing_orders(told((SLEEP,), (SLEEP,), (FULL,), agents=("a", "b")))
    assert [p.steps[0].devices for p in plans["b"].periods] == [("rig-0001",)]
    assert [p.steps[0].devices for p in plans["a"].periods] == [("rig-0002",)]


def test_an_order_that_would_be_too_long_ends_earlier():
    rows = [tuple(SLEEP if (n + at) % 2 else FULL for at in range(48)) for n in range(8000)]
    (plan,) = standing_orders(told(*rows)).values()
    size = len(orders.encode_order(orders.Order(intent=plan)))
    assert orders.MAX_BODY_BYTES // 3 < size <= orders.MAX_BODY_BYTES
    assert plan.periods[0].from_ms == T0


def test_waking_is_staggered_the_most_efficient_first():
    wakes = staggered(told(*[(SLEEP, FULL)] * 40), {}, T0)
    awake = [
        [n for n, row in wakes.modes.items() if row[at] == FULL]
        for at in range(len(wakes.edges_ms) - 1)
    ]
    sizes = [len(names) for names in awake]
    assert sizes == [0, 5, 10, 15, 20, 25, 30, 35, 40]
    assert awake[1] == [36, 37, 38, 39, 40]
    assert wakes.edges_ms[-1] == T0 + 2 * STEP
    assert wakes.edges_ms[2] - wakes.edges_ms[1] == 30_000


def test_a_trim_holds_till_it_ends_and_no_longer():
    laid = trimmed(told((FULL, FULL), (SLEEP, SLEEP)), {1: True, 2: False}, (), T0 + 60_000,
                   T0 + 400_000)  # fmt: skip
    assert laid.now(T0 + 1000) == {1: FULL, 2: SLEEP}
    assert laid.now(T0 + 61_000) == {1: SLEEP, 2: FULL}
    assert laid.now(T0 + 399_000) == {1: SLEEP, 2: FULL}
    assert laid.now(T0 + 401_000) == {1: FULL, 2: SLEEP}


def test_modes_are_what_the_description_knows_and_the_agent_offers():
    rig = rig_of(1, offers=["sleep", "preset"], presets=["190MHz", "340MHz", "default", "790MHz"])
    found = modes_of(rig)
    assert [name for name, _, _ in found] == ["preset:190MHz", "preset:340MHz"]
    assert found[1][1:] == pytest.approx((1414 / 2794, 70.2 / 121.8))
    assert modes_of(rig_of(2)) == ()
    assert wish_of("preset:340MHz") == orders.Preset(name="340MHz")
    assert wish_of("power_mode:low") == orders.PowerMode(mode="low")
    assert wish_of(FULL) is None


def values(rows: list[tuple[int, int, float]]) -> Values:
    table = np.array(rows, dtype=float)
    return Values(
        unit="USD/MWh",
        from_ms=table[:, 0].astype(np.int64),
        until_ms=table[:, 1].astype(np.int64),
        value=table[:, 2],
        published_ms=table[:, 0].astype(np.int64),
    )


def test_what_is_not_published_is_believed_as_on_other_days():
    day = 86_400_000
    hours = [(T0 - 2 * day + h * 3_600_000, T0 - 2 * day + (h + 1) * 3_600_000, 20.0 + h % 24)
             for h in range(48)]  # fmt: skip
    known = values([*hours, (T0, T0 + STEP, 99.0)])
    filled, missing = believe(known, none(), T0, T0 + 1000)
    price = over(filled, *periods(T0, PERIODS, 300.0))
    assert missing == PERIODS - 1
    assert price[0] == 99.0
    assert price[12] == pytest.approx(21.0)
    assert not np.isnan(price).any()


def test_the_price_of_now_is_never_believed():
    known = values([(T0 - STEP, T0, 40.0)])
    assert believe(known, none(), T0, T0 + 1000) == (known, 0)


def test_the_day_ahead_price_is_believed_first():
    known, ahead = values([(T0, T0 + STEP, 99.0)]), values([(T0, T0 + PERIODS * STEP, 55.0)])
    filled, _ = believe(known, ahead, T0, T0 + 1000)
    price = over(filled, *periods(T0, PERIODS, 300.0))
    assert price[0] == 99.0
    assert set(price[1:]) == {55.0}


def test_limits_say_what_is_wrong_with_them():
    found = limits.described('limit_kw = 3\n[models."S21"]\nstarts_per_day = 4\n')
    assert found.model("s21").starts_per_day == 4
    assert found.model("other").starts_per_day is None
    with pytest.raises(InvalidError, match="limit_kw"):
        limits.described("limit_kw = -1")
