"""The cgminer-style API: one JSON command per connection, the reply, a NUL byte, the end.

connection ──► command whole? ──► fault? ──► reply, FIN ──► client's FIN: served, into the truth
                                   └► hang · drip · garbage
"""

import asyncio
import dataclasses
import random
import struct
from fcntl import ioctl
from termios import TIOCOUTQ

import msgspec

from lode_sim.faults import DRIP_BYTES_PER_S, Fault
from lode_sim.garble import KINDS
from lode_sim.port import Port, finish, reset
from lode_sim.rig import API_PORT, Rig, Snapshot
from lode_sim.truth import Truth
from lode_sim.vendors import VENDORS
from lode_sim.vendors.recorded import PRIVILEGED, Reply
from lode_sim.writes import WriteFault

BROKEN = 1
INVALID_COMMAND = 14
INVALID_JSON = 23
NO_COMMAND = 24
ACCESS_DENIED = 45

REQUEST_LIMIT_BYTES = 8192
HALF_A_COMMAND_S = 0.5  # how long the rest of a command may take
LEAVE_S = 30.0  # how long a client may keep its end open after the reply
HUNG_S = 0.5  # how long a hung rig keeps a connection that its client has ended
_DRAIN_POLL_S = 0.005
_SILENT = (Fault.HANG, Fault.OFFLINE, Fault.REBOOT)


def open_api(rig: Rig, truth: Truth, port: int = API_PORT) -> Port:
    """Let a rig answer at its address.

    Raises:
        OSError: when the address is in use.
    """
    opened = Port(rig.identity.host, port, lambda: _Connection(rig, truth, opened))
    opened.open()
    rig.port = opened
    return opened


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a rig says to one request; the serial is that of a summary in it."""

    reply: Reply
    serial: int | None = None


def answer(rig: Rig, request: bytes) -> Answer:
    """Answer one request."""
    now = rig.snapshot()
    vendor = VENDORS[rig.model.vendor]
    try:
        order = msgspec.json.decode(request, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Answer(vendor.refuse(vendor.description, INVALID_JSON, "Invalid JSON", now.when))
    if rig.writes.faults and _breaks(rig, request):
        return Answer(vendor.refuse(vendor.description, BROKEN, "Internal error", now.when))
    if vendor.obey and (obeyed := vendor.obey(rig, order, now)):
        return Answer(obeyed)
    command = order.get("command", order.get("cmd"))
    if not isinstance(command, str):
        message = "Missing JSON 'command'"
        return Answer(vendor.refuse(vendor.description, NO_COMMAND, message, now.when))
    if "+" in command and vendor.joins:
        return Answer(*_joined(rig, command.split("+"), now))
    return Answer(*_single(rig, command, now))


def _breaks(rig: Rig, request: bytes) -> bool:
    is_so = WriteFault.BROKEN_WRITE if is_write(rig, request) else WriteFault.BROKEN_READ
    return is_so in rig.writes


def is_write(rig: Rig, request: bytes) -> bool:
    """Tell whether a request would change something."""
    vendor = VENDORS[rig.model.vendor]
    try:
        order = msgspec.json.decode(request, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    named = {*order, str(order.get("command", order.get("cmd")))}
    return not vendor.writes.isdisjoint(named) and order.get("parameter") not in vendor.reads


def _single(rig: Rig, command: str, now: Snapshot) -> tuple[Reply, int | None]:
    vendor = VENDORS[rig.model.vendor]
    if answer_to := vendor.commands.get(command):
        if command != "summary":
            return answer_to(rig, now), None
        serial = rig.next_serial()
        return answer_to(rig, dataclasses.replace(now, accepted=serial)), serial
    if command in PRIVILEGED:
        message = f"Access denied to '{command}' command"
        return vendor.refuse(vendor.description, ACCESS_DENIED, message, now.when), None
    return vendor.refuse(vendor.description, INVALID_COMMAND, "Invalid command", now.when), None


def _joined(rig: Rig, commands: list[str], now: Snapshot) -> tuple[Reply, int | None]:
    whole: Reply = {}
    serial = None
    for command in commands:
        whole_part, part_serial = _single(rig, command, now)
        whole[command] = [whole_part]
        serial = serial or part_serial
    return {**whole, "id": 1}, serial


class _Connection(asyncio.Protocol):
    """One client's one command."""

    def __init__(self, rig: Rig, truth: Truth, port: Port) -> None:
        self._rig = rig
        self._truth = truth
        self._port = port
        self._received = bytearray()
        self._is_answered = False
        self._is_replied = False
        self._client_ended_early = False
        self._serial: int | None = None
        self._served_ms = 0
        self._timer: asyncio.TimerHandle | None = None
        self._drip: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._port.add(transport)

    def data_received(self, data: bytes) -> None:
        if self._is_answered or self._is_silent():
            return
        self._received += data
        if len(self._received) > REQUEST_LIMIT_BYTES:
            reset(self._transport)
        elif self._received.rstrip(b"\x00\r\n \t").endswith(b"}"):
            self._answer()
        elif not self._timer:
            self._timer = asyncio.get_running_loop().call_later(HALF_A_COMMAND_S, self._answer)

    def eof_received(self) -> bool:
        if self._is_replied:
            self._count_served()
            return False
        self._client_ended_early = True
        if self._is_silent():  # stay as silent for a client that only ended its half
            leave = asyncio.get_running_loop().call_later
            self._timer = leave(HUNG_S, reset, self._transport)
            return True
        if self._received and not self._is_answered:
            self._answer()
        return bool(self._received)

    def connection_lost(self, error: Exception | None) -> None:
        self._port.discard(self._transport)
        self._stop_timer()
        if self._drip:
            self._drip.cancel()

    def _is_silent(self) -> bool:
        return any(fault in self._rig.faults for fault in _SILENT)

    def _answer(self) -> None:
        self._stop_timer()
        if self._is_answered or self._is_silent():
            return
        self._is_answered = True
        if self._rig.writes.delay_s:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._rig.writes.delay_s, self._reply)
        else:
            self._reply()

    def _reply(self) -> None:
        self._timer = None
        writes = self._rig.writes
        request = bytes(self._received).strip(b"\x00\r\n \t")
        changes = bool(writes.faults) and is_write(self._rig, request)
        if self._transport.is_closing() or (changes and WriteFault.SILENT in writes):
            return  # the client leaves by itself
        self._is_replied = True
        said = answer(self._rig, request)
        if changes and WriteFault.CUT in writes:
            reset(self._transport)
            return
        reply = msgspec.json.encode(said.reply) + b"\x00"
        if WriteFault.HALF_READ in writes and not changes:
            self._send(reply[: len(reply) // 2])
            return
        self._serial = said.serial
        self._send(reply)

    def _send(self, reply: bytes) -> None:
        self._served_ms = self._truth.now_ms()
        faults = self._rig.faults
        if Fault.GARBAGE in faults:
            reply = KINDS[_pick(faults[Fault.GARBAGE])](reply)
            self._serial = None  # a reader may mend it or not: no proof of anything
        if Fault.DRIP in faults:
            rate = float(faults[Fault.DRIP] or DRIP_BYTES_PER_S)
            self._drip = asyncio.get_running_loop().create_task(self._send_slowly(reply, rate))
            return
        self._transport.write(reply)
        self._end()

    async def _send_slowly(self, reply: bytes, bytes_per_s: float) -> None:
        step = max(int(bytes_per_s / 50), 1)
        for at in range(0, len(reply), step):
            self._transport.write(reply[at : at + step])
            await asyncio.sleep(step / bytes_per_s)
        self._end()

    def _end(self) -> None:
        """Send our FIN; the client's FIN, and no reset, then proves that it took the reply."""
        if self._client_ended_early:
            self._timer = asyncio.get_running_loop().call_later(0, self._watch_drain)
            return
        finish(self._transport)
        leave = asyncio.get_running_loop().call_later
        self._timer = leave(LEAVE_S, reset, self._transport)

    def _watch_drain(self) -> None:
        """Wait for the kernel's word that the peer has all: its FIN came before our reply."""
        connection = self._transport.get_extra_info("socket")
        if self._transport.is_closing() or connection.fileno() < 0:
            return
        left = struct.unpack("i", ioctl(connection.fileno(), TIOCOUTQ, b"\0\0\0\0"))[0]
        if left or self._transport.get_write_buffer_size():
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_DRAIN_POLL_S, self._watch_drain)
            return
        self._count_served()
        self._transport.close()

    def _count_served(self) -> None:
        if self._serial is None or (self._drip and not self._drip.done()):
            return
        if self._transport.get_write_buffer_size():
            return
        self._truth.rig(self._rig.name, self._serial, self._served_ms)
        self._serial = None

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _pick(kind: str) -> str:
    return kind if kind in KINDS else random.choice(tuple(KINDS))
