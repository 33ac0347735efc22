"""Hear rigs say who they are: the packet that a rig sends when its IP-report button is pressed.

Antminers broadcast `10.1.0.7,02:11:22:33:44:55` to UDP 14235, WhatsMiners
`IP:10.1.0.7MAC:02:11:22:33:44:55` to UDP 8888 (as their vendors' tools expect; from memory of
those tools, not from a document).
"""

import asyncio
import ipaddress
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from lode_edge.errors import EdgeError

PORTS = (14235, 8888)
_MAX_BYTES = 512
_PRESS_S = 5.0  # a rig repeats itself no longer; after that its button was pressed again
_MAX_WAITING = 256  # reports heard and not yet taken; more than a person presses buttons
_IP = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_MAC = re.compile(r"(?<![0-9A-F:])(?:[0-9A-F]{2}:){5}[0-9A-F]{2}(?![0-9A-F:])")


@dataclass(frozen=True, slots=True)
class Report:
    """A rig said: here I am."""

    host: str
    mac: str  # in lower case


def understood(data: bytes, sender: str) -> Report | None:
    """Read a report; None when it is none, or speaks for another address than its sender's."""
    # The label goes first: `AC:` would pass for the first byte of an address.
    text = data[:_MAX_BYTES].decode("ascii", "replace").upper().replace("MAC:", " ")
    mac, address = _MAC.search(text), _IP.search(text)
    if mac is None or len(data) > _MAX_BYTES:
        return None
    if address is not None:
        try:
            said = ipaddress.IPv4Address(address[0])
        except ValueError:
            return None
        if str(said) != sender:
            return None
    return Report(sender, mac[0].lower())


@asynccontextmanager
async def reports(
    host: str = "0.0.0.0",  # noqa: S104 -- a broadcast reaches no narrower address
    ports: tuple[int, ...] = PORTS,
) -> AsyncIterator["asyncio.Queue[Report]"]:
    """Listen for reports; each pressing of a button is one, however often the rig repeats it.

    Raises:
        EdgeError: a port is in use.
    """
    heard: asyncio.Queue[Report] = asyncio.Queue(_MAX_WAITING)
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as ends:
        for port in ports:
            try:
                transport, _ = await loop.create_datagram_endpoint(
                    lambda: _Ear(heard), local_addr=(host, port)
                )
            except OSError as error:
                raise EdgeError(
                    f"udp port {port}: cannot listen: {error.strerror}; close the other program"
                ) from error
            ends.callback(transport.close)
        yield heard


class _Ear(asyncio.DatagramProtocol):
    """Hears one port."""

    def __init__(
        self, heard: "asyncio.Queue[Report]", now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._heard, self._now_s = heard, now_s
        self._pressed_s: dict[Report, float] = {}

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        now_s, report = self._now_s(), understood(data, addr[0])
        pressed_s = {old: at_s for old, at_s in self._pressed_s.items() if now_s - at_s < _PRESS_S}
        self._pressed_s = pressed_s
        if report is None or report in pressed_s or self._heard.full():
            return
        if len(pressed_s) < _MAX_WAITING:
            pressed_s[report] = now_s
        self._heard.put_nowait(report)
