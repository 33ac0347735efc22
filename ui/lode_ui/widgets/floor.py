"""The floor: every rig a square, rack by rack, drawn by its state."""

from dataclasses import asdict

from nicegui import ui

from lode_ui.states import RIG


class Floor(ui.element, component="floor.js"):
    """Shows a site's rigs, or all; it fetches what has changed whenever the beat moves on."""

    def __init__(self, site: str | None) -> None:
        super().__init__()
        self.props.update(
            {
                "beat": 0,
                "states": {state: asdict(look) for state, look in RIG.items()},
                "site": site or "",
                "label": "Every rig by rack and state; the fleet page has the same as a table",
                "none": "no rack",
            }
        )

    def show(self, beat: int) -> None:
        """Say that there is something new to fetch."""
        self.props["beat"] = beat
        self.update()
