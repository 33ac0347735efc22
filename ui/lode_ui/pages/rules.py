"""Rules: what is watched for, how it is judged, and how often each opened an alert lately."""

from collections.abc import Sequence

from lode_hub.queries.alert_nouns import Fired, RuleRow
from lode_ui.desk import Desk
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.rules import RULE_HEADS, RuleLine, RuleShown
from lode_ui.widgets.search import Search
from lode_ui.widgets.text import Words, note, title

NEW = "-"
"""In a page's address: a rule that is not there yet; no rule can be called so."""


class RulesPage:
    """Every rule that is in effect: people's own first, then what fired the most."""

    title = "Rules"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._words: list[str] = []
        title("Rules", "h1")
        with columns("toolbar"):
            Search("Filter by name, cause or site", self._filter)
            if desk.is_admin:
                link = Words(
                    "New threshold …", "lode-button lode-button-main lode-button-link", "a"
                )
                link.props["href"] = f"/rules/{NEW}"
            else:
                note(f"Administrators change rules; you are logged in as {desk.person.role}.")
        with card("In effect", aside="fired: alerts it opened, told or not"):
            self._none = Empty("No rule fits.", "The hub's own rules appear when it has started.")
            with table(RULE_HEADS, label="Rules") as body:
                self._lines = Keyed[RuleShown](
                    body, lambda one: (one.rule.name, one.rule.site), lambda _: RuleLine()
                )

    async def refresh(self) -> None:
        """Ask for the rules in effect, and how often they fired."""
        answers = self._desk.answers
        site = self._desk.site_name(await answers.sites())
        rules, fired = await answers.rules.current(), await answers.rules.fired()
        shown = [
            _shown(rule, rules, fired, site)
            for rule in rules
            if _fits(rule, self._words) and (site is None or rule.site in (None, site))
        ]
        self._lines.show(sorted(shown, key=lambda one: (not one.rule.is_own, -one.week)))
        self._none.show(not shown)

    async def _filter(self, text: str) -> None:
        self._words = text.lower().split()
        await self.refresh()


def _shown(
    rule: RuleRow, rules: Sequence[RuleRow], fired: Sequence[Fired], site: str | None
) -> RuleShown:
    """Count what a rule opened where it holds: at its site, or where it is not set for a site."""
    elsewhere = {other.site for other in rules if other.name == rule.name and other.site}
    mine = [
        one
        for one in fired
        if one.name == rule.name
        and (one.site == rule.site if rule.site else one.site not in elsewhere)
        and site in (None, one.site)
    ]
    return RuleShown(rule=rule, day=sum(o.day for o in mine), week=sum(o.week for o in mine))


def _fits(rule: RuleRow, words: Sequence[str]) -> bool:
    about = (rule.name, rule.cause, rule.site or "", rule.severity or "", rule.body.get("title"))
    text = " ".join(map(str, about)).lower()
    return all(word in text for word in words)
