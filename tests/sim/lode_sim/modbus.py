"""Modbus TCP, the reading half: FC3 and FC4, one meter per address and unit.

frame ──► unit? function? count? address? ──► registers or exception ──► next frame: served
A read counts as served once the client shows that it took the reply: by its next request on the
same connection, or by an orderly end.
"""

import asyncio
import os
import struct

from lode_sim.faults import DRIP_BYTES_PER_S, Fault
from lode_sim.meter import MAX_REGISTERS, Meter
from lode_sim.port import Port, reset
from lode_sim.truth import Truth

MODBUS_PORT = 5020  # 502 needs root
READ_HOLDING = 3
READ_INPUT = 4
ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
NO_SUCH_UNIT = 0x0B
MAX_FRAME_BYTES = 260
_HEADER = struct.Struct(">HHHB")
_READ = struct.Struct(">BHH")
_SILENT = (Fault.HANG, Fault.OFFLINE)


def open_modbus(meter: Meter, truth: Truth, port: int = MODBUS_PORT) -> Port:
    """Let a meter answer at its address.

    Raises:
        OSError: when the address is in use.
    """
    opened = Port(meter.host, port, lambda: _Connection(meter, truth, opened))
    opened.open()
    meter.port = opened
    return opened


def respond(meter: Meter, unit: int, request: bytes) -> bytes:
    """Answer one request (function code and data) with its response, or an exception."""
    function = request[0] if request else 0
    if unit != meter.unit:
        return _exception(function, NO_SUCH_UNIT)
    if function not in {READ_HOLDING, READ_INPUT}:
        return _exception(function, ILLEGAL_FUNCTION)
    if len(request) != _READ.size:
        return _exception(function, ILLEGAL_VALUE)
    _function, start, count = _READ.unpack(request)
    if not 1 <= count <= MAX_REGISTERS:
        return _exception(function, ILLEGAL_VALUE)
    read = meter.input_registers if function == READ_INPUT else meter.holding_registers
    registers = read(start, count)
    if registers is None:
        return _exception(function, ILLEGAL_ADDRESS)
    return bytes((function, len(registers))) + registers


class _Connection(asyncio.Protocol):
    """One client; it may send many requests."""

    def __init__(self, meter: Meter, truth: Truth, port: Port) -> None:
        self._meter = meter
        self._truth = truth
        self._port = port
        self._received = bytearray()
        self._unproven: list[tuple[float, int]] = []  # counter in kWh, at_ms
        self._drips: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._port.add(transport)

    def data_received(self, data: bytes) -> None:
        if any(fault in self._meter.faults for fault in _SILENT):
            self._unproven.clear()
            return
        self._received += data
        self._count_served()
        while len(self._received) >= _HEADER.size:
            transaction, protocol, length, unit = _HEADER.unpack_from(self._received)
            if protocol != 0 or not 2 <= length <= MAX_FRAME_BYTES - 6:
                reset(self._transport)
                return
            if len(self._received) < 6 + length:
                return
            request = bytes(self._received[_HEADER.size : 6 + length])
            del self._received[: 6 + length]
            self._reply(transaction, unit, request)

    def eof_received(self) -> bool:
        self._count_served()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._port.discard(self._transport)
        for task in self._drips:
            task.cancel()

    def _reply(self, transaction: int, unit: int, request: bytes) -> None:
        body = respond(self._meter, unit, request)
        faults = self._meter.faults
        if Fault.LENGTH in faults:
            self._transport.write(_wrong_length(transaction, unit, body, faults[Fault.LENGTH]))
        elif Fault.GARBAGE in faults:
            self._transport.write(os.urandom(len(body) + _HEADER.size))
        elif Fault.DRIP in faults:
            frame = _HEADER.pack(transaction, 0, len(body) + 1, unit) + body
            rate = float(faults[Fault.DRIP] or DRIP_BYTES_PER_S)
            task = asyncio.get_running_loop().create_task(self._send_slowly(frame, rate))
            self._drips.add(task)
            task.add_done_callback(self._drips.discard)
        else:
            self._transport.write(_HEADER.pack(transaction, 0, len(body) + 1, unit) + body)
            self._remember(request, body)

    def _remember(self, request: bytes, body: bytes) -> None:
        if body[0] == READ_INPUT:
            _function, start, count = _READ.unpack(request)
            if self._meter.is_counter(start, count):
                self._unproven.append((self._meter.served_kwh, self._truth.now_ms()))

    def _count_served(self) -> None:
        if not self._transport.get_write_buffer_size():
            for energy_in_kwh, at_ms in self._unproven:
                self._truth.meter(self._meter.name, energy_in_kwh, at_ms)
        self._unproven.clear()

    async def _send_slowly(self, frame: bytes, bytes_per_s: float) -> None:
        step = max(int(bytes_per_s / 50), 1)
        for at in range(0, len(frame), step):
            self._transport.write(frame[at : at + step])
            await asyncio.sleep(step / bytes_per_s)


def _exception(function: int, code: int) -> bytes:
    return bytes((function | 0x80, code))


def _wrong_length(transaction: int, unit: int, body: bytes, how: str) -> bytes:
    """Answer with two registers too few, two too many, or a header that says too little."""
    if how == "header":
        return _HEADER.pack(transaction, 0, max(len(body) - 3, 2), unit) + body
    data = body[2:] + b"\x00" * 4 if how == "long" else body[2:-4]
    body = bytes((body[0], len(data) & 0xFF)) + data
    return _HEADER.pack(transaction, 0, len(body) + 1, unit) + body
