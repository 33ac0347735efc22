"""Fields of a form: a label above, the field, what is wrong with it below."""

import math
from collections.abc import Callable, Mapping
from typing import Generic, Literal, TypeVar

from nicegui import ui
from nicegui.events import GenericEventArguments

from lode_ui.widgets.text import Words, box

LONGEST = 400

T = TypeVar("T", bound=str)

VALUE = "(event) => emit(event.target.value)"
TICKED = "(event) => emit(event.target.checked)"

# What a person picks is in the browser's time zone; the hub gets Unix ms.
MOMENT = "(event) => emit(new Date(event.target.value).getTime() || null)"

# A `value` given to the browser would be put back over what was typed, at every change of the page;
# `defaultValue` is only what the field begins with.

Changed = Callable[[], None]


class _Field:
    def __init__(self, label: str, kind: str, *, hint: str = "", unit: str = "") -> None:
        with box("lode-field") as self.root:
            with box("lode-field", "label"):
                Words(label, "lode-field-label")
                with box("lode-field-line"):
                    self._input = ui.element(kind).classes("lode-input")
                    self._unit = Words(unit, "lode-field-unit")
            self._hint = Words(hint, "lode-note")
            self._wrong = Words("", "lode-wrong")
            self._wrong.props["role"] = "alert"

    def wrong(self, reason: str) -> None:
        """Say under the field what is wrong with it; an empty text takes it back."""
        self._wrong.text = reason
        if bool(reason) != ("aria-invalid" in self._input.props):
            self._input.props.pop("aria-invalid", None)
            if reason:
                self._input.props["aria-invalid"] = "true"
            self._input.update()

    def hint(self, text: str) -> None:
        """Say something else below the field."""
        self._hint.text = text

    def unit(self, text: str) -> None:
        """Measure it in another unit."""
        self._unit.text = text

    def hide(self, is_hidden: bool) -> None:
        """Show or hide the whole field."""
        self.root.set_visibility(not is_hidden)


class TextField(_Field):
    """A line of text, or a day (`2026-11-30`) or time of day (`09:00`) to pick."""

    def __init__(
        self,
        label: str,
        *,
        hint: str = "",
        value: str = "",
        example: str = "",
        form: Literal["text", "date", "time"] = "text",
    ) -> None:
        super().__init__(label, "input", hint=hint)
        self._input.props["type"] = form
        self.value = value
        self._input.props.update(
            {"defaultValue": value, "maxlength": LONGEST, "placeholder": example}
        )
        self._input.props.update({"autocomplete": "off", "autocapitalize": "off"})

        def typed(event: GenericEventArguments) -> None:
            self.value = str(event.args)[:LONGEST].strip()
            self.changed()

        self.changed: Changed = lambda: None
        self._input.on("input", typed, js_handler=VALUE)


class LongField(_Field):
    """Many lines of text as they are, a document for example."""

    def __init__(self, label: str, *, longest: int, value: str = "", hint: str = "") -> None:
        super().__init__(label, "textarea", hint=hint)
        self.value = value
        self._input.classes(replace="lode-text")
        self._input.props.update({"defaultValue": value, "spellcheck": "false"})
        self._input.props.update({"maxlength": longest, "autocapitalize": "off"})

        def typed(event: GenericEventArguments) -> None:
            self.value = str(event.args)[:longest]

        self._input.on("input", typed, js_handler=VALUE)


class NumberField(_Field):
    """A number with its unit and limits; `value` is None while it is none, or outside of them."""

    def __init__(  # noqa: PLR0913 -- what describes a number
        self,
        label: str,
        *,
        unit: str = "",
        hint: str = "",
        value: float | None = None,
        low: float | None = None,
        high: float | None = None,
        is_whole: bool = False,
    ) -> None:
        super().__init__(label, "input", hint=hint, unit=unit)
        # As it is: fewer digits would be saved in its place by whoever changes another field.
        self._text = "" if value is None else str(value).removesuffix(".0")
        self._low, self._high, self._is_whole = low, high, is_whole
        limits = {"min": low, "max": high}
        self._input.props.update({"type": "number", "defaultValue": self._text})
        self._input.props["inputmode"] = "numeric" if is_whole else "decimal"
        self._input.props["step"] = 1 if is_whole else "any"
        self._input.props.update({k: f"{v:g}" for k, v in limits.items() if v is not None})

        def typed(event: GenericEventArguments) -> None:
            self._text = str(event.args)[:LONGEST]
            self.changed()

        self.changed: Changed = lambda: None
        self._input.on("input", typed, js_handler=VALUE)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is typed; a browser says so of what is no number, too."""
        return not self._text.strip()

    @property
    def value(self) -> float | None:
        """The number, when it is one within its limits."""
        try:
            number = float(self._text)
        except ValueError:
            return None
        is_within = (self._low is None or number >= self._low) and (
            self._high is None or number <= self._high
        )
        is_fit = math.isfinite(number) and is_within
        return number if is_fit and not (self._is_whole and number % 1) else None


class CheckField:
    """Something that is so or not."""

    def __init__(self, label: str, *, value: bool = False, hint: str = "") -> None:
        self.value = value
        with box("lode-field") as self.root:
            with box("lode-check", "label"):
                self._input = ui.element("input").props(f"type=checkbox{' checked' * value}")
                Words(label)
            Words(hint, "lode-note")

        def ticked(event: GenericEventArguments) -> None:
            self.value = event.args is True
            self.changed()

        self.changed: Changed = lambda: None
        self._input.on("change", ticked, js_handler=TICKED)

    def hide(self, is_hidden: bool) -> None:
        """Show or hide the whole field."""
        self.root.set_visibility(not is_hidden)


class SelectField(_Field, Generic[T]):
    """One of a few values by name."""

    def __init__(self, label: str, names: Mapping[T, str], chosen: T, *, hint: str = "") -> None:
        super().__init__(label, "select", hint=hint)
        self.value: T = chosen
        self._names: dict[T, str] = {}
        self.offer(names)

        def picked(event: GenericEventArguments) -> None:
            found = next((value for value in self._names if value == str(event.args)), None)
            if found is not None:
                self.value = found
                self.changed()

        self.changed: Changed = lambda: None
        self._input.on("change", picked, js_handler=VALUE)

    def offer(self, names: Mapping[T, str]) -> None:
        """Offer other values; the chosen one stays when it is among them."""
        if dict(names) == self._names:
            return
        self._names = dict(names)
        if self.value not in self._names:
            self.value = next(iter(self._names), self.value)
        self._input.clear()
        with self._input:
            for value, name in self._names.items():
                option = Words(name, "", "option")
                option.props["value"] = value
                if value == self.value:
                    option.props["selected"] = True


class MomentField(_Field):
    """A day and time of the person's own time zone; `value` is Unix ms."""

    def __init__(self, label: str, *, hint: str = "") -> None:
        super().__init__(label, "input", hint=hint)
        self.value: int | None = None
        self._input.props["type"] = "datetime-local"

        def picked(event: GenericEventArguments) -> None:
            is_time = isinstance(event.args, int | float) and math.isfinite(event.args)
            self.value = int(event.args) if is_time else None
            self.changed()

        self.changed: Changed = lambda: None
        self._input.on("input", picked, js_handler=MOMENT)
