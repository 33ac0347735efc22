"""Alerts under what is hard on them: races, restless troubles, aborts, storms."""

import asyncio
import time

import psycopg
import pytest

from lode_hub import alerts, rules
from lode_hub.rules import effective, shipped
from lode_hub.store import Store, alerts_open, alerts_review, energy
from lode_hub.store import alerts as life
from tests.hub.alerts.stage import MINUTE, SECOND, T0, events, finding, gone, put_rule, rows, told
from tests.hub.sites import stage as mine


async def test_two_hubs_that_find_the_same_a_millisecond_apart_make_one_alert(store, postgres):
    other = await Store.open(postgres, min_size=1, max_size=2)

    async def find(hub, at_ms, wait_s):
        await asyncio.sleep(wait_s)
        return await alerts.take(hub, [finding(at_ms=at_ms)], at_ms)

    for turn in range(20):
        at_ms = T0 + turn * 20 * MINUTE
        taken = await asyncio.gather(find(store, at_ms, 0), find(other, at_ms + 1, 0.001))
        assert sum(len(one.opened) for one in taken) == 1
        assert await told(store) == ["opened"]
        await alerts.take(store, [gone(at_ms=at_ms + 2)], at_ms + 2)
        assert await told(store) == ["resolved"]
    await other.close()


async def test_the_index_alone_holds_two_that_do_not_wait_for_each_other(store, monkeypatch):
    async def nobody_waits(conn):
        pass

    monkeypatch.setattr(life, "serialise", nobody_waits)
    one = finding(at_ms=T0)
    takes = [alerts.take(store, [one], T0 + number) for number in range(6)]
    taken = await asyncio.gather(*takes)
    assert sum(len(each.opened) for each in taken) == 1
    assert len(await rows(store)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("off_delay_s", [30, 0])
async def test_coming_and_going_every_20_s_for_an_hour_is_told_three_times(store, off_delay_s):
    await put_rule(store, off_delay_s=off_delay_s)
    said = []
    for second in range(0, 3 * 3600, 10):
        found = []
        if second < 3600 and second % 20 == 0:
            is_on = second % 40 == 0
            found = [finding(is_active=is_on, at_ms=T0 + second * SECOND)]
        await alerts.take(store, found, T0 + second * SECOND)
        said += await told(store)
    expected = ["opened", "flapping", "resolved"]
    assert said == (expected if off_delay_s else ["opened", "resolved", *expected])
    assert (await rows(store))[-1]["state"] == "resolved"


async def test_every_shipped_rule_outlasts_such_a_flap():
    for rule in effective(shipped()).values():
        assert rule.off_delay_s >= 30 or rule.cause == "control", rule.name


async def test_an_abort_between_any_two_steps_leaves_all_or_nothing(store, monkeypatch):
    agent = await mine.add_agent(store)
    (rig,) = await mine.add_rigs(store, agent, 1)
    steps = [
        (life, "serialise"), (life, "ripe"), (life, "over"), (alerts_open, "open_or_renew"),
        (alerts_review, "review"), (life, "record"), (life, "cleared"), (life, "resolve"),
        (life, "announce"),
    ]  # fmt: skip
    found = [finding(f"device:{rig}"), gone(f"device:{rig}"), finding(f"device:{rig}")]
    for module, name in steps:
        step = getattr(module, name)

        async def killed(conn, *given, step=step, **more):
            await step(conn, *given, **more)
            async with store.pool.connection() as other:
                pid = conn.info.backend_pid
                await other.execute("select pg_terminate_backend(%s)", (pid,))
            await conn.execute("select 1")

        with monkeypatch.context() as patch:
            patch.setattr(module, name, killed)
            with pytest.raises(psycopg.OperationalError):
                await alerts.take(store, found, T0)
        assert (await rows(store), await events(store), await told(store)) == ([], [], []), name
    await alerts.take(store, found, T0)
    assert [what for what, _ in await events(store)] == ["opened", "resolved", "opened"]
    assert await told(store) == ["opened", "resolved", "opened"]


@pytest.mark.slow
async def test_a_storm_is_one_short_transaction(store):
    agent = await mine.add_agent(store)
    rigs = await mine.add_rigs(store, agent, 10_000)
    await rules.install(store, None)
    found = [
        finding(
            f"device:{rig}",
            "rig-low-hashrate",
            evidence={"hashrate_ths": 10.0, "expected_ths": 100.0, "since_ms": T0},
        )
        for rig in rigs
    ]
    begun = time.monotonic()
    taken = await alerts.take(store, found, T0)
    opened_s, begun = time.monotonic() - begun, time.monotonic()
    await alerts.take(store, found, T0 + 1)
    renewed_s, begun = time.monotonic() - begun, time.monotonic()
    over = [gone(one.subject, one.rule, at_ms=T0 + 2) for one in found]
    await alerts.take(store, over, T0 + 2)
    cleared_s, begun = time.monotonic() - begun, time.monotonic()
    await alerts.take(store, [], T0 + MINUTE)
    ended_s = time.monotonic() - begun
    print(f"10,000: opened {opened_s:.2f} s, renewed {renewed_s:.2f} s, "
          f"cleared {cleared_s:.2f} s, resolved {ended_s:.2f} s")  # fmt: skip
    assert len(taken.opened) == 10_000
    (stake,) = {row["stake_usd_h"] for row in await rows(store)}
    assert stake == pytest.approx(90 * 0.05 / 24, rel=1e-6)
    assert len(await told(store)) == 20_000


async def test_money_at_stake_raises_the_severity(store):
    agent = await mine.add_agent(store)
    rigs = await mine.add_rigs(store, agent, 3, rated_hashrate_ths=200.0)
    await put_rule(store, "away", stake="all", severity="warning", escalate_usd_h=0.9,
                   hashprice_usd_th_d=0.06)  # fmt: skip
    members = tuple(f"device:{rig}" for rig in rigs[:2])
    found = [
        finding(f"agent:{agent}", "away"),  # 3 x 200 TH/s x 0.06 / 24 = 1.5 $/h
        finding(f"device:{rigs[0]}", "away"),  # 0.5
        finding("site:1:model:S19", "away", members=members),  # 1.0
        finding("site:1:rack:nowhere", "away"),
    ]
    await alerts.take(store, found, T0)
    said = {row["subject"]: (row["severity"], row["stake_usd_h"]) for row in await rows(store)}
    assert said == {
        f"agent:{agent}": ("critical", 1.5),
        f"device:{rigs[0]}": ("warning", 0.5),
        "site:1:model:S19": ("critical", 1.0),
        "site:1:rack:nowhere": ("warning", None),
    }


async def test_money_at_stake_goes_by_the_live_hashprice_unless_the_rule_has_its_own(store):
    agent = await mine.add_agent(store)
    rigs = await mine.add_rigs(store, agent, 3, rated_hashrate_ths=240.0)
    (other,) = await mine.add_rigs(
        store, await mine.add_agent(store, "south-1", "south"), 1, rated_hashrate_ths=240.0
    )
    await put_rule(store, stake="all")
    await put_rule(store, "own", stake="all", hashprice_usd_th_d=0.3)

    async def kept(site: int | None, unit: str, *values: energy.Value) -> None:
        async with store.pool.connection() as conn:
            await energy.add(conn, site, "pool", ("hashprice", "", unit), values, T0)

    async def stakes(at_ms: int) -> list[float]:
        found = [finding(f"device:{rig}") for rig in (rigs[0], other)]
        await alerts.take(store, [*found, finding(f"device:{rigs[1]}", "own")], at_ms)
        by_rig = {row["device_id"]: row["stake_usd_h"] for row in await rows(store)}
        return [by_rig[rig] for rig in (rigs[0], other, rigs[1])]

    assert await stakes(T0) == pytest.approx([0.5, 0.5, 3.0])
    await kept(None, "USD/PH/day", (T0 - MINUTE, None, 60.0, T0))  # not asked for its unit
    await kept(None, "USD/TH/day", (T0 - MINUTE, None, 0.06, T0), (T0 + MINUTE, None, 0.9, T0))
    assert await stakes(T0) == pytest.approx([0.6, 0.6, 3.0])
    await kept(1, "USD/TH/day", (T0 - 2 * MINUTE, None, 0.07, T0))
    assert await stakes(T0) == pytest.approx([0.7, 0.6, 3.0])
    assert await stakes(T0 + 7 * 3_600_000) == pytest.approx([0.5, 0.5, 3.0])  # stale


async def test_a_late_word_from_before_the_end_brings_nothing_back(store):
    await put_rule(store, off_delay_s=300)
    await alerts.take(store, [finding(at_ms=T0)], T0)
    await alerts.take(store, [gone(at_ms=T0 + 10_000)], T0 + 10_000)
    await alerts.take(store, [finding(at_ms=T0 + 5_000)], T0 + 11_000)
    assert (await rows(store))[0]["cleared_at"] is not None
    await alerts.take(store, [finding(at_ms=T0 + 12_000)], T0 + 12_000)
    assert (await rows(store))[0]["cleared_at"] is None
