"""What is shown at an address where there is nothing."""

from lode_ui.widgets.layout import Empty


class NowherePage:
    """Says that there is no such page; the tabs above lead on."""

    title = "Nothing here"

    def __init__(self) -> None:
        Empty("There is no page at this address.", "The tabs above lead to all there are.")

    async def refresh(self) -> None:
        """Do nothing: there is nothing to ask."""
