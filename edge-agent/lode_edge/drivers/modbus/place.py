"""Where a bus is, as the settings write it.

10.0.4.240:502                              Modbus TCP
rtu://10.0.4.240:4001                       RTU frames through a serial server
serial:/dev/ttyUSB0?baud=9600&parity=E      a serial line of this machine
"""

import asyncio
import importlib.util
from dataclasses import dataclass
from urllib.parse import parse_qsl

from lode_edge.drivers.driver import endpoint
from lode_edge.drivers.modbus.frames import Framing, Mbap, Rtu
from lode_edge.drivers.modbus.line import Line
from lode_edge.errors import EdgeError

PORT = 502
_RTU, _SERIAL = "rtu://", "serial:"
_BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
_BITS_PER_CHARACTER = 11
_SILENT_MIN_S = 0.00175  # Modbus over serial line V1.02, 2.5.1.1: above 19200 baud


@dataclass(frozen=True, slots=True)
class Host:
    """A host and port; `is_rtu` when serial frames go through it as they are."""

    host: str
    port: int
    is_rtu: bool = False

    silent_s = 0.0  # who sends on the line keeps its silence

    def __str__(self) -> str:
        """Write it as units that share the bus know it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{_RTU if self.is_rtu else ''}{host}:{self.port}"

    def framing(self) -> Framing:
        """Give the framing that is spoken there."""
        return Rtu() if self.is_rtu else Mbap()

    async def open(self, framing: Framing) -> Line:
        """Connect.

        Raises:
            OSError: there is no connection.
        """
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: Line(framing), self.host, self.port)
        return line


@dataclass(frozen=True, slots=True)
class Serial:
    """A serial line of this machine, with 8 data bits."""

    path: str
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1

    @property
    def silent_s(self) -> float:
        """Give the silence between two frames: 3.5 characters."""
        return max(_SILENT_MIN_S, 3.5 * _BITS_PER_CHARACTER / self.baud)

    def __str__(self) -> str:
        """Write it as units that share the bus know it."""
        return f"{_SERIAL}{self.path}"

    def framing(self) -> Framing:
        """Give the framing that is spoken there."""
        return Rtu()

    async def open(self, framing: Framing) -> Line:
        """Open the port for us alone.

        Raises:
            OSError: there is no such port, or another program has it.
        """
        import serial  # noqa: PLC0415 -- only where there is a serial line

        port = serial.Serial(
            self.path,
            self.baud,
            parity=self.parity,
            stopbits=self.stop_bits,
            timeout=0,
            write_timeout=0,
            exclusive=True,
        )
        loop = asyncio.get_running_loop()
        _, line = await loop.connect_read_pipe(lambda: Line(framing, port.write), port)
        return line


Place = Host | Serial


def place_of(address: str) -> Place:
    """Read an address.

    Raises:
        EdgeError: it is none, or serial lines are not installed.
    """
    if address.startswith(_SERIAL):
        return _serial(address)
    host, port = endpoint(address.removeprefix(_RTU), 0)
    is_rtu = address.startswith(_RTU)
    if is_rtu and not port:
        raise EdgeError(f"address {address}: has no port; write rtu://host:port")
    return Host(host, port or PORT, is_rtu)


def _serial(address: str) -> Serial:
    if importlib.util.find_spec("serial") is None:
        raise EdgeError(f"address {address}: needs pyserial; install lode-edge[modbus]")
    path, _, query = address.removeprefix(_SERIAL).partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    baud, parity = options.pop("baud", "9600"), options.pop("parity", "N").upper()
    stop_bits = options.pop("stop", "1")
    if options:
        raise EdgeError(f"address {address}: {min(options)} is unknown; use baud, parity, stop")
    if not baud.isdecimal() or int(baud) not in _BAUDS:
        known = ", ".join(map(str, _BAUDS))
        raise EdgeError(f"address {address}: baud {baud!r}; use one of {known}")
    if parity not in {"N", "E", "O"} or stop_bits not in {"1", "2"}:
        raise EdgeError(f"address {address}: use parity N, E or O, and stop 1 or 2")
    return Serial(path, int(baud), parity, int(stop_bits))
