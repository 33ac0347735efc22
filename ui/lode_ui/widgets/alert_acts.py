"""What a person does about one alert: take it on, end it, put it aside, silence its like."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from lode_hub.queries.nouns import AlertRow
from lode_ui.alarm_acts import HOUR_MS
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.form import MomentField, TextField
from lode_ui.widgets.layout import card, columns
from lode_ui.widgets.text import Words, box, note

DAY_MS = 24 * HOUR_MS
MOST_MS = 7 * DAY_MS
NO_TIME = "Say until when: a time to come, at most 7 days away."


@dataclass(frozen=True, kw_only=True, slots=True)
class Does:
    """What the buttons do; the acts are given the note."""

    acknowledge: Callable[[str], Awaitable[None]]
    resolve: Callable[[str], Awaitable[None]]
    shelve: Callable[[int, str], Awaitable[None]]  # until then, in Unix ms
    unshelve: Callable[[], Awaitable[None]]
    now_ms: Callable[[], int]
    why_not: str  # empty: the person may


class AlertActs:
    """The likely cause first; then what may be done."""

    def __init__(self, does: Does) -> None:
        self._does = does
        with card("What to do", comes_first=True) as self.root:
            self._cause = Words("", "lode-acts-cause", "p")
            self._taken = note("")
            self._over = note("It is over. It opens anew when the trouble comes back.")
            note(does.why_not)
            with box("lode-act-parts") as self._parts:
                if not does.why_not:
                    self._build()

    def _build(self) -> None:
        does = self._does
        self._note = TextField("Note", example="what you know, for who comes after you")
        with columns("buttons"):
            self._take = Button("Acknowledge", self._acknowledge, "lode-button-main")
            self._end = Button("Resolve", self._resolve)
        with box("lode-act-part"):
            Words("Put it aside", "lode-field-label")
            with box("lode-note", "p") as self._shelved:
                self._by = Words("")
                self._until = Age(form="clock")
            with columns("buttons"):
                for words, for_ms in (("1 h", HOUR_MS), ("8 h", 8 * HOUR_MS), ("1 day", DAY_MS)):
                    Button(f"Shelve {words}", partial(self._shelve_for, for_ms))
                self._take_back = Button("Bring back now", does.unshelve)
            with box("lode-act-until"):
                self._moment = MomentField("Until", hint="your time, at most 7 days away")
                Button("Shelve until then", self._shelve_until)
            self._wrong = Words("", "lode-wrong", "p")
        with box("lode-act-part lode-act-links"):
            self._silence = Words("Silence its like …", "lode-link", "a")
            self._maintain = Words("Maintenance …", "lode-link", "a")

    def show(self, alert: AlertRow) -> None:
        """Show what is left to do."""
        is_over = alert.state == "resolved"
        self._cause.text = f"Usually: {alert.likely_cause}" if alert.likely_cause else ""
        by = alert.acknowledged_by
        self._taken.text = f"{by} has taken it on." if by and not is_over else ""
        self._over.set_visibility(is_over)
        self._parts.set_visibility(not is_over and not self._does.why_not)
        if self._does.why_not:
            return
        self._take.set_visibility(alert.state == "open")
        self._end.set_visibility(alert.state in ("open", "acknowledged"))
        is_shelved = alert.shelved_until_ms is not None
        self._shelved.set_visibility(is_shelved)
        self._by.text = f"{alert.shelved_by or 'Somebody'} has shelved it until "
        self._until.show(alert.shelved_until_ms)
        self._take_back.set_visibility(is_shelved)
        _link(self._silence, "silence", {"rule": alert.rule, "cause": alert.cause}, alert)
        _link(self._maintain, "maintenance", {}, alert)
        self._maintain.set_visibility(alert.site is not None)

    async def _acknowledge(self) -> None:
        await self._does.acknowledge(self._note.value)

    async def _resolve(self) -> None:
        await self._does.resolve(self._note.value)

    async def _shelve_for(self, for_ms: int) -> None:
        self._wrong.text = ""
        await self._does.shelve(self._does.now_ms() + for_ms, self._note.value)

    async def _shelve_until(self) -> None:
        until_ms, now_ms = self._moment.value, self._does.now_ms()
        is_fit = until_ms is not None and now_ms < until_ms <= now_ms + MOST_MS
        self._wrong.text = "" if is_fit else NO_TIME
        if is_fit and until_ms is not None:
            await self._does.shelve(until_ms, self._note.value)


def _link(words: Words, what: str, given: dict[str, str], alert: AlertRow) -> None:
    place = {"at": alert.site or "", "rack": alert.rack, "new": what}
    address = f"/silences?{urlencode({k: v for k, v in (place | given).items() if v})}"
    if words.props.get("href") != address:
        words.props["href"] = address
        words.update()
