"""Orders over a unix socket: one JSON object on a line, one JSON object back, the end.

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
CLIENT_S = 2.0
ORDER_LIMIT_BYTES = 1_000_000


class Order(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One order. Devices may be names, patterns such as `rig-0*`, or `all`, `rigs`, `meters`."""

    do: str
    devices: list[str] = []
    share: float = 0.0  # instead of all the devices named: so many of them, drawn by the seed
    fault: str = ""  # of `lode_sim.faults`; for `disobey`: of `lode_sim.writes`, or none
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
        self._listener: socket.socket | None = None
        self._talks: dict[asyncio.Task[None], socket.socket] = {}

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
        listener.setblocking(False)
        with _short(self._path) as path:
            listener.bind(path)
        self._path.chmod(0o600)
        listener.listen()
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        if self._listener:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
            self._path.unlink(missing_ok=True)
        talks = list(self._talks)
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _address = listener.accept()
        except OSError:  # it is gone already
            return
        client.setblocking(False)
        talk = asyncio.get_running_loop().create_task(self._serve(client))
        self._talks[talk] = client
        talk.add_done_callback(lambda done: self._talks.pop(done).close())

    async def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLIENT_S):
                await self._talk(client)

    async def _talk(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        line = bytearray()
        while not line.endswith(b"\n") and len(line) < ORDER_LIMIT_BYTES:
            received = await loop.sock_recv(client, ORDER_LIMIT_BYTES)
            if not received:
                return
            line += received
        await loop.sock_sendall(client, msgspec.json.encode(self._answer(bytes(line))) + b"\n")

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
