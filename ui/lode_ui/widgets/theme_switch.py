"""The switch between the system's theme, light and dark."""

from nicegui import ui

WORDS = {
    "system": "Theme: as the system",
    "light": "Theme: light",
    "dark": "Theme: dark",
}


class ThemeSwitch(ui.element, component="theme_switch.js"):
    """Switches the theme in the browser, which remembers it; the hub never knows."""

    def __init__(self) -> None:
        super().__init__()
        self.props["words"] = WORDS
