"""What the planner would do at once, before it is let: a preview, and the button that lets it."""

from collections.abc import Awaitable, Callable

from lode_hub.queries.planner import PlanRow
from lode_ui import figures, plan_words
from lode_ui.life import now_ms
from lode_ui.widgets.button import Button
from lode_ui.widgets.energy_plan import PlanSays
from lode_ui.widgets.energy_planner import Notices, profit, warnings
from lode_ui.widgets.layout import Facts, columns
from lode_ui.widgets.text import Words, note

FACTS = ("At once", "Power then", "Left out", "Profit")
MAKING = "A preview is being made …"
WAIT = "The preview is not there yet"
NOTHING = "Nothing is ordered until a plan can be made: {why}"


class ActForm:
    """A preview in a few lines; the planner may act only once it was seen."""

    def __init__(
        self, act: Callable[[], Awaitable[None]], done: Callable[[], Awaitable[None]]
    ) -> None:
        Words("If it acts from now on", "lode-title", "h3")
        self._making = note(MAKING)
        self._says = PlanSays()
        self._says.root.set_visibility(False)
        self._facts = Facts(FACTS)
        self._facts.root.set_visibility(False)
        self._warnings = Notices()
        with columns("buttons"):
            self._act = Button("Let it throttle rigs here", act, "lode-button-danger")
            self._act.forbid(WAIT)
            Button("Cancel", done)

    def show(self, plan: PlanRow) -> None:
        """Show what it would do."""
        if self._act.is_deleted:
            return
        self._act.forbid("")
        if not plan.periods:
            self._making.text = NOTHING.format(why=plan.decision)
            return
        self._making.text = ""
        self._says.root.set_visibility(True)
        self._says.show(plan, now_ms())
        first = plan.periods[0]
        left_out = plan_words.left_out(plan.left_out_by_reason)
        self._facts.root.set_visibility(True)
        self._facts.show(
            {
                "At once": plan_words.said(plan_words.counts(first)),
                "Power then": str(figures.power(first.power_w)),
                "Left out": left_out,
                "Profit": profit(plan),
            }
        )
        self._warnings.show(warnings(plan))

    def fail(self, why: str) -> None:
        """Say that there is no preview; the planner will meet the same."""
        if not self._act.is_deleted:
            self._making.text = NOTHING.format(why=why)
            self._act.forbid("")
