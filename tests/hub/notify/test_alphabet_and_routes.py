"""The letters of a text message one by one, who is told of what, and who is on call when."""

import datetime as dt
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.errors import NotFoundError
from lode_hub.notify import (
    Routing,
    SmtpChannel,
    WebhookChannel,
    channels,
    links,
    oncall,
    short,
    text,
)
from lode_hub.notify.routes import Roll
from lode_hub.notify.senders import Senders
from lode_hub.store.outbox import Bundle
from lode_hub.store.telling import Due, Habit, Layer, Override, Policy, Schedule, Step, Way

# 3GPP TS 23.038, 6.2.1: the default alphabet row by row, but for the escape; and its extension.
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅå" "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ" " !\"#¤%&'()*+,-./" "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO" "PQRSTUVWXYZÄÖÑÜ§" "¿abcdefghijklmno" "pqrstuvwxyzäöñüà"
)  # fmt: skip
EXTENSION = "\f^{}\\[~]|€"


def test_the_alphabet_is_that_of_the_standard() -> None:
    assert len(set(ALPHABET)) == 127
    everything = map(chr, range(0x10000))
    assert {char for char in everything if short.is_gsm7(char)} == {*ALPHABET, *EXTENSION}
    assert set(string.ascii_letters + string.digits) <= set(ALPHABET)


def split_parts(words: str) -> int:
    """Fill part after part, as a phone network does: a character is never cut in two."""
    is_plain = all(char in ALPHABET + EXTENSION for char in words)
    sizes = [
        (2 if char in EXTENSION else 1) if is_plain else len(char.encode("utf-16-le")) // 2
        for char in words
    ]
    if sum(sizes) <= (160 if is_plain else 70):
        return 1
    n, room = 0, 0
    for size in sizes:
        if size > room:
            n, room = n + 1, 153 if is_plain else 67
        room -= size
    return n


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("a" * 152 + "€" + "a" * 152, 3),  # the sign moves whole, and so the rest does not fit
        ("a" * 151 + "€" + "a" * 153, 2),
        ("я" * 66 + "🔥" + "я" * 66, 3),
        ("я" * 65 + "🔥" + "я" * 67, 2),
        ("[" * 153, 3),  # 76 in each part
        ("`" * 70, 1),  # a backtick is in no part of the alphabet
        ("`" * 71, 2),
    ],
)
def test_a_sign_of_two_is_not_cut_in_two(words: str, parts: int) -> None:
    assert short.parts(words) == parts == split_parts(words)


@given(st.text(alphabet="aя€[🔥 ", max_size=500))
def test_parts_are_as_a_network_makes_them(words: str) -> None:
    assert short.parts(words) == split_parts(words)


@given(st.text(max_size=60))
def test_a_plainer_text_is_never_longer_to_send(words: str) -> None:
    said = short.plain(words)
    assert short.is_gsm7(said) or said == words
    assert short.plain(said) == said


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({}, ""),
        ({"chip_temp_c": 101.25}, "chip temp 101.25 °C"),
        ({"low_ratio": 0.853}, "low 85%"),
        ({"ratio": 0.5}, "ratio 0.5"),
        ({"is_hot": True}, "is hot True"),
        ({"fans": [0, 3]}, "fans 0 3"),
        ({"power_w": None, "fan_rpm": 0}, "fan 0 rpm"),  # missing is not said, zero is
        ({"rule_version": 3, "since_ms": 5, "reason": "x"}, ""),
        ({"hashrate_ths": 1234567.0}, "hashrate 1.23457e+06 TH/s"),
        ({"note": "a\nb"}, "note a b"),
    ],
)
def test_values_in_words(evidence: dict, said: str) -> None:
    assert text.values(evidence) == said


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_a_clean_line_has_its_limit(limit: int) -> None:
    assert len(text.clean("ab " * 20, limit)) <= limit
    assert text.clean("x" * limit, limit) == "x" * limit


NOW = dt.datetime(2026, 7, 15, 1, tzinfo=dt.UTC)
MAIL = SmtpChannel(name="ops", host="h", port=25, tls="none", sender="l@m.example",
                   recipients=("ann@m.example",))  # fmt: skip
HOOK = WebhookChannel(name="hook", url="http://h.example/")


def way(person: str = "bob", **more) -> Way:
    usual = {
        "id": 1, "person_id": 7, "person": person, "sites": None, "kind": "mail",
        "address": f"{person}@m.example", "min_severity": "warning", "is_on_call_only": False,
        "is_resolved_told": True, "habit": Habit(),
    }  # fmt: skip
    return Way(**(usual | more))


def bundle(**more) -> Bundle:
    usual = {
        "site": "north", "site_id": 1, "cause": "heat", "what": "opened", "severity": "warning",
        "channel": "", "event_ids": [5, 4], "oldest_s": 0.0, "newest_s": 0.0,
    }  # fmt: skip
    return Bundle(**(usual | more))


def roll(*ways: Way, schedules=(), policies=(), told=(MAIL, HOOK), **routing) -> Roll:
    return Roll(
        now=NOW, senders=Senders(told), routing=Routing(**routing), ways=ways,
        schedules=schedules, policies={policy.id: policy for policy in policies},
    )  # fmt: skip


def told(one: Roll, **of_bundle) -> set[str]:
    found = one.routes([bundle(**of_bundle)])
    assert all(route.event_ids == [4, 5] for route in found)
    return {route.target.recipient or route.target.channel for route in found}


@pytest.mark.parametrize(
    ("of_bundle", "routing", "who"),
    [
        ({}, {}, {"ops", "hook"}),
        ({"severity": "info"}, {}, set()),
        ({"severity": "info"}, {"min_severity": "info"}, {"ops", "hook"}),
        ({"severity": "warning"}, {"min_severity": "critical"}, set()),
        ({"what": "acknowledged"}, {}, {"hook"}),  # machines hear of it, people do not
        ({"what": "resolved"}, {}, {"ops", "hook"}),
        ({"what": "resolved"}, {"is_resolved_told": False}, set()),
        ({"channel": "ops"}, {}, {"hook"}),  # a channel does not say that it is broken
    ],
)
def test_what_the_settings_channels_are_told(of_bundle, routing, who) -> None:
    assert told(roll(**routing), **of_bundle) == who


@pytest.mark.parametrize(
    ("more", "of_bundle", "is_told"),
    [
        ({}, {}, True),
        ({"sites": ["south"]}, {}, False),
        ({"sites": ["south"]}, {"site": None}, True),  # of no site: everybody's
        ({"min_severity": "critical"}, {}, False),
        ({"min_severity": "critical"}, {"severity": "critical"}, True),
        ({"is_resolved_told": False}, {"what": "resolved"}, False),
        ({"is_on_call_only": True}, {}, False),
        ({"kind": "sms"}, {}, False),  # no channel serves it
        ({}, {"what": "acknowledged"}, False),
        ({}, {"channel": "ops"}, False),
    ],
)
def test_when_a_person_is_told(more, of_bundle, is_told) -> None:
    assert ("bob@m.example" in told(roll(way(**more)), **of_bundle)) == is_told


def schedule(*people: str, sites=None, overrides=(), **layer) -> Schedule:
    one = Layer(people=people, begins_on=dt.date(2026, 7, 13), **layer)
    return Schedule(id=1, name="nights", time_zone="UTC", sites=sites, layers=(one,),
                    overrides=overrides)  # fmt: skip


def test_only_who_is_on_call_for_the_site_is_told() -> None:
    ways = (way("bob", is_on_call_only=True), way("cy", id=2, is_on_call_only=True))
    everybody = {"ops", "hook"}
    assert told(roll(*ways, schedules=[schedule("bob", "cy")])) == {*everybody, "bob@m.example"}
    assert told(roll(*ways, schedules=[schedule("bob", sites=["south"])])) == everybody


QUIET = Habit(quiet_from=dt.time(22), quiet_until=dt.time(6), is_critical_through=False)


@pytest.mark.parametrize(
    ("severity", "on_call", "due"),
    [
        ("warning", False, "quiet"),
        ("critical", False, "quiet"),
        ("critical", True, ""),  # who is on call said to be there
        ("warning", True, "quiet"),
    ],
)
def test_who_sleeps_is_told_later_unless_on_call_for_what_is_critical(severity, on_call, due):
    people = [schedule("bob")] if on_call else []
    routes = roll(way(habit=QUIET), schedules=people).routes([bundle(severity=severity)])
    (found,) = [route for route in routes if route.target.person_id == 7]
    assert found.why == due
    morning = dt.datetime(2026, 7, 15, 6, tzinfo=dt.UTC).timestamp()
    assert found.due_s == (morning if due else None)


def policy(number: int, sites, *steps: Step) -> Policy:
    return Policy(id=number, name=f"p{number}", sites=sites, steps=steps)


@pytest.mark.parametrize(
    ("site", "of_bundle", "number"),
    [
        ("north", {}, 2),  # the one that names the site, before the one for all
        ("south", {}, 1),
        (None, {}, 1),
        ("north", {"severity": "warning"}, None),
        ("north", {"what": "resolved"}, None),
    ],
)
def test_which_policy_is_for_an_alert(site, of_bundle, number) -> None:
    one = roll(policies=[policy(1, None), policy(2, ["north"])])
    found = one.policy(bundle(**({"severity": "critical", "site": site} | of_bundle)))
    assert (found and found.id) == number


def test_a_first_step_tells_at_once_who_wants_nothing_by_themselves() -> None:
    first = Step(after_s=0, tell=("schedule:nights", "person:dee"))
    later = Step(after_s=300, tell=("person:eve",))
    ways = [way(name, id=n, is_on_call_only=True, min_severity="critical")
            for n, name in enumerate(("bob", "dee", "eve"))]  # fmt: skip
    one = roll(*ways, schedules=[schedule("bob")], policies=[policy(1, None, first, later)])
    assert told(one, severity="critical") >= {"bob@m.example", "dee@m.example"}
    assert "eve@m.example" not in told(one, severity="critical")
    due = Due(policy_id=1, step=1, site_id=1, site="north", cause="heat", alert_ids=[1],
              event_ids=[9])  # fmt: skip
    (second,) = one.escalated(later, due)
    assert (second.target.recipient, second.event_ids) == ("eve@m.example", [9])


def at(day: int, hour: int = 12, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 7, day, hour, minute, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("moment", "person"),
    [
        (at(12), None),  # before the rotation begins
        (at(13, 8, 59), None),
        (at(13, 9), "a"),
        (at(14, 8, 59), "a"),
        (at(14, 9), "b"),
        (at(15, 9), "c"),
        (at(16, 9), "a"),
    ],
)
def test_people_take_turns_from_the_handover_on(moment, person) -> None:
    assert oncall.on_call(schedule("a", "b", "c", days=1), moment) == person


def test_the_last_override_stands_above_the_first_and_ends() -> None:
    stand_in = [
        Override(id=n, person=who, from_at=at(14), until_at=at(16))
        for n, who in enumerate(("x", "y"))
    ]
    one = schedule("a", overrides=tuple(stand_in))
    people = [(s.person, s.from_at) for s in oncall.shifts(one, at(13), at(17))]
    assert people == [("a", at(13)), ("y", at(14)), ("a", at(16))]


def test_a_span_is_cut_and_an_empty_one_has_no_shifts() -> None:
    one = schedule("a")
    assert oncall.shifts(one, at(14), at(14)) == []
    assert oncall.shifts(one, at(15), at(14)) == []
    (only,) = oncall.shifts(one, at(14), at(14) + dt.timedelta(days=900))
    assert only.until_at == at(14) + oncall.MAX_SPAN


@pytest.mark.parametrize(("severity", "n"), [("info", 1), ("warning", 2), ("critical", 3)])
def test_severities_have_an_order(severity: str, n: int) -> None:
    assert sum(channels.is_at_least(severity, least) for least in channels.SEVERITIES) == n


def test_a_links_last_second_is_good_and_the_next_is_not() -> None:
    now = [1000.0]
    made = links.Links(b"k" * 32, 60, clock=lambda: now[0])
    token = made.make(2**63)
    now[0] = 1060.0
    assert made.read(token) == 2**63
    now[0] = 1060.5
    with pytest.raises(links.ExpiredError):
        made.read(token)
    with pytest.raises(NotFoundError, match="copy it whole"):
        made.read(token[:-1])
