"""The learned opinion on rigs: a third one, which never alerts and never speaks first.

readings ─► Window ─► features, once a minute ─► Model ─► strange for three minutes ─► Opinion
                          └► Monitor, a site each: drift silences      Trial, a site each ─┘
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np

from lode_models.features import Floats
from lode_models.peers import Rigs
from lode_models.peers.sample import Mask, Slots, Table
from lode_models.rig.drift import Counted, Monitor
from lode_models.rig.features import Window, same_slots
from lode_models.rig.model import Model, Reason
from lode_models.rig.trial import Stage, Trial

VERSION = 1
"""Of what `snapshot` gives."""

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


@dataclass(kw_only=True, slots=True)
class Standing:
    """How the model stands at one site."""

    trial: Trial
    monitor: Monitor
    stage: Stage = "shadow"  # as a person decided; who asks the person keeps it

    @property
    def speaks(self) -> bool:
        """Tell whether its opinions may accompany findings now."""
        return self.stage == "advisory" and not self.monitor.drifts


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives a restart, of one site; windows and opinions come back by themselves."""

    trial: Trial
    drift: Counted

    @classmethod
    def of(cls, data: bytes) -> "Kept":
        """Read what `Learned.snapshot` gave.

        Raises: ValueError if it is no such snapshot.
        """
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise ValueError(f"rig model: no snapshot of a trial: {error}") from None


class Learned:
    """Judges all rigs once a minute, beside the other detectors."""

    def __init__(self, model: Model, rigs: Rigs) -> None:
        self.model = model
        self.scores: Floats = np.full(len(rigs), np.nan, np.float32)
        self.standings: dict[str, Standing] = {}  # by the site of the rigs
        self._window = Window(rigs)
        self._due_ms = 0
        self._active: dict[int, Opinion] = {}
        self._clear(len(rigs))
        self._stand()

    @property
    def rigs(self) -> Rigs:
        """Give the rigs that are judged."""
        return self._window.rigs

    def fit(self, rigs: Rigs) -> None:
        """Take the rigs as they are now; a slot whose rig is another begins anew."""
        same = same_slots(self.rigs, rigs)
        self._window = self._window.fitted(rigs)
        self.scores = np.full(len(rigs), np.nan, np.float32)
        held = self._strange, self._found, self._is_seconded
        active, still = self._active, set(same.tolist())
        self._clear(len(rigs))
        for array, before in zip(
            (self._strange, self._found, self._is_seconded), held, strict=True
        ):
            array[same] = before[same]
        self._active = {slot: opinion for slot, opinion in active.items() if slot in still}
        self._stand()

    def take(self, slots: Slots, rows: Table) -> None:
        """Take readings, at most one a rig."""
        self._window.take(slots, rows)

    def judge(self, now_ms: int, others: Iterable[int]) -> list[Opinion]:
        """Say once a minute what begins or is over.

        `others` are the slots on which another detector has an active finding now.
        """
        if now_ms < self._due_ms <= now_ms + JUDGE_MS:  # later is of a clock that was set back
            return []
        self._due_ms = now_ms + JUDGE_MS
        features = self._window.features(now_ms)
        self.scores, weights = self.model.score(features)
        seen = ~np.isnan(self.scores)
        found = np.zeros(len(seen), bool)
        found[np.fromiter(others, np.intp)] = True
        for site, slots in self._at.items():
            standing, mine = self.standings[site], slots[seen[slots]]
            if len(mine):
                standing.trial.judged(now_ms)
                # What others find faulty is strange, but no sign that the fleet is another.
                standing.monitor.count(now_ms, features[mine[~found[mine]]])
            standing.monitor.look(now_ms)
        self._compare(found, seen)
        return self._opinions(now_ms, features, weights, found)

    def second(self, slot: int) -> Opinion | None:
        """Give the opinion that may accompany another detector's finding on a rig now, if any.

        None in shadow, while its site drifts, and where it thinks the rig usual.
        """
        standing = self.standings.get(self.rigs.rows[slot].site)
        return self._active.get(slot) if standing and standing.speaks else None

    def snapshot(self, site: str) -> bytes:
        """Give what must outlive a restart of one site."""
        standing = self.standings[site]
        kept = Kept(trial=standing.trial, drift=standing.monitor.snapshot())
        return msgspec.msgpack.encode(kept)

    def restore(self, site: str, data: bytes) -> None:
        """Take what `snapshot` gave; what another model has shown is not this one's.

        Raises: ValueError if it is no such snapshot; then nothing is taken.
        """
        kept, standing = Kept.of(data), self.standings.get(site)
        if standing and kept.trial.model_sha256 == self.model.card.model_sha256:
            standing.monitor.restore(kept.drift)
            standing.trial = kept.trial

    def _stand(self) -> None:
        """Begin at each site that is new; one whose rigs are gone may get them back."""
        at: dict[str, list[int]] = {}
        for slot, rig in enumerate(self.rigs.rows):
            if rig.is_watched:
                at.setdefault(rig.site, []).append(slot)
        self._at = {site: np.array(slots, np.intp) for site, slots in at.items()}
        card = self.model.card
        self.standings |= {
            site: Standing(trial=Trial(model_sha256=card.model_sha256), monitor=Monitor(card))
            for site in at
            if site not in self.standings
        }

    def _clear(self, n: int) -> None:
        self._strange = np.zeros(n, np.int16)  # judgements in a row
        self._active = {}
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
            trial = self.standings[self.rigs.rows[slot].site].trial
            if last.is_shared:
                trial.seconded += 1
            else:
                trial.alone += 1
            said.append(
                Opinion(slot=slot, is_active=False, at_ms=now_ms, since_ms=last.since_ms,
                        score=last.score, is_shared=last.is_shared)
            )  # fmt: skip
        return said

    def _compare(self, found: Mask, seen: Mask) -> None:
        """Count what others found, once it is over, that this model did not share."""
        over = self._found & ~found
        missed = over & ~self._is_seconded
        for site, mine in self._at.items():
            self.standings[site].trial.missed += int(missed[mine].sum())
        self._is_seconded &= ~over
        self._found = found & (self._found | seen)
        active = np.zeros(len(found), bool)
        active[list(self._active)] = True
        self._is_seconded |= active & self._found
