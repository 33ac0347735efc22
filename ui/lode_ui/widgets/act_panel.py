"""What can be done with a device: choose, look what would change, do it, see what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lode_hub.queries.command_nouns import CommandDetail, ControlsRow
from lode_ui import said
from lode_ui.figures import plural
from lode_ui.widgets.button import Button
from lode_ui.widgets.commands import address
from lode_ui.widgets.layout import card, columns
from lode_ui.widgets.outcome import Outcome
from lode_ui.widgets.terms import TermsForm
from lode_ui.widgets.text import Words, box, note
from lode_ui.widgets.wishes import ACTS, Act, Fields
from lode_wire.orders import AnyIntent, DryRun, Terms

Order = Callable[[AnyIntent, Terms | None], Awaitable[None]]

NOT_ALL = "Something is missing, or outside of its limits; look at the fields."
UNKNOWN = "Its agent has not said what can be asked of it. Is control switched on there?"
NOTHING = "It can be read, and nothing can be asked of it."
NO_START = "no start is left today, so it could not be woken again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hands:
    """What the panel may do; `why_not` says why it may not, and then nothing can be pressed."""

    order: Order
    maintain: Callable[[bool], Awaitable[None]]
    why_not: str
    now_ms: Callable[[], int]


class ActPanel:
    """Offers what the device offers, and no more; what is not possible now says why."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._controls: ControlsRow | None = None
        self._offered: object = None
        self._chosen: Act | None = None
        self._buttons: dict[str, _Choice] = {}
        with card("Act", comes_first=True):
            self._why = Words(UNKNOWN, "lode-note", "p")
            self._held = _Held()
            self._choices = box("lode-acts")
            self._form = box("lode-act")
            self._outcome = Outcome()
            self._rest = note("")
            self._maintenance = _Maintenance(hands)
        self._form.set_visibility(False)

    def show(self, controls: ControlsRow | None, last: CommandDetail | None) -> None:
        """Show what is offered now, and what became of the last order."""
        self._controls = controls
        self._why.text = self._obstacle(controls)
        self._why.set_visibility(bool(self._why.text))
        self._held.show(controls.lease if controls else None)
        self._maintenance.show(controls)
        offered = controls and (
            controls.offers,
            controls.modes,
            controls.presets,
            controls.blocked,
        )
        if offered != self._offered:
            self._offered = offered
            self._offer(controls)
        self._mark()
        self._outcome.show(last)

    def _obstacle(self, controls: ControlsRow | None) -> str:
        if controls is None:
            return UNKNOWN
        if controls.offers:
            return self._hands.why_not
        return (
            f"Nothing can be asked of it now: {controls.blocked}" if controls.blocked else NOTHING
        )

    def _why_not(self, name: str) -> str:
        controls = self._controls
        is_spent = controls is not None and controls.starts_left == 0
        obstacle = self._obstacle(controls)
        return obstacle or (NO_START if is_spent and name == "sleep" else "")

    def _is(self, name: str) -> bool:
        return self._chosen is not None and self._chosen.name == name

    def _offer(self, controls: ControlsRow | None) -> None:
        self._choices.clear()
        self._buttons.clear()
        self._close()
        offers = controls.offers if controls else ()
        with self._choices:
            for act in ACTS:
                if act.name in offers:
                    self._buttons[act.name] = self._choice(act)
        lacking = [said.ACTION[act.name].lower() for act in ACTS if act.name not in offers]
        is_some = bool(self._buttons) and lacking
        why = f" ({controls.blocked})" if controls and controls.blocked else ""
        self._rest.text = (
            f"Not offered by this device{why}: {', '.join(lacking)}." if is_some else ""
        )

    def _choice(self, act: Act) -> "_Choice":
        async def clicked() -> None:
            if self._is(act.name):
                self._close()
            elif self._controls and not self._why_not(act.name):
                self._open(act, self._controls)
            self._mark()

        return _Choice(said.ACTION[act.name], clicked)

    def _mark(self) -> None:
        for name, button in self._buttons.items():
            button.show(self._why_not(name), is_chosen=self._is(name))

    def _close(self) -> None:
        self._chosen = None
        self._form.clear()
        self._form.set_visibility(False)

    def _open(self, act: Act, controls: ControlsRow) -> None:
        self._chosen = act
        self._form.clear()
        self._form.set_visibility(True)
        with self._form:
            Words(act.meaning, "lode-note", "p")
            if act.name == "sleep" and controls.starts_left is not None:
                note(f"{plural(controls.starts_left, 'start')} left today.")
            fields = act.fields(controls)
            terms = TermsForm() if act.is_wish else None
            wrong = Words("", "lode-wrong", "p")
            with columns("buttons"):
                if terms:
                    Button("Dry run", lambda: self._try(fields, wrong))
                Button(act.verb, lambda: self._do(fields, terms, wrong), "lode-button-main")

    async def _try(self, fields: Fields, wrong: Words) -> None:
        wish = fields.intent()
        wrong.text = NOT_ALL if wish is None else ""
        if wish is not None:
            # Only wishes have this button.
            await self._hands.order(DryRun(wish=wish), None)  # type: ignore[arg-type]

    async def _do(self, fields: Fields, terms: TermsForm | None, wrong: Words) -> None:
        intent = fields.intent()
        held = terms.read(self._hands.now_ms()) if terms else None
        is_whole = intent is not None and (terms is None or held is not None)
        wrong.text = "" if is_whole else NOT_ALL
        if intent is not None and is_whole:
            await self._hands.order(intent, held)


class _Choice:
    def __init__(self, word: str, clicked: Callable[[], Awaitable[None]]) -> None:
        self._button = Words(word, "lode-chip lode-info", "button")
        self._button.props["type"] = "button"
        self._button.on("click", clicked, [])
        self._shown: tuple[str, bool] | None = None

    def show(self, why_not: str, *, is_chosen: bool) -> None:
        if self._shown == (why_not, is_chosen):
            return
        self._shown = (why_not, is_chosen)
        button = self._button
        button.classes(replace=f"lode-chip lode-info{' lode-chip-on' if is_chosen else ''}")
        button.props.pop("disabled", None)
        button.props.pop("title", None)
        if why_not:
            button.props.update({"disabled": True, "title": why_not})
        button.props["aria-pressed"] = "true" if is_chosen else "false"
        button.update()


class _Held:
    def __init__(self) -> None:
        with box("lode-notice lode-info") as self._box:
            Words("Held by a command; a new order may be put aside for it.")
            self._link = Words("See it", "lode-link", "a")
        self._box.set_visibility(False)

    def show(self, lease: str | None) -> None:
        self._box.set_visibility(lease is not None)
        if lease is not None and self._link.props.get("href") != address(lease):
            self._link.props["href"] = address(lease)
            self._link.update()


class _Maintenance:
    def __init__(self, hands: Hands) -> None:
        self._is_on = False
        self._hands = hands
        with box("lode-maintenance") as self._box:
            self._said = Words("", "lode-note")
            self._button = Button("Maintenance on", self._switch)
        self._button.set_visibility(not hands.why_not)

    def show(self, controls: ControlsRow | None) -> None:
        self._box.set_visibility(controls is not None)
        said_by = controls.maintenance if controls else None
        self._is_on = said_by is not None
        self._button.text = "End maintenance" if self._is_on else "Maintenance on"
        self._said.text = (
            f"In maintenance: {said_by}. No curtailment takes it."
            if self._is_on
            else "Working on it? In maintenance no curtailment takes it."
        )

    async def _switch(self) -> None:
        await self._hands.maintain(not self._is_on)
