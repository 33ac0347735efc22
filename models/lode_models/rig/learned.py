"""The learned opinion on rigs: a third one, which never alerts and never speaks first.

readings ─► Window ─► features, once a minute ─► Model ─► strange for three minutes ─► Opinion
                          └► Monitor ─► Drift, which silences                 Trial counts ┘
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from lode_models.features import Floats
from lode_models.peers import Rigs
from lode_models.peers.sample import Mask, Slots, Table
from lode_models.rig.drift import Drift, Monitor
from lode_models.rig.features import Window
from lode_models.rig.model import Model, Reason
from lode_models.rig.trial import Trial

JUDGE_MS = 60_000
LASTING = 3  # judgements in a row
STRANGE = 0.5
DOUBT_LEFT = 0.7
"""Of the doubt in another detector's finding, so much is left when this one shares it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """That a rig began to look strange, or does no more; no finding, and no ground to alert."""

    slot: int
    is_active: bool
    at_ms: int
    since_ms: int
    score: float  # 0 to 1, strange from 0.5
    reasons: tuple[Reason, ...] = ()
    is_shared: bool = False  # by another detector, at any time while it lasted

    def raised(self, confidence: float) -> float:
        """Give the confidence of a finding that this opinion accompanies; never less."""
        return 1 - (1 - confidence) * DOUBT_LEFT


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What a call brought: opinions and drifts that began or are over."""

    opinions: list[Opinion] = field(default_factory=list)
    drifts: list[Drift] = field(default_factory=list)


class Learned:
    """Judges all rigs once a minute, beside the other detectors."""

    def __init__(self, model: Model, rigs: Rigs) -> None:
        self.model = model
        self.trial = Trial(model_sha256=model.card.model_sha256)
        self.monitor = Monitor(model.card)
        self.scores: Floats = np.full(len(rigs), np.nan, np.float32)
        self._window = Window(rigs)
        self._due_ms = 0
        self._clear(len(rigs))

    @property
    def rigs(self) -> Rigs:
        """Give the rigs that are judged."""
        return self._window.rigs

    @property
    def is_drifting(self) -> bool:
        """Tell whether the rigs are no longer like those it was trained on."""
        return bool(self.monitor.active.any())

    def fit(self, rigs: Rigs) -> None:
        """Take the rigs as they are now; a slot whose rig is another begins anew."""
        self._window = self._window.fitted(rigs)
        self.scores = np.full(len(rigs), np.nan, np.float32)
        self._clear(len(rigs))

    def judge(self, now_ms: int, slots: Slots, rows: Table, others: Iterable[int]) -> Judged:
        """Take readings (at most one a rig), and once a minute say what begins or is over.

        `others` are the slots on which another detector has an active finding now.
        """
        self._window.take(slots, rows)
        if now_ms < self._due_ms <= now_ms + JUDGE_MS:  # later is of a clock that was set back
            return Judged()
        self._due_ms = now_ms + JUDGE_MS
        features = self._window.features(now_ms)
        self.scores, weights = self.model.score(features)
        seen = ~np.isnan(self.scores)
        found = np.zeros(len(seen), bool)
        found[np.fromiter(others, np.intp)] = True
        if seen.any():
            self.trial.judged(now_ms)
            # What others find faulty is strange, but no sign that the fleet is another.
            self.monitor.count(now_ms, features[seen & ~found])
        drifts = self.monitor.look(now_ms)
        self._compare(found, seen)
        return Judged(opinions=self._opinions(now_ms, features, weights, found), drifts=drifts)

    def second(self, slot: int) -> Opinion | None:
        """Give the opinion that may accompany another detector's finding on a rig now, if any.

        None in shadow, while the model drifts, and where it thinks the rig usual.
        """
        if self.trial.stage != "advisory" or self.is_drifting:
            return None
        return self._active.get(slot)

    def snapshot(self) -> bytes:
        """Give what must outlive a restart: trial and drift; the rest comes back by itself."""
        kept = {"trial": self.trial.snapshot(), "drift": self.monitor.snapshot()}
        return msgspec.msgpack.encode(kept)

    def restore(self, kept: bytes) -> None:
        """Take what `snapshot` gave; what another model has shown is not this one's.

        Raises: ValueError if it is no such snapshot; then nothing is taken.
        """
        try:
            plain: dict[str, Any] = msgspec.msgpack.decode(kept)
            trial = msgspec.convert(plain["trial"], Trial)
            if trial.model_sha256 == self.model.card.model_sha256:
                self.monitor.restore(plain["drift"])
                self.trial = trial
        except (msgspec.MsgspecError, KeyError, TypeError) as error:
            raise ValueError(f"rig model: no snapshot of a trial: {error}") from None

    def _clear(self, n: int) -> None:
        self._strange = np.zeros(n, np.int16)  # judgements in a row
        self._active: dict[int, Opinion] = {}
        self._found: Mask = np.zeros(n, bool)  # by others, while it lasts, on a rig we judged
        self._is_seconded: Mask = np.zeros(n, bool)

    def _opinions(
        self, now_ms: int, features: Floats, weights: Floats, found: Mask
    ) -> list[Opinion]:
        strange = self.scores >= STRANGE
        self._strange = np.where(strange, np.minimum(self._strange + 1, 1000), 0).astype(np.int16)
        said = []
        for slot in np.flatnonzero(self._strange >= LASTING).tolist():
            before = self._active.get(slot)
            opinion = Opinion(
                slot=slot,
                is_active=True,
                at_ms=now_ms,
                since_ms=before.since_ms if before else now_ms - (LASTING - 1) * JUDGE_MS,
                score=float(self.scores[slot]),
                reasons=self.model.reasons(features[slot], weights[slot]),
                is_shared=bool(found[slot]) or (before is not None and before.is_shared),
            )
            self._active[slot] = opinion
            if before is None:
                said.append(opinion)
        return said + self._over(now_ms)

    def _over(self, now_ms: int) -> list[Opinion]:
        said = []
        for slot in [slot for slot in self._active if self._strange[slot] == 0]:
            last = self._active.pop(slot)
            if last.is_shared:
                self.trial.seconded += 1
            else:
                self.trial.alone += 1
            said.append(
                Opinion(slot=slot, is_active=False, at_ms=now_ms, since_ms=last.since_ms,
                        score=last.score, is_shared=last.is_shared)
            )  # fmt: skip
        return said

    def _compare(self, found: Mask, seen: Mask) -> None:
        """Count what others found, once it is over, that this model did not share."""
        over = self._found & ~found
        self.trial.missed += int((over & ~self._is_seconded).sum())
        self._is_seconded &= ~over
        self._found = found & (self._found | seen)
        active = np.zeros(len(found), bool)
        active[list(self._active)] = True
        self._is_seconded |= active & self._found
