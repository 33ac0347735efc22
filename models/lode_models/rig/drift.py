"""Whether the rigs that are judged are still like those that the model was trained on.

features ─► counts by bin, an hour a pane, 24 panes ─► population stability index ─► Drift

The index is sum((p - q) ln(p / q)) over the bins (Siddiqi, Credit Risk Scorecards, 2006), whose
0.25 is "act". Of few rigs it is large by chance: without drift it is distributed about as
(1/n + 1/m) times chi-squared with one degree less than bins (Yurdakul and Naranjo, J. Risk Model
Validation, 2020), so its 99.9 % quantile is the limit where that is more. n and m are rigs, not
readings, since a rig's readings are alike.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from lode_models.features import Floats
from lode_models.rig.card import Card
from lode_models.rig.features import FEATURES

PANE_MS, PANES, LEAST_PANES = 3_600_000, 24, 6
ACT = 0.25
END = 0.8  # of the limit
Z_999 = 3.0902

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """That a feature differs from what the model was trained on."""

    feature: str
    words: str
    index: float
    limit: float
    since_ms: int


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What a monitor remembers: its counts by pane, feature and bin, and what it found."""

    panes: list[int]
    rigs: list[int]
    begun: list[int]
    drifts: tuple[Drift, ...]


class Monitor:
    """The features of the last 24 hours, as counts by pane, feature and bin: whole numbers."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._edges = [np.array(edges, np.float32) for edges in card.edges]
        self._expected = [np.array(shares) for shares in card.shares]
        widest = max(len(shares) for shares in card.shares)
        self._panes: Counts = np.zeros((PANES, len(card.features), widest), np.int64)
        self._total: Counts = np.zeros((len(card.features), widest), np.int64)
        self._rigs: Counts = np.zeros(PANES, np.int64)
        self._begun = np.zeros(PANES, np.int64)  # pane numbers since 1970
        self.drifts: tuple[Drift, ...] = ()  # as last looked at

    def count(self, now_ms: int, features: Floats) -> None:
        """Count the features of rigs, (rig, feature), that were looked at."""
        place = self._turn(now_ms // PANE_MS)
        self._rigs[place] = max(self._rigs[place], len(features))
        for number, edges in enumerate(self._edges):
            counts = np.bincount(bins(features[:, number], edges), minlength=len(edges) + 2)
            self._panes[place, number, : len(counts)] += counts
            self._total[number, : len(counts)] += counts

    def look(self, now_ms: int) -> None:
        """Look which features drift now; before enough was seen, nothing changes."""
        self._turn(now_ms // PANE_MS)
        if np.count_nonzero(self._rigs) < LEAST_PANES:
            return
        before, found = {drift.feature: drift for drift in self.drifts}, []
        for feature, counts, expected in zip(FEATURES, self._total, self._expected, strict=True):
            value = index(counts[: len(expected)], expected)
            most = limit(len(expected), int(self._rigs.max()), self._card.rigs)
            known = before.get(feature.name)
            if value > (END * most if known else most):
                since_ms = known.since_ms if known else now_ms
                found.append(
                    Drift(
                        feature=feature.name, words=feature.words, index=value, limit=most,
                        since_ms=since_ms,
                    )
                )  # fmt: skip
        self.drifts = tuple(found)

    def snapshot(self) -> Counted:
        """Give what must outlive a restart."""
        return Counted(
            panes=self._panes.ravel().tolist(),
            rigs=self._rigs.tolist(),
            begun=self._begun.tolist(),
            drifts=self.drifts,
        )

    def restore(self, kept: Counted) -> None:
        """Take what `snapshot` gave of a monitor of the same model.

        Raises: ValueError if it is of other features or bins; then nothing is taken.
        """
        panes = np.array(kept.panes, np.int64).reshape(self._panes.shape)
        rigs, begun = np.array(kept.rigs, np.int64), np.array(kept.begun, np.int64)
        if not len(rigs) == len(begun) == PANES:
            raise ValueError(f"rig model: drift of {len(rigs)} panes, not {PANES}")
        self._panes[:], self._rigs[:], self._begun[:] = panes, rigs, begun
        self._total[:] = panes.sum(axis=0)
        self.drifts = kept.drifts

    def _turn(self, pane: int) -> int:
        """Empty the panes that are too old; give the place of the present one."""
        old = (self._begun <= pane - PANES) & (self._rigs > 0)
        for place in np.flatnonzero(old).tolist():
            self._total -= self._panes[place]
            self._panes[place], self._rigs[place] = 0, 0
        place = pane % PANES
        self._begun[place] = max(self._begun[place], pane)
        return int(place)


def bins(values: Floats, edges: Floats) -> npt.NDArray[np.intp]:
    """Give each value's bin: 0 below the first edge, the last but one above, the last unknown."""
    places = np.searchsorted(edges, values, side="right")
    return np.where(np.isnan(values), len(edges) + 1, places)


def index(counts: Counts, expected: npt.NDArray[np.float64]) -> float:
    """Give the population stability index of counts against expected shares.

    Half a count is added to each bin, so that an empty one does not make it infinite.
    """
    seen = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    wanted = np.maximum(expected, 1e-4)
    wanted = wanted / wanted.sum()
    return float(((seen - wanted) * np.log(seen / wanted)).sum())


def limit(n_bins: int, n: int, m: int) -> float:
    """Give the index above which n rigs differ from the m of the reference."""
    free = max(n_bins - 1, 1)
    # The quantile of chi-squared after Wilson and Hilferty (1931).
    part = 2 / (9 * free)
    chi2 = free * (1 - part + Z_999 * part**0.5) ** 3
    return max(ACT, float(chi2) * (1 / max(n, 1) + 1 / max(m, 1)))
