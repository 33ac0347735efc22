"""What people call the subjects of alerts, wherever they read of them; the machine's key stays."""

import time

import pytest

from lode_hub import alerts
from lode_hub.alerts import Matchers, Span
from lode_hub.queries import Queries
from lode_hub.store import Store
from tests.hub.alerts.stage import finding
from tests.hub.queries.mine import Mine

HOUR_MS = 3_600_000

NAMES = {
    "device:1": "rig-017",
    "agent:1": "agent north-1",
    "agent:1:reason:replay": "agent north-1",
    "site:1": "north",
    "site:1:rack:A3": "rack A3",
    "site:1:model:Antminer S21": "model Antminer S21",
    "site:1:model:a:b": "model a:b",
    "site:1:feeder:F2": "feeder F2",
    "site:1:call:ers/e1": "call ers/e1",
    "channel:mail": "channel mail",
    "channel:sms:way:17": "channel sms, way 17",
    "channel:hook:own": "channel hook, its own recipients",
    "schedule:nights": "schedule nights",
    "source:day-ahead": "source day-ahead",
    "device:4711": "device 4711",
}


@pytest.fixture
async def queries(store: Store) -> Queries:
    mine = Mine(store)
    await mine.device(await mine.agent("north-1", "north"), "rig-017")
    now_ms = time.time_ns() // 1_000_000
    # Rules that silence nothing, so that all of them are told.
    found = [finding(key, f"r{n}", at_ms=now_ms) for n, key in enumerate(NAMES)]
    await alerts.take(store, found, now_ms)
    return Queries(store)


async def test_an_alert_has_the_key_and_what_people_call_it(queries: Queries) -> None:
    assert {row.key: row.subject for row in await queries.alerts()} == NAMES
    groups = (await queries.alarms.groups(states=["open"])).groups
    assert {row.subject for group in groups for row in group.worst} <= {*NAMES.values()}


async def test_many_keys_are_named_at_once(queries: Queries) -> None:
    assert await queries.alarms.names([*NAMES]) == NAMES
    assert await queries.alarms.names([]) == {}


@pytest.mark.parametrize("words", ["Rack A3", "channel mail", "AGENT north-1"])
async def test_an_alert_is_found_by_what_people_call_it(queries: Queries, words: str) -> None:
    (group,) = (await queries.alarms.groups(states=["open"], search=words)).groups
    assert {row.subject.lower() for row in group.worst} == {words.lower()}


async def test_the_most_frequent_alarms_are_called_by_name(queries: Queries) -> None:
    often = (await queries.alarms.figures(days=1)).most_frequent
    assert len(often) == 10
    assert {row.subject for row in often} == {NAMES[row.key] for row in often}


@pytest.mark.parametrize(
    ("given", "called", "silenced"),
    [
        ("device:1", "rig-017", ["device:1"]),
        ("site:1:rack:A3", "rack A3", ["site:1:rack:A3"]),
        ("rack A3", None, ["site:1:rack:A3"]),
        ("channel m*", None, ["channel:mail"]),
        ("north-1", None, ["agent:1", "agent:1:reason:replay"]),
        ("north", None, ["site:1"]),
        ("rig:017", None, []),
    ],
)
async def test_a_silence_is_of_a_key_or_of_what_people_call_it(
    queries: Queries, store: Store, given: str, called: str | None, silenced: list[str]
) -> None:
    now_ms = time.time_ns() // 1_000_000
    span = Span(starts_ms=now_ms - 1, ends_ms=now_ms + HOUR_MS)
    number = await alerts.silence(store, Matchers(subject=given), span, "ann", now_ms, "known")
    (row,) = await queries.alarms.silences()
    assert (row.subject, row.called) == (given, called)
    untold = f"silence {number}"
    assert sorted(a.key for a in await queries.alerts() if a.untold == untold) == silenced
