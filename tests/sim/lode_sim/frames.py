"""WhatsMiner's port 4433: JSON after its length as 4 bytes, low byte first."""

import asyncio

import msgspec

from lode_sim.faults import Fault
from lode_sim.port import Port, reset, stream_port
from lode_sim.rig import Rig
from lode_sim.vendors import VENDORS
from lode_sim.writes import WriteFault

FRAMED_PORT = 4433
_PATIENCE_S = 30.0
_REQUEST_LIMIT_BYTES = 64 << 10
_SILENT = (Fault.HANG, Fault.OFFLINE, Fault.REBOOT)


def open_frames(rig: Rig, port: int = FRAMED_PORT) -> Port | None:
    """Let a rig answer there, if its firmware does.

    Raises:
        OSError: when the address is in use.
    """
    if VENDORS[rig.model.vendor].framed is None:
        return None

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.add(writer.transport)  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while await _answered(rig, reader, writer):
                    pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError, msgspec.DecodeError):
            reset(writer.transport)
        finally:
            writer.close()
            opened.discard(writer.transport)  # type: ignore[arg-type]

    opened = stream_port(rig.identity.host, port, serve)
    opened.open()
    rig.doors.append(opened)
    return opened


async def _answered(rig: Rig, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer one question; gives whether another may come."""
    length = int.from_bytes(await reader.readexactly(4), "little")
    if length > _REQUEST_LIMIT_BYTES:
        reset(writer.transport)
        return False
    order = msgspec.json.decode(await reader.readexactly(length), type=dict[str, object])
    writes, is_write = rig.writes, str(order.get("cmd", "")).startswith("set.")
    if any(fault in rig.faults for fault in _SILENT) or (is_write and WriteFault.SILENT in writes):
        await reader.read()  # until the client leaves
        return False
    await asyncio.sleep(writes.delay_s)
    framed = VENDORS[rig.model.vendor].framed
    assert framed is not None
    data = msgspec.json.encode(framed(rig, order, rig.snapshot()))
    if is_write and WriteFault.CUT in writes:
        reset(writer.transport)
        return False
    whole = len(data)
    if WriteFault.HALF_READ in writes and not is_write:
        data = data[: whole // 2]
    writer.write(whole.to_bytes(4, "little") + data)
    await writer.drain()
    return len(data) == whole
