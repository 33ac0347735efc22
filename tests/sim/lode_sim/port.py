"""A listening socket that can also refuse, or be as good as gone from the network.

open      connections are accepted
refused   nothing listens: the kernel resets every attempt; open connections are reset
dropped   attempts are not even refused: the accept queue is full and stays so, and Linux then
          drops each SYN, as a host that has lost its power does

It accepts by itself: asyncio's own server forgets a connection that comes in while it closes.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine

BACKLOG = 128
_ACCEPT_AT_ONCE = 32
_RETRY_S = 0.1
_LINGER_RESET = struct.pack("ii", 1, 0)


class Port:
    """One host and port, and the connections made through it."""

    def __init__(self, host: str, port: int, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self.host = host
        self.port = port
        self.transports: set[asyncio.Transport] = set()
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._fillers: list[socket.socket] = []
        self._accepting: dict[asyncio.Task[None], socket.socket] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self.state = "closed"

    def open(self) -> None:
        """Listen; does nothing to a port that is open already.

        Raises:
            OSError: when the address is in use.
        """
        if self.state == "open":
            return
        self._release("open")
        self._socket = self._listen(BACKLOG)
        self._loop.add_reader(self._socket, self._accept)

    def refuse(self) -> None:
        """Stop listening and reset every open connection."""
        self._release("refused")
        self.reset()

    def drop(self) -> None:
        """Leave every connection attempt without any answer; open connections stay, unread."""
        if self.state == "dropped":
            return
        self._release("dropped")
        self._socket = self._listen(0)
        for _ in range(2):  # a backlog of 0 holds one connection; the second finds it full
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.host, self.port))
            self._fillers.append(filler)

    def close(self) -> None:
        """Stop listening and end our half of every open connection."""
        self._release("closed")
        for task in tuple(self._accepting):
            task.cancel()
        for transport in tuple(self.transports):
            finish(transport)

    def reset(self) -> None:
        """End every open connection with a reset."""
        for transport in tuple(self.transports):
            reset(transport)

    def add(self, transport: asyncio.Transport) -> None:
        """Take note of a new connection."""
        self.transports.add(transport)
        self._empty.clear()

    def discard(self, transport: asyncio.Transport) -> None:
        """Forget a connection that has ended."""
        self.transports.discard(transport)
        if not self.transports:
            self._empty.set()

    async def left(self) -> None:
        """Wait until no connection is open."""
        await self._empty.wait()

    def _listen(self, backlog: int) -> socket.socket:
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind((self.host, self.port))
            listener.listen(backlog)
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        return listener

    def _release(self, state: str) -> None:
        self.state = state
        if self._socket:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()

    def _accept(self) -> None:
        for _ in range(_ACCEPT_AT_ONCE):
            if not self._socket:
                return
            try:
                connection, _address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # out of descriptors: let some be freed before the next try
                self._pause()
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._begin(connection))
            self._accepting[task] = connection
            task.add_done_callback(self._begun)

    async def _begin(self, connection: socket.socket) -> None:
        await self._loop.connect_accepted_socket(self._protocol, connection)

    def _begun(self, task: "asyncio.Task[None]") -> None:
        connection = self._accepting.pop(task)
        if task.cancelled() or task.exception():
            connection.close()

    def _pause(self) -> None:
        if paused := self._socket:
            self._loop.remove_reader(paused)
            self._loop.call_later(_RETRY_S, self._resume, paused)

    def _resume(self, paused: socket.socket) -> None:
        if self._socket is paused:
            self._loop.add_reader(paused, self._accept)


def stream_port(
    host: str,
    port: int,
    serve: Callable[
        [asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None] | None
    ],
) -> Port:
    """Make a port whose connections are handed on as a reader and a writer."""

    def protocol() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), serve)

    return Port(host, port, protocol)


def finish(transport: asyncio.Transport) -> None:
    """End our half of a connection; a peer that is gone already makes it the end of both."""
    try:
        if not transport.is_closing():
            transport.write_eof()
    except OSError:
        transport.abort()


def reset(transport: asyncio.WriteTransport) -> None:
    """End a connection with a RST instead of a FIN."""
    connection = transport.get_extra_info("socket")
    if connection and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    transport.abort()
