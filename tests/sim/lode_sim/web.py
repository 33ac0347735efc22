"""The web port of a rig: HTTP/1.1, one request per connection, its pages by its vendor.

request ──► fault? ──► the vendor's page ──► fault? ──► answer, end
"""

import asyncio
from dataclasses import dataclass, field

import h11
import msgspec

from lode_sim.faults import Fault
from lode_sim.port import Port, reset, stream_port
from lode_sim.rig import Rig
from lode_sim.vendors import VENDORS
from lode_sim.vendors.recorded import Page, Request
from lode_sim.writes import WriteFault

WEB_PORT = 80
_PATIENCE_S = 30.0
_NO_LOGIN = 401
_REQUEST_LIMIT_BYTES = 8 << 20
_SILENT = (Fault.HANG, Fault.OFFLINE, Fault.REBOOT)


def open_web(rig: Rig, port: int = WEB_PORT) -> Port | None:
    """Let a rig answer at its web port, if its firmware has one.

    Raises:
        OSError: when the address is in use, or the port is not ours to take.
    """
    if VENDORS[rig.model.vendor].web is None:
        return None

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.add(writer.transport)  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await _Talk(rig, reader, writer).hold()
        except (OSError, TimeoutError, h11.RemoteProtocolError):
            reset(writer.transport)
        finally:
            writer.close()
            opened.discard(writer.transport)  # type: ignore[arg-type]

    opened = stream_port(rig.identity.host, port, serve)
    opened.open()
    rig.doors.append(opened)
    return opened


@dataclass(slots=True)
class _Talk:
    """One client's one request."""

    rig: Rig
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    talk: h11.Connection = field(default_factory=lambda: h11.Connection(h11.SERVER))

    async def hold(self) -> None:
        request = await self._request()
        if request is None:
            return
        writes, vendor = self.rig.writes, VENDORS[self.rig.model.vendor]
        is_write = request.method != "GET" and not request.path.endswith(vendor.logs_in_at)
        is_write = is_write and not request.body.startswith(vendor.asks_with)
        if any(fault in self.rig.faults for fault in _SILENT):
            await self.reader.read()  # until the client leaves
            return
        if is_write and WriteFault.SILENT in writes:
            await self.reader.read()
            return
        await asyncio.sleep(writes.delay_s)
        broken = WriteFault.BROKEN_WRITE if is_write else WriteFault.BROKEN_READ
        if broken in writes:
            page = Page(500, b"Internal Server Error")
        else:
            assert vendor.web is not None
            page = vendor.web(self.rig, request)
        if is_write and WriteFault.CUT in writes and page.status != _NO_LOGIN:
            reset(self.writer.transport)
            return
        self._answer(page, is_half=not is_write and WriteFault.HALF_READ in writes)
        await self.writer.drain()

    async def _request(self) -> Request | None:
        head, body = None, bytearray()
        while True:
            event = self.talk.next_event()
            if event is h11.NEED_DATA:
                data = await self.reader.read(65_536)
                if head is None and data.startswith(b"{"):  # a question for cgminer's API
                    self.writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                    return None
                self.talk.receive_data(data)
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if self._is_too_long(body):
                    return None
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = {k.decode(): v.decode() for k, v in head.headers}
                method, path = head.method.decode(), head.target.decode()
                return Request(method, path, headers, bytes(body))
            else:
                return None

    def _is_too_long(self, body: bytearray) -> bool:
        breaks_at = self.rig.writes.body_bytes
        if breaks_at is not None and len(body) > breaks_at:
            reset(self.writer.transport)
            return True
        return len(body) > _REQUEST_LIMIT_BYTES

    def _answer(self, page: Page, *, is_half: bool) -> None:
        body = page.body if isinstance(page.body, bytes) else msgspec.json.encode(page.body)
        if is_half and page.status < 300:
            body = body[: len(body) // 2]
        headers = [("Content-Length", str(len(body))), ("Connection", "close"), *page.headers]
        response = h11.Response(status_code=page.status, headers=headers)
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.writer.write(self.talk.send(event) or b"")
