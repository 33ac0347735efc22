"""A message as an e-mail, and its way to the mail server."""

import email.policy
import email.utils
from email.message import EmailMessage

import aiosmtplib

from lode_hub.notify import text
from lode_hub.notify.channels import SmtpChannel, secret_of
from lode_hub.notify.errors import RefusedError, UnavailableError
from lode_hub.notify.text import Message

_PERMANENT = 500  # an SMTP reply of this or more will be the same next time


async def send(channel: SmtpChannel, message: Message) -> str | None:
    """Hand a message to the mail server; give a note when it refused some of the recipients.

    Raises:
        UnavailableError: the server cannot be reached, or cannot take it now.
        RefusedError: the server will never take this mail.
    """
    where = f"mail {channel.name} ({channel.host}:{channel.port})"
    try:
        refused, _ = await aiosmtplib.send(
            render(channel, message),
            sender=email.utils.parseaddr(channel.sender)[1],
            recipients=[email.utils.parseaddr(to)[1] for to in channel.recipients],
            hostname=channel.host,
            port=channel.port,
            username=channel.username or None,
            password=secret_of(channel.password, channel.password_file) or None,
            timeout=channel.timeout_s,
            use_tls=channel.tls == "tls",
            start_tls=channel.tls == "starttls",
        )
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise _judged(error, where) from error
    if refused:
        return f"{where}: refused {', '.join(refused)}; check these addresses"
    return None


def render(channel: SmtpChannel, message: Message) -> EmailMessage:
    """Write the e-mail; the key makes its Message-ID, so that a repeated one can be known."""
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["Subject"] = text.subject(message)
    mail["From"] = channel.sender
    mail["To"] = ", ".join(channel.recipients)
    mail["Date"] = email.utils.localtime()
    domain = email.utils.parseaddr(channel.sender)[1].rpartition("@")[2] or "localhost"
    mail["Message-ID"] = f"<{message.key}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text.plain(message))
    mail.add_alternative(text.rich(message), subtype="html")
    return mail


def _judged(error: Exception, where: str) -> UnavailableError | RefusedError:
    said = text.clean(str(error)) or type(error).__name__
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
