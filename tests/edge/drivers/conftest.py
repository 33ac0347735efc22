"""Rigs and meters that speak over real sockets: rightly, wrongly, or not at all."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
INVALID = b'{"STATUS":[{"STATUS":"E","When":1,"Code":14,"Msg":"Invalid command"}],"id":1}\x00'


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[str]:
    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(quietly, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.fixture
async def serve():
    """Serve connections with a handler until the test ends; gives `host:port`."""
    async with AsyncExitStack() as stack:

        async def start(handler: Handler) -> str:
            return await stack.enter_async_context(listening(handler))

        yield start


@pytest.fixture
def serve_rig(serve):
    """Serve a rig that answers each command with these bytes, and knows no other command."""

    async def start(replies: Mapping[str, bytes]) -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            command = json.loads(await reader.read(4096))["command"]
            writer.write(replies.get(command, INVALID))
            await writer.drain()

        return await serve(answer)

    return start


@pytest.fixture
def serve_meter(serve):
    """Serve a Modbus device: `answer(unit, function, register, count)` gives the PDU's data.

    It gives the bytes after the function code, or an int: the exception to answer with.
    """

    async def start(answer: Callable[[int, int, int, int], bytes | int]) -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                asked = struct.unpack(">HHHBBHH", await reader.readexactly(12))
                transaction, _, _, unit, function, register, count = asked
                data = answer(unit, function, register, count)
                if isinstance(data, int):
                    function, data = function | 0x80, bytes([data])
                length = len(data) + 2
                writer.write(struct.pack(">HHHBB", transaction, 0, length, unit, function) + data)

        return await serve(talk)

    return start
