"""A mail server and an HTTP address that keep what they get, over real sockets."""

import asyncio
import email
import email.policy
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


class MailSink:
    """An SMTP server on a port of its own; `answers` are given to DATA in turn, then 250."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answers: list[str] = []
        self.refused: set[str] = set()
        self.before_answer: Callable[[], None] = lambda: None
        self.hold: asyncio.Event | None = None
        self.port = 0
        self.connections = 0
        self.delay_s = 0.0
        self._server: asyncio.Server | None = None
        self._talks: list[SMTP] = []

    async def start(self) -> "MailSink":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def _talk(self) -> SMTP:
        self.connections += 1
        self._talks.append(SMTP(self, hostname="sink", enable_SMTPUTF8=True))
        return self._talks[-1]

    def hang_up(self) -> None:
        """End every conversation, as a server does after a while."""
        for talk in self._talks:
            if talk.transport:
                talk.transport.close()
        self._talks.clear()

    async def stop(self) -> None:
        if self._server:
            self._server.close()

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        mail = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        self.before_answer()
        await asyncio.sleep(self.delay_s)
        if self.hold:
            await self.hold.wait()
        return self.answers.pop(0) if self.answers else "250 taken"


class HookSink:
    """An HTTP server on a port of its own; `answers` (status, headers) in turn, then 204."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.delay_s = 0.0
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.posts.append(({k.lower(): v for k, v in self.headers.items()}, body))
                time.sleep(sink.delay_s)
                status, headers = sink.answers.pop(0) if sink.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
