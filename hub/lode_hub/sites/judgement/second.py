"""The learned opinion at work: asked once a minute, in shadow until a person lets it advise.

Learned ─┬─► an opinion on a rig ─► beside another detector's finding there, never by itself
         └─► drift at a site where it advises ─► model-drift
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import structlog

from lode_hub.committed import Finding
from lode_hub.sites.judgement.words import DRIFT
from lode_hub.sites.tables import Slots, Table
from lode_models.errors import ModelError
from lode_models.peers import Rig, Rigs
from lode_models.rig import Card, Learned, Model, Opinion, Standing

RULE_VERSION = 1
_log = structlog.get_logger(__name__)


class SecondOpinion:
    """A model's opinions on the rigs; of no model, none."""

    def __init__(self, model: Model | None) -> None:
        self.open: dict[tuple[str, str], int] = {}  # drifts that were told, and their sites
        self._learned = None if model is None else Learned(model, Rigs([]))
        self._places: Mapping[int, str] = {}

    @property
    def card(self) -> Card | None:
        """Give the model's card."""
        return self._learned.model.card if self._learned else None

    @property
    def standings(self) -> Mapping[str, Standing]:
        """Give how it stands at each of our sites, by number."""
        return self._learned.standings if self._learned else {}

    def fit(self, rigs: Sequence[Rig], places: Mapping[int, str]) -> None:
        """Take the rigs as they are now, and what their sites are called."""
        self._places = places
        if self._learned:
            self._learned.fit(Rigs(rigs))

    def let(self, site_ids: Collection[int]) -> None:
        """Let it advise at these sites, and at no other."""
        for site, standing in self.standings.items():
            standing.stage = "advisory" if int(site) in site_ids else "shadow"

    def take(self, slots: Slots, rows: Table) -> None:
        """Take readings, at most one a rig."""
        if self._learned:
            self._learned.take(slots, rows)

    def judge(self, now_ms: int, others: Iterable[int]) -> None:
        """Judge, once a minute; `others` are the slots on which another detector has a finding."""
        if self._learned:
            self._learned.judge(now_ms, others)

    def renew(self, now_ms: int) -> list[Finding]:
        """Say where it should advise and is silent, for it drifts, and where that is over."""
        drifting = {
            int(site): standing
            for site, standing in self.standings.items()
            if standing.stage == "advisory" and standing.monitor.drifts
        }
        over = set(self.open.values()) - drifting.keys()
        self.open = {(DRIFT, f"site:{site_id}"): site_id for site_id in drifting}
        return [
            *(self._drift(site_id, standing, now_ms) for site_id, standing in drifting.items()),
            *(_over(site_id, now_ms) for site_id in sorted(over)),
        ]

    def beside(self, slot: int, finding: Finding) -> Finding:
        """Give another detector's finding on a rig with the opinion that shares it, if any."""
        opinion = self._learned.second(slot) if self._learned else None
        if opinion is None:
            return finding
        return replace(
            finding,
            confidence=round(opinion.raised(finding.confidence), 3),
            evidence=finding.evidence | _said(opinion, finding.confidence),
        )

    def kept(self) -> dict[int, bytes]:
        """Give what outlives a restart, by site."""
        if self._learned is None:
            return {}
        return {int(site): self._learned.snapshot(site) for site in self.standings}

    def restore(self, site_id: int, data: bytes) -> None:
        """Go on with a site's trial and drift.

        Raises: ValueError if it is no such thing.
        """
        if self._learned:
            self._learned.restore(str(site_id), data)

    def _drift(self, site_id: int, standing: Standing, now_ms: int) -> Finding:
        drifts = standing.monitor.drifts
        site = self._places.get(site_id, f"site {site_id}")
        return Finding(
            rule=DRIFT,
            subject=f"site:{site_id}",
            is_active=True,
            severity="info",
            at_ms=now_ms,
            title=f"{site}: the learned opinion is silent, its rigs are unlike those it knows",
            likely_cause="other models, firmware, settings or weather than it was trained on; "
            "train one on readings of these rigs; Data, Learned opinion says in what",
            evidence={
                "rule_version": RULE_VERSION,
                "reason": "begins",
                "since_ms": min(drift.since_ms for drift in drifts),
                "features": "; ".join(drift.words for drift in drifts),
                "stability_index": round(max(drift.index for drift in drifts), 3),
                "limit": round(min(drift.limit for drift in drifts), 3),
                "model": standing.trial.model_sha256[:12],
            },
        )


def loaded(load: Callable[[], Model]) -> Model | None:
    """Load the model; one that cannot be used is told in the log, and all goes on without."""
    try:
        return load()
    except ModelError as error:
        _log.warning("learned opinion off", why=str(error))
        return None


def _said(opinion: Opinion, confidence: float) -> dict[str, object]:
    return {
        "learned_score": round(opinion.score, 3),
        "learned_since_ms": opinion.since_ms,
        "learned_reasons": "; ".join(f"{one.words} {one.told}" for one in opinion.reasons),
        "confidence_without": confidence,
    }


def _over(site_id: int, now_ms: int) -> Finding:
    return Finding(
        rule=DRIFT, subject=f"site:{site_id}", is_active=False, severity="info", at_ms=now_ms,
        evidence={"rule_version": RULE_VERSION, "reason": "over, or it advises no more"},
    )  # fmt: skip
