"""One curtailment: who would be taken and who not; once it has begun, how far each rig is."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlencode

from lode_hub.queries.command_nouns import (
    CommandDetail,
    CommandDeviceRow,
    CommandRow,
    CurtailmentRow,
)
from lode_ui import figures, reach
from lode_ui.acts import Once, attempt, why_not
from lode_ui.desk import Desk
from lode_ui.figures import Figure
from lode_ui.life import now_ms
from lode_ui.widgets.button import Button
from lode_ui.widgets.commands import HEADS, CommandLine
from lode_ui.widgets.curtailment_head import CurtailmentHead
from lode_ui.widgets.feeders import FeederTable
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.proofs import Proofs
from lode_ui.widgets.skipped import Groups, Taken
from lode_ui.widgets.text import Words, note
from lode_ui.widgets.tile import Tile

FRESH_MS = 600_000
"""The hub begins no preview older than this."""

OLD = "This preview is older than 10 minutes; the rigs have gone on since. Preview it again."
NOBODY = "No rig can be taken: see below why."
SHORT = "That is not enough: every rig that can be taken is. See below why the others are not."


class CurtailmentPage:
    """A preview with its start, or what became of it."""

    title = "Curtailment"

    def __init__(self, desk: Desk, curtailment_id: str) -> None:
        self._desk = desk
        self._id = curtailment_id
        self._once = Once()
        self._head = CurtailmentHead(desk.site_id)
        self._missing = Empty("There is no such curtailment.", "Preview one on the page Curtail.")
        self._missing.show(False)
        with columns("stack") as self._body:
            self._short = Words(SHORT, "lode-notice lode-warn", "p")
            with columns("tiles"):
                self._needed = Tile("Needed")
                self._saved = Tile("Would be saved")
                self._rigs = Tile("Rigs taken")
                self._site = Tile("Site")
            with columns("buttons") as self._before:
                self._start = Button("Start exactly this", self._begin, "lode-button-main")
                self._change = Words("Change it", "lode-link", "a")
                self._why = note("")
            with columns("buttons") as self._after:
                self._end = Button("End curtailment", self._release, "lode-button-main")
                self._back = note("")
            self._progress = _Progress()
            with columns("wide-narrow"):
                with columns("stack"):
                    with card("Skipped, and why") as self._skipped:
                        self._groups = Groups()
                    with card("Taken, the least efficient first") as self._taken_card:
                        self._taken = Taken()
                with columns("stack"):
                    self._feeders = FeederTable()

    async def refresh(self) -> None:
        """Ask for the curtailment, and for its commands once it has begun."""
        answers = self._desk.answers
        row = await answers.commands.curtailment(self._id)
        self._missing.show(row is None)
        self._body.set_visibility(row is not None)
        if row is None:
            self._head.show_missing()
            return
        asked = await asyncio.gather(*(answers.commands.command(each) for each in row.commands))
        details = [detail for detail in asked if detail is not None]
        meters = {m.name: m.power_w for m in await answers.meters() if m.site == row.site}
        self.title = reach.title(row)
        self._head.show(row, [detail.command for detail in details])
        self._show_sums(row, details)
        self._show_buttons(row, details)
        self._feeders.show(row, meters)
        self._groups.show(row)
        self._taken.show(row.taken)
        self._taken_card.set_visibility(row.started_ms is None)
        self._progress.show(details)

    def _show_sums(self, row: CurtailmentRow, details: Sequence[CommandDetail]) -> None:
        is_begun = row.started_ms is not None
        self._short.set_visibility(not row.is_enough and not is_begun)
        needed = Figure("all") if row.needed_w is None else figures.power(row.needed_w)
        self._needed.show(needed, reach.how(row))
        if is_begun:
            saved_w = reach.saved_w(details)
            self._saved.label("Saved, as proved")
            self._saved.show(figures.power(saved_w), f"of {figures.power(row.expected_w)} expected")
        else:
            self._saved.show(figures.power(row.expected_w), reach.basis(row))
        every = len(row.taken) + len(row.skipped)
        left = f"{len(row.skipped):,} left alone"
        self._rigs.show(figures.count(len(row.taken), f"of {every:,}"), left)
        after_w = None if row.site_power_w is None else row.site_power_w - row.expected_w
        self._site.show(
            figures.power(after_w),
            f"after it, from {figures.power(row.site_power_w)} by {reach.source(row)}",
        )

    def _show_buttons(self, row: CurtailmentRow, details: Sequence[CommandDetail]) -> None:
        is_begun = row.started_ms is not None
        is_held = any(detail.command.is_held for detail in details)
        self._before.set_visibility(not is_begun)
        self._after.set_visibility(is_held and self._desk.may_act)
        obstacle = why_not(self._desk)
        if not obstacle and not row.taken:
            obstacle = NOBODY
        if not obstacle and now_ms() - row.made_ms > FRESH_MS:
            obstacle = OLD
        self._start.forbid(obstacle)
        self._why.text = obstacle or f"Takes the rigs listed here, and no other. {reach.pace(row)}"
        self._back.text = reach.way_back(row)
        site = {"site": str(self._desk.site_id)} if self._desk.site_id else {}
        back = f"/curtail?{urlencode({**reach.form(row), **site})}"
        if self._change.props.get("href") != back:
            self._change.props["href"] = back
            self._change.update()

    async def _begin(self) -> None:
        desk = self._desk
        request = self._once.name(self._id)
        start = desk.actions.curtailments.start(desk.person, self._id, request=request)
        await attempt(desk, start, "Started")
        await self.refresh()

    async def _release(self) -> None:
        desk = self._desk
        request = self._once.name(("release", self._id))
        release = desk.actions.curtailments.release(desk.person, self._id, request=request)
        if await attempt(desk, release, "Ending it") is not None:
            self._once.done()
        await self.refresh()


class _Progress:
    def __init__(self) -> None:
        with (
            card("Progress") as self._card,
            table(HEADS, label="Commands of this curtailment") as body,
        ):
            self._lines = Keyed[CommandRow](body, lambda command: command.command_id, CommandLine)
        with card("Rigs and proof") as self._devices:
            self._proofs = Proofs()

    def show(self, details: Sequence[CommandDetail]) -> None:
        self._card.set_visibility(bool(details))
        self._devices.set_visibility(bool(details))
        self._lines.show([detail.command for detail in details])
        devices: list[CommandDeviceRow] = [d for detail in details for d in detail.devices]
        self._proofs.show("curtail", devices)
