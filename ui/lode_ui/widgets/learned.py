"""The learned opinion on screen: how it stands at a site, what it is, what was decided."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lode_hub.queries.learned import LearnedDecision, LearnedModel, LearnedSite, Stage
from lode_ui import figures
from lode_ui.states import Look
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.drawer import Confirmed
from lode_ui.widgets.layout import Facts, card, cell, columns
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box, note, title

NOT_YET = Look(
    word="Not judged yet", tone="idle", shape="ring", meaning="it looks at rigs that mine for long"
)
RESTS = Look(
    word="Not judging", tone="warn", shape="query",
    meaning="it has judged no rig here lately: none mines for long enough, or its hub goes on "
    "without it, and its log says why",
)  # fmt: skip
SHADOW = Look(
    word="In shadow", tone="idle", shape="moon",
    meaning="it judges and counts; nobody is told what it thinks",
)  # fmt: skip
ADVISES = Look(
    word="Advises", tone="good", shape="check",
    meaning="what it thinks stands beside what other detectors find",
)  # fmt: skip
SILENT = Look(
    word="Silent", tone="warn", shape="diamond",
    meaning="it may advise, but the rigs here are unlike those it was trained on",
)  # fmt: skip

FACTS = ("Judged for", "Shared", "Alone", "Missed", "Of its opinions, shared")
CARD_FACTS = (
    "Trained on", "Limits", "Kind", "Learned from", "Wrong about healthy rigs", "Looks at",
    "Licences", "Made with", "Fingerprint",
)  # fmt: skip
FOUND_HEADS = ("Fault", "Seen#")
DECISION_HEADS = ("When", "Site", "Decided", "By", "Shown by then")

STAGES: tuple[Stage, ...] = ("advisory", "shadow")
Let = Callable[[str, Stage], Awaitable[None]]


class StandingCard:
    """How the model stands at one site, and the buttons that change it."""

    def __init__(self, site: str, let: Let | None) -> None:
        with card() as self.root:
            with box("lode-card-head"):
                title(site)
                self._sign = Sign(NOT_YET)
            self._says = note("")
            with columns("stack"):
                self._facts = Facts(FACTS)
                note(
                    "Shared: another detector found something on the rig, too. Alone: it did not. "
                    "Missed: others found something on a rig that it took for usual."
                )
            with box("lode-note", "p"):
                Words("Judged last ")
                self._judged = Age()
            self._drifts = note("")
            self._lacks = note("")
            with columns("buttons"):
                self._buttons = {stage: _button(stage, site, let) for stage in STAGES if let}

    def show(self, one: LearnedSite) -> None:
        """Show how it stands now."""
        look = look_of(one)
        self._sign.show(look)
        said = f" {one.person} decided so." if one.person else ""
        self._says.text = f"{look.meaning[:1].upper()}{look.meaning[1:]}.{said}"
        self._facts.show(_figures(one))
        self._judged.show(one.judged_ms)
        drifts = "; ".join(
            f"{drift.words} ({drift.stability_index:.2f}, limit {drift.limit:.2f})"
            for drift in one.drifts
        )
        self._drifts.text = f"Unlike the data it was trained on, over 24 h: {drifts}." * bool(
            drifts
        )
        self._drifts.set_visibility(bool(drifts))
        is_shadow = one.stage == "shadow"
        lacks = "; ".join(one.lacks) if is_shadow else ""
        self._lacks.text = f"Before it may advise here: {lacks}." * bool(lacks)
        self._lacks.set_visibility(bool(lacks))
        for stage, button in self._buttons.items():
            button.set_visibility(stage != one.stage)
            button.forbid(lacks)


class ModelCard:
    """What the model is, in plain words."""

    def __init__(self) -> None:
        with card("What the model is") as self.root:
            self._what = note("")
            with columns("stack"):
                self._facts = Facts(CARD_FACTS)

    def show(self, model: LearnedModel | None) -> None:
        """Show the model at work."""
        self.root.set_visibility(model is not None)
        if model is None:
            return
        self._what.text = model.what
        stated = figures.percent(model.stated_false_ratio, 2)
        measured = figures.percent(model.held_out_false_ratio, 2)
        self._facts.show(
            {
                "Trained on": model.data,
                "Limits": model.limits,
                "Kind": model.kind,
                "Learned from": f"{figures.plural(model.rigs, 'rig')}, {model.rows:,} rig minutes",
                "Wrong about healthy rigs": f"{measured} of judgements, {stated} meant",
                "Looks at": "; ".join(model.looks_at),
                "Licences": model.licences,
                "Made with": ", ".join(f"{name} {v}" for name, v in model.versions.items()),
                "Fingerprint": model.sha256[:12],
            }
        )


class FoundLine:
    """How many known faults of a kind it saw, of those it was tried with."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._kind = Words("")
            with cell(numeric=True, head="Seen"):
                self._share = Words("")

    def show(self, one: tuple[str, float]) -> None:
        """Show a kind and its share."""
        self._kind.text = one[0].replace("_", " ").capitalize()
        self._share.text = str(figures.percent(one[1]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """A decision, and where it was made."""

    site: str
    decision: LearnedDecision


class DecisionLine:
    """One decision."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell(head="When"):
                self._at = Age()
            with cell(head="Site"):
                self._site = Words("", "lode-wrap")
            with cell(head="Decided"):
                self._stage = Sign(SHADOW)
            with cell(head="By"):
                self._person = Words("", "lode-wrap")
            with cell(head="Shown by then"):
                self._shown = Words("", "lode-wrap")

    def show(self, one: Decided) -> None:
        """Show it."""
        said = one.decision
        self._at.show(said.at_ms)
        self._site.text = one.site
        self._stage.show(ADVISES if said.stage == "advisory" else SHADOW)
        self._person.text = said.person
        self._shown.text = (
            f"{said.judged_days:.1f} days, {said.shared:,} shared, {said.alone:,} alone, "
            f"{said.missed:,} missed"
        )


def look_of(one: LearnedSite) -> Look:
    """Say how a model that stands so appears."""
    if one.judged_ms is None:
        return NOT_YET
    if not one.is_judging:
        return RESTS
    if one.stage == "shadow":
        return SHADOW
    return ADVISES if one.is_heard else SILENT


def _button(stage: Stage, site: str, let: Let) -> Button:
    async def decide() -> None:
        await let(site, stage)

    if stage == "advisory":
        return Confirmed("Let it advise …", f"Let it stand beside findings at {site}?", decide)
    return Confirmed("Back to shadow …", f"Let it only count at {site}?", decide)


def _figures(one: LearnedSite) -> dict[str, str]:
    return {
        "Judged for": f"{one.judged_days:.1f} days",
        "Shared": f"{one.shared:,}",
        "Alone": f"{one.alone:,}",
        "Missed": f"{one.missed:,}",
        "Of its opinions, shared": str(figures.percent(one.agreement_ratio)),
    }
