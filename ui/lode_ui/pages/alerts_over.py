"""The part of the inbox that shows what is over, newest first, a page at a time."""

from lode_hub.queries.nouns import AlertRow
from lode_ui.alarm_answers import Filter
from lode_ui.desk import Desk
from lode_ui.widgets.inbox import Hands, InboxLine
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import card
from lode_ui.widgets.pager import Pager
from lode_ui.widgets.text import box

PAGE = 50


class Resolved:
    """The list and its pager; how many there are in all is not counted, for it only grows."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._chosen = Filter(states=("resolved",))
        with card() as self._card:
            hands = Hands(is_chosen=lambda _: False)
            self._lines = Keyed[AlertRow](
                box("lode-inbox", "ul"),
                lambda alert: alert.alert_id,
                lambda alert: InboxLine(alert, hands),
            )
            self._pager = Pager(PAGE, self._turned, ("Newer", "Older"))
        self._card.set_visibility(False)

    def hide(self) -> None:
        """Show nothing."""
        self._card.set_visibility(False)
        self._lines.show(())

    async def refresh(self, chosen: Filter) -> bool:
        """Show a page of what fits; tell whether there is any."""
        if chosen != self._chosen:
            self._chosen = chosen
            self._pager.offset = 0
        return await self._fill()

    async def _fill(self) -> bool:
        offset = self._pager.offset
        rows = await self._desk.answers.alarms.page(
            self._chosen, is_gravest_first=False, limit=PAGE + 1, offset=offset
        )
        self._pager.show(offset + len(rows))
        self._lines.show(rows[:PAGE])
        self._card.set_visibility(bool(rows))
        return bool(rows)

    async def _turned(self) -> None:
        await self._fill()
