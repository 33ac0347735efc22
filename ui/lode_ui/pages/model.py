"""The learned opinion: what the model is, what it has shown at each site, who let it advise."""

import asyncio

from lode_hub.queries.learned import LearnedSite, Stage
from lode_ui.acts import attempt, why_not
from lode_ui.desk import Desk
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.learned import (
    DECISION_HEADS,
    FOUND_HEADS,
    Decided,
    DecisionLine,
    FoundLine,
    ModelCard,
    StandingCard,
)
from lode_ui.widgets.text import note, title

MOST_SITES = 50


class ModelPage:
    """A card for each site, what was decided, and the model's own card."""

    title = "Learned opinion"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        title("Learned opinion", "h1")
        note(
            "A small model looks at each rig once a minute, beside the rules and the comparison "
            "with peers. It alerts nobody. Where a person lets it advise, what it thinks of a rig "
            "stands beside what another detector found there, and takes 30 % off the doubt in it."
        )
        self._none = Empty(
            "No model is at work.",
            "No hub could run one yet: its log says why, at “learned opinion off”. All other "
            "detectors go on without it.",
        )
        with columns("stack") as self._all:
            note(why_not(desk))
            self._nowhere = Empty("No site has reported yet.", "Each site gets its own trial.")
            let = self._let if desk.may_act else None
            self._sites = Keyed[LearnedSite](
                columns("stack"), lambda one: one.site, lambda one: StandingCard(one.site, let)
            )
            self._build_decisions()
            self._model = ModelCard()
            self._build_found()

    def _build_decisions(self) -> None:
        with card("Decided", aside="who let it advise, and by what"):
            self._undecided = Empty("Nobody has decided anything: it only counts, in shadow.")
            with table(DECISION_HEADS, label="Decisions") as body:
                self._decisions = Keyed[Decided](
                    body, lambda one: (one.site, one.decision.at_ms), lambda _: DecisionLine()
                )

    def _build_found(self) -> None:
        aside = "of those in the data it was tried with"
        with (
            card("Faults it saw", aside=aside) as self._found,
            table(FOUND_HEADS, label="Faults it saw") as body,
        ):
            self._faults = Keyed[tuple[str, float]](body, lambda one: one[0], lambda _: FoundLine())

    async def refresh(self) -> None:
        """Ask how the model stands."""
        answers = self._desk.answers
        model = await answers.learned.model()
        self._none.show(model is None)
        self._all.set_visibility(model is not None)
        if model is None:
            return
        chosen = self._desk.site_name(await answers.sites())
        sites = [one for one in await answers.learned.sites() if chosen in (None, one.site)]
        sites = sites[:MOST_SITES]
        decided = await asyncio.gather(*(answers.learned.decisions(one.site) for one in sites))
        self._nowhere.show(not sites)
        self._sites.show(sites)
        rows = [
            Decided(site=one.site, decision=decision)
            for one, decisions in zip(sites, decided, strict=True)
            for decision in decisions
        ]
        self._undecided.show(not rows)
        self._decisions.show(sorted(rows, key=lambda row: -row.decision.at_ms))
        self._model.show(model)
        self._faults.show(model.found_ratio.items())
        self._found.set_visibility(bool(model.found_ratio))

    async def _let(self, site: str, stage: Stage) -> None:
        desk = self._desk
        await attempt(desk, desk.actions.let_model(site, stage, desk.person), "Decided")
