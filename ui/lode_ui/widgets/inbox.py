"""The inbox: alerts of one site and cause as a group, its gravest shown and the rest folded."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from lode_hub.queries.alert_nouns import AlertGroup
from lode_hub.queries.nouns import AlertRow
from lode_ui import alarm_words, figures
from lode_ui.states import SEVERITY
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import columns
from lode_ui.widgets.pager import Pager
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box
from lode_ui.widgets.tick import Tick

PAGE = 25
WORST = 3

Act = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hands:
    """What a line may do; None: the person may not."""

    is_chosen: Callable[[int], bool]
    choose: Callable[[AlertRow, bool], Awaitable[None]] | None = None
    choose_all: Callable[[AlertGroup], Awaitable[None]] | None = None
    acknowledge: Act | None = None


class InboxLine:
    """One alert in a line: what, where, since when, what it costs, and what usually causes it."""

    def __init__(self, alert: AlertRow, hands: Hands) -> None:
        self._alert = alert
        self._hands = hands
        choose = hands.choose
        with box("lode-alert lode-inbox-line", "li") as self.root:
            self._tick = None
            if choose is not None:
                self._tick = Tick(
                    f"Choose alert {alert.alert_id:d}", lambda is_on: choose(self._alert, is_on)
                )
            with box("lode-inbox-what"):
                self._severity = Sign(SEVERITY[alert.severity])
                self._title = Words("", "lode-link lode-inbox-title", "a")
                self._title.props["href"] = f"/alerts/{alert.alert_id:d}"
                self._where = Words("", "lode-note")
                self._cause = Words("", "lode-inbox-cause", "p")
                self._untold = Words("", "lode-note lode-inbox-untold")
            with box("lode-inbox-when"):
                self._since = Age(alert.since_ms, form="plain")
                self._stake = Words("", "lode-inbox-stake")
            self._take = None
            if hands.acknowledge is not None:
                take = partial(hands.acknowledge, alert.alert_id)
                self._take = Button("Acknowledge", take, "lode-inbox-take")

    def show(self, alert: AlertRow) -> None:
        """Show the alert's present state."""
        self._alert = alert
        self.root.classes(
            replace=f"lode-alert lode-inbox-line lode-{SEVERITY[alert.severity].tone}"
        )
        if alert.state == "resolved":
            self.root.classes("lode-alert-over")
        self._severity.show(SEVERITY[alert.severity])
        self._title.text = alert.title or alert.rule
        self._where.text = _where(alert)
        self._cause.text = f"Usually: {alert.likely_cause}" if alert.likely_cause else ""
        why = alarm_words.untold(alert.untold)
        self._untold.text = f"Nobody is told. {why}" if why else ""
        self._since.show(alert.since_ms)
        is_known = alert.stake_usd_h is not None
        self._stake.text = f"{alarm_words.stake(alert.stake_usd_h)}" if is_known else ""
        if self._tick:
            self._tick.show(self._hands.is_chosen(alert.alert_id))
        if self._take:
            self._take.set_visibility(alert.state == "open")


class InboxGroup:
    """A site's alerts of one cause; `rows` gives a page of all of them when it is unfolded."""

    def __init__(
        self,
        group: AlertGroup,
        hands: Hands,
        rows: Callable[[AlertGroup, int, int], Awaitable[Sequence[AlertRow]]],
    ) -> None:
        self._group = group
        self._rows = rows
        self._is_open = False
        with box("lode-card lode-group", "section") as self.root:
            with box("lode-group-head"):
                self._name = Words("", "lode-title", "h2")
                self._counts = Words("", "lode-note")
                with box("lode-note lode-group-when", "span"):
                    Words("since")
                    self._since = Age(group.since_ms, form="clock")
                self._stake = Words("", "lode-group-stake")
            self._lines = Keyed[AlertRow](
                box("lode-inbox", "ul"),
                lambda alert: alert.alert_id,
                lambda alert: InboxLine(alert, hands),
            )
            self._pager = Pager(PAGE, self.fill)
            with columns("buttons") as self._buttons:
                self._fold = Button("", self._turned)
                if hands.choose_all is not None:
                    choose_all = hands.choose_all
                    self._all = Button("Choose all", lambda: choose_all(self._group))

    def show(self, group: AlertGroup) -> None:
        """Show the group's present figures; its lines come by `fill`."""
        self._group = group
        self._name.text = f"{alarm_words.cause(group.cause)} at {group.site or 'no site'}"
        taken = group.n - group.n_open
        parts = [figures.plural(group.n, "alert"), f"{taken:,} taken" if taken else ""]
        parts.append(f"{group.untold:,} not told" if group.untold else "")
        self._counts.text = ", ".join(part for part in parts if part)
        self._since.show(group.since_ms)
        is_known = group.stake_usd_h is not None
        self._stake.text = f"{alarm_words.stake(group.stake_usd_h)}" if is_known else ""
        self._buttons.set_visibility(group.n > 1)
        self._fold.text = "Show fewer" if self._is_open else f"Show all {group.n:,}"
        self._fold.set_visibility(group.n > WORST)

    async def fill(self) -> None:
        """Show the gravest, or a page of all."""
        group = self._group
        if not self._is_open:
            self._pager.show(0)
            self._lines.show(group.worst)
            return
        self._pager.show(group.n)
        self._lines.show(await self._rows(group, PAGE, self._pager.offset))

    async def _turned(self) -> None:
        self._is_open = not self._is_open
        self._pager.offset = 0
        self.show(self._group)
        await self.fill()


def _where(alert: AlertRow) -> str:
    many = figures.plural(len(alert.members), "member") if alert.members else ""
    by = f"taken by {alert.acknowledged_by}" if alert.acknowledged_by else ""
    parts = (alert.subject, *alarm_words.where(alert), many, by)
    return " · ".join(part for part in parts if part)
