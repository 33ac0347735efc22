"""Local times of many moments at once, and which of them a rule means."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from lode_hub.energy.prices import Times
from lode_hub.energy.tariff.described import WEEKDAYS, When, season, span_min

_DAY_MS = 86_400_000
_QUARTER_MS = 900_000
_THURSDAY = 3  # 1970-01-01

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Local:
    """Moments as clocks and calendars of a zone show them."""

    day: Ints  # since 1970-01-01
    minute: Ints  # of the day, as the clock shows it
    weekday: Ints  # 0 is Monday
    month: Ints  # 1 to 12
    month_day: Ints  # 100 times the month, and the day
    year: Ints


def local(at_ms: Times, zone: ZoneInfo) -> Local:
    """Give the local times of moments."""
    shown_ms = at_ms + offsets_ms(at_ms, zone)
    day = shown_ms // _DAY_MS
    dates = day.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    month = months.astype(np.int64) % 12 + 1
    return Local(
        day=day,
        minute=(shown_ms % _DAY_MS) // 60_000,
        weekday=(day + _THURSDAY) % 7,
        month=month,
        month_day=month * 100 + (dates - months.astype("datetime64[D]")).astype(np.int64) + 1,
        year=months.astype(np.int64) // 12 + 1970,
    )


def offsets_ms(at_ms: Times, zone: ZoneInfo) -> Times:
    """Give how far the zone's clocks are before UTC at each moment."""
    days, which = np.unique(at_ms // _DAY_MS, return_inverse=True)
    edges = {int(day) + n for day in days for n in (0, 1)}
    at_edge = {day: _offset_ms(day * _DAY_MS, zone) for day in edges}
    begins = np.array([at_edge[int(day)] for day in days], np.int64)
    is_still = np.array([at_edge[int(day)] == at_edge[int(day) + 1] for day in days], bool)
    found = begins[which]
    # On a day of change each quarter of an hour is looked up: no zone changes within one.
    moving = np.flatnonzero(~is_still[which])
    quarters, places = np.unique(at_ms[moving] // _QUARTER_MS, return_inverse=True)
    looked_up = [_offset_ms(int(quarter) * _QUARTER_MS, zone) for quarter in quarters]
    found[moving] = np.array(looked_up, np.int64)[places]
    return found


def counts(when: When, shown: Local, holidays: tuple[dt.date, ...] = ()) -> Bools:
    """Tell which moments a rule means."""
    found = np.ones(len(shown.day), bool)
    if when.months:
        found &= np.isin(shown.month, when.months)
    if when.season:
        first, last = season(when.season)
        after, before = shown.month_day >= first, shown.month_day <= last
        found &= (after & before) if first <= last else (after | before)
    is_holiday = np.isin(shown.day, [(day - dt.date(1970, 1, 1)).days for day in holidays])
    if when.weekdays:
        found &= np.isin(shown.weekday, [WEEKDAYS.index(day) for day in when.weekdays])
    if when.holidays == "never":
        found &= ~is_holiday
    elif when.holidays == "only":
        found &= is_holiday
    return found & _hours(when, shown)


def billing_month(shown: Local, billing_day: int) -> Ints:
    """Number the billing months in which moments are: 12 times the year, and the month from 0."""
    number = shown.year * 12 + shown.month - 1
    return number - (shown.month_day % 100 < billing_day)


def _hours(when: When, shown: Local) -> Bools:
    if not when.hours:
        return np.ones(len(shown.day), bool)
    found = np.zeros(len(shown.day), bool)
    for begin, end in map(span_min, when.hours):
        after, before = shown.minute >= begin, shown.minute < end
        found |= (after & before) if begin < end else (after | before)
    return found


def _offset_ms(at_ms: int, zone: ZoneInfo) -> int:
    shift = dt.datetime.fromtimestamp(at_ms / 1000, zone).utcoffset()
    return round(shift.total_seconds() * 1000) if shift else 0
