"""The part of a rig's page that acts: what is offered, what was ordered last, and by whom."""

import asyncio

from lode_hub.queries.command_nouns import CommandRow
from lode_ui.acts import Hand, attempt, why_not
from lode_ui.desk import Desk
from lode_ui.life import now_ms
from lode_ui.widgets.act_panel import ActPanel, Hands
from lode_ui.widgets.commands import PLAIN_HEADS, CommandLine
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, table
from lode_wire.orders import AnyIntent, Terms

SHOWN = 5


class RigAct:
    """The panel, and the last commands for the rig."""

    def __init__(self, desk: Desk, device_id: int) -> None:
        self._desk = desk
        self._device_id = device_id
        self._hand = Hand(desk)
        self._panel = ActPanel(
            Hands(order=self._order, maintain=self._maintain, why_not=why_not(desk), now_ms=now_ms)
        )
        with card("Commands", aside=f"the last {SHOWN}"):
            self._none = Empty("Nothing was ever ordered of this rig.")
            with table(PLAIN_HEADS, label="Commands for this rig") as body:
                self._lines = Keyed[CommandRow](
                    body,
                    lambda command: command.command_id,
                    lambda command: CommandLine(command, is_plain=True),
                )

    async def refresh(self) -> None:
        """Ask what is offered, and what became of what was ordered."""
        answers = self._desk.answers.commands
        controls, commands = await asyncio.gather(
            answers.controls(self._device_id), answers.of_device(self._device_id)
        )
        last = await answers.command(self._hand.last) if self._hand.last else None
        self._panel.show(controls, last)
        self._lines.show(commands[:SHOWN])
        self._none.show(not commands)

    async def _order(self, intent: AnyIntent, terms: Terms | None) -> None:
        await self._hand.order(intent, device_id=self._device_id, terms=terms)
        await self.refresh()

    async def _maintain(self, is_on: bool) -> None:
        desk = self._desk
        await attempt(
            desk, desk.actions.commands.maintain(desk.person, self._device_id, is_on=is_on)
        )
        await self.refresh()
