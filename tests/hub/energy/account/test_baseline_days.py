"""Baselines by hand: which days are alike, how the morning moves them, when nothing is known."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lode_hub.energy.account.baseline import Expected, expected, planned
from lode_hub.energy.account.metered import Metered, part
from lode_hub.energy.signals.programme import Baseline, described
from lode_hub.errors import InvalidError

CHICAGO = ZoneInfo("America/Chicago")
HOUR_MS = 3_600_000
EVENT = dt.datetime(2026, 7, 15, 16, tzinfo=CHICAGO)  # a Wednesday
BEGIN = dt.datetime(2026, 5, 20, tzinfo=CHICAGO)


def ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)


def meter(kwh, begin: dt.datetime = BEGIN, days: int = 60) -> Metered:
    """Hours of a meter, each what the function says of its local time."""
    from_ms = ms(begin) + np.arange(days * 24) * HOUR_MS
    shown = [dt.datetime.fromtimestamp(at / 1000, CHICAGO) for at in from_ms.tolist()]
    return Metered(
        meter="main", from_ms=from_ms, until_ms=from_ms + HOUR_MS,
        energy_kwh=np.array([kwh(moment) for moment in shown], float),
    )  # fmt: skip


def of(whole: Metered, event: dt.datetime = EVENT, hours: int = 2, told=None, **days) -> Expected:
    span = (ms(event), ms(event) + hours * HOUR_MS)
    return expected(told or Baseline(), whole, span, zone=CHICAGO, **days)


def is_off(moment: dt.datetime) -> bool:
    return moment.weekday() >= 5


def on_the_day(moment: dt.datetime) -> bool:
    return moment.date() == EVENT.date()


@pytest.mark.parametrize(
    ("method", "morning", "kwh", "adjustment"),
    [
        ("multiplicative", 100, 100, 1.0),
        ("multiplicative", 110, 110, 1.1),
        ("multiplicative", 90, 90, 0.9),
        ("multiplicative", 300, 120, 1.2),  # never by more than a fifth
        ("multiplicative", 0, 80, 0.8),
        ("additive", 110, 110, 10.0),
        ("additive", 300, 120, 20.0),
        ("additive", 0, 80, -20.0),
        ("none", 300, 100, 1.0),
    ],
)
def test_the_morning_moves_the_baseline_up_to_a_fifth(method, morning, kwh, adjustment) -> None:
    whole = meter(lambda at: morning if on_the_day(at) and at.hour < 16 else 100)
    found = of(whole, told=Baseline(adjustment=method))
    assert found.energy_kwh.tolist() == pytest.approx([kwh, kwh])
    assert found.adjustment == pytest.approx(adjustment)


def test_the_hour_just_before_the_event_does_not_adjust() -> None:
    # Who prepares for the call by drawing more in the last hour gains nothing.
    whole = meter(lambda at: 500 if on_the_day(at) and at.hour == 15 else 100)
    assert of(whole).energy_kwh.tolist() == [100, 100]


def test_the_event_itself_is_no_part_of_its_baseline() -> None:
    whole = meter(lambda at: 0 if on_the_day(at) and at.hour >= 16 else 100)
    assert of(whole).energy_kwh.tolist() == [100, 100]


def test_each_hour_has_its_own_mean() -> None:
    whole = meter(lambda at: 10 * at.hour)
    assert of(whole, told=Baseline(adjustment="none")).energy_kwh.tolist() == [160, 170]


def test_ten_working_days_count_back_over_weekends() -> None:
    found = of(meter(lambda at: 0 if is_off(at) else 100))
    assert found.energy_kwh.tolist() == [100, 100]
    assert found.days[0] == "2026-07-14"
    assert found.days[-1] == "2026-07-01"
    assert len(found.days) == 10


def test_a_weekend_is_compared_with_weekends() -> None:
    sunday = EVENT.replace(day=12)
    found = of(meter(lambda at: 30 if is_off(at) else 100), event=sunday)
    assert found.energy_kwh.tolist() == [30, 30]
    assert found.days[:3] == ("2026-07-11", "2026-07-05", "2026-07-04")


def test_a_holiday_is_as_a_weekend() -> None:
    holiday = dt.date(2026, 7, 3)
    whole = meter(lambda at: 0 if is_off(at) or at.date() == holiday else 100)
    told = Baseline(adjustment="none")
    assert of(whole, told=told, holidays=[holiday]).energy_kwh.tolist() == [100, 100]
    assert of(whole, told=told).energy_kwh.tolist() == [90, 90]


def test_all_days_may_be_alike() -> None:
    found = of(meter(lambda at: 100), told=Baseline(day_types="all"))
    assert found.days == tuple(f"2026-07-{day:02}" for day in range(14, 4, -1))


def test_days_with_events_and_days_with_holes_are_passed_over() -> None:
    eventful, hollow = dt.date(2026, 7, 14), dt.date(2026, 7, 13)

    def kwh(at: dt.datetime) -> float:
        if at.date() == eventful:
            return 0
        return np.nan if at.date() == hollow and at.hour == 17 else 100

    found = of(meter(kwh), eventful=[eventful])
    assert found.energy_kwh.tolist() == [100, 100]
    assert found.days[0] == "2026-07-10"
    assert len(found.days) == 10


@pytest.mark.parametrize(("known_days", "is_known"), [(7, True), (6, False)])
def test_half_of_the_days_are_needed(known_days: int, is_known: bool) -> None:
    # Five working days lie in the week before, four in the six days before.
    first = EVENT.date() - dt.timedelta(days=known_days)
    found = of(meter(lambda at: 100 if at.date() >= first else np.nan))
    assert np.isnan(found.energy_kwh).all() == (not is_known)
    assert ("mean of 5 days" if is_known else "only 4 of 10 days alike") in found.says


def test_a_silent_morning_does_not_adjust_and_says_so() -> None:
    whole = meter(lambda at: np.nan if on_the_day(at) and at.hour == 13 else 100)
    found = of(whole)
    assert found.energy_kwh.tolist() == [100, 100]
    assert "no counter on the day before the event" in found.says


def test_a_site_that_usually_sleeps_in_the_morning_is_not_divided_by_zero() -> None:
    whole = meter(lambda at: 0 if at.hour < 16 else 100)
    assert of(whole).energy_kwh.tolist() == [100, 100]


@pytest.mark.parametrize(
    "event",
    [dt.datetime(2026, 3, 10, 16, tzinfo=CHICAGO), dt.datetime(2026, 11, 3, 16, tzinfo=CHICAGO)],
    ids=["spring", "autumn"],
)
def test_the_same_clock_times_are_compared_over_a_change_of_clocks(event: dt.datetime) -> None:
    begin = event.replace(hour=0) - dt.timedelta(days=40)
    whole = meter(lambda at: 10 * at.hour, begin=begin, days=42)
    assert of(whole, event=event, told=Baseline(adjustment="none")).energy_kwh.tolist() == [
        160,
        170,
    ]


def around(at: dt.datetime) -> float:
    """What is drawn on the day: 200 kW in the hour before the event, 100 in the one after."""
    if not on_the_day(at):
        return 1
    return {15: 200, 16: 0, 17: 0, 18: 100}.get(at.hour, 1)


@pytest.mark.parametrize(("method", "kwh"), [("before", 200), ("before-after", 150)])
def test_what_was_drawn_just_before_or_around_it(method, kwh) -> None:
    found = of(meter(around), told=Baseline(method=method))
    assert found.energy_kwh.tolist() == [kwh, kwh]
    assert found.says.startswith("mean power of 60 min before")


@pytest.mark.parametrize(("method", "hole"), [("before", 15), ("before-after", 18)])
def test_a_hole_around_the_event_leaves_it_unknown(method, hole) -> None:
    whole = meter(lambda at: np.nan if on_the_day(at) and at.hour == hole else 100)
    found = of(whole, told=Baseline(method=method))
    assert np.isnan(found.energy_kwh).all()
    assert "no counter around the event" in found.says


def test_a_time_before_that_is_shorter_than_a_period_is_unknown_and_not_zero() -> None:
    found = of(meter(lambda _: 100), told=Baseline(method="before", before_min=15))
    assert np.isnan(found.energy_kwh).all()


def test_a_plan_is_laid_on_the_events_periods_and_ends_where_it_ends() -> None:
    event = part(meter(lambda _: 100), ms(EVENT), ms(EVENT) + 3 * HOUR_MS)
    plan = [
        {"from_ms": ms(EVENT) + n * HOUR_MS // 2, "until_ms": ms(EVENT) + (n + 1) * HOUR_MS // 2,
         "power_w": watts, "setpoint_w": None}
        for n, watts in enumerate([60_000.0, 80_000.0, 80_000.0, 80_000.0, 90_000.0])
    ]  # fmt: skip
    found = planned(event, plan, ms(BEGIN))
    assert found.energy_kwh.tolist() == pytest.approx([70, 80, np.nan], nan_ok=True)
    assert "which stood when the call came" in found.says
    assert "another call" not in found.says
    plan[2]["setpoint_w"] = 50_000.0
    assert "kept another call" in planned(event, plan, ms(BEGIN)).says


def test_an_event_without_a_whole_period_has_an_empty_baseline() -> None:
    whole = meter(lambda _: 100)
    found = expected(
        Baseline(), whole, (ms(EVENT) + 1000, ms(EVENT) + 2000), zone=CHICAGO
    )  # fmt: skip
    assert len(found.energy_kwh) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[baseline]\nmethod = 'guess'", "baseline.method"),
        ("[baseline]\ndays = 0", "baseline.days"),
        ("[baseline]\nadjustment_cap_ratio = 1.5", "baseline.adjustment_cap_ratio"),
        ("[baseline]\nadjustment_from_h = 1.0", "adjustment_from_h is not before"),
        ("[baseline]\nbefor_min = 5", "befor_min"),
        ("reduce = 'by'", "power_kw goes with reduce"),
        ("power_kw = 5.0", "power_kw goes with reduce"),
        ("tolerance_ratio = -0.1", "tolerance_ratio"),
        ("[openadr]\nurl = 'ftp://vtn'", "an address is none"),
        ("[openadr]\nurl = 'http://me:pw@vtn'", "an address is none"),
        ("[openadr]\nurl = 'http://vtn'\nevery_s = 1.0", "openadr.every_s"),
        ("webhook_secret = '../etc/passwd'", "webhook_secret"),
        ("reduce =", "no TOML"),
    ],
)
def test_a_programme_that_cannot_be_says_where(text: str, said: str) -> None:
    with pytest.raises(InvalidError) as refused:
        described(text, "programme ERS")
    assert str(refused.value).startswith("programme ERS: ")
    assert said in str(refused.value)
    assert "me:pw" not in str(refused.value)
