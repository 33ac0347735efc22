"""Orders over a unix socket: one JSON object per line, one JSON object back.

{"do":"fault","fault":"hang","devices":["rig-001"],"share":0,"value":"","for_s":10}
   └► {"ok":true,"lines":[...]}  or  {"ok":false,"error":"what would do"}
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from lode_sim.errors import AbsentError, OrderError

SITE_SOCKET = "site.sock"
LINK_SOCKET = "link.sock"
TIMEOUT_S = 10.0
_ACCEPT_S = 0.005


class Order(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One order. Devices may be names, patterns such as `rig-0*`, or `all`, `rigs`, `meters`."""

    do: str
    devices: list[str] = []
    share: float = 0.0  # instead of all the devices named: so many of them, drawn by the seed
    fault: str = ""
    value: str = ""
    for_s: float = 0.0
    mode: str = ""


class Answer(msgspec.Struct, kw_only=True):
    """What came of an order."""

    ok: bool
    error: str = ""
    lines: list[str] = []


class Control:
    """Takes orders at a socket and hands them to one function."""

    def __init__(self, path: Path, obey: Callable[[Order], Sequence[str]]) -> None:
        self._path = path
        self._obey = obey
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            OrderError: when another simulator holds the socket.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            if _answers(self._path):
                raise OrderError(f"{self._path}: another simulator runs here; choose --data-dir")
            self._path.unlink()
        listener = socket.socket(socket.AF_UNIX)
        with _short(self._path) as path:
            listener.bind(path)
        self._path.chmod(0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener)

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        if self._server:
            self._server.close()
            await asyncio.sleep(_ACCEPT_S)  # what was accepted just now becomes a client by then
            for client in tuple(self._clients):
                client.close()
            await self._server.wait_closed()
            self._server = None
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                writer.write(msgspec.json.encode(self._answer(line)) + b"\n")
                await writer.drain()
        except (OSError, ValueError):  # gone, or a line beyond any limit
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    def _answer(self, line: bytes) -> Answer:
        try:
            return Answer(ok=True, lines=list(self._obey(msgspec.json.decode(line, type=Order))))
        except msgspec.DecodeError as error:
            return Answer(ok=False, error=f"order: {error}")
        except OrderError as error:
            return Answer(ok=False, error=str(error))


def send(path: Path, order: Order) -> list[str]:
    """Send one order to the simulator at a socket and return its lines.

    Raises:
        AbsentError: when nothing answers there.
        OrderError: when it refuses the order.
    """
    try:
        with _connected(path) as connection, connection.makefile("rwb") as stream:
            stream.write(msgspec.json.encode(order) + b"\n")
            stream.flush()
            line = stream.readline()
    except OSError as error:
        raise AbsentError(f"{path}: {error}; is `lode-sim` running with that --data-dir?") from None
    if not line:
        raise AbsentError(f"{path}: the simulator ended")
    answer = msgspec.json.decode(line, type=Answer)
    if not answer.ok:
        raise OrderError(answer.error)
    return answer.lines


def _answers(path: Path) -> bool:
    with suppress(OSError), _connected(path):
        return True
    return False


@contextmanager
def _connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection, _short(path) as short:
        connection.settimeout(TIMEOUT_S)
        connection.connect(short)
        yield connection


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Name a socket through its open folder: the kernel allows a path of 107 bytes only."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
