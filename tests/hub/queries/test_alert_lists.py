"""What is put aside, what was delivered page by page, and figures of days that are over."""

import time

import pytest

from lode_hub import alerts
from lode_hub.errors import InvalidError
from lode_hub.queries import Queries
from lode_hub.store import Store
from tests.hub.alerts.stage import finding, gone
from tests.hub.queries.mine import Mine

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@pytest.fixture
def queries(store: Store) -> Queries:
    return Queries(store)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_what_is_shelved_says_until_when_and_by_whom(queries: Queries, store: Store) -> None:
    mine = Mine(store)
    rig = await mine.device(await mine.agent("north-1", "north"), "rig-1")
    about = {
        "agent:1": ("agent north-1", "north"),
        "channel:mail": ("channel mail", None),
        f"device:{rig}": ("rig-1", "north"),
        "device:4711": ("device 4711", None),
        "site:1:rack:A": ("rack A", "north"),
    }
    now = now_ms()
    await alerts.take(store, [finding(subject, "r") for subject in about], now)
    ids = dict(await mine.run("select subject, id from alert"))
    for place, key in enumerate(about):
        until = now + HOUR_MS * (1 + place)
        await alerts.shelve(store, ids[key], until, f"ann-{place}", now, note="a fan")
    found = await queries.alarms.shelved()
    assert {row.key: (row.subject, row.site) for row in found} == about
    assert [row.by for row in found] == [f"ann-{place}" for place in range(5)]
    first = found[0]
    assert (first.note, first.at_ms, first.until_ms) == ("a fan", now, now + HOUR_MS)
    assert (first.alert_id, first.state) == (ids["agent:1"], "open")
    await alerts.take(store, [gone("agent:1", "r")], now)
    (ended,) = await queries.alarms.shelved(limit=1)
    assert (ended.key, ended.alert_id, ended.state) == ("agent:1", None, None)
    await alerts.unshelve(store, ids["device:4711"], "bob", now)
    assert "device:4711" not in {row.key for row in await queries.alarms.shelved()}


async def test_deliveries_come_page_by_page_while_more_are_made(
    queries: Queries, store: Store
) -> None:
    mine = Mine(store)
    make = "insert into delivery (channel, recipient, cause, what) values ('mail', '', '', 'news')"
    for _ in range(5):
        await mine.run(make)
    seen: list[int] = []
    before = None
    while page := await queries.telling.deliveries(limit=2, before=before):
        seen += [row.delivery_id for row in page]
        before = seen[-1]
        await mine.run(make)
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 5


async def test_figures_of_a_day_that_is_over(queries: Queries, store: Store) -> None:
    now = now_ms()
    end = now - 3 * DAY_MS
    found = [finding("device:1"), finding("device:2")]
    await alerts.take(store, found[:1], end - 30 * HOUR_MS)  # stood for more than a day then
    await alerts.take(store, found[1:], end - 2 * HOUR_MS)
    await alerts.take(store, [gone("device:1"), gone("device:2")], end + HOUR_MS)
    then = await queries.alarms.figures(days=1, to_ms=end)
    assert (then.from_ms, then.to_ms, then.alarms) == (end - DAY_MS, end, 1)
    assert (then.standing, then.shelved) == (1, None)
    today = await queries.alarms.figures(days=1)
    assert (today.alarms, today.standing, today.shelved) == (0, 0, 0)
    for wrong in (now + HOUR_MS, now - 32 * DAY_MS):
        with pytest.raises(InvalidError, match="up to 31 days ago"):
            await queries.alarms.figures(to_ms=wrong)
