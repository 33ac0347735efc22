"""The planner at a site: what it may do, its last plan, how the site follows its setpoint."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from lode_hub.queries.energy_nouns import PriceSeries
from lode_hub.queries.planner import LoopRow, PlannerMode, PlannerState, PlanRow
from lode_ui import energy_words as words
from lode_ui import figures
from lode_ui.figures import MISSING, Scale
from lode_ui.states import Look
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.energy_chart import Dash, Held
from lode_ui.widgets.layout import Facts, columns
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box, note

MODES: dict[PlannerMode, Look] = {
    "off": Look(word="Off", tone="idle", shape="moon", meaning="no plan is made"),
    "advise": Look(
        word="Advises", tone="info", shape="ring", meaning="plans are made, none is sent"
    ),
    "act": Look(word="Acts", tone="good", shape="auto", meaning="plans are the standing orders"),
}
CHOOSE: dict[PlannerMode, str] = {
    "act": "Let it act …",
    "advise": "Only advise",
    "off": "Switch off",
}
FACTS = ("Measured", "Setpoint", "Off by", "Disobeying", "Profit of the plan", "Left out")
PREVIEW_S = 60.0
"""So long a preview may take, of very many rigs."""

STEP_MS, HOUR_MS = 300_000, 3_600_000
MOST_NAMES = 5
MOST_NOTES = 6


class PlannerCard:
    """Mode, plan and loop; buttons for the modes that may be chosen."""

    def __init__(
        self,
        choices: Sequence[PlannerMode],
        choose: Callable[[PlannerMode], Awaitable[None]],
    ) -> None:
        self._buttons: dict[PlannerMode, Button] = {}
        with box("lode-command-what"):
            self._sign = Sign(MODES["off"])
            self._who = Words("", "lode-note")
        self._facts = Facts(FACTS)
        with box("lode-note", "p") as self._made_line:
            Words("Planned ")
            self._made = Age()
            self._decision = Words("")
        self._says = note("")
        self._warnings = Notices()
        with columns("buttons"):
            for mode in choices:
                self._buttons[mode] = _button(mode, choose)
        if not choices:
            note("Operators may let the planner act.")

    def show(self, state: PlannerState, plan: PlanRow | None, loop: LoopRow) -> None:
        """Show how it stands."""
        self._sign.show(MODES[state.mode])
        said = f"{MODES[state.mode].meaning}"
        self._who.text = f"{said}; {state.person} said so" if state.person else said
        for mode, button in self._buttons.items():
            button.set_visibility(mode != state.mode)
        self._facts.show(_facts(plan, loop))
        self._says.text = loop.says
        self._made_line.set_visibility(plan is not None)
        if plan:
            self._made.show(plan.made_ms)
            self._decision.text = f": {plan.decision}" if plan.decision else ""
        self._warnings.show(warnings(plan))


class Notices:
    """Sentences that warn, one below the other."""

    def __init__(self) -> None:
        self._place = columns("stack")
        self._said: tuple[str, ...] = ()

    def show(self, said: tuple[str, ...]) -> None:
        """Say these."""
        if said == self._said:
            return
        self._said = said
        self._place.clear()
        with self._place:
            for each in said:
                Words(each, "lode-notice lode-warn", "p")


def _button(mode: PlannerMode, choose: Callable[[PlannerMode], Awaitable[None]]) -> Button:
    async def chosen() -> None:
        await choose(mode)

    return Button(CHOOSE[mode], chosen)


def _facts(plan: PlanRow | None, loop: LoopRow) -> dict[str, str]:
    off = MISSING
    if loop.error_w is not None and loop.setpoint_w:
        share = figures.percent(abs(loop.error_w) / loop.setpoint_w)
        off = f"{figures.power(loop.error_w)} ({share})"
    names = ", ".join(loop.disobeying[:MOST_NAMES])
    more = len(loop.disobeying) - MOST_NAMES
    disobeying = f"{names} and {more:,} more" if more > 0 else names
    setpoint = figures.power(loop.setpoint_w)
    facts = {
        "Measured": str(figures.power(loop.measured_w)),
        "Setpoint": str(setpoint) if loop.setpoint_w is not None or not loop.is_active else "none",
        "Off by": off,
        "Disobeying": (disobeying or "none") if loop.is_active else MISSING,
    }
    if plan:
        facts["Profit of the plan"] = profit(plan)
        facts["Left out"] = figures.plural(sum(plan.left_out_by_reason.values()), "rig")
    return facts


def profit(plan: PlanRow) -> str:
    """Say what a plan leaves, and in how long."""
    if plan.profit_usd is None or not plan.periods:
        return MISSING
    hours = (plan.periods[-1].until_ms - plan.periods[0].from_ms) / HOUR_MS
    return f"{words.money(plan.profit_usd)} in {hours:.3g} h"


def warnings(plan: PlanRow | None) -> tuple[str, ...]:
    """Say what is not sure about a plan, and what it could not keep."""
    if plan is None:
        return ()
    broken = [
        f"Could not keep {reason.kind} of {reason.where}: {reason.amount:,.1f} {reason.unit}"
        for reason in plan.reasons
    ]
    said = [*plan.notes, *broken]
    if len(said) > MOST_NOTES:
        said = [*said[:MOST_NOTES], f"and {len(said) - MOST_NOTES} more; the API has them all"]
    return tuple(said)


def power_ahead(plan: PlanRow | None, scale: Scale) -> list[Held]:
    """Give the plan's power, its setpoint and its cap as lines; what it has not is left out."""
    if plan is None or not plan.periods:
        return []
    lines: tuple[tuple[str, list[float | None], str, Dash, float], ...] = (
        ("Plan", [p.power_w for p in plan.periods], "--accent", "dashed", 1.8),
        ("Setpoint", [p.setpoint_w for p in plan.periods], "--warn", "dotted", 2.2),
        ("Cap", [p.cap_w for p in plan.periods], "--bad", "solid", 1.4),
    )
    return [
        _ahead(plan, name, _scaled(values, scale), color, dash, ink)
        for name, values, color, dash, ink in lines
        if any(value is not None for value in values)
    ]


def _scaled(watts: Sequence[float | None], scale: Scale) -> list[float | None]:
    return [None if each is None else each / scale.factor for each in watts]


def price_ahead(plan: PlanRow | None, series: PriceSeries) -> Held | None:
    """Give the prices the plan believes in, where the market has not told them yet."""
    if plan is None or not plan.periods:
        return None
    values = [period.price_usd_mwh for period in plan.periods]
    line = _ahead(plan, "Forecast", values, "--muted", "dashed", 1.8)
    step_ms = round(series.step_s * 1000)
    known = {at for at, usd in zip(series.from_ms, series.usd_mwh, strict=True) if usd is not None}
    believed = [
        None if at // step_ms * step_ms in known else usd
        for at, usd in zip(line.at_ms, line.values, strict=True)
    ]
    return replace(line, values=believed)


def peak_w(plan: PlanRow | None) -> float | None:
    """Give the highest power of a plan, its setpoints and caps."""
    periods = plan.periods if plan else ()
    return figures.peak([w for p in periods for w in (p.power_w, p.setpoint_w, p.cap_w)])


def stepped(plan: PlanRow, values: Sequence[float | None]) -> tuple[list[int], list[float | None]]:
    """Tell periods of unequal length in steps that fit into all of them."""
    at_ms: list[int] = []
    shown: list[float | None] = []
    for period, value in zip(plan.periods, values, strict=True):
        steps = range(period.from_ms, period.until_ms, STEP_MS)
        at_ms += steps
        shown += [value] * len(steps)
    return at_ms, shown


def _ahead(
    plan: PlanRow, name: str, values: Sequence[float | None], color: str, dash: Dash, width: float
) -> Held:
    at_ms, shown = stepped(plan, values)
    return Held(
        name=name, at_ms=at_ms, values=shown, step_ms=STEP_MS, digits=2, color=color,
        dash=dash, width=width,
    )  # fmt: skip
