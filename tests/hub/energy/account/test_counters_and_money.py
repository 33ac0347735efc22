"""Energy from counters, and what an event was worth: by hand, with falls, gaps and silence."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.energy.account.baseline import Expected
from lode_hub.energy.account.event import EventAccount, RigHashing, Terms, event_account, hashing
from lode_hub.energy.account.metered import Metered, metered, part, together

T0 = 1_800_000_000_000
Q_MS = 900_000
NAN = math.nan


def counted(*counters: float | None, late_ms: int = 0) -> Metered:
    """Quarters from the counters at their edges; None: no reading in the quarter before."""
    readings = [
        (T0 + (n - 1) * Q_MS, T0 + n * Q_MS - late_ms - 1, counter)
        for n, counter in enumerate(counters)
        if counter is not None
    ]
    return metered("m", readings, T0, len(counters) - 1, 900.0)


@pytest.mark.parametrize(
    ("counters", "kwh", "unplaced", "falls"),
    [
        ((100, 110, 125), [10, 15], 0, 0),
        ((100, 100, 100), [0, 0], 0, 0),  # nothing drawn is nothing, and known
        ((100, None, 125), [NAN, NAN], 25, 0),  # known as a sum, not by quarter
        ((None, 110, 125), [NAN, 15], 0, 0),
        ((100, 110, None), [10, NAN], 0, 0),
        ((None, None, None), [NAN, NAN], 0, 0),
        ((100, 110, 3, 8), [10, NAN, 5], 0, 1),  # the meter was changed
        ((100, None, 3, 8), [NAN, NAN, 5], 0, 1),  # and so in a gap: nobody knows how much
        ((100, None, None, 160, None, 170), [NAN] * 5, 70, 0),
    ],
)
def test_energy_is_the_difference_of_counters(counters, kwh, unplaced, falls) -> None:
    found = counted(*counters)
    assert found.energy_kwh.tolist() == pytest.approx(kwh, nan_ok=True)
    assert (found.unplaced_kwh, len(found.breaks)) == (unplaced, falls)
    assert {one.how for one in found.breaks} <= {"fell"}
    assert found.missing_h == pytest.approx(sum(map(math.isnan, kwh)) / 4)


@pytest.mark.parametrize(
    ("counters", "kwh", "peak_w"),
    [
        (
            (1000, 1025, 5_000_025, 5_000_050),
            [25, NAN, 25],
            None,
        ),  # swapped for one that shows more
        ((1000, 1025, 5_000_025, 5_000_050), [25, NAN, 25], 110e3),
        ((1000, 1025, 1725, 1750), [25, NAN, 25], 110e3),  # 700 kWh of at most a fourfold 110 kW
        ((1000, 1025, 1725, 1750), [25, 700, 25], None),  # and 2.8 MW may be, for all it says
        ((1000, 1025, 1125, 1150), [25, 100, 25], 110e3),
        ((0, 25_000, 50_000, 76_000), [25_000, 25_000, 26_000], None),  # 100 MW, all the time
        ((0, 25, 50, 76), [25, 25, 26], 110.0),  # a power in kW that says it is in W
        ((1000, 1025, 9e9, 1050, 1075), [25, NAN, NAN, 25], None),  # a glitch: up and down
        ((1000, 5e6, 1050, 5e6 + 50, 1100, 5e6 + 100), [NAN] * 5, 110e3),  # two by one name
    ],
)
def test_a_counter_that_ran_further_than_it_can_is_not_billed(counters, kwh, peak_w) -> None:
    readings = [(T0 + (n - 1) * Q_MS, T0 + n * Q_MS - 1, float(c)) for n, c in enumerate(counters)]
    found = metered("m", readings, T0, len(counters) - 1, 900.0, peak_w)
    assert found.energy_kwh.tolist() == pytest.approx(kwh, nan_ok=True)
    assert len(found.breaks) == sum(map(math.isnan, kwh))
    assert len(found.notes) == len({one.how for one in found.breaks})


def test_a_jump_over_a_gap_is_no_sum_of_it_and_is_said_in_its_part() -> None:
    found = counted(1000, 1025, None, 5_000_000, 5_000_025, 5_000_050)
    assert found.energy_kwh.tolist() == pytest.approx([25, NAN, NAN, 25, 25], nan_ok=True)
    assert (found.total_kwh, found.gaps) == (75, ())
    (broken,) = found.breaks
    assert (broken.from_ms, broken.until_ms, broken.how) == (T0 + Q_MS, T0 + 3 * Q_MS, "jumped")
    assert part(found, T0, T0 + 2 * Q_MS).breaks == (broken,)
    assert part(found, T0 + 3 * Q_MS, T0 + 5 * Q_MS).notes == ()
    assert "the counter jumped 2 times" in together([found, found]).notes[0]


@pytest.mark.parametrize(
    ("late_ms", "is_known"), [(0, True), (225_000 - 1, True), (225_000, False), (800_000, False)]
)
def test_a_last_reading_too_long_before_the_edge_does_not_count(late_ms, is_known) -> None:
    found = counted(100, 110, late_ms=late_ms)
    assert (not np.isnan(found.energy_kwh[0])) == is_known


def test_readings_outside_the_span_are_of_no_matter() -> None:
    readings = [(T0 + n * Q_MS, T0 + (n + 1) * Q_MS - 1, 100.0 + n) for n in range(-5, 9)]
    assert metered("m", readings, T0, 3, 900.0).energy_kwh.tolist() == [1, 1, 1]


def test_nothing_metered_has_no_total_and_zero_has_one() -> None:
    assert counted(None, None).total_kwh is None
    assert counted(5, 5).total_kwh == 0
    assert counted(5, None, 9).total_kwh == 4
    assert counted(5, None, 5).total_kwh == 0  # nothing ran through, and that is known


def test_mean_power_of_a_quarter() -> None:
    assert counted(100, 110).power_w.tolist() == [40_000]


@given(st.lists(st.one_of(st.none(), st.floats(0, 50)), min_size=2, max_size=40))
def test_no_energy_is_lost_or_made_by_missing_readings(steps) -> None:
    """Whatever readings are missing between the first and the last, the total stays."""
    counters: list[float | None] = [1000.0]
    reached = 1000.0
    for step in steps:
        reached += step or 0.0
        counters.append(None if step is None else reached)
    counters.append(reached)
    assert (counted(*counters).total_kwh or 0.0) == pytest.approx(reached - 1000, abs=1e-6)


def test_meters_together_are_missing_where_one_is_and_keep_the_total() -> None:
    both = together([counted(0, 10, 30), counted(0, None, 7)])
    assert np.isnan(both.energy_kwh).all()
    assert both.total_kwh == pytest.approx(37)
    assert both.meter == "m + m"
    alone = together([counted(0, None, 7)])
    assert alone.total_kwh == 7


def test_gaps_that_overlap_are_one_with_what_every_meter_says_of_it() -> None:
    both = together([counted(0, None, 7, 9, 11), counted(0, 1, None, 5, 8)])
    assert both.energy_kwh.tolist() == pytest.approx([NAN, NAN, NAN, 5], nan_ok=True)
    (gap,) = both.gaps
    assert (gap.from_ms, gap.until_ms, gap.energy_kwh) == (T0, T0 + 3 * Q_MS, 9 + 5)
    silent = together([counted(0, 1, None), counted(0, 2, 4)])
    assert (silent.total_kwh, silent.unplaced_kwh) == (5, 2)


def test_a_part_is_of_whole_periods() -> None:
    whole = counted(0, 1, 3, 6, 10)
    assert part(whole, T0 + Q_MS, T0 + 3 * Q_MS).energy_kwh.tolist() == [2, 3]
    assert part(whole, T0 + 1, T0 + 2 * Q_MS).energy_kwh.tolist() == [2]


def test_a_part_keeps_the_gaps_within_it_as_a_sum() -> None:
    whole = counted(0, 1, None, 6, None, 10)
    inside = part(whole, T0 + Q_MS, T0 + 4 * Q_MS)
    assert (inside.total_kwh, inside.missing_h) == (5, 0.75)
    assert part(whole, T0 + 2 * Q_MS, T0 + 3 * Q_MS).total_kwh is None  # half of it is of no use


def account(
    terms: Terms, used: list[float], usual: list[float], price: float = 60.0, rigs=(), hash_usd=0.05
) -> EventAccount:
    from_ms = T0 + np.arange(len(used)) * 3_600_000
    event = Metered(meter="m", from_ms=from_ms, until_ms=from_ms + 3_600_000,
                    energy_kwh=np.array(used, float))  # fmt: skip
    baseline = Expected(method="before", energy_kwh=np.array(usual, float), says="by hand")
    same = np.full(len(used), price)
    return event_account(terms, event, baseline, same, np.full(len(used), hash_usd), rigs)


PAID = {"credit_usd_mwh": 500.0, "penalty_usd_mwh": 1000.0}


@pytest.mark.parametrize(
    ("terms", "used", "delivered", "short", "credit", "penalty"),
    [
        # 1000 kW usual in each of two hours.
        (Terms(reduce="all", **PAID), [0, 0], 2000, 0, 1000, 0),
        (Terms(reduce="all", **PAID), [0, 80], 1920, 80, 960, 0),  # within a twentieth
        (Terms(reduce="all", **PAID), [0, 400], 1600, 400, 800, 400),
        (Terms(reduce="to", power_kw=300, **PAID), [300, 300], 1400, 0, 700, 0),
        (Terms(reduce="to", power_kw=300, **PAID), [0, 300], 1700, 0, 700, 0),  # more is no more
        (Terms(reduce="to", power_kw=300, **PAID), [0, 600], 1400, 300, 550, 300),
        (Terms(reduce="by", power_kw=200, **PAID), [800, 800], 400, 0, 200, 0),
        (Terms(reduce="by", power_kw=200, **PAID), [1000, 600], 400, 200, 100, 200),
        (Terms(reduce="by", power_kw=200, **PAID), [1200, 1200], -400, 800, 0, 800),
        (Terms(reduce=None, **PAID), [900, 900], 200, None, 0, 0),
    ],
)
def test_delivered_short_and_paid(terms, used, delivered, short, credit, penalty) -> None:
    found = account(terms, used, [1000, 1000])
    assert found.delivered_kwh == delivered
    assert found.shortfall_kwh == short
    assert (found.credit_usd, found.penalty_usd) == (credit, penalty)
    assert found.avoided_usd == pytest.approx(delivered * 0.06)


def test_an_hour_without_counter_is_in_no_sum_and_no_penalty() -> None:
    found = account(Terms(reduce="all", **PAID), [NAN, 0], [1000, 1000])
    assert (found.delivered_kwh, found.asked_kwh, found.shortfall_kwh) == (1000, 1000, 0)
    assert (found.credit_usd, found.penalty_usd, found.is_compliant) == (500, 0, True)
    assert found.periods[0].delivered_kwh is None
    assert "no counter for 1 h; no sum has them" in found.notes


def test_what_ran_through_a_gap_of_an_event_is_said_as_a_sum() -> None:
    event = part(counted(0, 10, None, 30, 40), T0, T0 + 4 * Q_MS)
    usual = Expected(method="before", energy_kwh=np.full(4, 50.0), says="by hand")
    found = event_account(Terms(reduce="all"), event, usual, np.full(4, 60.0), np.full(4, 0.05), ())
    assert (found.metered_kwh, found.unplaced_kwh, found.missing_h) == (20, 20, 0.5)
    assert "20.0 kWh ran through meanwhile; when is not known" in found.notes


def test_without_a_baseline_there_is_no_judgement_and_no_money() -> None:
    found = account(Terms(reduce="all", **PAID), [0, 0], [NAN, NAN])
    assert found.delivered_kwh is found.is_compliant is found.earned_usd is None
    assert (found.credit_usd, found.penalty_usd) == (0, 0)
    assert "what was delivered is not known" in found.notes


def test_a_negative_price_makes_a_curtailment_cost() -> None:
    rig = hashed([100, 100], [0, 0])
    found = account(Terms(reduce="all"), [0, 0], [1000, 1000], price=-30.0, rigs=[rig])
    assert found.avoided_usd == pytest.approx(-60)
    assert found.earned_usd == pytest.approx(-60 - rig.lost_usd)


def hashed(before: list[float], during: list[float], power=None, usd: float = 0.048) -> RigHashing:
    n = len(during)
    return hashing(
        ("rig-1", "s21"), np.array(before), np.array(during),
        np.array(power or [NAN] * n), np.ones(n), np.full(n, usd),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "during", "thh", "usd"),
    [
        ([200, 200], [0, 0], 400, 0.8),
        ([200, NAN], [0, 100], 300, 0.6),
        ([200], [0, NAN], 200, 0.4),  # an hour it said nothing of is no loss
        ([200], [250], -50, -0.1),  # and who hashed more lost less than nothing
        ([NAN], [0], None, None),
        ([200], [NAN], None, None),
    ],
)
def test_what_a_rig_lost(before, during, thh, usd) -> None:
    found = hashed(before, during)
    assert found.lost_thh == (None if thh is None else pytest.approx(thh))
    assert found.lost_usd == (None if usd is None else pytest.approx(usd))


def test_a_rig_whose_loss_is_unknown_is_counted_as_such() -> None:
    rigs = [hashed([200], [0]), hashed([NAN], [0])]
    found = account(Terms(reduce="all"), [0], [1000], rigs=rigs)
    assert found.hash_lost_usd == pytest.approx(0.4)
    assert "what 1 of 2 rigs lost is not known, and in no sum" in found.notes
    assert account(Terms(reduce="all"), [0], [1000], rigs=rigs[1:]).earned_usd is None


def test_a_rigs_own_word_of_its_power_is_kept_apart() -> None:
    assert hashed([200], [0, 0], power=[3500, NAN]).reported_kwh == 3.5
    assert hashed([200], [0]).reported_kwh is None
    assert hashed([200], [0], usd=NAN).lost_usd is None
