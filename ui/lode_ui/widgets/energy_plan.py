"""A plan: rigs by mode over time, what each class does, who is left out and why."""

from collections.abc import Sequence

from lode_hub.queries.planner import LeftOutRig, PlanClass, PlanRow
from lode_ui import figures, plan_words
from lode_ui.figures import MISSING
from lode_ui.widgets.age import Age
from lode_ui.widgets.energy_chart import Held, HeldChart
from lode_ui.widgets.energy_planner import STEP_MS, profit, stepped
from lode_ui.widgets.fold import Fold, fits
from lode_ui.widgets.form import SelectField
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, Facts, cell, columns, table
from lode_ui.widgets.search import Search
from lode_ui.widgets.text import Words, box, note

HEADS = ("Class", "Rigs#", "Now", "Then", "Fewest awake#")
FACTS = (
    "Profit", "More than what stands", "Others draw", "Without calls", "Hashprice", "Rests on",
)  # fmt: skip
EARLY = 0.04
NO_RIG = "No rig is planned"


class PlanSays:
    """What a plan comes down to and when, and what changes next."""

    def __init__(self) -> None:
        with box("lode-plan-says") as self.root:
            with box("", "p"):
                self._low = Words("")
                self._low_at = Age(form="clock")
            with box("lode-note", "p") as self._next:
                Words("Next change ")
                self._next_at = Age(form="clock")
                self._then = Words("")

    def show(self, plan: PlanRow, now_ms: int) -> None:
        """Say it of a plan that has periods."""
        at_ms, then = plan_words.change(plan, "", now_ms)
        self._low.text = plan_words.sentence(plan)
        self._low_at.show(plan_words.fewest(plan).from_ms)
        self._low_at.set_visibility(plan_words.change(plan, "", 0)[0] is not None)
        self._next.set_visibility(at_ms is not None)
        self._next_at.show(at_ms)
        self._then.text = f": {then}"


class RigsChart:
    """Rigs by mode over the plan's time, of all classes or of one; asleep is on top."""

    def __init__(self) -> None:
        self._shown: tuple[PlanRow, int] | None = None
        with columns("fields"):
            self._only = SelectField[str]("Class", {"": "All classes"}, "")
        self._only.changed = self._draw
        self._chart = HeldChart("Rigs by mode over the time of the plan", NO_RIG)

    def show(self, plan: PlanRow, now_ms: int) -> None:
        """Draw a plan."""
        self._shown = plan, now_ms
        names = {kind.name: f"{kind.model or 'rigs'}, {kind.feeder}" for kind in plan.classes}
        self._only.offer({"": "All classes"} | names)
        self._only.root.set_visibility(len(names) > 1)
        self._draw()

    def _draw(self) -> None:
        if self._shown is None:
            return
        plan, now_ms = self._shown
        lines = stacked(plan, self._only.value)
        span = (plan.periods[0].from_ms, plan.periods[-1].until_ms)
        is_early = now_ms - span[0] < EARLY * (span[1] - span[0])  # its name would cover the unit
        shown_ms = 0 if is_early else now_ms
        self._chart.show(lines, [], span_ms=span, now_ms=shown_ms, unit="rigs")


def stacked(plan: PlanRow, only: str = "") -> list[Held]:
    """Give a line for each mode: those in full at the bottom, those asleep on top."""
    found = []
    between = iter(plan_words.COLORS * len(plan.classes) * 10)
    for name in plan_words.modes(plan, only):
        counts = [plan_words.counts(period, only).get(name, 0) for period in plan.periods]
        at_ms, values = stepped(plan, [float(n) for n in counts])
        called = plan_words.mode(name)
        color = {plan_words.FULL: "--good", plan_words.SLEEP: "--idle"}.get(name) or next(between)
        found.append(
            Held(
                name=called[:1].upper() + called[1:], at_ms=at_ms, values=values,
                step_ms=STEP_MS, digits=0, color=color, is_stacked=True,
            )
        )  # fmt: skip
    return found


class Classes:
    """What the rigs of each class do now, and when that changes."""

    def __init__(self) -> None:
        with table(HEADS, label="Classes of rigs") as body:
            self._rows = Keyed[tuple[PlanClass, PlanRow, int]](
                body, lambda row: row[0].name, lambda _: _ClassLine()
            )

    def show(self, plan: PlanRow, now_ms: int) -> None:
        """Show a plan's classes, the most efficient first."""
        order = sorted(plan.classes, key=lambda kind: kind.efficiency_jth)
        self._rows.show([(kind, plan, now_ms) for kind in order])


class _ClassLine:
    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._name = Words("", "lode-wrap", "b")
                self._about = Words("", "lode-note")
            with cell(numeric=True, head="Rigs"):
                self._rigs = Words("")
            with cell(head="Now"):
                self._now = Words("", "lode-wrap")
            with cell(head="Then"), box("lode-command-what"):
                self._at = Age(form="clock")
                self._then = Words("", "lode-wrap")
            with cell(numeric=True, head="Fewest awake"), box("lode-command-what"):
                self._fewest = Words("")
                self._when = Age(form="clock")

    def show(self, row: tuple[PlanClass, PlanRow, int]) -> None:
        kind, plan, now_ms = row
        self._name.text = kind.model or "unknown model"
        self._about.text = f"{kind.feeder}, {figures.efficiency(kind.efficiency_jth)}"
        self._rigs.text = f"{kind.rigs:,}"
        here = plan.periods[plan_words.at(plan, now_ms)]
        self._now.text = plan_words.said(plan_words.counts(here, kind.name))
        at_ms, self._then.text = plan_words.change(plan, kind.name, now_ms)
        self._at.set_visibility(at_ms is not None)
        self._at.show(at_ms)
        low = plan_words.fewest(plan, kind.name)
        self._fewest.text = f"{plan_words.awake(plan_words.counts(low, kind.name)):,}"
        self._when.set_visibility(at_ms is not None)
        self._when.show(low.from_ms)


class LeftOut:
    """A fold for each reason with its count; a search opens those it finds something in."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._shown: PlanRow | None = None
        with columns("toolbar") as self._tools:
            Search("Why is this rig left out?", self._filter)
        self._none = Empty("No rig is left out.")
        self._some = note("")
        self._folds = Keyed[tuple[str, int, Sequence[LeftOutRig], bool]](
            box("lode-folds"), lambda row: row[0], lambda row: _LeftOutFold(row[0])
        )

    def show(self, plan: PlanRow) -> None:
        """Show who is left out."""
        self._shown = plan
        total = sum(plan.left_out_by_reason.values())
        self._none.show(not total)
        self._tools.set_visibility(bool(total))
        is_cut = total > len(plan.left_out)
        self._some.text = (
            f"A plan that is kept names {len(plan.left_out):,} of them; a preview names all."
            if is_cut
            else ""
        )
        by_reason: dict[str, list[LeftOutRig]] = {name: [] for name in plan.left_out_by_reason}
        for rig in plan.left_out:
            if fits(rig.name, rig.detail, self._words):
                by_reason[rig.reason].append(rig)
        self._folds.show(
            (
                reason,
                len(rigs) if self._words else plan.left_out_by_reason[reason],
                rigs,
                bool(self._words),
            )
            for reason, rigs in by_reason.items()
        )

    async def _filter(self, text: str) -> None:
        self._words = text.lower().split()
        if self._shown:
            self.show(self._shown)


class _LeftOutFold:
    def __init__(self, reason: str) -> None:
        self._fold = Fold(reason.capitalize(), plan_words.LEFT_OUT.get(reason, ""))
        self.root = self._fold.root

    def show(self, row: tuple[str, int, Sequence[LeftOutRig], bool]) -> None:
        _, n, rigs, is_searched = row
        self._fold.show(rigs, is_searched=is_searched, n=n)


class PlanFacts:
    """What a plan leaves and what it rests on."""

    def __init__(self) -> None:
        self._facts = Facts(FACTS)

    def show(self, plan: PlanRow) -> None:
        """Show a plan's figures."""
        gain = plan.gain_usd
        documents = ", ".join(f"{kind} {name}" for kind, name, _ in plan.documents)
        self._facts.show(
            {
                "Profit": profit(plan),
                "More than what stands": MISSING if gain is None else f"${gain:,.2f}",
                "Others draw": str(figures.power(plan.fixed_w)),
                "Without calls": str(figures.power(plan.baseline_w)),
                "Hashprice": plan.hashprice,
                "Rests on": documents,
            }
        )
