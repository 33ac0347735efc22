"""A port that is asked request by request, for as long as the one who asks keeps to the form."""

import asyncio
from collections.abc import Awaitable, Callable

from lode_sim.port import stream_port

TIMEOUT_S = 30.0

One = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]
"""Reads one request and answers it; tells whether the connection goes on."""


class RequestPort:
    """Listens from its making on; must be made inside a running loop."""

    def __init__(self, host: str, port: int, one: One) -> None:
        self._one = one
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = stream_port(host, port, self._serve)
        self._port.open()
        self.port = self._port.port  # the true one

    def close(self) -> None:
        """Stop listening and end what is open."""
        self._port.close()
        for writer in tuple(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while await self._one(reader, writer):
                    pass
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            pass  # a client that breaks off has said nothing
        except asyncio.LimitOverrunError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
