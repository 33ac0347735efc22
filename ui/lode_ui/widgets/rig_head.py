"""The head of a rig's page: its name, its state and how old what is shown is."""

from lode_hub.queries.nouns import RigRow
from lode_ui import figures
from lode_ui.states import RIG
from lode_ui.widgets.age import Age
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box


class RigHead:
    """Name, state, age, quality and the way back to the fleet."""

    def __init__(self) -> None:
        with box("lode-rig-head"):
            back = Words("\N{LEFTWARDS ARROW} Fleet", "lode-link", "a")
            back.props["href"] = "/fleet"
            self._name = Words("…", "lode-rig-name", "h1")
            with box("lode-rig-signs") as self._signs:
                self._sign = Sign(RIG["unknown"], is_pill=True)
                self._meaning = Words("", "lode-note")
                with box("lode-note", "span"):
                    Words("read ")
                    self._age = Age(stale_s=60)
                self._clock = Words("", "lode-pill lode-warn")
                self._quality = Words("", "lode-pill lode-warn")
        self._clock.set_visibility(False)
        self._quality.set_visibility(False)
        self._signs.set_visibility(False)

    def show(self, rig: RigRow | None) -> None:
        """Show the rig's present state."""
        self._signs.set_visibility(rig is not None)
        if rig is None:
            self._name.text = "No such rig"
            return
        self._name.text = rig.name
        self._sign.show(RIG[rig.state])
        self._meaning.text = RIG[rig.state].meaning
        self._age.show(rig.at_ms)
        self._clock.text = _about_clock(rig.correction_ms) if rig.correction_ms else ""
        self._clock.set_visibility(bool(rig.correction_ms))
        self._quality.text = "reading marked: " + ", ".join(
            q.replace("_", " ") for q in rig.quality
        )
        self._quality.set_visibility(bool(rig.quality))


def _about_clock(correction_ms: int) -> str:
    way = "ahead" if correction_ms > 0 else "behind"
    length = figures.duration(abs(correction_ms) / 1000)
    return f"its agent's clock is {length} {way}; times are corrected"
