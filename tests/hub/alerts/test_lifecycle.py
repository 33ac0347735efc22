"""An alert's life: cases on a real database."""

import asyncio
import json

import psycopg
import pytest
from psycopg.rows import dict_row

from lode_hub import alerts
from lode_hub.committed import Finding
from lode_hub.errors import ConflictError, NotFoundError
from lode_hub.store import Store
from tests.hub.sites import stage

T0 = 1_700_000_000_000
MINUTE = 60_000


def hot(subject: str = "device:1", **more: object) -> Finding:
    values: dict[str, object] = {
        "rule": "rig-over-temperature", "subject": subject, "is_active": True,
        "severity": "critical", "at_ms": T0, "title": "rig-001 is too hot",
        "likely_cause": "a fan stands still", "evidence": {"chip_temp_c": 99.5, "since_ms": T0 - 5},
    } | more  # fmt: skip
    return Finding(**values)  # type: ignore[arg-type]


def cool(subject: str = "device:1", at_ms: int = T0) -> Finding:
    return hot(subject, is_active=False, at_ms=at_ms, evidence={"chip_temp_c": 70.0})


async def rows(store: Store, query: str = "select * from alert order by id") -> list[dict]:
    async with store.pool.connection() as conn:
        return await (await conn.cursor(row_factory=dict_row).execute(query)).fetchall()


async def test_a_finding_opens_one_alert_that_knows_where(store):
    agent = await stage.add_agent(store)
    (rig,) = await stage.add_rigs(store, agent, 1)
    taken = await alerts.take(store, [hot(f"device:{rig}")], T0)
    (alert,) = await rows(store)
    assert taken.opened == (alert["id"],)
    assert (alert["device_id"], alert["agent_id"]) == (rig, agent)
    assert alert["site_id"] is not None
    assert alert["state"] == "open"
    assert int(alert["since_at"].timestamp() * 1000) == T0 - 5
    assert alert["evidence"]["chip_temp_c"] == 99.5


async def test_renewing_changes_the_evidence_and_tells_nobody(store):
    await alerts.take(store, [hot()], T0)
    taken = await alerts.take(store, [hot(evidence={"chip_temp_c": 101.0})], T0 + 1)
    (alert,) = await rows(store)
    assert taken == alerts.Taken()
    assert alert["evidence"] == {"chip_temp_c": 101.0}
    assert int(alert["since_at"].timestamp() * 1000) == T0 - 5
    assert len(await rows(store, "select * from outbox")) == 1


async def test_clearing_resolves_and_keeps_the_history(store):
    await alerts.take(store, [hot()], T0)
    await alerts.take(store, [cool()], T0 + MINUTE)
    (alert,) = await rows(store)
    assert (alert["state"], alert["resolved_by"]) == ("resolved", None)
    assert alert["evidence"]["cleared"] == {"chip_temp_c": 70.0}
    events = await rows(store, "select what from alert_event order by id")
    assert [event["what"] for event in events] == ["opened", "resolved"]


async def test_a_clearing_without_an_alert_is_nothing(store):
    assert await alerts.take(store, [cool()], T0) == alerts.Taken()
    assert await rows(store) == []


async def test_one_take_may_open_and_clear_the_same_trouble(store):
    taken = await alerts.take(store, [hot(), cool(), hot()], T0)
    assert (len(taken.opened), len(taken.resolved)) == (2, 1)
    assert [alert["state"] for alert in await rows(store)] == ["resolved", "open"]


async def test_a_person_acknowledges_and_resolves(store):
    (alert_id,) = (await alerts.take(store, [hot()], T0)).opened
    await alerts.acknowledge(store, alert_id, "ann", T0 + 1)
    (alert,) = await rows(store)
    assert (alert["state"], alert["acknowledged_by"]) == ("acknowledged", "ann")
    with pytest.raises(ConflictError, match="is acknowledged"):
        await alerts.acknowledge(store, alert_id, "bob", T0 + 2)
    await alerts.resolve(store, alert_id, "bob", T0 + 3)
    for change in (alerts.acknowledge, alerts.resolve):
        with pytest.raises(ConflictError, match="is resolved"):
            await change(store, alert_id, "ann", T0 + 4)


async def test_of_many_those_that_are_open_are_acknowledged(store):
    taken = await alerts.take(store, [hot(f"device:{rig}") for rig in range(1, 5)], T0)
    first, second, *rest = taken.opened
    await alerts.acknowledge(store, first, "ann", T0)
    await alerts.resolve(store, second, "ann", T0)
    assert await alerts.acknowledge_open(store, [*taken.opened, 4711], "bob", T0 + 1) == 2
    found = await rows(store, "select alert_id from alert_event where by = 'bob'")
    assert sorted(row["alert_id"] for row in found) == sorted(rest)
    assert await alerts.acknowledge_open(store, taken.opened, "bob", T0 + 2) == 0


async def test_what_is_not_there_cannot_be_acknowledged(store):
    with pytest.raises(NotFoundError, match="alert 4711"):
        await alerts.acknowledge(store, 4711, "ann", T0)


async def test_a_resolved_trouble_that_is_still_there_opens_again(store):
    (first,) = (await alerts.take(store, [hot()], T0)).opened
    await alerts.resolve(store, first, "ann", T0 + 1)
    (second,) = (await alerts.take(store, [hot()], T0 + 2)).opened
    assert second != first


async def test_coming_and_going_is_held_open_as_one_alert(store):
    await alerts.take(store, [hot()], T0)
    await alerts.take(store, [cool()], T0 + MINUTE)
    await alerts.take(store, [hot()], T0 + 2 * MINUTE)
    taken = await alerts.take(store, [cool()], T0 + 3 * MINUTE)
    assert (len(taken.flapping), taken.resolved) == (1, ())
    for minute in range(4, 8):
        await alerts.take(store, [hot(), cool()], T0 + minute * MINUTE)
    assert [alert["state"] for alert in await rows(store)] == ["resolved", "open"]
    told = await rows(store, "select what from outbox join alert_event on id = event_id")
    assert [event["what"] for event in told] == ["opened", "resolved", "opened", "flapping"]


async def test_a_hold_ends_when_it_has_been_calm(store):
    for minute in range(2):
        await alerts.take(store, [hot(), cool()], T0 + minute * MINUTE)
    held = T0 + 31 * MINUTE
    assert (await alerts.take(store, [], held - 1)).resolved == ()
    assert len((await alerts.take(store, [], held)).resolved) == 1


async def test_a_hold_goes_on_while_it_still_flaps(store):
    for minute in range(2):
        await alerts.take(store, [hot(), cool()], T0 + minute * MINUTE)
    for minute in range(25, 31):
        await alerts.take(store, [hot(), cool()], T0 + minute * MINUTE)
    assert (await alerts.take(store, [], T0 + 32 * MINUTE)).resolved == ()
    assert len((await alerts.take(store, [], T0 + 62 * MINUTE)).resolved) == 1


async def test_a_hold_over_a_trouble_that_stayed_leaves_it_open(store):
    for minute in range(2):
        await alerts.take(store, [hot(), cool()], T0 + minute * MINUTE)
    await alerts.take(store, [hot()], T0 + 3 * MINUTE)
    assert (await alerts.take(store, [], T0 + 32 * MINUTE)).resolved == ()
    assert (await alerts.take(store, [cool()], T0 + 40 * MINUTE)).resolved != ()


async def test_concurrent_takes_make_one_alert(store):
    subjects = [f"device:{i}" for i in range(20)]
    finds = [[hot(s) for s in (subjects if turn % 2 else subjects[::-1])] for turn in range(8)]
    taken = await asyncio.gather(*(alerts.take(store, found, T0) for found in finds))
    assert sum(len(one.opened) for one in taken) == 20
    assert len(await rows(store)) == 20


async def test_the_database_itself_refuses_a_second_alert(store):
    await alerts.take(store, [hot()], T0)
    async with store.pool.connection() as conn:
        with pytest.raises(psycopg.errors.UniqueViolation):
            await conn.execute(
                """
                insert into alert (rule, subject, severity, title, likely_cause, evidence,
                    since_at, opened_at, renewed_at)
                select rule, subject, severity, title, likely_cause, evidence, since_at,
                    opened_at, renewed_at from alert
                """
            )


async def test_a_failure_leaves_neither_alert_nor_outbox(store):
    with pytest.raises(psycopg.errors.CheckViolation):
        await alerts.take(store, [hot(), hot("device:2", severity="dire")], T0)
    assert await rows(store) == []
    assert await rows(store, "select * from outbox") == []


async def test_listeners_hear_of_a_change_and_not_of_a_renewal(store, postgres):
    agent = await stage.add_agent(store)
    (rig,) = await stage.add_rigs(store, agent, 1)
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as conn:
        await conn.execute("listen lode_alert")
        (opened,) = (await alerts.take(store, [hot(f"device:{rig}")], T0)).opened
        await alerts.take(store, [hot(f"device:{rig}")], T0)
        heard = [note async for note in conn.notifies(timeout=0.5)]
    assert [json.loads(note.payload) for note in heard] == [
        {"alerts": [opened], "sites": ["north"]}
    ]


async def test_ten_thousand_findings_are_one_transaction(store):
    taken = await alerts.take(store, [hot(f"device:{i}") for i in range(10_000)], T0)
    assert len(taken.opened) == 10_000
