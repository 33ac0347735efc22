"""A span that is over, walked along again: what it says, what it leaves out, what ends it."""

import asyncio

import pytest

from lode_hub.errors import ConflictError, InvalidError, NotFoundError
from lode_hub.queries import simulations
from tests.hub.energy.live.conftest import ADA, PROGRAMME, TARIFF

HOUR, DAY = 3_600_000, 86_400_000
DEAR = 9


def midnight(site) -> int:
    """Give the begin of yesterday."""
    return (site.now[0] // DAY - 1) * DAY


async def furnish(site, price, hashprice=0.05) -> int:
    """Give yesterday an hourly price, and a hashprice each hour; give its begin."""
    begin = midnight(site)
    rows = [f"{begin + n * HOUR + m * 300_000},{price(n)}" for n in range(24)
            if price(n) is not None for m in range(12)]  # fmt: skip
    await site.desk.upload(ADA, "rt", "\n".join(["t,v", *rows, ""]).encode(), site="north")
    if hashprice is not None:
        rows = [f"{begin + n * HOUR},{hashprice}" for n in range(24)]
        await site.desk.upload(ADA, "hp", "\n".join(["t,v", *rows, ""]).encode(), site="north")
    return begin


def by_name(found):
    return {policy.name: policy for policy in found.policies}


async def test_a_dear_hour_is_slept_through_and_the_money_adds_up(site):
    begin = await furnish(site, lambda n: 5000.0 if n == DEAR else 40.0)
    parts: list[float] = []
    found = await site.queries.simulations.run("north", begin, begin + DAY, progress=parts.append)
    assert (found.rigs, found.left_out, found.known_h, found.step_s) == (10, 0, 24.0, 900.0)
    assert len(found.periods) == 96
    dear = [one for one in found.periods if one.price_usd_mwh == 5000.0]
    assert [one.from_ms for one in dear] == [begin + DEAR * HOUR + q * 900_000 for q in range(4)]
    assert max(one.plan_w for one in dear) < 0.1 * min(one.always_on_w for one in dear)
    plan, always = by_name(found)["plan"], by_name(found)["always on"]
    assert plan.profit_usd > always.profit_usd + 100
    for one in found.policies:
        cost = one.energy_usd + one.starts_usd + one.demand_usd + one.penalty_usd
        assert one.profit_usd == pytest.approx(one.hash_usd - cost)
    # Always on: the hash of a day less its power, by hand.
    ths = sum(90.0 + 4 * n for n in range(1, 11))
    assert always.hash_usd == pytest.approx(ths * 0.05)
    assert always.energy_kwh == pytest.approx(28.0 * 24)
    assert always.energy_usd == pytest.approx(28.0 * 23 * 0.04 + 28.0 * 5.0)
    assert parts == sorted(parts)
    assert await site.orders() == []


async def test_hours_without_a_price_are_left_out_and_said(site):
    begin = await furnish(site, lambda n: None if n in (3, 4) else 40.0)
    found = await site.queries.simulations.run("north", begin, begin + 8 * HOUR)
    assert found.known_h == 6.0
    assert found.notes == ("2 h without a price are left out",)
    assert by_name(found)["always on"].energy_kwh == pytest.approx(28.0 * 6)
    assert not {begin + n * HOUR for n in (3, 4)} & {one.from_ms for one in found.periods}


@pytest.mark.parametrize("late_h", [-3, 1])
async def test_a_call_counts_from_its_first_word(site, late_h):
    begin = await furnish(site, lambda _: 40.0)
    dear = PROGRAMME.replace("[baseline]", "penalty_usd_mwh = 5000\n[baseline]")
    await site.desk.save(ADA, "programme", "DR", dear, site="north")
    said_ms, now_ms = begin + (DEAR + late_h) * HOUR, site.now[0]
    span = {"from_ms": begin + DEAR * HOUR, "until_ms": begin + (DEAR + 3) * HOUR}
    for power_kw in (15, 5):  # the second modifies the first, and is no first word
        site.now[0] = said_ms if power_kw == 15 else said_ms + 2 * HOUR
        said = {"event": "e1", "reduce": "to", "power_kw": power_kw} | span
        await site.desk.call(ADA, "DR", said, site="north", way="api")
    site.now[0] = now_ms
    found = await site.queries.simulations.run("north", begin, begin + DAY)
    asleep = {(one.from_ms - begin) / HOUR for one in found.periods if one.plan_w <= 5000}
    assert asleep == {DEAR + max(late_h, 0) + n / 4 for n in range(12 - 4 * max(late_h, 0))}
    assert found.broken == {}


async def test_another_tariff_is_tried(site):
    begin = await furnish(site, lambda _: 40.0)
    fixed = 'price = "fixed"\nfixed_mwh = 5000'
    dear = TARIFF.replace('price = "real-time"\nnode = "HB_WEST"', fixed)
    found = await site.queries.simulations.run("north", begin, begin + 4 * HOUR, dear)
    assert {one.price_usd_mwh for one in found.periods} == {5000.0}
    assert by_name(found)["always on"].profit_usd < 0 < by_name(found)["plan"].energy_kwh


async def test_what_cannot_be_simulated_says_why(site):
    begin, run = midnight(site), site.queries.simulations.run
    for span, says in (
        ((begin, begin), "give an hour to 35 days"),
        ((begin - 36 * DAY, begin), "give an hour to 35 days"),
        ((begin, begin + 3 * DAY), "all of them over"),
        ((begin, begin + DAY), "no price is known of this time"),
    ):
        with pytest.raises(InvalidError, match=says):
            await run("north", *span)
    with pytest.raises(InvalidError, match="tariff: "):
        await run("north", begin, begin + DAY, "nonsense = 1")
    with pytest.raises(NotFoundError, match="nowhere"):
        await run("nowhere", begin, begin + DAY)
    await furnish(site, lambda _: 40.0, hashprice=None)
    with pytest.raises(InvalidError, match="no hashprice is known of this time"):
        await run("north", begin, begin + DAY)
    await site.mine.run("delete from device_controls")
    with pytest.raises(InvalidError, match="no rig can be planned"):
        await run("north", begin, begin + DAY)


async def test_one_at_a_time_and_whoever_asks_may_stop_it(site, monkeypatch):
    begin, run = await furnish(site, lambda _: 40.0), site.queries.simulations.run
    monkeypatch.setattr(simulations, "LOOK_S", 0.0)

    class StoppedError(Exception):
        pass

    def stop(_: float) -> None:
        raise StoppedError

    first = asyncio.create_task(run("north", begin, begin + HOUR))
    await asyncio.sleep(0)  # it has begun
    with pytest.raises(ConflictError, match="another one is running"):
        await run("north", begin, begin + DAY)
    assert (await first).known_h == 1.0
    with pytest.raises(StoppedError):
        await run("north", begin, begin + DAY, progress=stop)
    monkeypatch.setattr(simulations, "DEADLINE_S", 0.0)
    with pytest.raises(InvalidError, match="not done within 0 s; ask for fewer days"):
        await run("north", begin, begin + DAY)
    monkeypatch.undo()
    assert (await run("north", begin, begin + HOUR)).known_h == 1.0  # it is free again
