"""A rule tried on history: the counting by itself, and the reading of the database."""

import time

import numpy as np
import pytest

from lode_hub.errors import InvalidError
from lode_hub.rules import history
from lode_hub.rules.book import effective, shipped
from lode_hub.rules.commands import report
from lode_hub.rules.replay import Alarm, alarms, messages
from lode_hub.rules.schema import made
from lode_hub.store.partitions import Partitions
from lode_wire.records import Quality
from tests.hub.alerts.stage import MINUTE, SECOND
from tests.hub.sites import stage as mine

T0 = (int(time.time()) // 60 - 60) * 60_000  # an hour ago


def spells(rule_body, *turns):
    rule = made({"name": "x", **rule_body}, "test")
    found = alarms(rule, "device:1", [(s * SECOND, fires) for s, fires in turns])
    return [
        (a.begins_ms // SECOND, a.ends_ms and a.ends_ms // SECOND, a.is_flapping) for a in found
    ]


def test_delays_and_flapping_as_in_life():
    assert spells({}, (0, True), (10, False)) == [(0, 10, False)]
    assert spells({"off_delay_s": 60}, (0, True), (10, False)) == [(0, 70, False)]
    assert spells({"on_delay_s": 30}, (0, True), (10, False), (100, True)) == [(130, None, False)]
    twice = spells({}, (0, True), (10, False), (1000, True), (1010, False))
    assert twice == [(0, 10, False), (1000, 1010, False)]
    restless = [(at, at % 40 == 0) for at in range(0, 3600, 20)]
    assert spells({"off_delay_s": 30}, *restless) == [(0, 3580 + 1800, True)]


def test_messages_are_grouped_by_site_and_minute():
    found = [
        Alarm(subject=f"device:{i}", begins_ms=i * SECOND, ends_ms=None, is_flapping=False)
        for i in range(50)
    ]
    assert messages(found, {}) == 1
    assert messages(found, {"device:3": "south"}) == 2


async def test_a_threshold_over_minutes(store):
    agent = await mine.add_agent(store)
    hot, cool = await mine.add_rigs(store, agent, 2)
    values = [(34, 36)] * 3 + [(36, 37)] * 5 + [(32, 36)] + [(36, 37)] * 2
    await minutes(store, hot, values)
    await minutes(store, cool, [(20, 30)] * 11)
    rule = made(
        {"name": "x", "metric": "inlet_temp_c", "above": 35, "clear_at": 33, "for_s": 120}, ""
    )
    parts = []
    span = (T0, T0 + 20 * MINUTE)
    done, names = await history.over_history(store, rule, None, span, parts.append)
    assert [(a.subject, (a.begins_ms - T0) // MINUTE) for a in done.alarms] == [
        (f"device:{hot}", 5)
    ]
    assert (done.devices, done.values, done.messages) == (2, 22, 2)
    assert (done.alarms[0].ends_ms - T0) // MINUTE == 8
    assert parts == [0.5, 1.0]
    said = report(rule, done, names)
    assert said[0] == "rule x: 2 devices, 22 values over 0.0138889 days"
    assert said[-3].startswith("    rig-001: 1, first 20")
    assert said[-2] == "runs shorter than 240 s may be missed: minutes were read"
    assert said[-1].startswith("left out: orders, silences, ")
    with pytest.raises(InvalidError, match="no device is meant"):
        await history.over_history(store, rule, "south", span, parts.append)
    with pytest.raises(InvalidError, match="over 19 values in 50% of the time"):
        await history.over_history(store, rule, None, span, parts.append, most_values=19)


async def test_a_shipped_rule_over_readings(store):
    agent = await mine.add_agent(store)
    (rig,) = await mine.add_rigs(store, agent, 1)
    await readings(store, rig, [70.0] * 10 + [101.0] * 10 + [70.0] * 10)
    rules = effective(shipped())
    span = (T0, T0 + 10 * MINUTE)
    rule = rules["rig-over-temperature", None]
    done, _ = await history.over_history(store, rule, "north", span, lambda _: None)
    assert [(a.begins_ms - T0) // SECOND for a in done.alarms] == [100]
    assert done.values == 30
    with pytest.raises(InvalidError, match="judges no stored readings"):
        await history.over_history(store, rules["agent-stale", None], None, span, print)


@pytest.mark.parametrize("begins_s", [60, 70, 90, 110])
async def test_a_run_is_found_in_readings_whichever_minute_it_begins_in(store, begins_s):
    (rig,) = await mine.add_rigs(store, await mine.add_agent(store), 1)
    above = range(begins_s // 10, begins_s // 10 + 14)  # 140 s, of which the first fires nothing
    await readings(store, rig, [36.0 if place in above else 30.0 for place in range(90)])
    body = {"name": "x", "metric": "chip_temp_c", "above": 35, "clear_at": 33, "for_s": 120}
    span = (T0, T0 + 15 * MINUTE)
    done, _ = await history.over_history(store, made(body, ""), None, span, lambda _: None)
    assert [(a.begins_ms - T0) // SECOND for a in done.alarms] == [begins_s + 120]
    assert (done.caveat, done.values) == ("", 90)


async def test_what_was_held_as_it_came_is_not_tried(store):
    (rig,) = await mine.add_rigs(store, await mine.add_agent(store), 1)
    await readings(store, rig, [101.0] * 10, quality=int(Quality.HELD))
    own = made({"name": "x", "metric": "chip_temp_c", "above": 35, "for_s": 10}, "")
    for rule in (own, effective(shipped())["rig-over-temperature", None]):
        span = (T0, T0 + 10 * MINUTE)
        done, _ = await history.over_history(store, rule, None, span, lambda _: None)
        assert (done.alarms, done.values) == ((), 0)


async def make_room(conn):
    await Partitions().ensure(conn, [T0 // 86_400_000, T0 // 86_400_000 + 1])


async def minutes(store, rig, values):
    zeros = ["n", "mining_n"] + [
        f"{m}_{end}"
        for m in (
            "hashrate_ths",
            "power_w",
            "board_temp_c",
            "chip_temp_c",
            "inlet_temp_c",
            "fan_rpm",
        )
        for end in ("n", "sum")
    ]
    async with store.pool.connection() as conn:
        await make_room(conn)
        for place, (low, high) in enumerate(values):
            at = (T0 + place * MINUTE) / 1000
            await conn.execute(
                f"insert into rig_1m (bucket, device_id, first_at, last_at, {', '.join(zeros)}, "
                "inlet_temp_c_min, inlet_temp_c_max) values (to_timestamp(%s), %s, now(), now(), "
                f"{', '.join('0' for _ in zeros)}, %s, %s)",
                (at, rig, low, high),
            )


async def readings(store, rig, temps, quality=0):
    async with store.pool.connection() as conn:
        await make_room(conn)
        await conn.execute(
            """
            insert into rig_reading (at, device_id, source_id, seq, chip_temp_c, state,
                power_source, quality)
            select to_timestamp(%s / 1e3) + place * interval '10 s', %s, 1, place, temp, 1, 0, %s
            from unnest(%s::real[]) with ordinality as t (temp, no),
                lateral (select no - 1) as p (place)
            """,
            (T0, rig, quality, np.array(temps).tolist()),
        )
