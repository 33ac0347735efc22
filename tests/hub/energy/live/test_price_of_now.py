"""Prices that are published when their time is over: what counts as the price of now."""

import numpy as np
import pytest

from lode_hub.energy.live.outlook import believe, carried
from lode_hub.energy.prices import Values, at, none, over, periods
from tests.hub.energy.live.conftest import ADA, MINUTE, PRICES

T0 = 1_800_000_000_000 - 1_800_000_000_000 % 900_000
QUARTER = 900_000


def quarters(*prices: float) -> Values:
    """Give prices of the quarters of an hour up to T0."""
    begins, ends = periods(T0 - len(prices) * QUARTER, len(prices), 900.0)
    return Values(
        unit="USD/MWh", from_ms=begins, until_ms=ends, value=np.array(prices),
        published_ms=ends,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("after_min", "price"),
    [(0, 31.0), (2, 31.0), (8, 31.0), (14, 31.0), (29, 31.0), (30, 31.0), (31, np.nan)],
)
def test_the_last_price_holds_for_two_of_its_steps(after_min, price):
    now_ms = T0 + after_min * MINUTE
    assert at(carried(quarters(30.0, 31.0), now_ms), now_ms) == pytest.approx(price, nan_ok=True)


def test_it_holds_no_longer_than_the_period_of_now():
    held = carried(quarters(30.0, 31.0), T0 + 2 * MINUTE)
    assert np.isnan(at(held, T0 + 5 * MINUTE))
    begins, ends = periods(T0, 4, 300.0)
    ahead = Values(
        unit="USD/MWh", from_ms=begins, until_ms=ends, value=np.full(4, 55.0), published_ms=begins
    )
    filled, _ = believe(held, ahead, T0, T0 + 2 * MINUTE)
    assert over(filled, begins, ends).tolist() == [31.0, 55.0, 55.0, 55.0]


def test_what_is_published_stands_and_what_was_withdrawn_is_not_carried():
    said = quarters(30.0, 31.0)
    assert carried(said, T0 - 1) is said
    withdrawn = quarters(30.0, np.nan)
    assert np.isnan(at(carried(withdrawn, T0 + MINUTE), T0 + MINUTE))
    assert len(carried(none(), T0)) == 0


async def test_a_site_of_settled_quarters_plans_and_says_how_old_its_price_is(site):
    text = PRICES.format(
        quantity="real-time", unit="USD/MWh", node="HB_WEST", more="step_s = 900"
    )  # fmt: skip
    await site.desk.save(ADA, "source", "rt", text, site="north")
    await site.desk.set_planner(ADA, "north", "advise")
    site.now[0] += 2 * 60 * MINUTE - site.now[0] % QUARTER + 2 * MINUTE
    quarter = site.now[0] - 2 * MINUTE
    rows = f"t,v\n{quarter - 2 * QUARTER},30\n{quarter - QUARTER},33\n"
    await site.desk.upload(ADA, "rt", rows.encode(), site="north")
    await site.planner.look("signal")
    plan = await site.queries.planner.plan("north")
    assert plan.periods[0].price_usd_mwh == pytest.approx(33.0)
    said = "real-time HB_WEST: the price of now is the last one, of a time that ended 2 min ago"
    assert said in plan.notes
    site.now[0] += 40 * MINUTE
    await site.planner.look("signal")
    plan = await site.queries.planner.plan("north")
    assert plan.periods == ()
    why = "real-time HB_WEST: no price of now, the last was of a time that ended 42 min ago"
    assert plan.decision.startswith(why)
    assert (await site.queries.planner.preview("north")).notes[0].startswith(why)
