"""For whoever stands before the rack: probe an address, blink a light, read a device."""

from lode_ui.desk import Desk
from lode_ui.pages.device_tools import DeviceTools
from lode_ui.pages.probe_tool import ProbeTool
from lode_ui.widgets.layout import columns
from lode_ui.widgets.points import Parts
from lode_ui.widgets.text import title


class TechnicianPage:
    """Two tools: what is at an address, and one device."""

    title = "Technician"

    def __init__(self, desk: Desk, device_id: int) -> None:
        title("Technician", "h1")
        with columns("tools"):
            with columns("stack"):
                self._device = DeviceTools(desk, device_id)
            with columns("stack"):
                self._probe = ProbeTool(desk)
                self._parts = Parts()  # long, so last on a phone

    async def refresh(self) -> None:
        """Ask for what both tools show."""
        await self._device.refresh()
        await self._probe.refresh()
        self._parts.show(self._device.points)
