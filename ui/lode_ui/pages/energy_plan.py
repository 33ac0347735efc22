"""The plan of a site: the last one, or a preview of now; rigs by mode, and every rig left out."""

from typing import Literal

from lode_hub.queries.planner import PlanRow
from lode_ui.acts import attempt
from lode_ui.desk import Desk
from lode_ui.life import now_ms
from lode_ui.widgets.age import Age
from lode_ui.widgets.choice import Choice
from lode_ui.widgets.energy_plan import Classes, LeftOut, PlanFacts, PlanSays, RigsChart
from lode_ui.widgets.energy_planner import PREVIEW_S, Notices, warnings
from lode_ui.widgets.layout import Empty, card, columns
from lode_ui.widgets.text import Words, box, note, title

Which = Literal["last", "preview"]
WHICH: dict[Which, str] = {"last": "Last plan", "preview": "Preview of now"}
MAKING = "A preview is being made; for many rigs that takes some seconds …"
NO_PLAN = ("There is no plan yet.", "Let the planner advise, on the page Now; or make a preview.")
NO_PREVIEW = ("No preview was made.", "Choose it again to try.")


class PlanPage:
    """A sentence, rigs by mode, classes, who is left out, what it rests on."""

    title = "Plan"

    def __init__(self, desk: Desk, which: str = "") -> None:
        self._desk, self._site = desk, ""
        self._which: Which = "preview" if which == "preview" else "last"
        self._preview: PlanRow | None = None
        self._is_making = False
        self._heading = title("Plan", "h1")
        with columns("toolbar"):
            Choice("Which plan", WHICH, self._which, self._choose)
            with box("lode-note", "span") as self._made_line:
                self._made = Age()
                self._about = Words("")
        self._making = note("")
        self._none = Empty(*NO_PLAN)
        with columns("stack") as self._all:
            self._says = PlanSays()
            self._warnings = Notices()
            with columns("wide-narrow"):
                self._build()
        self._all.set_visibility(False)

    def _build(self) -> None:
        with columns("stack"):
            with card("Rigs by mode", aside="from full at the bottom to asleep on top"):
                self._chart = RigsChart()
            with card("By class", aside="alike rigs on one feeder, the most efficient first"):
                self._classes = Classes()
        with columns("stack"):
            with card("Left out", aside="no plan moves these"):
                self._left_out = LeftOut()
            with card("What it comes to"):
                self._facts = PlanFacts()

    async def refresh(self) -> None:
        """Ask for the last plan of the chosen site; a preview is made once."""
        sites = list(self._desk.chosen(await self._desk.answers.sites()))
        if not sites:
            self._show(None)
            return
        if sites[0].site != self._site:
            self._site, self._preview = sites[0].site, None
            self._heading.text = f"Plan of {self._site}"
        if self._which == "last":
            self._show(await self._desk.answers.energy.plan(self._site))
        elif self._preview is None and not self._is_making:
            await self._make()

    async def _choose(self, which: Which) -> None:
        self._which, self._preview = which, None
        await self.refresh()

    async def _make(self) -> None:
        self._is_making, self._making.text = True, MAKING
        self._all.set_visibility(False)
        self._none.show(False)
        desk = self._desk
        made = await attempt(desk, desk.answers.energy.preview(self._site), within_s=PREVIEW_S)
        self._is_making = False
        if self._all.is_deleted:
            return
        self._making.text = ""
        if self._which == "preview":
            self._preview = made
            self._show(made)

    def _show(self, plan: PlanRow | None) -> None:
        self._none.say(*(NO_PLAN if self._which == "last" else NO_PREVIEW))
        self._none.show(plan is None)
        self._made_line.set_visibility(plan is not None)
        self._all.set_visibility(plan is not None and bool(plan.periods))
        if plan is None:
            return
        self._made.show(plan.made_ms)
        self._about.text = f": {plan.decision}" if plan.decision and plan.periods else ""
        if not plan.periods:
            self._none.say("Nothing can be planned now.", plan.decision)
            self._none.show(True)
            return
        now = now_ms()
        self._says.show(plan, now)
        self._warnings.show(warnings(plan))
        self._chart.show(plan, now)
        self._classes.show(plan, now)
        self._left_out.show(plan)
        self._facts.show(plan)
