"""The mailbox and the webhook sink keep what they get, in order of arrival."""

import asyncio
import smtplib
from email.message import EmailMessage

import httpx
import pytest

from lode_sim import mailbox, webhook
from lode_sim.drop import Drop
from lode_sim.mailbox import Mailbox
from lode_sim.webhook import Webhook


def send(port: int, subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "lode@a.example", "op@b.example", subject
    message.set_content("chip at 99.5 °C\n")
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        client.send_message(message, to_addrs=["op@b.example", "boss@b.example"])


async def test_mails_are_kept_in_order_and_readable(tmp_path):
    async with Mailbox(tmp_path) as box:
        for subject in ("first", "second", "third: °C"):
            await asyncio.to_thread(send, box.port, subject)
        kept = box.drop.paths()
    assert box.drop.count == len(kept) == 3
    assert "op@b.example, boss@b.example  first" in mailbox.describe(kept[0])
    assert "Subject: third: °C" in mailbox.text(kept[2])
    assert "chip at 99.5 °C" in mailbox.text(kept[2])
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


async def test_a_mailbox_can_refuse(tmp_path):
    async with Mailbox(tmp_path) as box:
        box.response = "451 4.3.0 try later"
        with pytest.raises(smtplib.SMTPDataError, match="try later"):
            await asyncio.to_thread(send, box.port, "x")
        assert box.drop.paths() == []


async def test_posts_are_kept_with_their_heads(tmp_path):
    async with Webhook(tmp_path) as sink, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{sink.port}/alerts"
        for number in range(3):
            answer = await client.post(url, json={"n": number}, headers={"X-Sign": "abc"})
            assert answer.status_code == 204
        sink.status = 503
        assert (await client.post(url, json={"n": 3})).status_code == 503
        assert (await client.get(url)).status_code == 405
        kept = sink.drop.paths()
    assert [webhook.body(path) for path in kept] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    assert kept[0].read_bytes().startswith(b"POST /alerts HTTP/1.1\r\n")
    assert b"x-sign: abc" in kept[0].read_bytes().lower()


async def test_a_post_that_breaks_off_is_not_kept(tmp_path):
    async with Webhook(tmp_path) as sink:
        for half in (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", b"POST / HT", b"\r\n" * 9):
            _reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
            writer.write(half)
            writer.close()
            await writer.wait_closed()
        assert sink.drop.paths() == []


def test_names_sort_by_arrival_even_when_the_clock_stands_or_goes_back(tmp_path):
    times = iter([5, 5, 3, 9])
    drop = Drop(tmp_path, ".x", now_ns=lambda: next(times))
    kept = [drop.put(str(number).encode()) for number in range(4)]
    assert drop.paths() == kept
