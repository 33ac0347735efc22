"""One suite over all senders: what they do when all is well, and what when it is not."""

import asyncio
import contextlib
import datetime
import email.utils
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from lode_hub.errors import NotFoundError
from lode_hub.notify import (
    AppriseChannel,
    Channel,
    Receipt,
    Secret,
    Senders,
    SmsGatewayChannel,
    SmtpChannel,
    TelegramChannel,
    TwilioChannel,
    WebhookChannel,
    longtail,
)
from lode_hub.notify.errors import DeliveryError, RefusedError, UnavailableError
from lode_sim.messengers import SILENCE, Messenger, Reply, Telegram, Twilio, gateway
from tests.hub.notify.sinks import MailSink
from tests.hub.notify.test_text import MESSAGE

SECRET = "5ecret-t0ken"
TIMEOUT_S = 2.0
# Apprise imports what later Pythons drop.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
HTTP = ["webhook", "twilio", "gateway", "telegram"]


@dataclass
class Case:
    """A channel and who is at its other end."""

    channel: Channel
    to: str
    server: Messenger
    taken: Callable[[], int]

    async def send(self) -> Receipt:
        senders = Senders([self.channel])
        try:
            return await senders.send(self.channel.name, MESSAGE, self.to)
        finally:
            await senders.close()


@contextlib.asynccontextmanager
async def case(kind: str) -> AsyncIterator[Case]:
    made = {"twilio": lambda: Twilio("AC1", SECRET), "telegram": lambda: Telegram(SECRET)}
    async with made.get(kind, gateway)() as server:
        yield Case(
            channel=channel(kind, server.url),
            to={"twilio": "+491701234567", "gateway": "+491701234567", "telegram": "42"}.get(
                kind, ""
            ),
            server=server,
            taken=lambda: len(getattr(server, "texts", server.requests)),
        )


def channel(kind: str, url: str) -> Channel:
    secret = Secret(value=SECRET)
    if kind == "webhook":
        return WebhookChannel(name="x", url=f"{url}/hook", secret=secret, timeout_s=TIMEOUT_S)
    if kind == "twilio":
        return TwilioChannel(
            name="x", account="AC1", sender="+15005550006", token=secret, url=url,
            timeout_s=TIMEOUT_S,
        )  # fmt: skip
    if kind == "telegram":
        return TelegramChannel(name="x", token=secret, url=url, timeout_s=TIMEOUT_S)
    if kind == "apprise":
        urls = Secret(value=f"{url.replace('http', 'json')}/hook/{SECRET}")
        return AppriseChannel(name="x", urls=urls, timeout_s=TIMEOUT_S)
    return SmsGatewayChannel(
        name="x", url=f"{url}/send?key={{secret}}", body="to={to}&text={text}&id={key}",
        secret=secret, timeout_s=TIMEOUT_S,
    )  # fmt: skip


async def failing(found: Case, *answers: Reply) -> DeliveryError:
    found.server.answers.extend(answers)
    with pytest.raises(DeliveryError) as caught:
        await found.send()
    error = caught.value
    shown = f"{error!r} {error} {error.__cause__!r} {error.__suppress_context__}"
    assert SECRET not in shown
    return error


@pytest.mark.parametrize("kind", [*HTTP, "apprise"])
async def test_a_message_is_taken(kind):
    async with case(kind) as found:
        receipt = await found.send()
        assert found.taken() == 1
        assert receipt.complaint is None
        said = found.server.requests[0]
        if kind != "apprise":
            assert MESSAGE.key in f"{said.headers} {said.body!r}"


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("status", [500, 502, 429, 404])
async def test_what_may_pass_is_tried_again(kind, status):
    async with case(kind) as found:
        error = await failing(found, Reply(status=status))
        assert isinstance(error, UnavailableError)
        assert f"answered {status}" in str(error)
        assert error.after_s is None


@pytest.mark.parametrize("kind", HTTP)
async def test_retry_after_is_honoured_in_seconds_and_as_a_date(kind):
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
    async with case(kind) as found:
        error = await failing(found, Reply(status=429, headers={"Retry-After": "7"}))
        assert isinstance(error, UnavailableError)
        assert error.after_s == 7.0
        dated = {"Retry-After": email.utils.format_datetime(soon, usegmt=True)}
        error = await failing(found, Reply(status=503, headers=dated))
        assert isinstance(error, UnavailableError)
        assert error.after_s is not None
        assert 80 < error.after_s <= 90


async def test_telegrams_own_retry_after_is_honoured():
    async with case("telegram") as found:
        error = await failing(found, Telegram.flooded(13))
        assert isinstance(error, UnavailableError)
        assert error.after_s == 13.0


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("status", [400, 422])
async def test_what_is_refused_for_good_is_not_tried_again(kind, status):
    async with case(kind) as found:
        assert isinstance(await failing(found, Reply(status=status)), RefusedError)


@pytest.mark.parametrize("kind", [*HTTP, "apprise"])
async def test_silence_is_not_waited_for_long(kind):
    async with case(kind) as found:
        assert isinstance(await failing(found, SILENCE), UnavailableError)


@pytest.mark.parametrize("kind", HTTP)
async def test_a_redirect_is_not_followed(kind):
    async with gateway() as other, case(kind) as found:
        moved = Reply(status=307, headers={"Location": f"{other.url}/elsewhere"})
        error = await failing(found, moved)
        assert isinstance(error, UnavailableError)
        assert not other.requests


@pytest.mark.parametrize("kind", HTTP)
async def test_tls_that_fails_is_said(kind):
    async with case(kind) as found:
        found.channel = channel(kind, found.server.url.replace("http:", "https:"))
        assert isinstance(await failing(found), UnavailableError)


@pytest.mark.parametrize("kind", ["twilio", "telegram"])
@pytest.mark.parametrize(
    "body",
    [b"<html>please log in</html>", b"[]", b"", b'{"sid": 5}', b"[" * 50_000, b"x" * 200_000],
)
async def test_an_answer_that_makes_no_sense_is_no_success(kind, body):
    async with case(kind) as found:
        assert isinstance(await failing(found, Reply(body=body)), UnavailableError)


@pytest.mark.parametrize("kind", HTTP)
async def test_garbage_instead_of_http_is_no_success(kind):
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\xff SSH-2.0 hello\r\n\r\n")
        await writer.drain()
        writer.close()

    async with case(kind) as found, await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found.channel = channel(kind, f"http://127.0.0.1:{port}")
        assert isinstance(await failing(found), UnavailableError)


@pytest.mark.parametrize("kind", [*HTTP, "apprise"])
async def test_nobody_there_is_said(kind):
    async with case(kind) as found:
        pass
    assert isinstance(await failing(found), UnavailableError)


async def test_a_wrong_token_can_be_mended():
    for kind in ("twilio", "telegram"):
        async with case(kind) as found:
            wrong = Twilio("AC1", "other") if kind == "twilio" else Telegram("other")
            async with wrong:
                found.channel = channel(kind, wrong.url)
                assert isinstance(await failing(found), UnavailableError)


async def test_a_chat_that_has_blocked_the_bot_is_given_up():
    async with case("telegram") as found:
        assert isinstance(found.server, Telegram)
        found.server.blocked = {"42"}
        error = await failing(found)
        assert isinstance(error, RefusedError)
        assert "blocked by the user" in str(error)


async def test_an_apprise_that_fails_says_so_without_its_url():
    async with case("apprise") as found:
        error = await failing(found, *[Reply(status=500)] * 5)
        assert isinstance(error, UnavailableError)


@pytest.mark.parametrize("asked", ["", "?redirect=yes"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_who_answers_apprise_cannot_make_the_hub_call_an_address_inside(status, asked):
    async with case("apprise") as found, gateway() as inside:
        assert isinstance(found.channel, AppriseChannel)
        urls = Secret(value=found.channel.urls.read() + asked)
        found.channel = AppriseChannel(name="x", urls=urls, timeout_s=5.0)
        moved = Reply(status=status, headers={"Location": f"{inside.url}/latest/meta-data"})
        assert isinstance(await failing(found, moved), UnavailableError)
        assert len(found.server.requests) == 1
        assert not inside.requests


async def test_what_apprise_takes_to_load_does_not_count_against_the_server(monkeypatch):
    def slowly(urls, make=longtail._sender):
        time.sleep(2.5)  # as on a cold disk
        return make(urls)

    monkeypatch.setattr(longtail, "_sender", slowly)
    async with case("apprise") as found:
        await found.send()
        assert found.taken() == 1


async def test_apprises_own_pauses_are_off():
    async with case("apprise") as found:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for _ in range(5):
            await found.send()
        assert found.taken() == 5
        assert loop.time() - begun < 25  # mailto, ntfy and others would pause 5.5 s each


async def test_a_template_is_filled_for_its_place():
    async with gateway() as server:
        json_gateway = SmsGatewayChannel(
            name="x", url=f"{server.url}/{{to}}", content_type="application/json",
            headers={"X-Key": "{secret}"}, secret=Secret(value='a"b\r\nX: y'),
            body='{"to": "{to}", "text": "{text}", "pass": "{secret}"}',
        )  # fmt: skip
        senders = Senders([json_gateway])
        await senders.send("x", MESSAGE, "+49 {text}&to=+1")
        await senders.close()
        (said,) = server.requests
    assert said.path == "/%2B49%20%7Btext%7D%26to%3D%2B1"
    assert json.loads(said.body)["to"] == "+49 {text}&to=+1"
    assert json.loads(said.body)["pass"] == 'a"b\r\nX: y'
    assert said.headers["x-key"] == 'a"b??X: y'
    assert "x" not in said.headers


async def test_who_is_not_there_is_said():
    with pytest.raises(NotFoundError, match="channel nope"):
        await Senders([]).send("nope", MESSAGE)


@pytest.fixture
async def mailing() -> AsyncIterator[tuple[MailSink, Senders]]:
    sink = await MailSink().start()
    senders = Senders([post_office(sink.port)])
    yield sink, senders
    await senders.close()
    await sink.stop()


def post_office(port: int, tls: str = "none") -> SmtpChannel:
    return SmtpChannel(
        name="mail", host="127.0.0.1", port=port, tls=tls,  # type: ignore[arg-type]
        sender="lode@mine.example", recipients=("ann@mine.example",),
        password=Secret(value=SECRET), timeout_s=TIMEOUT_S,
    )  # fmt: skip


async def test_mails_share_a_connection(mailing):
    sink, senders = mailing
    for _ in range(3):
        await senders.send("mail", MESSAGE, "")
    await senders.send("mail", MESSAGE, "bob@mine.example")
    assert sink.connections == 1
    assert sink.recipients == [["ann@mine.example"]] * 3 + [["bob@mine.example"]]


async def test_a_connection_that_the_server_ended_is_made_anew(mailing):
    sink, senders = mailing
    await senders.send("mail", MESSAGE, "")
    sink.hang_up()
    await senders.send("mail", MESSAGE, "")
    assert sink.connections == 2


@pytest.mark.parametrize(
    ("answer", "kind"), [("451 later", UnavailableError), ("550 never", RefusedError)]
)
async def test_a_mail_servers_refusal_is_judged(mailing, answer, kind):
    sink, senders = mailing
    sink.answers = [answer]
    with pytest.raises(kind, match=answer.split()[1]):
        await senders.send("mail", MESSAGE, "")
    await senders.send("mail", MESSAGE, "")


async def test_mail_without_the_tls_it_wants_is_not_sent(mailing):
    sink, _ = mailing
    for tls in ("starttls", "tls"):
        with pytest.raises(UnavailableError) as caught:
            await Senders([post_office(sink.port, tls)]).send("mail", MESSAGE, "")
        assert SECRET not in str(caught.value)
        assert not isinstance(caught.value.__cause__, ssl.SSLError)
    assert not sink.mails


async def test_secrets_are_not_in_what_a_channel_shows():
    for kind in (*HTTP, "apprise"):
        assert SECRET not in repr(channel(kind, "http://h"))
    assert SECRET not in repr(post_office(25))
