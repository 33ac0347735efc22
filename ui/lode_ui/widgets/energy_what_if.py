"""What a span that is over would have cost, and would have earned if it had been planned."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from lode_hub.queries.energy_nouns import BillRow
from lode_hub.queries.simulations import Simulated, SimulatedPolicy
from lode_ui import energy_words as words
from lode_ui import figures
from lode_ui.widgets.energy_account import bill_facts, bill_table
from lode_ui.widgets.energy_chart import Held, HeldChart
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, Facts, card, cell, columns, table
from lode_ui.widgets.text import Words, box, note

POLICIES: Mapping[str, tuple[str, str]] = {
    "plan": ("The plan", "decided period by period, with what was known then"),
    "greedy": ("Greedy", "what earns most at this period's price"),
    "always on": ("Always on", "every rig in full, as far as caps allow"),
}
HEADS = ("Run as", "Hashed#", "Energy#", "Starts#", "Demand#", "Missed#", "Left#")
NO_PRICE = "No price is known in this time"


class BillPart:
    """A bill: the sum, what is not in it, and its lines."""

    def __init__(self) -> None:
        with card("What it would have cost", aside="by the meters' counters") as self.root:
            self._place = columns("stack")
        self.root.set_visibility(False)

    def show(self, found: BillRow, own: BillRow | None) -> None:
        """Show a bill; `own` is the site's own when this is by another tariff."""
        self.root.set_visibility(True)
        self._place.clear()
        with self._place:
            Words(_costs(found, own), "lode-plan-says", "p")
            facts = bill_facts({"bill": asdict(found)})
            Facts(tuple(facts)).show(facts)
            for line in found.notes:
                Words(line, "lode-notice lode-warn", "p")
            if found.lines:
                bill_table([asdict(line) for line in found.lines])
            else:
                Empty("No line: nothing was metered and priced in this time.")


def _costs(found: BillRow, own: BillRow | None) -> str:
    told = f"{words.money(found.usd, 2)} for {figures.energy(found.energy_kwh)}"
    if own is None:
        return f"{told}."
    less = own.usd - found.usd
    than = f"{words.money(abs(less), 2)} {'less' if less >= 0 else 'more'} than"
    return f"{told}: {than} by the site's own tariffs, {words.money(own.usd, 2)}."


class SimulationPart:
    """What planning would have earned: beside the baselines, over time, and what it leaves out."""

    def __init__(self) -> None:
        with card("What a plan would have earned", aside="with the rigs of now") as self.root:
            self._says = Words("", "lode-plan-says", "p")
            with table(HEADS, label="Ways to run the site") as body:
                self._rows = Keyed[SimulatedPolicy](
                    body, lambda policy: policy.name, lambda _: _PolicyLine()
                )
            note("Each keeps the same limits. What calls pay is not in it, missing them is.")
            self._notes = columns("stack")
            Words("Price", "lode-title", "h3")
            self._price = HeldChart("Price of a MWh in the simulated time", NO_PRICE)
            Words("Power", "lode-title", "h3")
            self._power = HeldChart("Power in the simulated time, at the meter", NO_PRICE)
        self.root.set_visibility(False)

    def show(self, found: Simulated) -> None:
        """Show a simulation."""
        self.root.set_visibility(True)
        self._says.text = sentence(found)
        self._rows.show(found.policies)
        self._notes.clear()
        with self._notes:
            for said in (*found.notes, *_broken(found.broken)):
                Words(said, "lode-notice lode-warn", "p")
        self._draw(found)

    def _draw(self, found: Simulated) -> None:
        span, at_ms = (found.from_ms, found.until_ms), [one.from_ms for one in found.periods]
        step_ms = round(found.step_s * 1000)
        price = [one.price_usd_mwh for one in found.periods]
        line = Held(name="All in", at_ms=at_ms, values=price, step_ms=step_ms, digits=2, width=2.2)
        self._price.show([line], [], span_ms=span, now_ms=0, unit="$/MWh")
        watts = [one.always_on_w for one in found.periods], [one.plan_w for one in found.periods]
        scale = figures.power_scale(figures.peak([*watts[0], *watts[1]]))
        always, plan = ([w / scale.factor for w in each] for each in watts)
        self._power.show(
            [
                Held(name="Always on", at_ms=at_ms, values=always, step_ms=step_ms, digits=2,
                     color="--muted", dash="dashed"),
                Held(name="Plan", at_ms=at_ms, values=plan, step_ms=step_ms, digits=2, width=2.2),
            ],
            [], span_ms=span, now_ms=0, unit=scale.unit,
        )  # fmt: skip


class _PolicyLine:
    def __init__(self) -> None:
        self._money: list[Words] = []
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._name = Words("", "", "b")
                self._about = Words("", "lode-note")
            for head in HEADS[1:]:
                with cell(numeric=True, head=head.rstrip("#")), box("lode-command-what"):
                    self._money.append(Words("", "", "b" if head == "Left#" else "span"))
                    if head == "Energy#":
                        self._energy = Words("", "lode-note")
                    if head == "Starts#":
                        self._starts = Words("", "lode-note")

    def show(self, policy: SimulatedPolicy) -> None:
        self._name.text, self._about.text = POLICIES.get(policy.name, (policy.name, ""))
        costs = (policy.energy_usd, policy.starts_usd, policy.demand_usd, policy.penalty_usd)
        amounts = (policy.hash_usd, *(-usd if usd else 0.0 for usd in costs), policy.profit_usd)
        for shown, usd in zip(self._money, amounts, strict=True):
            shown.text = words.money(usd, 2)
        self._energy.text = str(figures.energy(policy.energy_kwh))
        self._starts.text = figures.plural(policy.starts, "start")


def sentence(found: Simulated) -> str:
    """Say what planning would have left, and against what."""
    plan, *others = found.policies
    rigs = figures.plural(found.rigs, "rig")
    of = f"{rigs} in {figures.duration(found.known_h * 3600)}"
    against = [
        f"{words.money(abs(plan.profit_usd - one.profit_usd), 2)} "
        f"{'more' if plan.profit_usd >= one.profit_usd else 'less'} than {one.name}"
        for one in reversed(others)
    ]
    left = f"; {figures.plural(found.left_out, 'rig')} of now cannot be planned"
    more = left if found.left_out else ""
    return f"{words.money(plan.profit_usd, 2)} of {of}: {', '.join(against)}{more}."


def _broken(broken: Mapping[str, int]) -> Sequence[str]:
    return [f"Could not keep {what} in {figures.plural(n, 'period')}" for what, n in broken.items()]
