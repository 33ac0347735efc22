"""Channels: through what alerts are told, how oneself is told, what was delivered."""

from collections.abc import Awaitable
from typing import TypeVar

from lode_hub.queries.telling import ChannelRow, DeliveryRow, Habit, WayRow
from lode_ui.acts import attempt, why_not
from lode_ui.desk import Desk
from lode_ui.hub_telling import Tested
from lode_ui.telling_answers import Kind
from lode_ui.widgets.button import Button
from lode_ui.widgets.channels import (
    CHANNEL_HEADS,
    DELIVERY_HEADS,
    WAY_HEADS,
    ChannelLine,
    DeliveryLine,
    WayActs,
    WayLine,
)
from lode_ui.widgets.choice import Choice
from lode_ui.widgets.drawer import Drawer
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.pager import Turns
from lode_ui.widgets.text import note, title
from lode_ui.widgets.way_forms import HabitForm, WayForm

T = TypeVar("T")

TEST_S = 35.0
"""A channel has 30 s for a message; its own error says more than ours."""

DELIVERIES = 50
SHOWN: dict[Kind, str] = {"all": "All", "waiting": "Waiting", "dead": "Given up"}
EMPTY: dict[Kind, tuple[str, str]] = {
    "all": ("Nothing has been sent yet.", "Messages appear here when alerts open and end."),
    "waiting": ("Nothing is waiting.", "Everything was sent or given up."),
    "dead": ("Nothing was given up.", "A message is given up after about an hour of tries."),
}


class ChannelsPage:
    """The settings' channels, one's own ways and habits, other people's, deliveries."""

    title = "Channels"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kind: Kind = "all"
        self._habit: Habit | None = None
        title("Channels", "h1")
        self._build_channels()
        with columns("tools"):
            self._build_ways()
            with card("When you are left alone"):
                self._habit_place = columns("stack")
        self._build_others()
        self._build_deliveries()

    def _build_channels(self) -> None:
        desk = self._desk

        def line(row: ChannelRow) -> ChannelLine:
            async def test() -> Tested | None:
                return await self._test(desk.actions.telling.test_channel(row.channel, desk.person))

            return ChannelLine(test if desk.may_act else None)

        with card("Channels of the hub", aside="set in the hub's settings, under notify"):
            self._no_channel = Empty(
                "Nobody can be told: no channel is set up.",
                "Add one to the hub's settings, for example a mail server, and restart it:",
                "[notify.smtp]",
            )
            with table(CHANNEL_HEADS, label="Channels") as body:
                self._channels = Keyed[ChannelRow](body, lambda row: row.channel, line)
            note("" if desk.may_act else why_not(desk))

    def _build_ways(self) -> None:
        desk = self._desk
        acts = WayActs(test=self._test_way, remove=self._remove_way, secret=self._secret)
        with card("How you are told", aside=desk.person.name):
            self._no_way = Empty(
                "You are not told of anything.", "Add a mail address, a phone or a chat."
            )
            with table(WAY_HEADS, label="Your ways") as body:
                self._ways = Keyed[WayRow](
                    body,
                    lambda way: way.way_id,
                    lambda way: WayLine(way, acts, is_person_shown=False),
                )
            self._drawer = Drawer()
            with columns("buttons"):
                Button("Add or change a way …", self._open, "lode-button-main")

    def _build_others(self) -> None:
        desk = self._desk
        acts = WayActs(
            test=self._test_way if desk.may_act else None,
            remove=self._remove_way if desk.is_admin else None,
        )
        with (
            card("How other people are told") as self._others_card,
            table(WAY_HEADS, label="Other people's ways") as body,
        ):
            self._others = Keyed[WayRow](
                body,
                lambda way: way.way_id,
                lambda way: WayLine(way, acts, is_person_shown=True),
            )

    def _build_deliveries(self) -> None:
        again = self._again if self._desk.may_act else None
        with card("Deliveries", aside="the newest first"):
            with columns("toolbar"):
                Choice("Which deliveries", SHOWN, self._kind, self._choose)
            self._none = Empty(*EMPTY["all"])
            with table(DELIVERY_HEADS, label="Deliveries") as body:
                self._deliveries = Keyed[DeliveryRow](
                    body, lambda row: row.delivery_id, lambda _: DeliveryLine(again)
                )
            self._turns = Turns(self.refresh, ("Newer", "Older"))

    async def refresh(self) -> None:
        """Ask how the channels fare, who is told how, and what was delivered."""
        answers, me = self._desk.answers.telling, self._desk.person.name
        channels, ways = await answers.channels(), await answers.ways()
        habit, kind = await answers.habit(me), self._kind
        before = self._turns.at
        # One more than is shown tells whether there is a next page.
        found = await answers.deliveries(kind, limit=DELIVERIES + 1, before=before)
        deliveries = found[:DELIVERIES]
        self._no_channel.show(not channels)
        self._channels.show(channels)
        mine = [way for way in ways if way.person == me]
        self._no_way.show(not mine)
        self._ways.show(mine)
        others = [way for way in ways if way.person != me]
        self._others_card.set_visibility(bool(others))
        self._others.show(sorted(others, key=lambda way: way.person))
        self._show_habit(habit)
        if (kind, before) == (self._kind, self._turns.at):  # else another was chosen meanwhile
            self._none.say(*EMPTY[kind])
            self._none.show(not deliveries)
            self._deliveries.show(deliveries)
            is_more = len(found) > DELIVERIES
            self._turns.show(deliveries[-1].delivery_id if is_more else None)

    def _show_habit(self, habit: Habit) -> None:
        """Fill the form anew when the habit was changed, so that nobody saves an old one."""
        if habit == self._habit:
            return
        self._habit = habit
        self._habit_place.clear()
        with self._habit_place:
            HabitForm(self._desk, habit)

    async def _choose(self, kind: Kind) -> None:
        self._kind = kind
        self._turns.begin()
        await self.refresh()

    async def _open(self) -> None:
        self._drawer.open(lambda: WayForm(self._desk, self._drawer.finish))

    async def _test(self, action: Awaitable[T]) -> T | None:
        return await attempt(self._desk, action, within_s=TEST_S)

    async def _test_way(self, way_id: int) -> Tested | None:
        desk = self._desk
        return await self._test(desk.actions.telling.test_way(way_id, desk.person))

    async def _remove_way(self, way_id: int) -> None:
        desk = self._desk
        await attempt(desk, desk.actions.telling.remove_way(way_id, desk.person), "Removed")

    async def _secret(self, way_id: int) -> str | None:
        desk = self._desk
        return await attempt(desk, desk.answers.telling.webhook_secret(way_id, desk.person.name))

    async def _again(self, delivery_id: int) -> None:
        desk = self._desk
        act = desk.actions.telling.send_again(delivery_id, desk.person)
        await attempt(desk, act, "It is sent again")
