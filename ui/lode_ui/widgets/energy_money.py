"""Money: what each hour left, which rigs earn at this price, what curtailing brought."""

from collections.abc import Sequence

from lode_hub.queries.energy_nouns import AccountRow, BreakEven, HourRow
from lode_ui import energy_words as words
from lode_ui import figures
from lode_ui.figures import MISSING
from lode_ui.widgets.energy_chart import Held, HeldChart
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, cell, table
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Value, Words, box, note

HEADS = ("Rigs", "Now", "Break-even#", "Margin#")
NO_PROFIT = "No hour has counter, price and hashprice"
HOUR_MS = 3_600_000


class ProfitChart:
    """A bar an hour: hash less power; an hour that is not known has none, and is counted."""

    def __init__(self) -> None:
        self._chart = HeldChart("Profit of each hour of the last day", NO_PROFIT)
        self._note = note("")

    def show(self, hours: Sequence[HourRow], why: str, span_ms: tuple[int, int]) -> None:
        """Draw the hours; `why` says why there are none."""
        bars = Held(
            name="Profit of the hour",
            at_ms=[hour.from_ms for hour in hours],
            values=[hour.profit_usd for hour in hours],
            step_ms=HOUR_MS,
            digits=2,
            color="--good",
            is_bar=True,
        )
        self._chart.show([bars], [], span_ms=span_ms, now_ms=span_ms[1], unit="$")
        missing = sum(hour.profit_usd is None for hour in hours)
        said = f"{missing} of {len(hours)} hours are not known: a counter, price or hashprice is "
        self._note.text = why or (f"{said}missing." if missing else "")


class BreakEvens:
    """Which models of rigs earn more than they cost, the thirstiest first."""

    def __init__(self) -> None:
        self._against = note("")
        self._none = Empty("No rig has told its rated power and hashrate.")
        with table(HEADS, label="Break-even") as body:
            self._rows = Keyed[tuple[BreakEven, float | None]](
                body, lambda row: row[0].model, lambda _: _BreakEvenLine()
            )

    def show(self, found: Sequence[BreakEven], market_usd_mwh: float | None) -> None:
        """Show each model's break-even price against what a MWh costs less its adders."""
        self._none.show(not found)
        self._against.text = (
            f"Against {words.price(market_usd_mwh)} now: all in, less adders, which the break-even "
            "price has taken off already."
            if market_usd_mwh is not None
            else "The price of now is not known, so nobody can say who earns."
        )
        self._rows.show([(each, market_usd_mwh) for each in found])


class _BreakEvenLine:
    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._model = Words("", "lode-wrap", "b")
                Words(" ")
                self._about = Words("", "lode-note")
            with cell(head="Now"):
                self._sign = Sign(words.UNKNOWN)
            with cell(numeric=True, head="Break-even"):
                self._price = Words(MISSING)
            with cell(numeric=True, head="Margin"):
                self._margin = Words(MISSING)

    def show(self, row: tuple[BreakEven, float | None]) -> None:
        found, market = row
        self._model.text = found.model or "unknown model"
        rigs = figures.plural(found.rigs, "rig")
        self._about.text = f"{rigs}, {figures.efficiency(found.efficiency_jth)}"
        self._price.text = str(words.price(found.usd_mwh))
        known = found.usd_mwh is not None and market is not None
        margin = (found.usd_mwh or 0.0) - (market or 0.0) if known else None
        look = words.UNKNOWN if margin is None else words.EARNS if margin > 0 else words.LOSES
        self._sign.show(look)
        self._margin.text = words.price(margin).value


class Earned:
    """What curtailing earned in the last days, by accounts; what no account says is not in it."""

    def __init__(self) -> None:
        self._value = Value("lode-value lode-value-large")
        self._remark = note("")

    def show(self, accounts: Sequence[AccountRow], unmade: int, now_ms: int) -> None:
        """Show the sum, and of how many accounts it is."""
        usd, known, unknown = words.earned(accounts, now_ms)
        self._value.show(words.money(usd))
        said = [f"by {figures.plural(known, 'account')} of the last {words.EARNED_DAYS} days"]
        if unknown:
            said.append(f"{unknown} more could not be reckoned")
        if unmade:
            said.append(f"{figures.plural(unmade, 'call')} without an account")
        self._remark.text = "; ".join(said) if known or unknown or unmade else (
            "No call or curtailment of the last 30 days has an account."
        )  # fmt: skip
