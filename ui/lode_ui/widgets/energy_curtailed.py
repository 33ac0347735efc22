"""What the calls of a day or month came to together: sums, call by call, and peaks avoided."""

from collections.abc import Mapping, Sequence
from typing import Any

from lode_ui import energy_words as words
from lode_ui import figures
from lode_ui.widgets.energy_account import event_money, money_table
from lode_ui.widgets.layout import Empty, card, cell, columns, table
from lode_ui.widgets.text import Words, box, note

CALL_HEADS = ("Call", "Delivered#", "Not bought#", "Credit#", "Penalty#", "Hashing lost#",
              "Earned#")  # fmt: skip
PEAK_HEADS = ("Peak", "Drawn#", "Without calls#", "Paid#", "Avoided#")
MOST = 200
HEADING, ASIDE = "What the calls earned", "those that began in it and are over"
NO_CALL = "No call began in this time."
NO_CALL_HINT = "What curtailing earned stands here once one did and is over."
Row = Mapping[str, Any]


def curtailed_part(found: Row | None) -> None:
    """Set out what the calls earned in cards; `found` None: there was no call."""
    if not found or not found.get("calls"):
        with card(HEADING, aside=ASIDE):
            Empty(NO_CALL, NO_CALL_HINT)
        return
    with columns("wide-narrow"):
        with columns("stack"), card(HEADING, aside=ASIDE):
            _call_table(found["calls"])
            for line in found.get("notes", ()):
                note(str(line))
        with columns("stack"), card("Money of the calls"):
            money_table(event_money(found))
    if found.get("peaks"):
        with card("Peaks avoided", aside="before taxes; in none of the sums above"):
            _peak_table(found["peaks"])


def _call_table(rows: Sequence[Row]) -> None:
    with table(CALL_HEADS, label="By call"):
        for row in rows[:MOST]:
            test = " (test)" if row.get("is_test") else ""
            penalty, lost = row.get("penalty_usd"), row.get("hash_lost_usd")
            shown = (
                str(figures.energy(row.get("delivered_kwh"))),
                _money(row.get("avoided_usd")),
                _money(row.get("credit_usd")),
                _money(None if penalty is None else -penalty),
                _money(None if lost is None else -lost),
                _money(row.get("earned_usd")),
            )
            when = words.span(row["from_ms"], row["until_ms"])
            about = " · ".join(part for part in (when, str(row.get("says") or "")) if part)
            _line(f"{row.get('subject')}{test}", about, CALL_HEADS, shown)
    if len(rows) > MOST:
        note(f"{MOST} of {len(rows):,} calls; the CSV has all.")


def _peak_table(rows: Sequence[Row]) -> None:
    with table(PEAK_HEADS, label="Peaks avoided"):
        for row in rows[:MOST]:
            ratio = row.get("avoided_ratio")
            share = "" if ratio is None else f" ({figures.percent(ratio)})"
            shown = (
                str(figures.power(_watts(row.get("metered_kw")))),
                str(figures.power(_watts(row.get("baseline_kw")))),
                _money(row.get("metered_usd")),
                f"{_money(row.get('avoided_usd'))}{share}",
            )
            about = " · ".join(part for part in (row.get("month"), row.get("note")) if part)
            _line(str(row.get("name")), about, PEAK_HEADS, shown)


def _line(name: str, about: str, heads: Sequence[str], shown: Sequence[str]) -> None:
    with box("", "tr"):
        with cell(), box("lode-command-what"):
            Words(name, "lode-wrap", "b")
            Words(about, "lode-note")
        for head, value in zip(heads[1:], shown, strict=True):
            with cell(numeric=True, head=head.rstrip("#")):
                Words(value)


def _money(usd: float | None) -> str:
    return "not known" if usd is None else words.money(usd, 2)


def _watts(power_kw: float | None) -> float | None:
    return None if power_kw is None else power_kw * 1000
