"""How long something is to hold, what becomes of it at its end, and when the hub is lost."""

from collections.abc import Mapping
from typing import Literal, TypeVar

from lode_ui.widgets.form import MomentField, SelectField
from lode_ui.widgets.layout import columns
from lode_wire.orders import Terms

T = TypeVar("T", bound=str)

Until = Literal["released", "900", "1800", "3600", "7200", "14400", "43200", "at"]
AtEnd = Literal["restore", "hold"]
IfLost = Literal["hold", "restore", "plan"]

UNTIL: dict[Until, str] = {
    "released": "Until it is released",
    "900": "15 minutes",
    "1800": "30 minutes",
    "3600": "1 hour",
    "7200": "2 hours",
    "14400": "4 hours",
    "43200": "12 hours",
    "at": "Until a time …",
}
AT_END: dict[AtEnd, str] = {
    "restore": "Give back what there was before",
    "hold": "Leave it as it is then",
}
IF_LOST: dict[IfLost, str] = {
    "hold": "Hold it on until its end",
    "restore": "Give back what there was before",
    "plan": "Follow the site's standing plan",
}


class TermsForm:
    """Three choices; the site keeps them, also without the hub."""

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        given = given or {}
        with columns("fields"):
            self._until = SelectField[Until]("How long", UNTIL, _known(UNTIL, given, "until"))
            self._moment = MomentField("Until", hint="in your own time zone")
            self._at_end = SelectField[AtEnd]("At the end", AT_END, _known(AT_END, given, "end"))
            self._if_lost = SelectField[IfLost](
                "If the hub is lost for 5 minutes", IF_LOST, _known(IF_LOST, given, "lost")
            )
        self._moment.hide(self._until.value != "at")
        self._until.changed = self._chosen

    def _chosen(self) -> None:
        self._moment.hide(self._until.value != "at")

    @property
    def chosen(self) -> dict[str, str]:
        """What is chosen, as an address carries it."""
        return {
            "until": self._until.value,
            "end": self._at_end.value,
            "lost": self._if_lost.value,
        }

    def read(self, now_ms: int) -> Terms | None:
        """Give the terms; None while the time that is asked for lacks, or is past."""
        until = self._until.value
        until_ms: int | None = None
        if until == "at":
            until_ms = self._moment.value
            if until_ms is None or until_ms <= now_ms:
                return None
        elif until != "released":
            until_ms = now_ms + int(until) * 1000
        return Terms(until_ms=until_ms, at_end=self._at_end.value, if_lost=self._if_lost.value)


def _known(names: Mapping[T, str], given: Mapping[str, str], key: str) -> T:
    return next((value for value in names if value == given.get(key)), next(iter(names)))
