"""Forms that let people be told less for a while: a silence, and maintenance."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from lode_hub.actions import Matchers, Span
from lode_ui import alarm_words
from lode_ui.widgets.button import Button
from lode_ui.widgets.form import SelectField, TextField
from lode_ui.widgets.layout import columns
from lode_ui.widgets.text import Words, box, note
from lode_ui.widgets.when import NO_TIME, WhenForm

NO_WORDS = "Say why, for who comes after you."
NOTHING = "Choose at least a site, a rule, a cause, a rack or a subject."
NO_SITE = "Choose a site."
ANY = "*"
CHOOSE = {"": "choose one"}

CAUSES = {"": "Any cause"} | alarm_words.CAUSES


class SilenceForm:
    """Which alerts, from when to when, and why."""

    def __init__(
        self,
        given: Mapping[str, str],
        make: Callable[[Matchers, Span, str], Awaitable[None]],
        now_ms: Callable[[], int],
    ) -> None:
        self._make = make
        self._now_ms = now_ms
        with box("lode-quiet-form") as self.root:
            note(
                "Nobody is told of alerts that fit all of this; they are judged and shown as ever."
            )
            with columns("fields"):
                self._site = SelectField[str]("Site", _sites((), given), given.get("at", ""))
                cause = given.get("cause", "")
                self._cause = SelectField[str]("Cause", CAUSES, cause if cause in CAUSES else "")
                rule = given.get("rule", "")
                self._rule = TextField("Rule", value=rule, example="rig-silent, rig-*")
                self._rack = TextField("Rack", value=given.get("rack", ""), example="A3, B*")
                subject = given.get("subject", "")
                self._subject = TextField("Rig or agent", value=subject, example="rig-017")
            self._when = WhenForm()
            self._why = TextField("Reason", example="louvres are being mended")
            self._wrong = Words("", "lode-wrong", "p")
            with columns("buttons"):
                Button("Silence", self._done, "lode-button-main")

    def offer(self, sites: Sequence[str]) -> None:
        """Offer these sites."""
        self._site.offer({"": "All sites"} | _sites(sites, {"at": self._site.value}))

    async def _done(self) -> None:
        fields = {
            "site": self._site.value,
            "rule": self._rule.value,
            "cause": self._cause.value,
            "rack": self._rack.value,
            "subject": self._subject.value,
        }
        matchers = Matchers(**{name: text for name, text in fields.items() if text.strip(ANY)})
        span = self._when.read(self._now_ms())
        self._wrong.text = _wrong(
            (matchers == Matchers(), NOTHING),
            (span is None, NO_TIME),
            (not self._why.value, NO_WORDS),
        )
        if span is not None and not self._wrong.text:
            await self._make(matchers, span, self._why.value)


class MaintenanceForm:
    """Which site or rack, from when to when, and what is done there."""

    def __init__(
        self,
        given: Mapping[str, str],
        make: Callable[[tuple[str, str | None], Span, str], Awaitable[None]],
        now_ms: Callable[[], int],
    ) -> None:
        self._make = make
        self._now_ms = now_ms
        with box("lode-quiet-form") as self.root:
            note("Nobody is told of alerts about what is worked on. One rig: see its own page.")
            with columns("fields"):
                sites = CHOOSE | _sites((), given)
                self._site = SelectField[str]("Site", sites, given.get("at", ""))
                rack = given.get("rack", "")
                self._rack = TextField("Rack", value=rack, example="A3", hint="empty: all of it")
            self._when = WhenForm()
            self._what = TextField("What is done", example="new power supplies")
            self._wrong = Words("", "lode-wrong", "p")
            with columns("buttons"):
                Button("Plan maintenance", self._done, "lode-button-main")

    def offer(self, sites: Sequence[str]) -> None:
        """Offer these sites."""
        self._site.offer(CHOOSE | _sites(sites, {"at": self._site.value}))

    async def _done(self) -> None:
        site, span = self._site.value, self._when.read(self._now_ms())
        self._wrong.text = _wrong(
            (not site, NO_SITE), (span is None, NO_TIME), (not self._what.value, NO_WORDS)
        )
        if span is not None and not self._wrong.text:
            await self._make((site, self._rack.value or None), span, self._what.value)


def _sites(sites: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    names = {name: name for name in sites}
    chosen = given.get("at", "")
    return names | ({chosen: chosen} if chosen else {})


def _wrong(*found: tuple[bool, str]) -> str:
    return next((words for is_wrong, words in found if is_wrong), "")
