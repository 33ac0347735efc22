"""An SMTP server that keeps every mail as a file; no login, no TLS, loopback only."""

import asyncio
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from lode_sim.drop import Drop
from lode_sim.port import Port

SUFFIX = ".eml"
SIZE_LIMIT_BYTES = 10_000_000


class Mailbox:
    """Takes mail and keeps it; `async with Mailbox(folder) as mailbox: ...`."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.drop = Drop(folder, SUFFIX)
        self.host = host
        self.port = port
        self.response = "250 2.0.0 kept"  # set to "451 ..." or "550 ..." to refuse mail
        self._port: Port | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; `port` is then the true one."""
        self._port = Port(self.host, self.port, self._protocol)
        self._port.open()
        self.port = self._port.port

    async def stop(self) -> None:
        """Stop listening."""
        if self._port:
            self._port.close()
            self._port = None

    async def handle_DATA(  # noqa: N802 -- aiosmtpd calls it by this name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail, with its envelope as the first two headers."""
        if not self.response.startswith("250"):
            return self.response
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        head = f"X-Envelope-From: {envelope.mail_from}\r\n"
        head += f"X-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n"
        await asyncio.to_thread(self.drop.put, head.encode() + content)
        return self.response

    def _protocol(self) -> SMTP:
        loop = asyncio.get_running_loop()
        return SMTP(
            self,
            data_size_limit=SIZE_LIMIT_BYTES,
            enable_SMTPUTF8=True,
            hostname="lode-sim",
            loop=loop,
        )


def describe(path: Path) -> str:
    """Give one line about a kept mail: when, to whom, about what."""
    message = message_from_bytes(path.read_bytes(), policy=default)
    date, to, subject = (message.get(key, "-") for key in ("Date", "X-Envelope-To", "Subject"))
    return f"{path.name}  {date}  {to}  {subject}"


def text(path: Path) -> str:
    """Give a kept mail as a person would read it: main headers and plain text."""
    message = message_from_bytes(path.read_bytes(), policy=default)
    body = message.get_body(preferencelist=("plain", "html"))
    content = body.get_content() if body else ""
    heads = [f"{key}: {message.get(key, '-')}" for key in ("Date", "From", "To", "Subject")]
    return "\n".join([*heads, "", str(content)])
