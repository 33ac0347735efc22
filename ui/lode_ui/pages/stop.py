"""The emergency stop of a site, behind a typed word; and its end."""

from collections.abc import Sequence

from lode_hub.queries.command_nouns import CommandRow
from lode_ui.acts import Once, attempt, why_not
from lode_ui.desk import Desk
from lode_ui.figures import plural
from lode_ui.widgets.button import Button
from lode_ui.widgets.form import TextField
from lode_ui.widgets.layout import card, columns
from lode_ui.widgets.text import Words, box

HOW = (
    "Puts every rig to sleep at once, whatever ramps and minimum times say. "
    "It holds until the stop is ended."
)


class StopPart:
    """Stop all rigs; the site's name has to be typed first."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._once = Once()
        self._site = ""
        with card("Emergency") as made:
            made.classes("lode-emergency lode-bad")
            self._stopped = Words("", "lode-notice lode-bad", "p")
            with box("lode-stack") as self._form:
                Words(HOW, "lode-note", "p")
                with columns("fields"):
                    self._reason = TextField("Reason", hint="for whoever asks tomorrow")
                    self._typed = TextField("Type the site's name to stop it")
                with columns("buttons"):
                    self._button = Button("Stop all rigs", self._stop, "lode-button-danger")
            with columns("buttons") as self._ending:
                self._end_button = Button("End stop", self._end)
                Words("rigs come back by the envelope's ramps", "lode-note")
        self._typed.changed = self._mark
        self._stopped.set_visibility(False)

    def show(self, site: str, rigs: int, under_way: Sequence[CommandRow]) -> None:
        """Show the stop of this site, and whether it is stopped now."""
        self._site = site
        stops = [c for c in under_way if c.action == "stop_all" and c.site == site]
        self._stopped.set_visibility(bool(stops))
        self._stopped.text = f"{site} was stopped by {stops[0].actor}." if stops else ""
        self._button.text = f"Stop all {plural(rigs, 'rig')} of {site}" if site else "Stop all rigs"
        self._ending.set_visibility(bool(site))
        if stops:
            self._end_button.classes(add="lode-button-main")
        else:
            self._end_button.classes(remove="lode-button-main")
        self._mark()

    def _mark(self) -> None:
        is_typed = bool(self._site) and self._typed.value == self._site
        obstacle = why_not(self._desk)
        self._button.forbid(
            obstacle or ("" if is_typed else "Type the site's name first, letter by letter")
        )
        self._end_button.forbid(obstacle)

    async def _stop(self) -> None:
        desk, site, reason = self._desk, self._site, self._reason.value[:256]
        request = self._once.name(("stop", site, reason))
        stop = desk.actions.commands.stop_all(desk.person, site, reason=reason, request=request)
        if await attempt(desk, stop, f"{site} is being stopped") is not None:
            self._once.done()

    async def _end(self) -> None:
        desk, site = self._desk, self._site
        request = self._once.name(("end", site))
        end = desk.actions.commands.end_stop(desk.person, site, request=request)
        if await attempt(desk, end, f"The stop of {site} is being ended") is not None:
            self._once.done()
