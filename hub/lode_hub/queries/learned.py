"""What may be asked about the learned opinion: the model, how it stands at sites, who let it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from lode_hub.errors import NotFoundError
from lode_hub.sites.judgement import trials
from lode_hub.store import Store, learned
from lode_hub.store.asking import asking
from lode_models.rig import FEATURES, Card, Stage, Trial

LATE_MS = 300_000
"""A model that judged nothing for so long does not judge now: workers write it down each minute."""

WORDS = {feature.name: feature.words for feature in FEATURES}


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedModel:
    """The model at work, as its card says."""

    sha256: str
    kind: str
    what: str
    data: str  # it was trained on
    limits: str
    licences: str
    rigs: int  # it was fitted to
    rows: int  # rig minutes it was fitted to
    stated_false_ratio: float  # of judgements of healthy rigs, by which its threshold was set
    held_out_false_ratio: float  # measured on rigs it was not fitted to
    found_ratio: dict[str, float]  # of known faults, by kind
    looks_at: list[str]
    versions: dict[str, str]
    started_ms: int  # a hub last started with it


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedDrift:
    """In what a site's rigs are unlike those the model was trained on."""

    words: str
    stability_index: float  # population stability index over the last 24 hours
    limit: float
    since_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedSite:
    """How the model at work stands at a site."""

    site: str
    stage: Stage
    is_judging: bool  # whether it judged any rig in the last minutes
    is_heard: bool  # whether its opinions may accompany findings now
    judged_days: float
    judged_ms: int | None  # when it judged last; None: not yet
    shared: int  # opinions that another detector shared
    alone: int  # opinions that none shared
    missed: int  # findings of others that it did not share
    agreement_ratio: float | None  # of its opinions, shared; None before the first
    lacks: tuple[str, ...]  # before a person may let it advise
    drifts: list[LearnedDrift]
    person: str | None  # who decided last
    decided_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedDecision:
    """What a person let a model do at a site, and what it had shown by then."""

    stage: Stage
    person: str
    at_ms: int
    model_sha256: str
    judged_days: float
    shared: int
    alone: int
    missed: int


class LearnedQueries:
    """Answers about the learned opinion, as workers last wrote it down (each minute)."""

    def __init__(
        self, store: Store, clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms

    async def model(self) -> LearnedModel | None:
        """Give the model at work; None if no hub could run one yet."""
        async with asking(self._store) as conn:
            row = await learned.model(conn)
        return _model(row) if row else None

    async def sites(self) -> list[LearnedSite]:
        """Say how the model stands at each site."""
        return await self._sites(None)

    async def site(self, site: str) -> LearnedSite:
        """Say how the model stands at one site.

        Raises:
            NotFoundError: there is no such site.
        """
        found = await self._sites(site)
        if not found:
            raise _nowhere(site)
        return found[0]

    async def decisions(self, site: str, limit: int) -> list[LearnedDecision]:
        """Give what people decided at a site, the newest first.

        Raises:
            NotFoundError: there is no such site.
        """
        async with asking(self._store) as conn:
            found = await learned.sites(conn, site)
            if not found:
                raise _nowhere(site)
            rows = await learned.decisions(conn, found[0]["site_id"], limit)
        return [_decision(row) for row in rows]

    async def _sites(self, site: str | None) -> list[LearnedSite]:
        async with asking(self._store) as conn:
            model = await learned.model(conn)
            rows = await learned.sites(conn, site)
        sha256 = model["card"]["model_sha256"] if model else ""
        return [_site(row, sha256, self._clock_ms()) for row in rows]


def _nowhere(site: str) -> NotFoundError:
    return NotFoundError(f"site {site}: there is no such site; see /api/v1/sites")


def _model(row: dict[str, Any]) -> LearnedModel:
    card = msgspec.convert(row["card"], Card)
    return LearnedModel(
        sha256=card.model_sha256,
        kind=card.kind,
        what=card.what,
        data=card.data,
        limits=card.limits,
        licences=card.licences,
        rigs=card.rigs,
        rows=card.rows,
        stated_false_ratio=card.stated_false_share,
        held_out_false_ratio=card.held_out_false_share,
        found_ratio=card.found,
        looks_at=[WORDS.get(name, name) for name in card.features],
        versions=card.versions,
        started_ms=row["started_ms"],
    )


def _site(row: dict[str, Any], model_sha256: str, now_ms: int) -> LearnedSite:
    found = trials.kept(row, model_sha256)
    trial = found.trial if found else Trial(model_sha256=model_sha256)
    drifts = found.drift.drifts if found else ()
    stage: Stage = row["stage"] or "shadow"
    is_judging = now_ms - trial.last_ms <= LATE_MS
    return LearnedSite(
        site=row["site"],
        stage=stage,
        is_judging=is_judging,
        is_heard=stage == "advisory" and is_judging and not drifts,
        judged_days=round(trial.days, 3),
        judged_ms=trial.last_ms or None,
        shared=trial.seconded,
        alone=trial.alone,
        missed=trial.missed,
        agreement_ratio=None if math.isnan(trial.agreement) else trial.agreement,
        lacks=trials.lacks(found),
        drifts=[
            LearnedDrift(
                words=one.words, stability_index=round(one.index, 3), limit=round(one.limit, 3),
                since_ms=one.since_ms,
            )
            for one in drifts
        ],
        person=row["person"],
        decided_ms=row["decided_ms"],
    )  # fmt: skip


def _decision(row: dict[str, Any]) -> LearnedDecision:
    trial = msgspec.convert(row["trial"], Trial)
    return LearnedDecision(
        stage=row["stage"],
        person=row["person"],
        at_ms=row["at_ms"],
        model_sha256=row["model_sha256"],
        judged_days=round(trial.days, 3),
        shared=trial.seconded,
        alone=trial.alone,
        missed=trial.missed,
    )


__all__ = [
    "LearnedDecision",
    "LearnedDrift",
    "LearnedModel",
    "LearnedQueries",
    "LearnedSite",
    "Stage",
]
