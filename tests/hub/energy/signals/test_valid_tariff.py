"""A tariff counts while it is valid, however late another was saved."""

import datetime as dt

import pytest

from lode_hub.energy.account.make import Told
from lode_hub.energy.prices import periods
from lode_hub.energy.signals.economics import described as economics
from lode_hub.energy.signals.market import Facts, Seen, seen
from lode_hub.energy.tariff import Rates, described
from tests.hub.energy.account.conftest import ADA, DAY, DAY0, TARIFF, Site, site

__all__ = ["site"]

H = 3_600_000
T0 = round(dt.datetime(2026, 12, 10, tzinfo=dt.UTC).timestamp() * 1000)
NEW_YEAR = round(dt.datetime(2027, 1, 1, tzinfo=dt.UTC).timestamp() * 1000)
DECEMBER = 2026 * 12 + 11
TEXT = """name = "{name}"
currency = "USD"
time_zone = "{zone}"
valid_from = {begin}
[energy]
price = "fixed"
fixed_mwh = {mwh}
[[demand]]
name = "peak"
price_kw = {kw}
{more}"""
OLD = {"name": "2026", "begin": "2026-01-01", "kw": 4.0, "mwh": 40.0}
NEW = {"name": "2027", "begin": "2027-01-01", "kw": 25.0, "mwh": 60.0}


def told(*tariffs: dict) -> Told:
    texts = [TEXT.format(**{"zone": "UTC", "more": ""} | each) for each in tariffs]
    return Told(
        site="north", site_id=1, tariffs=tuple(map(described, texts)), programmes={}, revisions=(),
        economics=economics('[hashprice]\nfallback = "assume"\nassume_usd_th_day = 0.05'),
    )  # fmt: skip


def look(what: Told, at_ms: int, n: int = 24, measured: Facts | None = None) -> Seen:
    return seen(what, Rates(), (), periods(at_ms, n, 3600.0), now_ms=at_ms, measured=measured)


def test_next_years_tariff_charges_nothing_this_year() -> None:
    alone = look(told(OLD), T0).market
    both = look(told(OLD, NEW), T0).market
    (charge,), (same,) = alone.demand_charges, both.demand_charges
    assert (same.usd_kw, same.counts.tolist()) == (charge.usd_kw, charge.counts.tolist())
    assert charge.usd_kw == pytest.approx(4.0 * 24 / (22 * 24))
    assert both.price_usd_mwh.tolist() == [40.0] * 24


def test_over_the_change_each_period_has_its_own_tariffs_charge() -> None:
    begin = NEW_YEAR - 4 * H
    reached = {(0, "peak", DECEMBER): 700.0, (1, "peak", DECEMBER + 1): 300.0}
    measured = Facts(pue=periods(begin, 10, 3600)[0] * 0 + 1.0, reached=reached, notes=())
    market = look(told(OLD, NEW), begin, 10, measured).market
    assert market.price_usd_mwh.tolist() == [40.0] * 4 + [60.0] * 6
    old, new = market.demand_charges
    assert old.counts.tolist() == [True] * 4 + [False] * 6
    assert new.counts.tolist() == [False] * 4 + [True] * 6
    assert (old.usd_kw, new.usd_kw) == pytest.approx((4.0, 25.0 * 6 / (31 * 24)))
    assert (old.peak_w, new.peak_w) == (700e3, 300e3)


def test_a_charge_that_ends_with_its_tariff_is_earned_back_until_then() -> None:
    ends = OLD | {"begin": "2026-01-01\nvalid_until = 2026-12-12"}
    (charge,) = look(told(ends), T0).market.demand_charges
    assert charge.usd_kw == pytest.approx(4.0 / 2)


def test_charges_come_with_their_taxes() -> None:
    tax = "[[taxes]]\nname = 't'\nratio = 0.1\n"
    (charge,) = look(told(OLD | {"more": tax}), T0).market.demand_charges
    assert charge.usd_kw == pytest.approx(1.1 * 4.0 / 22)
    only = "[[taxes]]\nname = 't'\nratio = 0.1\non = ['energy']\n"
    (charge,) = look(told(OLD | {"more": only}), T0).market.demand_charges
    assert charge.usd_kw == pytest.approx(4.0 / 22)


def test_the_days_of_a_site_are_those_of_its_tariff_then() -> None:
    both = told(OLD | {"zone": "America/Chicago"}, NEW | {"zone": "Europe/Berlin"})
    assert both.tariff_at(T0) is both.tariffs[0]
    assert both.tariff_at(NEW_YEAR + DAY) is both.tariffs[1]
    assert both.tariff_at(0) is None
    zones = [both.zone_at(at).key for at in (T0, NEW_YEAR + DAY, 0)]
    assert zones == ["America/Chicago", "Europe/Berlin", "Europe/Berlin"]
    assert told().zone_at(T0).key == "UTC"


async def test_prices_are_shown_at_the_node_of_the_tariff_that_is_valid(site: Site) -> None:
    later = TARIFF.replace("2026-01-01", "2026-07-01").replace("HB_WEST", "HB_NORTH")
    await site.desk.save(ADA, "tariff", "later", later, site="north")
    found = await site.queries.price_series("north", DAY0, DAY0 + 2 * H, 3600)
    assert found.real_time_usd_mwh == (40.0, 40.0)
    july = DAY0 + 20 * DAY
    found = await site.queries.price_series("north", july, july + 2 * H, 3600)
    assert found.real_time_usd_mwh == (None, None)  # nobody has said anything of HB_NORTH
