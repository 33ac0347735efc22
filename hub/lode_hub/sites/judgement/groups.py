"""Sites and their models as numbers: medians and totals of the rigs that were heard just now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lode_hub.sites.quality.units import medians
from lode_hub.sites.tables import Mask, Slots, Table
from lode_hub.store.judgement import Device
from lode_models.peers.sample import RESTING

LEAST_RIGS = 5
"""Fewer rigs than this have neither a median nor a total that says more than they do."""

COVERED = 0.9
"""The share of a group's rigs that must say theirs for it to have a value at all."""

FRESH_INTERVALS, FRESH_MS, USUAL_INTERVAL_S = 3, 30_000, 10.0
METRICS = ("hash-ratio", "chip-temp", "hashrate", "power")
HELD = 0.05
"""The share of a site's rigs that rest or are under an order from which on it has no value."""


@dataclass(frozen=True, slots=True)
class Place:
    """A site, or all rigs of one model at it."""

    site_id: int
    site: str
    model: str = ""

    @property
    def subject(self) -> str:
        """Name it as findings do."""
        return f"site:{self.site_id}" + (f":model:{self.model}" if self.model else "")

    def __str__(self) -> str:
        return f"{self.model} at {self.site}" if self.model else self.site


class Groups:
    """The groups of the rigs, by slot; a model is one where a site has several."""

    def __init__(self, devices: Sequence[Device], is_watched: Mask) -> None:
        self.is_watched = is_watched
        interval_s = np.array([d.interval_s or USUAL_INTERVAL_S for d in devices])
        self._fresh_ms = np.maximum(FRESH_INTERVALS * 1000 * interval_s, FRESH_MS)
        rated = [(d.rated_hashrate_ths or np.nan, d.rated_power_w or np.nan) for d in devices]
        self._rated_ths, self._rated_w = np.array([*rated, (1, 1)], np.float32)[:-1].T
        pairs = list(zip(devices, is_watched.tolist(), strict=True))
        by_site = [Place(d.site_id or 0, d.site) if is_in else None for d, is_in in pairs]
        by_model = [
            Place(d.site_id or 0, d.site, d.model) if is_in and d.model else None
            for d, is_in in pairs
        ]
        self.sites, self.site_of = _numbers(by_site)
        models, model_of = _numbers(by_model)
        at_site = [place.site_id for place in models]
        sizes = np.bincount(model_of + 1, minlength=len(models) + 1)[1:]
        self._levels = [(self.sites, self.site_of, [True] * len(self.sites))]
        wanted = [
            at_site.count(place.site_id) > 1 and size >= LEAST_RIGS
            for place, size in zip(models, sizes.tolist(), strict=True)
        ]
        self._levels.append((models, model_of, wanted))

    def held(self, latest: Table, now_ms: int) -> dict[int, bool]:
        """Tell of each site whether so many of its rigs rest or obey that it is not as usual."""
        rests = np.isin(latest["state"], RESTING) & self._fresh(latest, now_ms)
        rests |= self.is_watched & (latest["mode"] != 0)
        n = len(self.sites) + 1
        resting = np.bincount(self.site_of + 1, weights=rests, minlength=n)[1:]
        share = resting / np.maximum(np.bincount(self.site_of + 1, minlength=n)[1:], 1)
        return {
            place.site_id: is_held
            for place, is_held in zip(self.sites, (share > HELD).tolist(), strict=True)
        }

    def values(
        self, latest: Table, now_ms: int, is_troubled: Mask
    ) -> Iterator[tuple[Place, str, float]]:
        """Give each group's metrics now; NaN where too few of its rigs say theirs.

        Rigs that are in a trouble of their own are told of by themselves: totals are those of the
        others, scaled by rating to all.
        """
        fresh = self._fresh(latest, now_ms) & ~is_troubled
        hashrate = np.where(fresh, latest["hashrate_ths"], np.nan)
        columns = {
            "hash-ratio": hashrate / self._rated_ths,
            "chip-temp": np.where(fresh, latest["chip_temp_c"], np.nan),
            "hashrate": hashrate,
            "power": np.where(fresh, latest["power_w"], np.nan),
        }
        rated = {"hashrate": self._rated_ths, "power": self._rated_w}
        for places, of, wanted in self._levels:
            n = len(places) + 1
            sizes = np.bincount(of + 1, minlength=n)[1:]
            for metric in METRICS:
                column, known = columns[metric], ~np.isnan(columns[metric])
                if metric in rated:
                    found = _total(of + 1, n, column, rated[metric])
                else:
                    found, _ = medians(of + 1, n, column.astype(np.float32))
                counts = np.bincount(of + 1, weights=known, minlength=n)[1:]
                enough = (counts >= COVERED * sizes) & (sizes >= LEAST_RIGS)
                made = np.where(enough, found[1:], np.nan).tolist()
                for place, is_in, value in zip(places, wanted, made, strict=True):
                    if is_in:
                        yield place, metric, value

    def _fresh(self, latest: Table, now_ms: int) -> Mask:
        mask: Mask = self.is_watched & (now_ms - latest["at_ms"] <= self._fresh_ms)
        return mask


def _total(of: Slots, n: int, column: np.ndarray, rated: np.ndarray) -> np.ndarray:
    """Sum what is known and scale it by rating; a rig without one weighs as the others do."""
    known = ~np.isnan(column)
    usual = np.nanmedian(rated) if (~np.isnan(rated)).any() else 1.0
    weights = np.where(np.isnan(rated), usual, rated)
    total = np.bincount(of, weights=np.where(known, column, 0), minlength=n)
    covered = np.bincount(of, weights=np.where(known, weights, 0), minlength=n)
    whole = np.bincount(of, weights=weights, minlength=n)
    made: np.ndarray = total * whole / np.maximum(covered, 1e-9)
    return made


def _numbers(places: Sequence[Place | None]) -> tuple[list[Place], Slots]:
    """Number what there is from 0; None is -1."""
    found = {place: no for no, place in enumerate(dict.fromkeys(p for p in places if p))}
    return list(found), np.array([found[p] if p else -1 for p in places], np.intp)
