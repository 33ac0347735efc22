"""One live value of a device, with its limit; coloured only when the limit is near or passed."""

from lode_ui.figures import Figure
from lode_ui.widgets.text import Value, Words, box, shape


class Reading:
    """A named value that changes in place."""

    def __init__(self, name: str) -> None:
        with box("lode-reading") as self._box:
            with box("lode-reading-name"):
                Words(name)
                self._mark = shape("alert")
            self._value = Value("lode-value")
            self._remark = Words("", "lode-note")
        self._mark.set_visibility(False)
        self._tone = ""

    def show(self, figure: Figure | str, remark: str = "", tone: str = "") -> None:
        """Show a value, what bounds it, and `warn` or `bad` when it is near or over the bound."""
        self._value.show(figure)
        self._remark.text = remark
        if tone != self._tone:
            self._tone = tone
            self._box.classes(replace=f"lode-reading lode-{tone}" if tone else "lode-reading")
            self._mark.set_visibility(bool(tone))
