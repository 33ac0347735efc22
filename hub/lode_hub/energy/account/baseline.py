"""What would have been drawn without the event, by a method that has a name.

`10-of-10`: the mean of the same times of the last ten days alike without an event, adjusted by what
was drawn that same day before the event, at most by a fifth: CAISO's ten-in-ten method (NAESB's
Baseline Type I), on which AEMO's wholesale demand response baselines stand, too.
`before`, `before-after`: the mean power just before the event, or before and after it.
`plan`: what the plan that stood before the call came said the site would draw. It is the site's own
word, signed before it knew: no meter says so, and no programme has to take it.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from lode_hub.energy.account.metered import Metered, part
from lode_hub.energy.prices import Figures, Times, Values, over
from lode_hub.energy.signals.programme import Baseline, Method

_HOUR_MS = 3_600_000
_SATURDAY = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """The baseline by period of the event, kWh; NaN where it cannot be known."""

    method: Method
    energy_kwh: Figures
    says: str
    days: tuple[str, ...] = ()
    adjustment: float = 1.0  # factor, or kW to be added; as the method says


def expected(
    told: Baseline,
    whole: Metered,
    event_ms: tuple[int, int],
    *,
    zone: ZoneInfo,
    eventful: Iterable[dt.date] = (),
    holidays: Iterable[dt.date] = (),
) -> Expected:
    """Give the baseline of an event.

    Args:
        told: the method; not `plan`, see `planned`.
        whole: the meter from far enough before the event until after it.
        event_ms: from and until.
        zone: whose days count.
        eventful: days with events: they say nothing of days without.
        holidays: days that are like weekends.
    """
    event = part(whole, *event_ms)
    if told.method == "10-of-10":
        return _of_days(told, whole, event, _Days(zone, frozenset(eventful), frozenset(holidays)))
    length_ms = told.before_min * 60_000
    spans = [(event_ms[0] - length_ms, event_ms[0])]
    if told.method == "before-after":
        spans.append((event_ms[1], event_ms[1] + length_ms))
    powers = [part(whole, *span).power_w for span in spans]
    if any(not len(power) or np.isnan(power).any() for power in powers):
        return _unknown(told, event, "the meter has no counter around the event")
    mean_w = float(np.mean([power.mean() for power in powers]))
    hours = (event.until_ms - event.from_ms) / _HOUR_MS
    return Expected(
        method=told.method,
        energy_kwh=hours * mean_w / 1000,
        says=f"mean power of {told.before_min} min {told.method.replace('-', ' and ')} the event",
    )


def planned(event: Metered, plan: Sequence[Mapping[str, Any]], made_ms: int) -> Expected:
    """Give what a plan said the site would draw as the baseline; NaN where it says nothing.

    Args:
        event: by its periods.
        plan: the plan's periods, from_ms, until_ms, power_w at the meter, setpoint_w.
        made_ms: when it was made.
    """
    begins, ends = (np.array([one[f"{edge}_ms"] for one in plan], np.int64)
                    for edge in ("from", "until"))  # fmt: skip
    drawn = Values(
        unit="W", from_ms=begins, until_ms=ends, published_ms=np.zeros(len(plan), np.int64),
        value=np.array([one["power_w"] for one in plan], float),
    )  # fmt: skip
    hours = (event.until_ms - event.from_ms) / _HOUR_MS
    made = dt.datetime.fromtimestamp(made_ms / 1000, dt.UTC).isoformat(timespec="seconds")
    is_held = any(
        one["setpoint_w"] is not None
        and one["from_ms"] < event.until_ms[-1]
        and one["until_ms"] > event.from_ms[0]
        for one in plan
    )
    return Expected(
        method="plan",
        energy_kwh=over(drawn, event.from_ms, event.until_ms) * hours / 1000,
        says=f"the plan of {made}, which stood when the call came"
        + (", and kept another call" if is_held else ""),
    )


@dataclass(frozen=True, slots=True)
class _Days:
    zone: ZoneInfo
    eventful: frozenset[dt.date]
    holidays: frozenset[dt.date]

    def is_off(self, day: dt.date) -> bool:
        return day.weekday() >= _SATURDAY or day in self.holidays

    def earlier(self, at_ms: int, days: int) -> int:
        """Give the moment of the same clock time so many days before."""
        shown = dt.datetime.fromtimestamp(at_ms / 1000, self.zone).replace(tzinfo=None)
        before = (shown - dt.timedelta(days=days)).replace(tzinfo=self.zone)
        return round(before.timestamp() * 1000)

    def date(self, at_ms: int) -> dt.date:
        return dt.datetime.fromtimestamp(at_ms / 1000, self.zone).date()


def _of_days(told: Baseline, whole: Metered, event: Metered, days: _Days) -> Expected:
    begin = int(event.from_ms[0]) if len(event.from_ms) else 0
    adjusted_ms = tuple(
        begin - round(h * _HOUR_MS) for h in (told.adjustment_from_h, told.adjustment_until_h)
    )
    morning = part(whole, adjusted_ms[0], adjusted_ms[1])
    today = days.date(begin)
    rows: list[Figures] = []
    mornings: list[Figures] = []
    names: list[str] = []
    for back in range(1, told.look_back_days + 1):
        day = days.date(days.earlier(begin, back))
        is_alike = told.day_types == "all" or days.is_off(day) == days.is_off(today)
        if not is_alike or day in days.eventful or len(rows) == told.days:
            continue
        shift = begin - days.earlier(begin, back)
        same, early = _at(whole, event.from_ms - shift), _at(whole, morning.from_ms - shift)
        if not np.isnan(same).any() and not np.isnan(early).any():
            rows.append(same)
            mornings.append(early)
            names.append(str(day))
    if len(rows) < max(1, told.days // 2):
        return _unknown(told, event, f"only {len(rows)} of {told.days} days alike have counters")
    mean = np.mean(rows, axis=0)
    factor, added_kw, said = _adjustment(told, morning, np.mean(mornings, axis=0))
    hours = (event.until_ms - event.from_ms) / _HOUR_MS
    return Expected(
        method=told.method,
        energy_kwh=mean * factor + added_kw * hours,
        says=f"mean of {len(rows)} days alike, {said}",
        days=tuple(names),
        adjustment=added_kw if told.adjustment == "additive" else factor,
    )


def _adjustment(told: Baseline, morning: Metered, usual_kwh: Figures) -> tuple[float, float, str]:
    """Give the factor and the kW to be added by which that day differed before the event."""
    usual = float(usual_kwh.sum())
    if told.adjustment == "none" or not len(usual_kwh):
        return 1.0, 0.0, "not adjusted"
    if np.isnan(morning.energy_kwh).any() or usual <= 0:
        return 1.0, 0.0, "not adjusted: no counter on the day before the event"
    actual, cap = float(morning.energy_kwh.sum()), told.adjustment_cap_ratio
    if told.adjustment == "multiplicative":
        factor = float(np.clip(actual / usual, 1 - cap, 1 + cap))
        return factor, 0.0, f"times {factor:.4f} by the same day's hours before"
    hours = float((morning.until_ms - morning.from_ms).sum()) / _HOUR_MS
    added = float(np.clip((actual - usual) / hours, -cap * usual / hours, cap * usual / hours))
    return 1.0, added, f"plus {added:.2f} kW by the same day's hours before"


def _at(whole: Metered, from_ms: Times) -> Figures:
    place = np.searchsorted(whole.from_ms, from_ms)
    found = np.full(len(from_ms), np.nan)
    inside = place < len(whole.from_ms)
    inside[inside] = whole.from_ms[place[inside]] == from_ms[inside]
    found[inside] = whole.energy_kwh[place[inside]]
    return found


def _unknown(told: Baseline, event: Metered, says: str) -> Expected:
    nothing = np.full(len(event.from_ms), np.nan)
    return Expected(method=told.method, energy_kwh=nothing, says=says)
