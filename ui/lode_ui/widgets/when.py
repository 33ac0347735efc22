"""From when to when something shall hold."""

from typing import Literal

from lode_hub.actions import Span
from lode_ui.widgets.form import MomentField, SelectField
from lode_ui.widgets.layout import columns

Begin = Literal["now", "at"]
Length = Literal["3600", "7200", "28800", "86400", "604800", "until"]

BEGINS: dict[Begin, str] = {"now": "Now", "at": "At a time …"}
LENGTHS: dict[Length, str] = {
    "3600": "1 hour",
    "7200": "2 hours",
    "28800": "8 hours",
    "86400": "1 day",
    "604800": "7 days",
    "until": "Until a time …",
}
NO_TIME = "Say from when to when: an end to come, after its beginning."


class WhenForm:
    """Begin and length; moments are asked for only when they are needed."""

    def __init__(self) -> None:
        with columns("fields"):
            self._begin = SelectField[Begin]("Begins", BEGINS, "now")
            self._from = MomentField("From", hint="in your own time zone")
            self._length = SelectField[Length]("How long", LENGTHS, "3600")
            self._until = MomentField("Until", hint="in your own time zone")
        self._begin.changed = self._chosen
        self._length.changed = self._chosen
        self._chosen()

    def _chosen(self) -> None:
        self._from.hide(self._begin.value != "at")
        self._until.hide(self._length.value != "until")

    def read(self, now_ms: int) -> Span | None:
        """Give the span; None while a time lacks, or is past."""
        starts_ms = now_ms if self._begin.value == "now" else self._from.value
        if starts_ms is None:
            return None
        length = self._length.value
        ends_ms = self._until.value if length == "until" else starts_ms + int(length) * 1000
        if ends_ms is None or ends_ms <= max(starts_ms, now_ms):
            return None
        return Span(starts_ms=starts_ms, ends_ms=ends_ms)
