"""EEMUA 191's figures as rows: measured, asked for, and whether that is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from lode_hub.queries.alert_nouns import AlarmFigures, Alarming
from lode_ui import figures
from lode_ui.states import SEVERITY, Look
from lode_ui.widgets.layout import blank, cell
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

HEADS = ("Figure", "Measured#", "Asked for#", "")
FREQUENT_HEADS = ("Rule", "About", "Alarms#", "Of all#")

KEPT = Look(word="Kept", tone="good", shape="check", meaning="as the guide asks")
MISSED = Look(word="Missed", tone="warn", shape="diamond", meaning="more than the guide asks for")
SHARES = {"critical": 0.05, "warning": 0.15, "info": 0.8}


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One figure; `is_kept` is None when the guide asks for nothing."""

    name: str
    about: str
    measured: str
    asked: str = ""
    is_kept: bool | None = None


class TargetLine:
    """One row."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._name = Words("", "", "b")
                self._about = Words("", "lode-note")
            with cell(numeric=True, head="Measured"):
                self._measured = Words("", "lode-measured")
            with cell(numeric=True, head="Asked for") as self._asked_cell:
                self._asked = Words("")
            with cell(numeric=True):
                self._sign = Sign(KEPT)

    def show(self, target: Target) -> None:
        """Show the figure beside what is asked."""
        self._name.text, self._about.text = target.name, target.about
        self._measured.text, self._asked.text = target.measured, target.asked
        blank(self._asked_cell, is_blank=not target.asked)
        self._sign.show(KEPT if target.is_kept else MISSED)
        self._sign.hide(target.is_kept is None)


class FrequentLine:
    """An alarm that people were told of again and again."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._rule = Words("", "lode-wrap", "b")
            with cell(head="About"):
                self._subject = Words("", "lode-wrap")
            self._numbers = []
            for head in ("Alarms", "Of all"):
                with cell(numeric=True, head=head):
                    self._numbers.append(Words(""))

    def show(self, row: tuple[Alarming, int]) -> None:
        """Show how often, and which share of all that is."""
        often, alarms = row
        self._rule.text, self._subject.text = often.rule, often.subject
        share = figures.percent(often.n / alarms if alarms else None, 0)
        for words, text in zip(self._numbers, (f"{often.n:,}", f"{share}"), strict=True):
            words.text = text


def targets(found: AlarmFigures) -> Sequence[Target]:
    """Set the figures beside EEMUA 191's targets."""
    each = "an operator"
    return (
        Target(name="Alarms in 10 min", about=f"on average, for {each}",
               measured=f"{figures.number(found.per_10_min)}", asked="below 1",
               is_kept=found.per_10_min < 1),
        Target(name="Peak in 10 min", about=f"the worst, for {each}",
               measured=f"{figures.number(found.peak_10_min, digits=1)}", asked="at most 10",
               is_kept=found.peak_10_min <= 10),  # noqa: PLR2004 -- EEMUA 191
        Target(name="Alarms a day", about=f"for {each}",
               measured=f"{figures.number(found.per_day, digits=1)}", asked="below 150",
               is_kept=found.per_day < 150),  # noqa: PLR2004
        Target(name="Time in a flood", about=f"{figures.plural(found.floods, 'flood')}: "
               "from 10 alarms in 10 min until below 5",
               measured=f"{figures.percent(found.flood_ratio, 2)}", asked="below 1 %",
               is_kept=found.flood_ratio < 0.01),  # noqa: PLR2004
        Target(name="Standing", about="open for more than a day", measured=f"{found.standing:,}",
               asked="below 10", is_kept=found.standing < 10),  # noqa: PLR2004
        Target(name="Chattering", about="three times in 10 min, or flapping",
               measured=f"{found.chattering:,}", asked="0", is_kept=found.chattering == 0),
        *_shares(found),
        Target(name="Busy", about="of the 10 min, with more than one alarm for an operator",
               measured=f"{figures.percent(found.busy_ratio)}"),
        *_shelved(found.shelved),
    )  # fmt: skip


def _shelved(n: int | None) -> Sequence[Target]:
    """Say how many are put aside; of a past day nobody knows."""
    if n is None:
        return ()
    return (Target(name="Shelved", about="put aside by people now", measured=f"{n:,}"),)


def _shares(found: AlarmFigures) -> Sequence[Target]:
    """Set each severity's share beside about 5, 15 and 80 %; the guide gives no bound."""
    total = sum(found.by_severity.values())
    return [
        Target(name=SEVERITY[severity].word, about="of all alarms",
               measured=f"{figures.percent(n / total if total else None, 0)}",
               asked=f"about {figures.percent(SHARES[severity], 0)}")
        for severity, n in ((s, found.by_severity.get(s, 0)) for s in SEVERITY)
    ]  # fmt: skip
