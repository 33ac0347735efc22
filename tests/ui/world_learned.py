"""The learned opinion made up: a model at work, a site in shadow, one that it advises."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lode_hub.errors import ConflictError
from lode_hub.queries.learned import LearnedDecision, LearnedDrift, LearnedModel, LearnedSite, Stage

if TYPE_CHECKING:
    from tests.ui.world import Someone, World

T0_MS = 1_700_000_000_000
DRIFT = LearnedDrift(
    words="fan speed, against its class", stability_index=1.912, limit=0.25, since_ms=T0_MS
)


def standing(site: str = "north", **values: object) -> LearnedSite:
    shown: dict[str, object] = {
        "site": site, "stage": "shadow", "is_judging": True, "is_heard": False,
        "judged_days": 21.44,
        "judged_ms": T0_MS, "shared": 34, "alone": 12, "missed": 9, "agreement_ratio": 34 / 46,
        "lacks": (), "drifts": [], "person": None, "decided_ms": None,
    }  # fmt: skip
    return LearnedSite(**(shown | values))


def model(**values: object) -> LearnedModel:
    shown: dict[str, object] = {
        "sha256": "7fc188d245a7cd55def40c14a4cfef04", "kind": "autoencoder",
        "what": "How strange a rig's readings look beside its class and its past.",
        "data": "Simulated: 500 rigs for 6 h each.", "limits": "Real rigs were not seen.",
        "licences": "model: Apache-2.0, as this project", "rigs": 1488, "rows": 290_274,
        "stated_false_ratio": 0.001, "held_out_false_ratio": 0.00103,
        "found_ratio": {"board_loss": 1.0, "offset": 0.12},
        "looks_at": ["hashrate, against its class", "fan speed, against its class"],
        "versions": {"numpy": "2.4.6"}, "started_ms": T0_MS,
    }  # fmt: skip
    return LearnedModel(**(shown | values))


@dataclass
class LearnedBook:
    """What there is of it in a world."""

    model: LearnedModel | None = field(default_factory=model)
    sites: dict[str, LearnedSite] = field(default_factory=lambda: {"north": standing()})
    decisions: list[tuple[str, LearnedDecision]] = field(default_factory=list)


class StandInLearned:
    """Answers from a world's book."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def model(self) -> LearnedModel | None:
        await self._world.asked("learned model")
        return self._world.learned.model

    async def sites(self) -> list[LearnedSite]:
        await self._world.asked("learned sites")
        return list(self._world.learned.sites.values())

    async def decisions(self, site: str, limit: int) -> list[LearnedDecision]:
        await self._world.asked("learned decisions")
        return [one for at, one in self._world.learned.decisions if at == site][:limit]


def decide(world: "World", site: str, stage: Stage, person: "Someone") -> None:
    """Let it advise or not, as the hub would."""
    one = world.learned.sites[site]
    if one.lacks and stage == "advisory":
        raise ConflictError(f"learned opinion at {site}: it stays in shadow")
    world.learned.sites[site] = replace(
        one, stage=stage, person=person.name, is_heard=stage == "advisory" and not one.drifts
    )
    made = LearnedDecision(
        stage=stage, person=person.name, at_ms=T0_MS + len(world.learned.decisions),
        model_sha256="7fc1", judged_days=one.judged_days, shared=one.shared, alone=one.alone,
        missed=one.missed,
    )  # fmt: skip
    world.learned.decisions.insert(0, (site, made))
    world.done.append(("let_model", 0, f"{person.name} {stage}"))
    world.changed.set()
