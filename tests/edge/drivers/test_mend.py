"""Broken JSON: what is mended keeps every value that was whole, and nothing crashes the mender."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_edge.drivers.asic.mend import mend
from lode_edge.drivers.asic.reply import as_number, check, decode, hashrate_ths
from lode_edge.errors import BadAnswer, Denied, DriverError, NotNow, Unsupported
from lode_wire.records import Quality

RECORDED = sorted((Path(__file__).resolve().parents[2] / "golden").glob("*/*_recorded/s*.json"))

BROKEN = {
    "missing comma": ('{"A":[{"x":1}{"x":2}]"B":3}', {"A": [{"x": 1}, {"x": 2}], "B": 3}),
    "trailing comma": ('{"A":[1,2,],"B":{"x":1,},}', {"A": [1, 2], "B": {"x": 1}}),
    "double comma": ('{"A":[1,,2],,"B":3}', {"A": [1, 2], "B": 3}),
    "nan and inf": (
        '{"A":nan,"B":-inf,"C":Infinity,"D":1.#QNAN,"E":-1.#IND,"F":NaN,"G":1e999}',
        dict.fromkeys("ABCDEFG"),
    ),
    "odd numbers": ('{"A":.5,"B":5.,"C":007,"D":+3}', {"A": 0.5, "B": 5.0, "C": 7.0, "D": 3.0}),
    "raw newline": ('{"A":"x\ny",\n"B":2}', {"A": "x y", "B": 2}),
    "nul": ('{"A":\x001\x00,"B":"x\x00y"}', {"A": 1, "B": "x y"}),
    "bad escape": ('{"A":"C:\\x \\q\\"\\u00e9"}', {"A": 'C:x q"é'}),
    "noise before": ('\x00\x07noise {"A":1}', {"A": 1}),
    "noise behind": ('{"A":1}}]garbage', {"A": 1}),
    "missing value": ('{"A":,"B":}', {"A": None, "B": None}),
    "cut after a key": ('{"A":1,"B"', {"A": 1, "B": None}),
    "cut in a key": ('{"A":1,"Be', {"A": 1}),
    "cut in a text": ('{"A":1,"B":"so', {"A": 1, "B": None}),
    "cut in a number": ('{"A":1,"B":[12,34', {"A": 1, "B": [12, None]}),
    "cut in a word": ('{"A":1,"B":tr', {"A": 1, "B": None}),
    "cut after a comma": ('{"A":[{"x":1},', {"A": [{"x": 1}]}),
}


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_broken_reply_is_mended(broken):
    text, expected = BROKEN[broken]
    reply = decode(text.encode(), "rig")
    assert reply.body == expected
    assert Quality.REPAIRED in reply.quality
    assert (Quality.PARTIAL in reply.quality) == broken.startswith("cut")


@pytest.mark.parametrize(
    "nonsense",
    [
        *(b"", b"\x00", b"<html>", b"[1,2]", b'"text"', b"12", b"\xff" * 50),
        *(b"{]", b'{"a":1]', b"{1:2}", b'{"a" 1}', b"{:}", b'{"a":1,@}', b'{"a":maybe}'),
        *(b"[" * 100_000, b'{"a":' * 100_000, b"{" + b"9" * 90, b'{"STATUS"' + b"[{" * 40),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_nonsense_is_a_bad_answer(nonsense):
    with pytest.raises(BadAnswer, match="rig"):
        decode(nonsense, "rig")


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: "/".join(path.parts[-3:]))
def test_a_reply_cut_anywhere_tells_no_false_value(path):
    whole = json.loads(path.read_text())
    data = json.dumps(whole).encode()
    for end in range(1, len(data), 37):
        assert_part_of(json.loads(mend(data[:end]).text), whole)


def assert_part_of(part, whole):
    """Everything in the part is in the whole too, or was given up as None."""
    if isinstance(part, dict):
        for key, value in part.items():
            assert_part_of(value, whole[key])
    elif isinstance(part, list):
        assert len(part) <= len(whole)
        for mine, theirs in zip(part, whole, strict=False):
            assert_part_of(mine, theirs)
    else:
        assert part is None or part == whole


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON))
def test_what_is_whole_is_left_alone(body):
    text = json.dumps(body)
    assert decode(text.encode(), "rig").quality == Quality.GOOD
    assert json.loads(mend(text.encode()).text) == body


@given(st.dictionaries(st.text(max_size=5), JSON))
def test_commas_that_are_lost_between_braces_come_back(body):
    text = json.dumps({"A": [body, body]}, separators=(",", ":"))
    lost = text[::-1].replace("{,}", "{}", 1)[::-1]
    assert json.loads(mend(lost.encode()).text) == {"A": [body, body]}


@given(st.binary())
def test_bytes_raise_nothing_but_a_bad_answer(data):
    for attempt in (data, b"{" + data, b'{"STATUS":[' + data):
        with contextlib.suppress(BadAnswer):
            decode(attempt, "rig")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ({"STATUS": [{"STATUS": "E", "Code": 14, "Msg": "Invalid command"}]}, Unsupported),
        ({"STATUS": [{"STATUS": "E", "Code": 45, "Msg": "Access denied"}]}, Denied),
        ({"STATUS": "E", "Code": 14, "Msg": "invalid cmd"}, Unsupported),
        ({"STATUS": "E", "Code": 132, "Msg": "API command ERROR"}, BadAnswer),
        ({"STATUS": [{"STATUS": "F", "Code": 23, "Msg": "Invalid JSON"}]}, BadAnswer),
        ({"STATUS": [{"STATUS": "E", "Code": 69, "Msg": "Unavailable"}]}, NotNow),
        ({"STATUS": [{"STATUS": "S", "Code": 11}]}, None),
        ({"STATUS": [{"STATUS": "I", "Code": 118}]}, None),
        ({"STATUS": 7}, None),
        ({}, None),
    ],
)
def test_a_status_says_whether_the_command_failed(status, error):
    if error is None:
        check(status, "rig")
        return
    with pytest.raises(DriverError) as raised:
        check(status, "rig")
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *((1, 1.0), (" 2.5 ", 2.5), ("37603.30", 37603.3)),
        *(("", None), ("x", None), (True, None), (None, None), ([1], None)),
        *(("nan", None), (float("inf"), None), (10**400, None), ("9" * 70, None)),
    ],
)
def test_a_number_is_a_finite_number(value, number):
    assert as_number(value) == number


def test_the_unit_of_a_hashrate_is_in_its_key_and_the_shortest_average_wins():
    assert hashrate_ths({"GHS 5s": 110_000.0, "GHS av": 1.0}) == 110.0
    assert hashrate_ths({"MHS av": 1.0, "MHS 5s": "124500000"}) == 124.5
    assert hashrate_ths({"MHS 1m": 83e6, "MHS 5m": 1.0}) == 83.0
    assert hashrate_ths({"THS av": 200.0}) == 200.0
    assert hashrate_ths({"GHS 5s": 0.0, "GHS av": 110_000.0}) == 0.0
    assert hashrate_ths({"HS RT": 1.0}) is None
