"""What calls earned together: what overlaps, what is not known, and the peaks they avoided."""

import math

import numpy as np
import pytest

from lode_hub.energy.account.baseline import Expected
from lode_hub.energy.account.bill import Bill, bill
from lode_hub.energy.account.curtailed import Called, Curtailed, curtailed
from lode_hub.energy.account.event import Terms, event_account
from lode_hub.energy.account.metered import Metered, part
from lode_hub.energy.tariff import Rates
from tests.hub.energy.account.test_bill_by_hand import drawn, tariff

H = 3_600_000
Q = 900_000
DEMAND = "[[demand]]\nname = 'd'\nprice_kw = 2.0\nwindow_min = 15"
USED = drawn("2026-07-15T12:00Z", *[100.0] * 4, *[25.0] * 8, *[100.0] * 4, step_min=15)
T0 = int(USED.from_ms[0])


def called(name: str, hours: tuple[float, float], usual_kwh: float | None, used: Metered = USED,
           penalty: float = 0.0) -> Called:  # fmt: skip
    """A call by its hours from the begin on; the baseline in kWh a quarter, None: not known."""
    span = (T0 + round(hours[0] * H), T0 + round(hours[1] * H))
    event = part(used, *span)
    n = len(event.from_ms)
    usual = np.full(n, math.nan if usual_kwh is None else usual_kwh)
    baseline = Expected(method="before", energy_kwh=usual, says="by hand")
    terms = Terms(reduce="to", power_kw=100, credit_usd_mwh=100, penalty_usd_mwh=penalty)
    made = event_account(terms, event, baseline, np.full(n, 50.0), np.full(n, 0.05), ())
    return Called(subject=name, from_ms=span[0], until_ms=span[1], is_test=False, account=made)


def summed(*calls: Called, used: Metered = USED) -> Curtailed:
    def bill_of(metered: Metered) -> Bill:
        return bill(metered, [tariff(DEMAND)], Rates())

    return curtailed(calls, used, bill_of(used), bill_of)


def test_calls_add_up_and_the_peak_they_avoided_is_the_bills_difference() -> None:
    found = summed(called("a", (1, 2), 150.0), called("b", (2, 3), 120.0))
    assert found.credit_usd == pytest.approx(0.1 * (4 * 125 + 4 * 95))
    assert found.avoided_usd == pytest.approx(0.05 * (4 * 125 + 4 * 95))
    (peak,) = found.peaks
    assert (peak.metered_kw, peak.baseline_kw) == (400, 600)
    assert (peak.avoided_usd, peak.avoided_ratio) == (400, pytest.approx(1 / 3))
    assert found.earned_usd is None  # nobody said what was hashed
    assert "not known in all, and only in part in the sums: a, b" in found.notes


def test_load_that_is_moved_for_two_calls_is_moved_once() -> None:
    found = summed(called("a", (1, 3), 150.0), called("b", (2, 3), 150.0))
    assert found.credit_usd == pytest.approx(0.1 * (8 + 4) * 125)
    assert found.avoided_usd == pytest.approx(0.05 * 8 * 125)
    assert found.peaks[0].baseline_kw == 600
    assert "overlap one before, so only credit and penalty are added: b" in found.notes


def test_a_call_whose_delivery_is_not_known_leaves_the_peaks_unknown() -> None:
    found = summed(called("a", (1, 2), 150.0), called("b", (2, 3), None))
    assert found.peaks == ()
    assert found.credit_usd == pytest.approx(0.1 * 4 * 125)
    assert [call.credit_usd for call in found.calls] == [pytest.approx(50), None]
    refused = Called(subject="c", from_ms=T0, until_ms=T0 + H, is_test=False, account=None,
                     trouble="none stood")  # fmt: skip
    alone = summed(refused)
    assert (alone.credit_usd, alone.penalty_usd, alone.avoided_usd) == (None, None, None)
    assert (alone.calls[0].says, alone.peaks) == ("none stood", ())


def test_who_drew_more_than_the_baseline_made_the_peak_and_avoided_less_than_nothing() -> None:
    found = summed(called("a", (0, 1), 60.0))
    assert found.peaks[0].avoided_usd == 0  # another hour is as high
    used = drawn("2026-07-15T12:00Z", *[100.0] * 4, *[25.0] * 12, step_min=15)
    more = summed(called("a", (0, 1), 60.0, used), used=used)
    assert more.peaks[0].avoided_usd == pytest.approx(2 * (240 - 400))


def test_a_call_within_quarters_counts_with_its_minutes() -> None:
    minutes = drawn("2026-07-15T13:05Z", *[5.0] * 5, step_min=1)
    found = summed(called("a", (65 / 60, 70 / 60), 25.0, minutes))
    assert found.peaks[0].baseline_kw == pytest.approx(500)  # 25 and 5 times 20 kWh
