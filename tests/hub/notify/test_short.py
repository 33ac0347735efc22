"""Text messages: what is cut, what is kept, how many parts it is."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.notify import short
from tests.hub.notify.test_text import ITEM, MESSAGE, SEEN

LINK = "https://hub.example:8420/ack/" + "x" * 38


def titled(title, **more):
    return dataclasses.replace(MESSAGE, items=[dataclasses.replace(ITEM, title=title)], **more)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),  # two characters each
        ("€" * 81, 2),
        ("北" * 70, 1),
        ("北" * 71, 2),
        ("北" * 134, 2),
        ("北" * 135, 3),
        ("🔥" * 35, 1),  # two units each
        ("🔥" * 36, 2),
    ],
)
def test_parts_are_counted_as_a_network_counts_them(words, parts):
    assert short.parts(words) == parts


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        ("chip 101.0 °C \u2013 limit “95” …", 'chip 101.0 C - limit "95" ...'),
        ("Größe", "Größe"),
        ("Łódź", "Łódź"),  # Ł has no plain form, so nothing is gained
        ("ŝarĝo", "sargo"),
        ("北京 °C", "北京 °C"),
    ],
)
def test_foreign_signs_give_way_only_if_that_makes_all_of_it_plain(words, plain):
    assert short.plain(words) == plain


def test_a_short_one_is_whole():
    said = short.sms(titled("rig-017 is too hot: chip 101.0 °C"))
    assert said == "[critical] north: rig-017 is too hot: chip 101.0 C #abcdef"
    assert short.parts(said) == 1


@given(st.text(min_size=1, max_size=400))
def test_whatever_it_says_the_link_and_the_reference_survive(title):
    said = short.sms(titled(title, ack_url=LINK))
    assert said.endswith(f" Ack: {LINK} #abcdef")
    assert short.parts(said) <= short.MAX_PARTS
    assert said.startswith("[critical] north: ")


def test_a_cut_is_at_a_word_and_uses_the_room():
    said = short.sms(titled("rig " * 200))
    assert "rig... #abcdef" in said
    assert 290 < len(said) <= 306


@given(st.text(max_size=3000), st.integers(1, 40))
def test_a_telegram_fits(title, n):
    item = dataclasses.replace(ITEM, title=title, likely_cause=title)
    seen = dataclasses.replace(SEEN, alerts=n)
    said = short.telegram(
        dataclasses.replace(MESSAGE, items=[item] * n, overview=seen, ack_url=LINK)
    )
    assert len(said.encode("utf-16-le")) // 2 <= 4096
    assert said.endswith(f"\nAcknowledge: {LINK}\n#abcdef")
