"""An HTTP sink: whatever is posted is kept, head and body, as a file of its own.

A kept file is the request as it came: request line and headers, an empty line, the body.
"""

import asyncio
from pathlib import Path
from typing import Self

from lode_sim.drop import Drop
from lode_sim.requests import RequestPort

SUFFIX = ".http"
BODY_LIMIT_BYTES = 10_000_000


class Webhook:
    """Takes posts and keeps them; `async with Webhook(folder) as webhook: ...`."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.drop = Drop(folder, SUFFIX)
        self.host = host
        self.port = port
        self.status = 204  # what posts are answered with; only those answered 2xx are kept
        self._port: RequestPort | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; `port` is then the true one."""
        self._port = RequestPort(self.host, self.port, self._one)
        self.port = self._port.port

    async def stop(self) -> None:
        """Stop listening and end what is open."""
        if self._port:
            self._port.close()
            self._port = None

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        length = int(fields.get("content-length", "0"))
        status = self.status
        if not lines[0].startswith("POST "):
            status = 405
        elif "transfer-encoding" in fields or not 0 <= length <= BODY_LIMIT_BYTES:
            status = 411
        else:
            body = await reader.readexactly(length)
            if 200 <= status < 300:
                await asyncio.to_thread(self.drop.put, head + body)
        close = status in {405, 411} or fields.get("connection") == "close"
        ending = "close" if close else "keep-alive"
        length_field = "" if status == 204 else "Content-Length: 0\r\n"
        answer = f"HTTP/1.1 {status} -\r\n{length_field}Connection: {ending}\r\n\r\n"
        writer.write(answer.encode())
        await writer.drain()
        return not close


def body(path: Path) -> bytes:
    """Give the body of a kept post."""
    return path.read_bytes().split(b"\r\n\r\n", 1)[1]
