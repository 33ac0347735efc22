"""PDUs on loopback, and a bad link in front of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from lode_edge.drivers.driver import DeviceEntry, Login
from lode_edge.drivers.snmp import PduDriver
from lode_sim.pdu_snmp import AUTH_PASSPHRASE, PRIVACY_PASSPHRASE, USER, WRITE, Pdu

WRITER = Login(password=WRITE)
PROFILES = {"raritan": "raritan-px", "apc": "apc-rpdu2"}


def driver(address: str, vendor: str = "raritan", **given: object) -> PduDriver:
    values = {"name": "pdu-1", "driver": "snmp", "address": address, "kind": "pdu"}
    values |= {"profile": PROFILES[vendor], "timeout_s": 2.0, "login": WRITER} | given
    made = PduDriver(DeviceEntry(**values), 9)
    _made.append(made)
    return made


_made: list[PduDriver] = []


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    """Close every driver that a test has made."""
    yield
    while _made:
        await _made.pop().close()


def secured(user: str = USER) -> Login:
    return Login(
        username=user,
        password=f"{AUTH_PASSPHRASE} {PRIVACY_PASSPHRASE}",
    )


class Link:
    """A UDP relay: `forge` makes of each answer the datagrams that the asker gets."""

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self.forge: Callable[[bytes], list[bytes]] = lambda data: [data]
        self.lost = 0  # so many questions more are lost
        self.questions: list[bytes] = []
        self._to = ("127.0.0.1", to_port)


@contextlib.asynccontextmanager
async def linked(to_port: int) -> AsyncIterator[Link]:
    link = Link(to_port)
    loop = asyncio.get_running_loop()
    asker: list[object] = []

    class Inner(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            for forged in link.forge(data):
                outer.sendto(forged, asker[-1])

    class Outer(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            asker.append(addr)
            link.questions.append(data)
            if link.lost > 0:
                link.lost -= 1
                return
            inner.sendto(data)

    inner, _ = await loop.create_datagram_endpoint(Inner, remote_addr=link._to)
    outer, _ = await loop.create_datagram_endpoint(Outer, local_addr=("127.0.0.1", 0))
    link.port = outer.get_extra_info("sockname")[1]
    try:
        yield link
    finally:
        inner.close()
        outer.close()


@pytest.fixture
async def apc() -> AsyncIterator[Pdu]:
    """Give a PDU."""
    async with Pdu("apc") as running:
        yield running


@pytest.fixture(params=["raritan", "apc"])
async def pdu(request: pytest.FixtureRequest) -> AsyncIterator[Pdu]:
    """Give a PDU of each vendor."""
    async with Pdu(request.param) as running:
        yield running
