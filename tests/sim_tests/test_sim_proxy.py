"""The bad link, in each of its moods."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from lode_sim.control import Order
from lode_sim.errors import OrderError
from lode_sim.proxy import Mode, Proxy
from tests.sim_tests.conftest import until

PAUSE_S = 0.1


class Echo:
    """A server that sends back what it gets, and remembers it."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.ended = 0
        self.broken = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65_536):
                self.got += chunk
                writer.write(chunk)
                await writer.drain()
            self.ended += 1
        except ConnectionError:
            self.broken += 1
        finally:
            writer.close()


@pytest.fixture
async def echo() -> Echo:
    return Echo()


@pytest.fixture
async def proxy(echo) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Proxy("127.0.0.1", port, seed=1) as running:
        yield running
    server.close()
    await server.wait_closed()


@pytest.fixture
async def client(proxy) -> "Client":
    return await Client.connect(proxy)


@pytest.fixture(autouse=True)
async def leave() -> AsyncIterator[None]:
    """Close every client of the test."""
    yield
    while Client.made:
        Client.made.pop().writer.close()


class Client:
    made: ClassVar[list["Client"]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made.append(self)
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, proxy: Proxy) -> "Client":
        return cls(*await asyncio.open_connection(proxy.host, proxy.port))

    async def say(self, words: bytes) -> bytes:
        """Send words and give as many bytes as come back for them."""
        self.writer.write(words)
        return await asyncio.wait_for(self.reader.readexactly(len(words)), 30)

    async def hears_nothing(self) -> bool:
        try:
            await asyncio.wait_for(self.reader.read(1), PAUSE_S)
        except TimeoutError:
            return True
        return False

    async def is_reset(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(1), 30) != b""
        except ConnectionResetError:
            return True


async def test_pass_carries_everything_both_ways_and_the_end(proxy, client, echo):
    big = bytes(range(256)) * 8_000
    assert await client.say(big) == big
    client.writer.write_eof()
    assert await client.reader.read() == b""
    assert echo.ended == 1
    await until(lambda: proxy.connections == 0)
    assert proxy.passed_bytes == 2 * len(big)


async def test_in_a_black_hole_bytes_go_nowhere_and_the_torn_are_reset_after(proxy, client, echo):
    assert await client.say(b"before") == b"before"
    proxy.set("blackhole")
    client.writer.write(b"lost")
    assert await client.hears_nothing()
    late = await Client.connect(proxy)
    late.writer.write(b"hello?")
    assert await late.hears_nothing()
    assert echo.got == b"before"
    assert proxy.connections == 2
    proxy.set("pass")
    assert await client.is_reset()
    assert await (await Client.connect(proxy)).say(b"after") == b"after"
    assert await asyncio.wait_for(late.reader.readexactly(6), 30) == b"hello?"  # never torn


async def test_who_said_nothing_in_the_black_hole_goes_on_after(proxy, client):
    assert await client.say(b"before") == b"before"
    proxy.set("blackhole")
    await asyncio.sleep(PAUSE_S)
    proxy.set("pass")
    assert await client.say(b"after") == b"after"


async def test_a_black_hole_hides_the_end_of_a_client(proxy, client, echo):
    await client.say(b"x")
    proxy.set("blackhole")
    client.writer.close()
    await asyncio.sleep(PAUSE_S)
    assert (echo.ended, echo.broken) == (0, 0)
    proxy.set("pass")
    await until(lambda: echo.ended + echo.broken == 1)


async def test_what_is_held_comes_later_and_whole(proxy, client):
    proxy.set("hold")
    client.writer.write(b"patience" * 1_000)
    assert await client.hears_nothing()
    proxy.set("pass")
    whole = await asyncio.wait_for(client.reader.readexactly(8_000), 30)
    assert whole == b"patience" * 1_000


async def test_delay_delays_each_way_and_keeps_the_order(proxy, client):
    proxy.set("delay", 0.5)
    began_s = time.monotonic()
    for number in range(50):
        client.writer.write(bytes([number]))
        await client.writer.drain()
    assert await asyncio.wait_for(client.reader.readexactly(50), 30) == bytes(range(50))
    assert 0.95 < time.monotonic() - began_s < 50 * 0.5  # each, and not one after another


async def test_throttle_keeps_the_rate(proxy, client):
    proxy.set("throttle", 20_000)
    began_s = time.monotonic()
    await client.say(b"z" * 8_000)
    assert time.monotonic() - began_s > 0.3


async def test_corrupt_flips_one_bit_of_a_chunk(proxy, client):
    proxy.set("corrupt", 1.0)
    sent = b"\x00" * 100
    got = await client.say(sent)
    flipped = sum(byte.bit_count() for byte in got)
    assert flipped in {1, 2}  # once on each way, perhaps the same bit
    proxy.set("pass")
    assert await client.say(sent) == sent


async def test_cut_resets_the_open_and_the_new(proxy, client, echo):
    await client.say(b"x")
    proxy.set("cut")
    assert await client.is_reset()
    await until(lambda: echo.broken + echo.ended == 1)
    assert await (await Client.connect(proxy)).is_reset()
    proxy.set("pass")
    assert await (await Client.connect(proxy)).say(b"y") == b"y"


async def test_reset_cuts_once_and_changes_nothing_else(proxy, client):
    await client.say(b"x")
    proxy.set("delay", 0.01)
    proxy.set("reset")
    assert await client.is_reset()
    assert proxy.mode is Mode.DELAY
    assert await (await Client.connect(proxy)).say(b"y") == b"y"


async def test_a_server_that_is_not_there_resets_the_client():
    async with Proxy("127.0.0.1", 1) as proxy:
        assert await (await Client.connect(proxy)).is_reset()
        await until(lambda: proxy.connections == 0)


async def test_orders_set_the_mode_and_say_how_it_is(proxy):
    assert "link throttle 500" in proxy.obey(Order(do="link", mode="throttle", value="500"))[0]
    assert "link throttle 500" in proxy.obey(Order(do="status"))[0]
    for bad in (
        Order(do="link", mode="wormhole"),
        Order(do="link", mode="delay", value="long"),
        Order(do="link", mode="delay", value="-1"),
        Order(do="fault"),
    ):
        with pytest.raises(OrderError):
            proxy.obey(bad)
    assert proxy.mode is Mode.THROTTLE


async def test_stop_ends_everything(echo):
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    proxy = Proxy("127.0.0.1", server.sockets[0].getsockname()[1])
    await proxy.start()
    clients = [await Client.connect(proxy) for _ in range(5)]
    for client in clients:
        await client.say(b"x")
    proxy.set("blackhole")
    await asyncio.wait_for(proxy.stop(), 30)
    assert all([await client.is_reset() for client in clients])
    server.close()
    await server.wait_closed()
