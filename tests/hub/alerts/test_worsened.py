"""An alert that becomes graver than people were told: told again, once, and nobody has it on."""

import pytest

from lode_hub import alerts
from tests.hub.alerts.stage import MINUTE, SECOND, T0, events, finding, gone, put_rule, rows, told
from tests.hub.sites import stage as mine

SETTLED = MINUTE + 6 * SECOND


def grave(severity: str = "critical", **more: object):
    return finding(severity=severity, **more)


async def one(store):
    (alert,) = await rows(store)
    return alert


async def test_a_rise_is_told_once_and_a_fall_never(store):
    told_of = []
    for n, severity in enumerate(
        ("info", "warning", "critical", "warning", "info", "critical", "critical")
    ):
        await alerts.take(store, [grave(severity)], T0 + n * MINUTE)
        told_of.append(await told(store))
    assert told_of == [["opened"], ["worsened"], ["worsened"], [], [], [], []]
    assert await events(store) == [
        ("opened", ""),
        ("worsened", "warning"),
        ("worsened", "critical"),
    ]


async def test_who_has_it_on_has_it_on_no_more(store):
    (alert_id,) = (await alerts.take(store, [grave("warning")], T0)).opened
    await alerts.acknowledge(store, alert_id, "ann", T0)
    await alerts.take(store, [grave("warning")], T0)
    assert (await one(store))["state"] == "acknowledged"
    await told(store)
    await alerts.take(store, [grave()], T0 + 1)
    alert = await one(store)
    assert (alert["state"], alert["acknowledged_by"], alert["acknowledged_at"]) == (
        "open", None, None,
    )  # fmt: skip
    assert await told(store) == ["worsened"]


async def test_who_took_it_on_as_it_was_then_is_told_when_it_rises_again(store):
    (alert_id,) = (await alerts.take(store, [grave()], T0)).opened
    await alerts.take(store, [grave("warning")], T0 + 1)
    await alerts.acknowledge(store, alert_id, "ann", T0 + 2)
    await told(store)
    await alerts.take(store, [grave()], T0 + 3)
    assert (await told(store), (await one(store))["state"]) == (["worsened"], "open")


async def test_one_that_waits_to_be_told_is_told_once_as_grave_as_it_is(store):
    await alerts.take(store, [grave("warning"), grave()], T0)
    assert await told(store) == ["opened"]
    alert = await one(store)
    assert (alert["severity"], alert["told_severity"]) == ("critical", "critical")


async def test_one_that_is_pending_or_away_is_not_told(store):
    await put_rule(store, on_delay_s=60, off_delay_s=60)
    await alerts.take(store, [grave("warning")], T0)
    await alerts.take(store, [grave()], T0 + SECOND)
    assert await told(store) == []
    await alerts.take(store, [], T0 + MINUTE)
    assert await told(store) == ["opened"]
    await alerts.take(store, [gone(severity="warning")], T0 + MINUTE + 1)
    assert await told(store) == []


async def test_what_is_silenced_meanwhile_is_told_when_that_ends(store):
    agent = await mine.add_agent(store)
    (rig,) = await mine.add_rigs(store, agent, 1)
    subject = f"device:{rig}"
    (alert_id,) = (await alerts.take(store, [grave("warning", subject=subject)], T0)).opened
    await alerts.acknowledge(store, alert_id, "ann", T0)
    await alerts.take(store, [finding(f"agent:{agent}", "agent-stale")], T0)
    await told(store)
    await alerts.take(store, [grave(subject=subject)], T0 + 1)
    (mine_now,) = [row for row in await rows(store) if row["id"] == alert_id]
    assert (mine_now["state"], mine_now["untold"][:9]) == ("open", "inhibited")
    assert await told(store) == []
    await alerts.take(store, [gone(f"agent:{agent}", "agent-stale")], T0 + MINUTE)
    await alerts.take(store, [], T0 + MINUTE + SETTLED)
    assert await told(store) == ["resolved", "opened"]
    await alerts.take(store, [grave(subject=subject)], T0 + MINUTE + SETTLED + 1)
    assert await told(store) == []


@pytest.mark.parametrize("severity", ["warning", None])
async def test_more_money_at_stake_or_another_rule_makes_it_graver(store, severity):
    agent = await mine.add_agent(store)
    (rig,) = await mine.add_rigs(store, agent, 1)
    subject = f"device:{rig}"
    await put_rule(store, stake="lost", escalate_usd_h=5.0, severity=severity)
    small, large = ({"expected_ths": 9000.0, "hashrate_ths": ths} for ths in (8000.0, 100.0))
    await alerts.take(store, [grave("warning", subject=subject, evidence=small)], T0)
    assert await told(store) == ["opened"]
    await alerts.take(store, [grave("warning", subject=subject, evidence=large)], T0 + 1)
    assert await told(store) == ["worsened"]
