"""Taking calls: what is the same, what follows what stands, what a message's columns say."""

import json
import re

import pytest

from lode_hub.energy.signals.message import heard
from lode_hub.energy.signals.programme import described
from lode_hub.energy.signals.taking import Ours, take, take_message
from lode_hub.errors import ConflictError, InvalidError
from lode_hub.store import Store, energy_calls

T0 = 1_800_000_000_000
H = 3_600_000
TEXT = """
reduce = "by"
power_kw = 500
levels_kw = [100, 300]
time_zone = "America/Chicago"
"""
ERS = Ours(site_id=1, site="north", name="ERS", told=described(TEXT))


def said(**more) -> dict:
    return {"event": "e1", "from_ms": T0 + H, "until_ms": T0 + 3 * H} | more


async def taken(store: Store, *listed: dict) -> list[int]:
    found = []
    for one in listed:
        async with store.pool.connection() as conn:
            found.append(await take(conn, ERS, one, "webhook", person="", now_ms=T0))
    return found


async def stands(store: Store) -> tuple:
    async with store.pool.connection() as conn:
        (row,) = await energy_calls.calls(conn, "north", (T0, T0 + 9 * H))
    return row["modification"], row["power_kw"], row["is_cancelled"], row["until_ms"]


async def test_without_numbers_what_says_something_else_follows(store: Store) -> None:
    first, again, second = await taken(store, said(), said(), said(power_kw=200))
    assert first == again != second
    assert await stands(store) == (1, 200, False, T0 + 3 * H)
    with pytest.raises(ConflictError, match="number this one"):
        await taken(store, said(power_kw=500))
    await taken(store, said(power_kw=500, modification=2))
    assert await stands(store) == (2, 500, False, T0 + 3 * H)


async def test_a_call_is_cancelled_by_its_name_alone(store: Store) -> None:
    with pytest.raises(InvalidError, match="never came"):
        await taken(store, {"event": "e1", "is_cancelled": True})
    await taken(store, said(random_s=900, power_kw=200))
    before = await stands(store)
    gone, again = await taken(store, *2 * [{"event": "e1", "is_cancelled": True}])
    assert gone == again
    assert await stands(store) == (1, 200, True, before[3])


async def test_a_number_is_said_once(store: Store) -> None:
    numbered = said(modification=7)
    first, again = await taken(store, numbered, numbered)
    assert first == again
    for wrong in (said(modification=7, power_kw=1), said(modification=6)):
        with pytest.raises(ConflictError, match="number this higher"):
            await taken(store, wrong)
    assert (await stands(store))[:2] == (7, 500)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"), ("[]", "no call at the top"), ("7", "no call"), ("[[]]", "no call"),
        ("[" * 100_000, "no JSON"), (json.dumps([{"event": "e"}] * 101), "up to 100"),
    ],
)  # fmt: skip
def test_a_message_without_calls_says_what_it_wants(text: str, why: str) -> None:
    with pytest.raises(InvalidError, match=why):
        heard(ERS.told, text.encode())


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"event": None}, "no event"), ({"from_ms": "noon"}, "from_ms: .*could not convert"),
        ({"is_cancelled": "maybe"}, "is_cancelled: 'maybe'; expected true or false"),
        ({"power_kw": "much"}, "power_kw: value 'much'"), ({"level": 3}, "level 3; set levels_kw"),
        ({"level": -1}, "whole number"), ({"level": True}, "level: value 'True'"),
        ({"from_ms": "1e400"}, "from_ms"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_column_and_the_rest_is_read(more, why) -> None:
    found = heard(ERS.told, json.dumps([said(), said(**more)]).encode())
    assert [place for place, _ in found.calls] == [1]
    (refusal,) = found.refused
    assert refusal.line == 2
    assert re.search(why, refusal.reason)


def test_columns_and_clocks_are_the_programmes_own() -> None:
    columns = '[columns]\nevent = "a.id"\nbegin = "a.t.0"\nend = "a.t.1"\nformat = "iso"\n'
    told = described(TEXT + columns)
    row = {"a": {"id": 17, "t": ["2027-01-15T02:00", "2027-01-15T09:00:00Z"]}, "is_test": "true",
           "level": 1, "power_kw": None}  # fmt: skip
    ((_, call),) = heard(told, json.dumps(row).encode()).calls
    assert call == {
        "event": "17", "from_ms": T0, "until_ms": T0 + H, "is_test": True, "reduce": "by",
        "power_kw": 100.0,
    }  # fmt: skip


async def test_one_refused_call_does_not_hold_up_the_others(store: Store) -> None:
    rows = [said(event="a"), said(event="b", until_ms=T0), said(event="c"), {"event": "\u0000"}]
    found = await take_message(store, ERS, json.dumps(rows).encode(), "mqtt", now_ms=T0)
    assert len(found.calls) == 2
    assert [one.line for one in found.refused] == [2, 4]
    assert found.trouble.startswith("call 2: call of ERS, event b: ")
    assert found.trouble.endswith("and 1 more")


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(InvalidError, match="time zone 'Mars' is unknown"):
        described(TEXT.replace("America/Chicago", "Mars"))
