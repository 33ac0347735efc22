"""The words of a message, above all what they do with names that mean harm."""

import dataclasses
import email
import email.policy

import pytest

from lode_hub.notify import SmtpChannel, http, mail, text, webhook
from lode_hub.notify.text import Message
from lode_hub.store.outbox_sending import Item, Overview

CHANNEL = SmtpChannel(
    name="ops", host="h", port=25, tls="none", sender="lode@mine.example",
    recipients=("ann@mine.example",),
)  # fmt: skip
ITEM = Item(
    alert_id=1, device_id=17, agent_id=3, key="device:17", subject="rig-017",
    rule="rig-over-temperature", site="north", cause="heat", members=0, what="opened",
    severity="critical", state="open", title="rig-017 is too hot", likely_cause="dust",
    evidence={"temp_c": 101.0}, since_ms=0, opened_ms=0, at_ms=0, by=None, resolved_ms=None,
)  # fmt: skip
SEEN = Overview(
    alerts=1, members=0, by_what={"opened": 1}, by_cause={"heat": 1}, racks=["A1"], feeders=[""],
    sites=["north"], is_open=True,
)  # fmt: skip
MESSAGE = Message(
    key="abcdef01-2345", site="north", cause="heat", what="news", items=[ITEM], overview=SEEN,
    base_url="http://hub.example",
)  # fmt: skip
PEOPLE = ["ann@mine.example"]

EVIL = [
    "rig\r\nBcc: thief@evil.example\r\n\r\nhello",
    "rig\nBcc: thief@evil.example",
    "rig\rBcc: thief@evil.example",
    "rig\x00\x0b\x0c\x1c\x85\u2028\u2029Bcc: thief@evil.example",
    "<script>alert(1)</script><img src=x onerror=y>",
    '"><a href="http://evil.example">',
    "Zeche Größe 北京 🔥",
    "rig\u202ecod.exe\u2066\u200f",
    "=?utf-8?q?Bcc:_thief=40evil.example?=",
    "x" * 100_000,
    "",
]


def named(name, **more):
    item = dataclasses.replace(
        ITEM, title=f"{name} is too hot", likely_cause=name, evidence={"sensor": name, name: 1.0}
    )
    seen = dataclasses.replace(SEEN, sites=[name], by_cause={name: 1})
    return dataclasses.replace(MESSAGE, items=[item], site=name, overview=seen, **more)


@pytest.mark.parametrize("name", EVIL, ids=range(len(EVIL)))
def test_a_name_cannot_become_a_header_or_a_tag(name):
    sent = mail.render(CHANNEL, named(name), PEOPLE).as_bytes(policy=email.policy.SMTP)
    got = email.message_from_bytes(sent, policy=email.policy.default)
    assert got["Bcc"] is None
    assert got["To"] == "ann@mine.example"
    assert "\n" not in str(got["Subject"])
    page = got.get_body(("html",)).get_content()
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("<a ") == 1  # our own link
    for part in (str(got["Subject"]), got.get_body(("plain",)).get_content(), page):
        assert not any(0x202A <= ord(char) <= 0x2069 for char in part)


@pytest.mark.parametrize("name", EVIL[:-1], ids=range(len(EVIL) - 1))
def test_a_name_is_one_line_of_the_body(name):
    lines = text.plain(named(name)).splitlines()
    assert not any(line.strip().startswith("Bcc") for line in lines)
    assert len(lines) == len(text.plain(named("rig")).splitlines())
    assert max(len(line) for line in lines) < 600


def test_letters_of_all_peoples_arrive():
    sent = mail.render(CHANNEL, named("Zeche Größe 北京 🔥"), PEOPLE).as_bytes()
    got = email.message_from_bytes(sent, policy=email.policy.default)
    assert "Zeche Größe 北京 🔥 is too hot" in got["Subject"]


def test_many_alerts_are_counted_and_the_first_listed():
    seen = dataclasses.replace(SEEN, alerts=60, by_what={"opened": 57, "resolved": 3})
    many = dataclasses.replace(MESSAGE, items=[ITEM] * 50, overview=seen)
    said = "[critical] north rack A1: heat, 57 new, 3 over; worst: rig-017 is too hot"
    assert text.subject(many) == said
    assert text.plain(many).count("rig-017 is too hot") == 50
    assert "and 10 more" in text.plain(many)
    assert "and 10 more" in text.rich(many)


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({"chip_temp_c": 101.25}, "chip temp 101.25 °C"),
        ({"hashrate_ths": 84.0}, "hashrate 84 TH/s"),
        ({"limit_ratio": 0.85}, "limit 85%"),
        ({"boards_alive": 2}, "boards alive 2"),
        ({"fan_rpm": None}, ""),
        ({"quality": ["timed_out"]}, "quality timed_out"),
        ({"since_ms": 5, "rule_version": 1, "reason": "x", "cleared": {}}, ""),
    ],
)
def test_values_are_told_with_their_units(evidence, said):
    assert text.values(evidence) == said


def test_the_link_is_to_the_alert():
    assert text.link(MESSAGE, ITEM) == f"http://hub.example/alerts/{ITEM.alert_id}"


def test_a_message_without_a_base_has_no_links():
    bare = dataclasses.replace(MESSAGE, base_url="")
    assert "http" not in text.plain(bare)
    assert "<a " not in text.rich(bare)


def test_the_signature_is_that_of_standard_webhooks():
    # The published example of standardwebhooks.com.
    body = b'{"event_type":"ping","data":{"success":true}}'
    secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"
    signature = webhook.sign("msg_loFOjxBNrRLzqYUf", body, secret, 1731705121)
    assert signature == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        ("999999", 3600.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 100.0),
        ("Thu, 01 Jan 1970 00:00:00 -0000", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
        ("²", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(header, seconds):
    assert http.retry_after_s(header, 0.0) == seconds


@pytest.mark.parametrize(
    ("seen", "place"),
    [
        ({"racks": ["A1"]}, "north rack A1"),
        ({"racks": ["A1", "A2"], "feeders": ["meter-A"]}, "north feeder meter-A"),
        ({"racks": ["", "A1"], "feeders": ["", "meter-A"]}, "north"),
        ({"racks": [""], "feeders": [""]}, "north"),
        ({"sites": ["north", "south"]}, "north, south"),
        ({"sites": []}, ""),
    ],
)
def test_the_smallest_place_that_all_share_is_named(seen, place):
    many = dataclasses.replace(SEEN, alerts=2, **seen)
    assert text.place(dataclasses.replace(MESSAGE, overview=many)) == place


def test_an_event_of_many_says_how_many():
    seen = dataclasses.replace(SEEN, alerts=2, members=250)
    told = dataclasses.replace(MESSAGE, items=[ITEM, ITEM], overview=seen)
    assert "(250 members)" in text.subject(told)


def test_a_message_to_a_person_has_its_link_in_both_bodies():
    linked = dataclasses.replace(MESSAGE, ack_url="http://hub.example/ack/x")
    assert "Acknowledge: http://hub.example/ack/x" in text.plain(linked)
    assert '<a href="http://hub.example/ack/x">' in text.rich(linked)
