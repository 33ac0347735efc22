"""Curtail a site: say what it shall reach, then look at who would be taken before anything is."""

from collections.abc import Mapping
from typing import Literal

from nicegui import ui

from lode_hub.actions import Ask
from lode_hub.queries.command_nouns import CommandRow
from lode_hub.queries.nouns import SiteTotals
from lode_ui import figures
from lode_ui.acts import attempt, why_not
from lode_ui.command_answers import OPEN_LIMIT
from lode_ui.desk import Desk
from lode_ui.life import now_ms
from lode_ui.pages.stop import StopPart
from lode_ui.widgets.button import Button
from lode_ui.widgets.choice import Choice
from lode_ui.widgets.commands import HEADS, CommandLine
from lode_ui.widgets.form import NumberField, SelectField, TextField
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.terms import TermsForm
from lode_ui.widgets.text import Words, note, title

Way = Literal["to", "by", "all"]
WAYS: dict[Way, str] = {"to": "Reduce to", "by": "Reduce by", "all": "As far as possible"}
MEANS: dict[Way, str] = {
    "to": "The site shall draw no more than this.",
    "by": "The site shall draw so much less than now.",
    "all": "Every rig that can be put to sleep.",
}
LEAST_KW, MOST_KW = 0.0, 1e6
MOST_NAMES = 200
HELD = frozenset({"curtail", "stop_all"})
NO_FIGURE = "Say how many kW: a number of 0 or more."
NO_TIME = "Say until when: a time to come."


class CurtailPage:
    """The form; what is under way; the emergency stop."""

    title = "Curtail"

    def __init__(self, desk: Desk, given: Mapping[str, str]) -> None:
        self._desk = desk
        self._way: Way = next((way for way in WAYS if way == given.get("way")), "by")
        title("Curtail a site", "h1")
        self._nothing = Empty("There is no site yet.", "Sites come with their agents.")
        with columns("wide-narrow") as self._columns:
            with columns("stack"):
                with card("What shall be reached"):
                    self._form(given)
                with card("Under way"):
                    self._none = Empty("No curtailment is under way.")
                    with table(HEADS, label="Under way") as body:
                        self._lines = Keyed[CommandRow](
                            body, lambda command: command.command_id, CommandLine
                        )
            with columns("stack"):
                self._stop = StopPart(desk)

    def _form(self, given: Mapping[str, str]) -> None:
        with columns("fields"):
            chosen = given.get("at", "")
            self._site = SelectField[str]("Site", {}, chosen)
        Choice("How much", WAYS, self._way, self._choose)
        self._meaning = Words("", "lode-note", "p")
        with columns("fields"):
            self._figure = NumberField(
                "Power", unit="kW", value=_number(given.get("kw")), low=LEAST_KW, high=MOST_KW
            )
        self._now = Words("", "lode-note", "p")
        self._terms = TermsForm(given)
        with columns("fields"):
            self._excluding = TextField(
                "Leave out",
                hint="names of rigs, racks or agents, with commas between them",
                value=given.get("out", ""),
                example="rack-B2, rig-017",
            )
        self._wrong = Words("", "lode-wrong", "p")
        with columns("buttons"):
            self._button = Button("Preview", self._preview, "lode-button-main")
            note("nothing is sent; it shows who would be taken, and who not and why")
        self._button.forbid(why_not(self._desk))
        self._mark()

    async def refresh(self) -> None:
        """Ask for the sites, and for what is under way."""
        answers = self._desk.answers
        sites = await answers.sites()
        chosen = self._desk.chosen(sites)
        name = self._desk.site_name(sites)
        under_way = await answers.commands.page(name, "open", limit=OPEN_LIMIT, offset=0)
        self._nothing.show(not sites)
        self._columns.set_visibility(bool(sites))
        self._site.offer({site.site: site.site for site in chosen})
        site = next((each for each in chosen if each.site == self._site.value), None)
        self._now.text = _power_now(site)
        held = [command for command in under_way if command.action in HELD]
        self._lines.show(held)
        self._none.show(not held)
        self._stop.show(site.site if site else "", site.rigs if site else 0, under_way)

    async def _choose(self, way: Way) -> None:
        self._way = way
        self._mark()

    def _mark(self) -> None:
        self._meaning.text = MEANS[self._way]
        self._figure.hide(self._way == "all")

    async def _preview(self) -> None:
        figure_kw = self._figure.value
        terms = self._terms.read(now_ms())
        is_lacking = self._way != "all" and figure_kw is None
        self._wrong.text = NO_FIGURE if is_lacking else NO_TIME if terms is None else ""
        if self._wrong.text:
            return
        power_w = None if figure_kw is None else figure_kw * 1000
        ask = Ask(
            site=self._site.value,
            reduce_to_w=power_w if self._way == "to" else None,
            reduce_by_w=power_w if self._way == "by" else None,
            excluding=frozenset(_names(self._excluding.value)),
        )
        desk = self._desk
        made = await attempt(desk, desk.actions.curtailments.preview(desk.person, ask, terms))
        if made is not None:
            site = f"?site={desk.site_id:d}" if desk.site_id else ""
            ui.navigate.to(f"/curtail/{made}{site}")


def _power_now(site: SiteTotals | None) -> str:
    if site is None:
        return ""
    meters, rigs = figures.power(site.meter_power_w), figures.power(site.rig_power_w)
    return f"Now: {meters} by its meters, {rigs} by what the rigs say."


def _names(text: str) -> list[str]:
    return [name for each in text.split(",") if (name := each.strip())][:MOST_NAMES]


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
