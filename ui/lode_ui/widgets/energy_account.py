"""Accounts: rows of a list, and what is in one: energy, money, by period, by rig, provenance."""

from collections.abc import Mapping, Sequence
from typing import Any

from lode_hub.queries.energy_nouns import AccountRow
from lode_ui import energy_words as words
from lode_ui import figures
from lode_ui.figures import MISSING
from lode_ui.widgets.age import Age
from lode_ui.widgets.layout import Empty, cell, table
from lode_ui.widgets.text import Words, box

HEADS = ("Account", "Of", "Energy#", "Result#", "Made#")
PERIOD_HEADS = ("From", "Metered#", "Baseline#", "Delivered#", "Asked#", "Price#")
RIG_HEADS = ("Rig", "Before#", "During#", "Lost#", "Says it drew#")
BILL_HEADS = ("Line", "Month", "Quantity#", "Cost#")
MOST = 200
KINDS = {
    "call": "Call",
    "curtailment": "Curtailment",
    "plan": "Plan",
    "day": "Day",
    "month": "Month",
}
Row = Mapping[str, Any]


class AccountLine:
    """One account in a list, a way to its page."""

    def __init__(self, row: AccountRow) -> None:
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._name = Words("", "lode-link", "a")
                self._name.props["href"] = f"/energy/accounts/{row.account_id:d}"
                self._kind = Words("", "lode-note")
            with cell(head="Of"):
                self._when = Words("", "lode-wrap")
            with cell(numeric=True, head="Energy"):
                self._energy = Words(MISSING)
            with cell(numeric=True, head="Result"):
                self._result = Words(MISSING)
            with cell(numeric=True, head="Made"):
                self._made = Age()

    def show(self, row: AccountRow) -> None:
        """Show what it comes to."""
        self._name.text = row.subject or KINDS[row.kind]
        self._kind.text = f"{KINDS[row.kind]}, {row.site}, by {row.person}"
        self._when.text = words.span(row.from_ms, row.until_ms)
        self._energy.text = str(figures.energy(energy_kwh(row)))
        usd = words.result(row)
        self._result.text = words.money(usd, 2) if usd is not None else "not known"
        self._made.show(row.made_ms)


def energy_kwh(row: AccountRow) -> float | None:
    """Give the metered energy of an account."""
    found = row.body.get("metered_kwh", (row.body.get("bill") or {}).get("energy_kwh"))
    return float(found) if found is not None else None


def event_facts(body: Row) -> dict[str, str]:
    """Say what an event came to in energy."""
    kept = {True: "kept", False: "missed", None: "not known"}[body.get("is_compliant")]
    return {
        "Metered": str(figures.energy(body.get("metered_kwh"))),
        "Would have been": str(figures.energy(body.get("baseline_kwh"))),
        "Delivered": str(figures.energy(body.get("delivered_kwh"))),
        "Asked": str(figures.energy(body.get("asked_kwh"))),
        "Short": str(figures.energy(body.get("shortfall_kwh"))),
        "Kept": f"{kept}, {figures.percent(body.get('compliance_ratio'))}",
        "Without a counter": str(figures.number(body.get("missing_h"), "h")),
        "Baseline": str(body.get("baseline") or body.get("method") or ""),
    }


def bill_facts(body: Row) -> dict[str, str]:
    """Say what a day or month came to in energy."""
    bill = body.get("bill") or {}
    return {
        "Metered": str(figures.energy(bill.get("energy_kwh"))),
        "Without a counter": str(figures.number(bill.get("missing_h"), "h")),
        "Without a time": str(figures.energy(bill.get("unplaced_kwh"))),
        "Without a price": str(figures.energy(bill.get("unpriced_kwh"))),
    }


def event_money(body: Row) -> list[tuple[str, float | None]]:
    """Give what an event earned, part by part, and in all."""
    lost, penalty = body.get("hash_lost_usd"), body.get("penalty_usd")
    return [
        ("Energy not bought", body.get("avoided_usd")),
        ("Credit", body.get("credit_usd")),
        ("Penalty", -penalty if penalty is not None else None),
        ("Hashing lost", -lost if lost is not None else None),
        ("Earned", body.get("earned_usd")),
    ]


def bill_money(body: Row) -> list[tuple[str, float | None]]:
    """Give what a day or month left, part by part."""
    cost = body.get("usd")
    return [
        ("Hashed, after the pool's fee", body.get("hash_usd")),
        ("Power", -cost if cost is not None else None),
        ("Left", body.get("profit_usd")),
    ]


def money_table(rows: Sequence[tuple[str, float | None]]) -> None:
    """Set out money line by line; the last line is the sum."""
    with table(("What", "$#"), label="Money") as body:
        for number, (name, usd) in enumerate(rows, 1):
            with body, box("lode-sum" if number == len(rows) else "", "tr"):
                with cell():
                    Words(name)
                with cell(numeric=True, head="$"):
                    Words("not known" if usd is None else words.money(usd, 2))


def period_table(rows: Sequence[Row]) -> None:
    """Set out an event period by period."""
    with table(PERIOD_HEADS, label="By period"):
        for row in rows[:MOST]:
            shown = (
                *(figures.energy(row.get(f"{name}_kwh")) for name in
                  ("metered", "baseline", "delivered", "asked")),
                words.price(row.get("price_usd_mwh")).value,
            )  # fmt: skip
            _line(words.span(row["from_ms"], row["until_ms"]), PERIOD_HEADS, shown)
    _more(len(rows), "periods")


def rig_table(rows: Sequence[Row]) -> None:
    """Set out what each rig lost, the largest loss first, those not known at the end."""
    if not rows:
        Empty("No rig hashed before it.")
        return
    ordered = sorted(
        rows, key=lambda row: (row.get("lost_usd") is None, -(row.get("lost_usd") or 0))
    )
    with table(RIG_HEADS, label="By rig"):
        for row in ordered[:MOST]:
            usd = row.get("lost_usd")
            shown = (
                figures.hashrate(row.get("before_ths")),
                figures.hashrate(row.get("during_ths")),
                "not known" if usd is None else words.money(usd, 2),
                figures.energy(row.get("reported_kwh")),
            )
            _line(str(row.get("rig") or MISSING), RIG_HEADS, shown)
    _more(len(rows), "rigs")


def bill_table(rows: Sequence[Row]) -> None:
    """Set out a bill line by line."""
    with table(BILL_HEADS, label="The bill"):
        for row in rows[:MOST]:
            note = f" ({row['note']})" if row.get("note") else ""
            paid_for = quantity(row.get("quantity"), str(row.get("unit") or ""))
            shown = (str(row.get("month") or ""), paid_for, words.money(row.get("usd"), 2))
            _line(f"{row.get('name')}{note}", BILL_HEADS, shown)
    _more(len(rows), "lines")


def quantity(value: float | None, unit: str) -> figures.Figure:
    """Show what is paid for; a little energy is not nothing beside its cost."""
    kwh = {"kWh": 1.0, "MWh": 1000.0}.get(unit)
    if kwh is not None:
        return figures.energy(None if value is None else value * kwh)
    return figures.number(value, unit)


def _line(first: str, heads: Sequence[str], shown: Sequence[object]) -> None:
    with box("", "tr"):
        with cell():
            Words(first, "lode-wrap")
        for head, value in zip(heads[1:], shown, strict=True):
            with cell(numeric=head.endswith("#"), head=head.rstrip("#")):
                Words(str(value))


def _more(count: int, noun: str) -> None:
    if count > MOST:
        Words(f"{MOST} of {count:,} {noun}; the CSV has all.", "lode-note", "p")
