"""Accounts in PostgreSQL: reckoned by hand beside, provable, and honest about what is missing."""

import csv
import io

import pytest

from lode_hub.access.people import Person
from lode_hub.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from lode_hub.store import energy_live
from tests.hub.energy.account.conftest import ADA, DAY, DAY0, PROGRAMME, QUARTER, TARIFF, Site

H = 3_600_000
EVENT = DAY0 + 17 * DAY + 16 * H  # Thursday 2 July, 16:00 in Chicago


async def prepared(site: Site, drawn_kw: float = 580.0, missing: tuple[int, int] = (0, 0)) -> int:
    down = dict.fromkeys(range(EVENT, EVENT + 2 * H, QUARTER), drawn_kw)
    await site.meters(down, DAY0, EVENT + 4 * H, missing)
    asleep = dict.fromkeys(range(EVENT, EVENT + 2 * H, QUARTER), 0.0)
    for rig in site.rigs:
        await site.hashes(rig, asleep, EVENT - 2 * H, EVENT + 3 * H)
    return await site.call(EVENT, 2)


async def test_the_account_of_a_call_reckoned_by_hand(site: Site) -> None:
    number = await site.desk.account_of_call(ADA, await prepared(site))
    row = await site.queries.account(number)
    assert row is not None
    found = row.body
    assert (found["method"], len(found["baseline_days"])) == ("10-of-10", 10)
    assert "2026-07-01" in found["baseline_days"]
    assert "2026-06-20" not in found["baseline_days"]  # a Saturday
    assert found["metered_kwh"] == pytest.approx(2 * 580)
    assert found["baseline_kwh"] == pytest.approx(2 * 1000)
    assert found["delivered_kwh"] == pytest.approx(840)
    assert (found["asked_kwh"], found["shortfall_kwh"]) == pytest.approx((800, 0))
    assert found["is_compliant"]
    assert found["avoided_usd"] == pytest.approx(0.840 * 50)  # 40 and 10 for the wires
    assert found["energy_usd"] == pytest.approx(1.16 * 50)
    assert found["credit_usd"] == pytest.approx(0.8 * 100)  # up to what was asked
    lost = 2 * 100 * 2 / 24 * 0.048 * 0.98  # two rigs of 100 TH/s for two hours
    assert found["hash_lost_usd"] == pytest.approx(lost)
    assert found["earned_usd"] == pytest.approx(42 + 80 - lost)
    assert (found["penalty_usd"], found["missing_h"], found["notes"]) == (0.0, 0.0, [])
    assert [rig["lost_thh"] for rig in found["rigs"]] == pytest.approx([200, 200])
    assert len(found["periods"]) == 8


async def test_an_account_made_again_is_the_same_until_what_it_rests_on_changes(site: Site) -> None:
    call = await prepared(site)
    number = await site.desk.account_of_call(ADA, call)
    # Later corrections and tariffs do not change what was known then.
    site.now[0] += 1000
    await site.desk.upload(ADA, "rt", f"t,v\n{DAY0 + 10 * DAY},90\n".encode(), site="north")
    await site.desk.save(ADA, "programme", "ERS", PROGRAMME.replace("10", "5"), site="north")
    again = await site.desk.prove(ADA, number)
    assert again.is_same or again.digest == again.digest_now
    async with site.store.pool.connection() as conn:
        await conn.execute(
            "update meter_15m set energy_in_kwh_last = energy_in_kwh_last + 1 "
            "where bucket = to_timestamp(%s / 1e3)", (EVENT,),
        )  # fmt: skip
    assert not (await site.desk.prove(ADA, number)).is_same
    assert await site.desk.account_of_call(ADA, call) != number


async def test_a_shortfall_is_punished_and_a_gap_is_said(site: Site) -> None:
    call = await prepared(site, drawn_kw=700.0, missing=(EVENT + H, EVENT + H + 2 * QUARTER))
    number = await site.desk.account_of_call(ADA, call)
    row = await site.queries.account(number)
    assert row is not None
    found = row.body
    assert found["is_compliant"] is False
    assert found["missing_h"] == 0.75
    assert found["shortfall_kwh"] == pytest.approx(5 * (100 - 75))
    assert found["penalty_usd"] == pytest.approx(0.125 * 1000)
    assert found["compliance_ratio"] == pytest.approx(0.75)
    assert "no counter for 0.75 h" in found["notes"][0]
    assert [row["metered_kwh"] for row in found["periods"]].count(None) == 3


async def test_without_enough_days_there_is_no_baseline_and_no_money(site: Site) -> None:
    await site.meters({}, EVENT - 2 * DAY, EVENT + 4 * H)
    number = await site.desk.account_of_call(ADA, await site.call(EVENT, 1))
    row = await site.queries.account(number)
    assert row is not None
    assert row.body["baseline_kwh"] is None
    assert row.body["earned_usd"] is None
    assert "only 1 of 10 days" in row.body["baseline"]


async def test_a_day_is_billed_and_a_tariff_tried(site: Site) -> None:
    await site.meters({DAY0 + DAY + 4 * QUARTER: 1200.0}, DAY0, DAY0 + 3 * DAY)
    await site.hashes(site.rigs[0], {}, DAY0 + DAY, DAY0 + 2 * DAY, "1h", H)
    span = (DAY0 + DAY, DAY0 + 2 * DAY)
    number = await site.desk.account(ADA, "north", "day", "2026-06-16", span)
    row = await site.queries.account(number)
    assert row is not None
    kwh = 24_000 + 50
    lines = {line["name"]: line["usd"] for line in row.body["bill"]["lines"]}
    assert lines == pytest.approx({"energy, real-time HB_WEST": kwh * 0.04, "wires": kwh * 0.01})
    # The month's demand charge is paid once: it stands beside the day, not in it.
    assert [(x["name"], x["usd"]) for x in row.body["so_far"]] == [("demand", 1200 * 5)]
    assert row.body["usd"] == pytest.approx(kwh * 0.05)
    assert row.body["hashed_thh"] == pytest.approx(2400)
    tried = await site.queries.simulated_bill(
        "north", *span, 'name = "x"\ncurrency = "USD"\ntime_zone = "UTC"\nvalid_from = 2026-01-01\n'
        '[energy]\nprice = "fixed"\nfixed_mwh = 60',
    )  # fmt: skip
    assert tried.usd == pytest.approx(kwh * 0.06)
    hours = await site.queries.hours("north", *span)
    assert len(hours) == 24
    assert hours[0].power_usd == pytest.approx(50)
    text = await site.queries.account_csv(number)
    assert text is not None
    table = list(csv.reader(io.StringIO(text)))
    assert table[1][:3] == ["north", "day", "2026-06-16"]
    assert (await site.desk.prove(ADA, number)).is_same


async def test_what_people_see(site: Site) -> None:
    site.now[0] = DAY0 + 11 * DAY
    now = await site.queries.price_now("north")
    assert now.usd_mwh == 50
    assert [(part.kind, part.usd_mwh) for part in now.parts] == [("energy", 40.0), ("adders", 10.0)]
    series = await site.queries.price_series("north", site.now[0], site.now[0] + H)
    assert series.usd_mwh == (50.0,) * 4
    early = await site.queries.price_series("north", site.now[0], site.now[0] + H, known_ms=DAY0)
    assert early.usd_mwh == (None,) * 4
    assert (await site.queries.hashprice("north")).usd_th_day == 0.048
    assert {row.name for row in await site.queries.sources("north")} == {"rt", "hp"}
    await site.call(site.now[0] + H, 1)
    await site.call(site.now[0] + 9 * H, 1, is_cancelled=True)
    assert [call.state for call in await site.queries.calls("north")] == ["to come", "cancelled"]
    await site.mine.run(
        "update device set rated_power_w = 3000, rated_hashrate_ths = 100 where kind = 1"
    )
    (model,) = await site.queries.break_even("north")
    assert model.usd_mwh == pytest.approx(41.667 * 48 * 0.98 / 30 - 10, rel=1e-4)
    with pytest.raises(NotFoundError):
        await site.queries.price_now("nowhere")


async def test_who_may_not_may_not_and_what_cannot_be_is_refused(site: Site) -> None:
    viewer = Person(name="ada", role="viewer")
    async with site.store.pool.connection() as conn:
        await conn.execute("update person set role = 'viewer'")
    for work in (
        site.desk.save(viewer, "tariff", "x", "", site="north"),
        site.desk.upload(viewer, "rt", b"", site="north"),
        site.desk.call(viewer, "ERS", {}, site="north"),
        site.desk.account(viewer, "north", "day", "x", (0, 1)),
        site.desk.remove(viewer, "tariff", "flat", site="north"),
    ):
        with pytest.raises(ForbiddenError):
            await work
    async with site.store.pool.connection() as conn:
        await conn.execute("update person set role = 'admin'")
    call = await site.call(site.now[0] + H, 1, modification=3)
    assert await site.call(site.now[0] + H, 1, modification=3) == call
    for work, error in (
        (site.desk.save(ADA, "tariff", "x", "x = 1", site="north"), InvalidError),
        (site.desk.save(ADA, "tariff", "a/b", "", site="north"), InvalidError),
        (site.desk.save(ADA, "tariff", "x", "", site=None), InvalidError),
        (site.desk.save(ADA, "tariff", "x", TARIFF, site="nowhere"), NotFoundError),
        (site.desk.remove(ADA, "tariff", "x", site="north"), NotFoundError),
        (site.desk.upload(ADA, "rt", b"t,v\nx,y\n", site="north"), InvalidError),
        (site.desk.account_of_call(ADA, call), ConflictError),
        (site.desk.account_of_call(ADA, 999), NotFoundError),
        (site.call(site.now[0] + H, 1, modification=2), ConflictError),
        (site.desk.account(ADA, "north", "day", "x", (0, 2**52)), InvalidError),
    ):
        with pytest.raises(error):
            await work


async def test_a_day_of_a_zone_whose_hours_are_not_those_of_utc(site: Site) -> None:
    """In Kathmandu a day begins at 18:15 UTC."""
    begin = DAY0 - DAY0 % DAY + DAY + 18 * H + QUARTER
    last = {begin + DAY - QUARTER: 2000.0}  # the last quarter of the day, and no other's
    await site.meters(last, begin - H - QUARTER, begin + DAY + 3 * H)
    for suffix, step in (("15m", QUARTER), ("1h", H)):
        await site.hashes(site.rigs[0], {}, begin - H - QUARTER, begin + DAY + H, suffix, step)
    zone = TARIFF.replace("America/Chicago", "Asia/Kathmandu")
    await site.desk.save(ADA, "tariff", "flat", zone, site="north")
    number = await site.desk.account(ADA, "north", "day", "2026-06-17", (begin, begin + DAY))
    row = await site.queries.account(number)
    assert row is not None
    assert row.body["bill"]["energy_kwh"] == pytest.approx(24_000 + 250)
    assert row.body["hashed_thh"] == pytest.approx(2400)
    (rig,) = row.body["rigs"]
    assert (rig["rig"], rig["during_ths"]) == ("rig-1", 100)
    assert rig["reported_kwh"] == pytest.approx(24 * 3)
    hours = await site.queries.hours("north", begin, begin + DAY)
    assert [hour.energy_kwh for hour in hours] == pytest.approx([1000] * 23 + [1250])
    assert [hour.hashed_thh for hour in hours] == pytest.approx([100] * 24)
    with pytest.raises(InvalidError, match="within a quarter of an hour"):
        await site.desk.account(ADA, "north", "day", "x", (begin + 60_000, begin + DAY))


PLANNED = PROGRAMME.replace("days = 10", 'method = "plan"')


async def planned_at(site: Site, made_ms: int, power_kw: float, *, is_sent: bool = True,
                     until_ms: int = EVENT + 4 * H) -> None:  # fmt: skip
    """Keep a plan as the planner does, of one period."""
    period = {"from_ms": EVENT - 4 * H, "until_ms": until_ms, "power_w": power_kw * 1000,
              "setpoint_w": None}  # fmt: skip
    async with site.store.pool.connection() as conn:
        await energy_live.add_plan(
            conn, 1, made_ms=made_ms, cause="signal", commands=[], agents=["north-1"],
            body={"periods": [period]}, is_sent=is_sent,
        )  # fmt: skip


async def test_the_plan_that_stood_when_a_call_came_is_a_baseline(site: Site) -> None:
    await site.desk.save(ADA, "programme", "ERS", PLANNED, site="north")
    site.now[0] = EVENT - 2 * H
    await planned_at(site, EVENT - 5 * H, 700.0)
    await planned_at(site, EVENT - 3 * H, 900.0)
    await planned_at(site, EVENT - 2 * H - 60_000, 800.0, is_sent=False)  # advice, not signed
    call = await prepared(site)
    await planned_at(site, EVENT - H, 580.0)  # with the call in it
    site.now[0] = DAY0 + 60 * DAY
    await planned_at(site, site.now[0], 1000.0)  # which forgets the plans of long ago
    number = await site.desk.account_of_call(ADA, call)
    row = await site.queries.account(number)
    assert row is not None
    assert row.body["method"] == "plan"
    assert row.body["baseline_kwh"] == pytest.approx(2 * 900)
    assert row.body["delivered_kwh"] == pytest.approx(2 * 320)
    assert (await site.desk.prove(ADA, number)).is_same


async def test_without_a_plan_at_that_time_it_is_refused_as_a_baseline(site: Site) -> None:
    await site.desk.save(ADA, "programme", "ERS", PLANNED, site="north")
    site.now[0] = EVENT - 2 * H
    call = await prepared(site)
    await planned_at(site, EVENT - H, 900.0)
    site.now[0] = DAY0 + 60 * DAY
    with pytest.raises(InvalidError, match="none stood when the call came"):
        await site.desk.account_of_call(ADA, call)


async def test_a_plan_that_ends_within_the_call_is_refused_as_a_baseline(site: Site) -> None:
    await site.desk.save(ADA, "programme", "ERS", PLANNED, site="north")
    site.now[0] = EVENT - 2 * H
    await planned_at(site, EVENT - 3 * H, 900.0, until_ms=EVENT + H)
    call = await prepared(site)
    site.now[0] = DAY0 + 60 * DAY
    with pytest.raises(InvalidError, match="says nothing of all of it"):
        await site.desk.account_of_call(ADA, call)


async def test_a_month_says_what_its_calls_earned_and_which_peaks_they_avoided(site: Site) -> None:
    down = dict.fromkeys(range(EVENT, EVENT + 2 * H, QUARTER), 580.0)
    high = dict.fromkeys(range(EVENT, EVENT + 2 * H, QUARTER), 1200.0)
    usual = {at_ms - DAY * back: kw for back in range(1, 15) for at_ms, kw in high.items()}
    await site.meters(usual | down, DAY0, EVENT + 4 * H)
    asleep = dict.fromkeys(range(EVENT, EVENT + 2 * H, QUARTER), 0.0)
    for rig in site.rigs:
        await site.hashes(rig, asleep, EVENT - 2 * H, EVENT + 3 * H)
    call = await site.call(EVENT, 2)
    await site.call(EVENT + 3 * H, 1, is_cancelled=True)
    begin = EVENT - 16 * H  # midnight of the day
    number = await site.desk.account(ADA, "north", "month", "July 2", (begin, begin + DAY))
    row = await site.queries.account(number)
    alone = await site.queries.account(await site.desk.account_of_call(ADA, call))
    assert row is not None
    assert alone is not None
    found = row.body["curtailed"]
    names = ("credit_usd", "penalty_usd", "avoided_usd", "hash_lost_usd", "earned_usd")
    assert [found[name] for name in names] == [alone.body[name] for name in names]
    assert found["credit_usd"] == pytest.approx(80)
    assert [(c["subject"], c["method"]) for c in found["calls"]] == [(f"ERS/e{EVENT}", "10-of-10")]
    assert "baselines: 10-of-10" in found["notes"]
    (peak,) = found["peaks"]  # 1200 kW without the call, 1000 with it, at 5 USD
    assert (peak["metered_kw"], peak["baseline_kw"]) == pytest.approx((1000, 1200))
    assert (peak["avoided_usd"], peak["avoided_ratio"]) == pytest.approx((1000, 1 / 6))
    assert (await site.desk.prove(ADA, number)).is_same
    text = await site.queries.account_csv(number)
    assert text is not None
    assert "calls_credit_usd,80.0" in text
    assert "avoided_ratio" in text
