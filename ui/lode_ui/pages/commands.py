"""All commands: what was ordered, of whom, by whom, and how far it is."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from lode_hub.queries.command_nouns import CommandRow
from lode_ui.acts import attempt
from lode_ui.command_answers import OPEN_LIMIT, Kind
from lode_ui.desk import Desk
from lode_ui.pages.unordered import Unordered
from lode_ui.widgets.approvals import Approval, Says
from lode_ui.widgets.choice import Choice
from lode_ui.widgets.commands import HEADS, CommandLine
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.pager import Pager
from lode_ui.widgets.text import Words, title

PAGE = 25
KINDS: dict[Kind, str] = {"all": "All", "open": "Open", "bad": "Went wrong"}

EMPTY: dict[Kind, tuple[str, str]] = {
    "all": ("Nothing was ever ordered here.", "Order something on a rig's page, or curtail."),
    "open": ("Nothing is under way.", "What holds, or is on its way, is listed here."),
    "bad": ("Nothing went wrong.", "What was refused, failed, expired or drifted is kept here."),
    "proposed": ("", ""),
}


class CommandsPage:
    """What waits for approval, one page of commands at a time, and what nobody here ordered."""

    title = "Commands"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kind: Kind = "all"
        title("Commands", "h1")
        with card("Waits for a second person") as self._waiting:
            self._approvals = Keyed[CommandRow](
                columns("stack"),
                lambda command: command.command_id,
                lambda command: Approval(command, says(desk, command, self.refresh)),
            )
        self._waiting.set_visibility(False)
        with columns("toolbar"):
            Choice("Which commands", KINDS, "all", self._choose)
            self._total = Words("", "lode-count")
        with card():
            self._empty = Empty("")
            with table(HEADS, label="Commands") as body:
                self._lines = Keyed[CommandRow](
                    body, lambda command: command.command_id, CommandLine
                )
            self._pager = Pager(PAGE, self.refresh, ("Newer", "Older"))
        self._unordered = Unordered(desk)

    async def refresh(self) -> None:
        """Ask for the page that is shown, and for what waits."""
        answers = self._desk.answers
        site = self._desk.site_name(await answers.sites())
        kind = self._kind
        total, waiting = await asyncio.gather(
            answers.commands.count(site, kind),
            answers.commands.page(site, "proposed", limit=OPEN_LIMIT, offset=0),
        )
        self._pager.show(total)
        commands = await answers.commands.page(site, kind, limit=PAGE, offset=self._pager.offset)
        if kind != self._kind:
            return  # another was chosen meanwhile
        self._lines.show(commands)
        self._empty.say(*EMPTY[kind])
        self._empty.show(not commands)
        self._total.text = f"{total:,}"
        self._approvals.show(waiting)
        self._waiting.set_visibility(bool(waiting))
        await self._unordered.refresh(site)

    async def _choose(self, kind: Kind) -> None:
        self._kind = kind
        self._pager.offset = 0
        await self.refresh()


def says(desk: Desk, command: CommandRow, then: Callable[[], Awaitable[None]]) -> Says:
    """Say which buttons a proposal has for this person: nobody approves their own."""
    if not desk.may_act:
        return Says()
    orders, command_id = desk.actions.commands, command.command_id

    async def approve() -> None:
        await attempt(desk, orders.approve(desk.person, command_id), "Approved; it is sent now")
        await then()

    async def decline(done: str) -> None:
        await attempt(desk, orders.decline(desk.person, command_id), done)
        await then()

    if command.actor == desk.person.name:
        return Says(take_back=partial(decline, "Taken back"))
    return Says(approve=approve, decline=partial(decline, "Declined"))
