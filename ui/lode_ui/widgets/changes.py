"""What changes, or would change, key by key."""

from collections.abc import Mapping, Sequence

from lode_ui.figures import MISSING
from lode_ui.widgets.layout import cell, table
from lode_ui.widgets.text import Words, box

HEADS = ("Key", "Before", "After")
MOST = 200


class Changes:
    """A table of keys as they are and as they are to be; hidden while there is none."""

    def __init__(self, heading: str) -> None:
        with box("lode-changes") as self._box:
            Words(heading, "lode-field-label")
            with table(HEADS, label=heading) as body:
                self._body = body
        self._box.set_visibility(False)
        self._shown: Sequence[Mapping[str, str]] = ()

    def show(self, changes: Sequence[Mapping[str, str]]) -> None:
        """Show the changes."""
        self._box.set_visibility(bool(changes))
        if changes == self._shown:
            return
        self._shown = list(changes)
        self._body.clear()
        with self._body:
            for change in changes[:MOST]:
                with box("", "tr"):
                    with cell():
                        Words(str(change.get("key") or MISSING), "lode-key")
                    with cell(head="Before"):
                        Words(str(change.get("before") or MISSING), "lode-wrap lode-before")
                    with cell(head="After"):
                        Words(str(change.get("after") or MISSING), "lode-wrap lode-after")
