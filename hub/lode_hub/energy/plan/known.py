"""What is known of prices at a moment, and what is believed of those that are not.

Known is the price of the period that runs and all before it; on a day-ahead market, too, the rest
of the day, and from noon the whole of tomorrow. A published forecast for a day counts as known from
noon of the day before. Beyond it stands the forecast of our own: the same time of past days.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from lode_hub.energy.nouns import Floats, Ints

NOON_S = 12 * 3600.0
DAY_S = 86_400.0
RECENT_S = 14 * DAY_S
PAST_DAYS = 7
FADING, BELIEVED = 0.9, 4.0  # before anything was seen, and how many misses that weighs
FADE = 0.8  # how much less each day further back counts in our own forecast

Knowledge = Literal["current", "day-ahead"]


@dataclass(kw_only=True, slots=True)
class Known:
    """A series of prices as it comes to be known: by period its beginning, also by local clocks.

    `forecast` is NaN where none was published. `past` periods lie before those to be walked.
    """

    begins_s: Floats
    local_s: Floats
    price_usd_mwh: Floats
    forecast: Floats
    knowledge: Knowledge = "current"
    past: int = 0
    _day: Ints = field(init=False)

    def __post_init__(self) -> None:
        self._day = (self.local_s // DAY_S).astype(np.int64)

    def believed(self, now: int, end: int) -> Floats:
        """Give prices from period `now` up to `end`, as known or believed when `now` begins.

        Periods are numbered without the past ones. What the forecast misses now is added to its
        next periods, fading as its misses did lately.
        """
        now, end = now + self.past, end + self.past
        mean = self._mean(now, np.arange(now, end))
        miss = self.price_usd_mwh[now] - mean[0]
        fading = self._fading(now) ** np.arange(end - now)
        known = self._is_known(now, np.arange(now, end))
        return np.where(known, self.price_usd_mwh[now:end], mean + miss * fading)

    def _is_known(self, now: int, at: Ints) -> Floats:
        if self.knowledge == "current":
            return np.asarray(at <= now)
        return np.asarray(self._day[at] <= self._published_day(now))

    def _published_day(self, now: int) -> int:
        is_noon = self.local_s[now] % DAY_S >= NOON_S
        return int(self._day[now]) + int(is_noon)

    def _mean(self, now: int, at: Ints) -> Floats:
        published = np.where(self._day[at] <= self._published_day(now), self.forecast[at], np.nan)
        missing = np.isnan(published)
        if missing.any():
            published[missing] = self._own(now, at[missing])
        return published

    def _own(self, now: int, at: Ints) -> Floats:
        """Average the same time of the days before that were seen, the latest counting most."""
        weighted, weight = np.zeros(len(at)), np.zeros(len(at))
        for days in range(1, PAST_DAYS + 2):
            past_s = self.begins_s[at] - days * DAY_S
            past = np.searchsorted(self.begins_s, past_s + 1e-3, side="right") - 1
            seen = (past >= 0) & (past < now)
            weighted[seen] += FADE**days * self.price_usd_mwh[past[seen]]
            weight[seen] += FADE**days
        lately = float(self.price_usd_mwh[self._lately(now, DAY_S)].mean())
        return np.where(weight > 0, weighted / np.where(weight > 0, weight, 1.0), lately)

    def _fading(self, now: int) -> float:
        """Give how much of a miss is left a period later, by the misses of the last weeks."""
        past = self._lately(now, RECENT_S)
        expected = self.forecast[past]
        expected = np.where(np.isnan(expected), self._day_before(past), expected)
        expected = np.where(np.isnan(expected), self.price_usd_mwh[past].mean(), expected)
        miss = self.price_usd_mwh[past] - expected
        square = float(miss @ miss) / len(miss)
        if square == 0.0:
            return FADING
        kept = float(miss[1:] @ miss[:-1]) + FADING * BELIEVED * square
        among = float(miss[:-1] @ miss[:-1]) + BELIEVED * square
        return float(np.clip(kept / among, 0.0, 0.99))

    def _lately(self, now: int, length_s: float) -> Ints:
        first = int(np.searchsorted(self.begins_s, self.begins_s[now] - length_s))
        return np.arange(first, now + 1)

    def _day_before(self, at: Ints) -> Floats:
        before = np.searchsorted(self.begins_s, self.begins_s[at] - DAY_S + 1e-3, side="right") - 1
        return np.where(before >= 0, self.price_usd_mwh[np.maximum(before, 0)], np.nan)
