"""A message as an e-mail, and its way to the mail server.

Connections are kept for the next mail: a storm's mails do not each wait for a handshake.
"""

import contextlib
import email.policy
import email.utils
import time
from email.message import EmailMessage

import aiosmtplib

from lode_hub.notify import http, text
from lode_hub.notify.channels import Receipt, SmtpChannel
from lode_hub.notify.errors import RefusedError, UnavailableError
from lode_hub.notify.text import Message

IDLE_S = 20.0
"""A connection that rested longer is not trusted; servers end theirs after 30 s or more."""

MAX_IDLE = 3

_PERMANENT = 500  # an SMTP reply of this or more will be the same next time


class Mailer:
    """Hands mails to one server, and keeps a few connections to it."""

    def __init__(self, channel: SmtpChannel) -> None:
        self._channel = channel
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []

    async def send(self, message: Message, to: str) -> Receipt:
        """Hand a message for one address, or for the channel's own, to the server.

        Raises:
            UnavailableError: the server cannot be reached, or cannot take it now.
            RefusedError: the server will never take this mail.
        """
        channel = self._channel
        where = f"mail {channel.name} ({channel.host}:{channel.port})"
        people = [to] if to else list(channel.recipients)
        password = ""
        try:
            mail = render(channel, message, people)
            password = channel.password.read()
            server = await self._connected(password)
            try:
                refused, _ = await server.send_message(
                    mail,
                    sender=email.utils.parseaddr(channel.sender)[1],
                    recipients=[email.utils.parseaddr(one)[1] for one in people],
                )
            except BaseException:
                server.close()
                raise
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _judged(error, where, password) from None
        self._keep(server)
        complaint = f"{where}: refused {', '.join(refused)}; check these addresses"
        return Receipt(reference=mail["Message-ID"], complaint=complaint if refused else None)

    def close(self) -> None:
        """End the connections that rest."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _connected(self, password: str) -> aiosmtplib.SMTP:
        while self._idle:
            rested_s, server = self._idle.pop()
            if time.monotonic() - rested_s < IDLE_S and server.is_connected:
                with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                    await server.noop()
                    return server
            server.close()
        channel = self._channel
        server = aiosmtplib.SMTP(
            hostname=channel.host,
            port=channel.port,
            username=channel.username or None,
            password=password or None,
            timeout=channel.timeout_s,
            use_tls=channel.tls == "tls",
            start_tls=channel.tls == "starttls",
        )
        try:
            await server.connect()
        except BaseException:
            server.close()
            raise
        return server

    def _keep(self, server: aiosmtplib.SMTP) -> None:
        if server.is_connected and len(self._idle) < MAX_IDLE:
            self._idle.append((time.monotonic(), server))
        else:
            server.close()


def render(channel: SmtpChannel, message: Message, people: list[str]) -> EmailMessage:
    """Write the e-mail; the key makes its Message-ID, so that a repeated one can be known."""
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["Subject"] = text.subject(message)
    mail["From"] = channel.sender
    mail["To"] = ", ".join(people)
    mail["Date"] = email.utils.localtime()
    domain = email.utils.parseaddr(channel.sender)[1].rpartition("@")[2] or "localhost"
    mail["Message-ID"] = f"<{message.key}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text.plain(message))
    mail.add_alternative(text.rich(message), subtype="html")
    return mail


def _judged(error: Exception, where: str, password: str) -> UnavailableError | RefusedError:
    said = http.masked(text.clean(str(error)) or type(error).__name__, (password,))
    replies: list[object] = [error]
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        replies = list(error.recipients)
    about_this_mail = (
        aiosmtplib.SMTPDataError,
        aiosmtplib.SMTPSenderRefused,
        aiosmtplib.SMTPRecipientRefused,
    )
    # A wrong password or greeting is the server's or the settings' matter, and can be mended.
    if replies and all(
        isinstance(reply, about_this_mail) and reply.code >= _PERMANENT for reply in replies
    ):
        return RefusedError(f"{where}: refused the mail: {said}; check sender and recipients")
    return UnavailableError(f"{where}: {said}; check its address, tls mode and login")
