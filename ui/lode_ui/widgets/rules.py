"""Rows of rules: one in effect, and one version of its past."""

from dataclasses import dataclass
from urllib.parse import quote

from lode_hub.queries.alert_nouns import RuleRow
from lode_ui import figures, rule_words
from lode_ui.states import SEVERITY, Look
from lode_ui.widgets.age import Age
from lode_ui.widgets.layout import blank, cell
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

AS_FOUND = Look(word="As found", tone="idle", shape="query", meaning="as its detector says")
OFF = Look(word="Off", tone="idle", shape="ring", meaning="opens nothing")

RULE_HEADS = ("Rule", "Severity", "Fires at", "Delays", "Fired, 24 h#", "7 d#", "Open#", "Version")
VERSION_HEADS = ("Version", "Where", "By", "When", "Changed")


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleShown:
    """A rule in effect, and how often it opened an alert."""

    rule: RuleRow
    day: int
    week: int


class RuleLine:
    """A rule in effect."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell(), box("lode-cell-stack"):
                self._name = Words("", "lode-link", "a")
                self._about = Words("", "lode-note")
            with cell(head="Severity"), box("lode-cell-stack"):
                self._sign = Sign(AS_FOUND)
                self._cause = Words("", "lode-note")
            with cell(head="Fires at") as self._judged_cell:
                self._judged = Words("", "lode-wrap")
            with cell(head="Delays"):
                self._delays = Words("")
            self._counts = []
            for head in RULE_HEADS[4:7]:
                with cell(numeric=True, head=head.rstrip("#")):
                    self._counts.append(Words("0"))
            with cell(head="Version"):
                self._version = Words("")

    def show(self, shown: RuleShown) -> None:
        """Show the rule as it is now."""
        rule = shown.rule
        self._name.text = f"{rule.name} at {rule.site}" if rule.site else rule.name
        at = f"?at={quote(rule.site, safe='')}" if rule.site else ""
        self._name.props["href"] = f"/rules/{quote(rule.name, safe='')}{at}"
        whose = "your own threshold" if rule.is_own else "shipped"
        self._about.text = str(rule.body.get("title") or whose)
        look = SEVERITY[rule.severity] if rule.severity else AS_FOUND
        self._sign.show(look if rule.is_enabled else OFF)
        self._cause.text = f"cause: {rule.cause}"
        judged = rule_words.judged(rule.body)
        self._judged.text = judged or "by its detector"
        self._judged.classes(replace="lode-wrap" if judged else "lode-faint")
        blank(self._judged_cell, is_blank=not judged)
        self._delays.text = rule_words.delays(rule.body)
        for words, n in zip(self._counts, (shown.day, shown.week, rule.open_alerts), strict=True):
            words.text = f"{n:,}"
            words.classes(replace="lode-strong" if n else "lode-faint")
        changed = " · changed" if rule.person is not None and not rule.is_own else ""
        self._version.text = f"{rule.version}{changed}"


class VersionLine:
    """A version of a rule, and what it changed."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._version = Words("", "", "b")
            with cell(head="Where"):
                self._where = Words("")
            with cell(head="By"):
                self._by = Words("", "lode-wrap")
            with cell(head="When"):
                self._when = Age()
            with cell(head="Changed"):
                self._changed = Words("", "lode-wrap")

    def show(self, shown: tuple[RuleRow, RuleRow | None]) -> None:
        """Show the version beside the one before it."""
        rule, before = shown
        self._version.text = f"{rule.version}{' · in effect' if rule.is_current else ''}"
        self._where.text = rule.site or "everywhere"
        self._by.text = rule.by
        self._when.show(rule.at_ms)
        changes = rule_words.changes(before.body, rule.body) if before else []
        self._changed.text = "; ".join(changes) if before else figures.MISSING
