"""Rows of telling: a channel, a person's way, a delivery; and what a test of one showed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lode_hub.queries.telling import ChannelRow, DeliveryRow, DeliveryState, WayRow
from lode_ui import figures
from lode_ui.hub_telling import Tested
from lode_ui.states import Look
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.drawer import Confirmed
from lode_ui.widgets.layout import blank, cell
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

KINDS = {
    "mail": "Mail",
    "sms": "Text message",
    "telegram": "Telegram",
    "webhook": "Webhook",
    "apprise": "Apprise",
}
STATE: dict[DeliveryState, Look] = {
    "waiting": Look(word="Waiting", tone="info", shape="ring", meaning="is sent, or tried again"),
    "sent": Look(word="Sent", tone="good", shape="check", meaning="the channel took it"),
    "dead": Look(word="Given up", tone="bad", shape="cross", meaning="was tried, and failed"),
}
TAKEN = Look(word="Taken", tone="good", shape="check", meaning="the channel took the test message")
REFUSED = Look(word="Not taken", tone="bad", shape="alert", meaning="the channel did not take it")

CHANNEL_HEADS = ("Channel", "Tells", "Sent, 24 h#", "Waiting#", "Given up#", "Last sent", "")
WAY_HEADS = ("Way", "From", "When", "Ends", "")
DELIVERY_HEADS = ("To", "About", "State", "Tries#", "Answer", "When", "")

Test = Callable[[], Awaitable[Tested | None]]
Act = Callable[[], Awaitable[None]]


class Answer:
    """What a test message came to; nothing until there was one."""

    def __init__(self) -> None:
        with box("lode-said") as self._box:
            self._box.props["role"] = "status"
            self._sign = Sign(TAKEN)
            self._words = Words("", "lode-wrap")
        self._box.set_visibility(False)

    def show(self, tested: Tested) -> None:
        """Show whether it was taken, in what time, and what the channel said."""
        self._sign.show(TAKEN if tested.is_taken else REFUSED)
        took = f"{'in' if tested.is_taken else 'after'} {tested.took_s:.1f}{figures.SPACE}s"
        self._words.text = f"{took}: {tested.said}" if tested.said else took
        self._box.set_visibility(True)


class ChannelLine:
    """A channel of the settings, how it fares, and its test."""

    def __init__(self, test: Test | None) -> None:
        with box("", "tr") as self.root:
            with cell(), box("lode-cell-stack"):
                self._name = Words("", "lode-wrap", "b")
                self._kind = Words("", "lode-note")
                self._error = Words("", "lode-wrong")
                self._answer = Answer()
            with cell(head="Tells"):
                self._tells = Words("", "lode-wrap")
            self._counts = []
            for head in CHANNEL_HEADS[2:5]:
                with cell(numeric=True, head=head.rstrip("#")):
                    self._counts.append(Words("0"))
            with cell(head="Last sent"):
                self._last = Age()
            with cell():
                self._test = Button("Send a test", _testing(test, self._answer)) if test else None

    def show(self, row: ChannelRow) -> None:
        """Show the channel's present figures."""
        self._name.text = row.channel
        self._kind.text = KINDS.get(row.kind, row.kind)
        self._error.text = f"Last error: {row.last_error}" if row.last_error else ""
        always = figures.plural(row.tells_always, "recipient") + " always"
        parts = [always] * bool(row.tells_always) + ["people"] * row.serves_people
        self._tells.text = " and ".join(parts) or "nobody"
        for words, count in zip(self._counts, (row.sent, row.waiting, row.dead), strict=True):
            words.text = f"{count:,}"
        self._last.show(row.last_sent_ms)
        if self._test:
            self._test.forbid("" if row.tells_always else NO_OWN)


NO_OWN = "Nobody is told by it always; test a person's way below"


@dataclass(frozen=True, kw_only=True, slots=True)
class WayActs:
    """What may be done with a way; None is not offered."""

    test: Callable[[int], Awaitable[Tested | None]] | None = None
    remove: Callable[[int], Awaitable[None]] | None = None
    secret: Callable[[int], Awaitable[str | None]] | None = None


class WayLine:
    """A way to tell a person, and its test."""

    def __init__(self, way: WayRow, acts: WayActs, *, is_person_shown: bool) -> None:
        self._is_person_shown = is_person_shown
        with box("", "tr") as self.root:
            with cell(), box("lode-cell-stack"):
                self._name = Words("", "lode-wrap", "b")
                self._address = Words("", "lode-wrap")
                self._trouble = Words("", "lode-wrong")
                self._secret = Words("", "lode-code lode-wrap", "code")
                self._secret.set_visibility(False)
                self._answer = Answer()
            self._said = []
            for head in WAY_HEADS[1:4]:
                with cell(head=head):
                    self._said.append(Words(""))
            with cell(), box("lode-buttons"):
                self._buttons(way, acts)

    def _buttons(self, way: WayRow, acts: WayActs) -> None:
        test, remove, secret = acts.test, acts.remove, acts.secret
        self._test = None
        if test is not None:
            self._test = Button("Send a test", _testing(lambda: test(way.way_id), self._answer))
        if secret is not None and way.kind == "webhook":

            async def reveal() -> None:
                self._secret.text = await secret(way.way_id) or ""
                self._secret.set_visibility(bool(self._secret.text))

            Button("Show its secret", reveal)
        if remove is not None:
            Confirmed("Remove", "Remove for good?", lambda: remove(way.way_id))

    def show(self, way: WayRow) -> None:
        """Show the way as it is."""
        kind = KINDS.get(way.kind, way.kind)
        self._name.text = f"{way.person} · {kind}" if self._is_person_shown else kind
        self._address.text = way.address
        self._trouble.text = "" if way.is_served else NOT_SERVED
        if self._test:
            self._test.forbid("" if way.is_served else NOT_SERVED)
        shown = (
            f"{way.min_severity} on" if way.min_severity != "critical" else "critical only",
            "only while on call" if way.is_on_call_only else "always",
            "told, too" if way.is_resolved_told else "not told",
        )
        for words, text in zip(self._said, shown, strict=True):
            words.text = text


NOT_SERVED = "No channel of the settings serves it; nothing is sent."


class DeliveryLine:
    """A message to one recipient, and what became of it."""

    def __init__(self, again: Callable[[int], Awaitable[None]] | None) -> None:
        self._id = 0
        with box("", "tr") as self.root:
            with cell(), box("lode-cell-stack"):
                self._to = Words("", "lode-wrap", "b")
                self._channel = Words("", "lode-note")
            with cell(head="About"):
                self._about = Words("", "lode-wrap")
            with cell(head="State"):
                self._sign = Sign(STATE["waiting"])
            with cell(numeric=True, head="Tries"):
                self._tries = Words("0")
            with cell(head="Answer") as self._answer_cell:
                self._answer = Words("", "lode-wrap")
            with cell(head="When"):
                self._when = Age()
            with cell() as self._again_cell:
                self._again = None
                if again is not None:
                    self._again = Button("Send again", lambda: again(self._id))

    def show(self, row: DeliveryRow) -> None:
        """Show its present state."""
        self._id = row.delivery_id
        self._to.text = row.person or row.recipient or row.channel
        self._channel.text = f"by {row.channel}" + (
            f" to {row.recipient}" if row.person and row.recipient else ""
        )
        about = " · ".join(part for part in (row.site, row.cause, row.what) if part)
        self._about.text = f"{about} · {figures.plural(row.alerts, 'alert')}"
        self._sign.show(STATE[row.state])
        self._tries.text = f"{row.attempts:,}"
        waits = "the link in it was used" if row.link_used_ms else row.reference or ""
        self._answer.text = row.error if row.error and row.state != "sent" else waits
        blank(self._answer_cell, is_blank=not self._answer.text)
        self._when.show(row.finished_ms or row.created_ms)
        if self._again:
            self._again.set_visibility(row.state == "dead")
        blank(self._again_cell, is_blank=row.state != "dead")


def _testing(test: Test, answer: Answer) -> Act:
    async def run() -> None:
        tested = await test()
        if tested is not None:
            answer.show(tested)

    return run
