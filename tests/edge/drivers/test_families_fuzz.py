"""Whatever a rig's JSON holds, a family's parser makes figures or nothing of it, never a crash."""

import contextlib
import json
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.edge.drivers import doors

from lode_edge.drivers.asic import FAMILIES
from lode_edge.drivers.asic.identify import recognise
from lode_edge.drivers.asic.reply import Replies, decode
from lode_edge.errors import BadAnswer
from lode_wire import codec
from lode_wire.records import Quality

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
CASES = {
    "antminer": "s19pro_recorded",
    "antminer_web": "s21_documented",
    "luxos": "s19kpro_recorded",
    "vnish": "s19_documented",
    "whatsminer": "m50_recorded",
    "whatsminer_v3": "m60s_recorded",
    "avalon": "a1246_recorded",
    "braiins": "boser_documented",
    "braiins_rest": "v26_04_recorded",
    "braiins_graphql": "v21_09_stopped",
    "epic": "s19xp_recorded",
    "bitaxe": "supra_recorded",
    "foreign": "auradine_read",
}
ODD = [None, True, "", "x", "0", "-1", "nan", "9e999", "1-2-x-", "Work: In ", [], {}, [[]], [None]]
ODD += [0, -1, 1e308, -1e308, 2**70, 255, 65535, 4294967295, {"STATUS": 1}, [{"Msg": {}}], "A[1]"]


def replies_of(family: str) -> dict[str, dict]:
    found = doors.commands(GOLDEN / family / CASES[family])
    told = {command: json.loads(data) for command, data in found.items()}
    return {c: said if isinstance(said, dict) else {"value": said} for c, said in told.items()}


def understand(family, by_command: dict[str, dict]) -> None:
    """Make all that is made of replies, and put it on the wire, where every type is checked."""
    replies = Replies(by_command)
    recognise(replies)
    family.describe(replies)
    figures = family.read(replies)
    codec.pack([figures.reading(1, 5, Quality.REPAIRED)])
    points = [*figures.points(1, 5), *family.details(replies).points(1, 5)]
    if points:
        codec.pack(points)


def spoil(value, chance: random.Random):
    """Replace some of a reply's values, or leave them out."""
    if chance.random() < 0.06:
        return chance.choice(ODD)
    if isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if chance.random() > 0.03}
        return {key: spoil(inner, chance) for key, inner in kept.items()}
    if isinstance(value, list):
        return [spoil(inner, chance) for inner in value]
    return value


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_spoiled_values_do_not_crash_a_parser(family, seed):
    chance = random.Random(seed)
    by_command = {
        command: {key: spoil(value, chance) for key, value in body.items()}
        for command, body in replies_of(family.name).items()
    }
    understand(family, by_command)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_spoiled_bytes_do_not_crash_a_parser(family, seed):
    chance = random.Random(seed)
    by_command = {}
    for command, body in replies_of(family.name).items():
        data = bytearray(json.dumps(body).encode())
        for _ in range(chance.randrange(8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        data = data[: chance.randrange(len(data)) + 1] if chance.random() < 0.3 else data
        try:
            by_command[command] = decode(bytes(data), "rig").body
        except BadAnswer:
            continue
    understand(family, by_command)


HUGE = 1 << 20
LONG = {
    "cut array": b'{"a":[' + b"1," * (HUGE // 2 - 10),
    "braces": b'{"a":[' + b"{}" * (HUGE // 2 - 10),
    "words": b'{"STATS":[{"MM ID0":"' + b"a" * (HUGE - 50) + b'"}]}',
    "pairs": b'{"STATS":[{"MM ID0":"' + b"a[1 " * (HUGE // 4 - 50) + b'"}]}',
    "temps": b'{"STATS":[{"Elapsed":1,"chain_acn1":3,"temp_chip1":"' + b"1-" * 500_000 + b'"}]}',
    "boards": b'{"DEVS":[' + b'{"ID":1},' * (HUGE // 9 - 10) + b"{}]}",
}


@pytest.mark.parametrize("long", LONG)
def test_a_reply_of_a_megabyte_does_not_hold_up_the_others(long):
    begin = time.process_time()
    with contextlib.suppress(BadAnswer):
        body = decode(LONG[long], "rig").body
        for family in FAMILIES:
            understand(family, dict.fromkeys(family.fast, body))
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_reply_at_all_is_no_figure(family):
    assert family.read(Replies()).is_empty


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_knows_its_own_rig_and_no_other(family):
    for name in CASES:
        by_command = replies_of(name)
        first = "braiins" if name == "braiins_graphql" else name  # asked for GraphQL only after
        if name == "foreign":
            by_command = {"version": {"VERSION": [{"GCMiner": "2.2.4"}]}}
        assert recognise(Replies(by_command)).name == first
    assert (
        recognise(Replies({"version": {"VERSION": [{"CGMiner": "4.9.0", "API": "3.1"}]}})) is None
    )
