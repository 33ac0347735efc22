"""What a plan rests on besides prices: PUE by meters or temperature, what a month has reached."""

import numpy as np
import pytest

from lode_hub.energy.account.make import told
from lode_hub.energy.account.metered import Metered
from lode_hub.energy.prices import Values, periods
from lode_hub.energy.signals.cooling import cooling, ratio
from lode_hub.energy.signals.economics import described
from lode_hub.energy.signals.market import facts
from lode_hub.energy.signals.reached import LATE_MS, reached
from lode_hub.energy.tariff import Rates
from lode_hub.errors import InvalidError
from lode_hub.store import energy_meters
from tests.hub.energy.account.conftest import ADA, DAY, DAY0, TARIFF, Site, site

__all__ = ["site"]

H = 3_600_000
QUARTER = 900_000
JUNE = 2026 * 12 + 5
FIRST = DAY0 - 14 * DAY  # of June, in Chicago
TABLE = "pue = [[0, 1.1], [40, 1.3]]\nambient_assume_c = 20\n"


def hours(*kwh: float) -> Metered:
    begins, ends = periods(DAY0, len(kwh), 3600)
    return Metered(meter="m", from_ms=begins, until_ms=ends, energy_kwh=np.array(kwh, float))


@pytest.mark.parametrize(
    ("whole", "rigs", "pue", "why"),
    [
        ([110] * 24, [100] * 24, 1.1, ""),
        ([90] * 24, [100] * 24, 1.0, "PUE 0.90 by m and m, 1 is taken"),
        ([250] * 24, [100] * 24, 2.0, "PUE 2.50"),
        ([110] * 11 + [np.nan] * 13, [100] * 24, None, "give 11 of 24 h"),
        ([110] * 24, [0] * 24, None, "24 of 24 h"),
        ([500] * 12 + [120] * 12, [np.nan] * 12 + [100] * 12, 1.2, ""),
    ],
)
def test_the_pue_of_the_hours_in_which_both_are_metered(whole, rigs, pue, why) -> None:
    found, said = ratio(hours(*whole), hours(*rigs))
    assert found == (None if pue is None else pytest.approx(pue))
    assert why in said
    assert bool(why) == bool(said)


@pytest.mark.parametrize(
    "text",
    ['pue_by = "meters"', 'pue_by = "meters"\nmeters = ["main"]', 'ambient = { point = "" }'],
)
def test_economics_that_cannot_measure_say_why(text: str) -> None:
    with pytest.raises(InvalidError, match=r"meters|ambient"):
        described(text)


async def pue_of(site: Site, text: str, now_ms: int, known: Rates | None = None) -> tuple:
    await site.desk.save(ADA, "economics", "site", text, site="north")
    async with site.store.pool.connection() as conn:
        documents = await told(conn, "north", 1)
        span = periods(now_ms, 3, 3600)
        pue, notes = await cooling(conn, documents, known or Rates(), span, now_ms)
    return [round(float(one), 4) for one in pue], notes


async def test_the_pue_by_meters_else_by_the_table_and_it_is_said(site: Site) -> None:
    now = DAY0 + 25 * H + 60_000
    await site.meters({}, DAY0, now)
    text = 'pue_by = "meters"\nmeters = ["main"]\nit_meters = ["rigs"]\n' + TABLE
    assert await pue_of(site, text, now) == (
        [1.2] * 3,
        ("PUE by the table: there is no meter rigs",
         "no outside temperature is measured or forecast; 20 °C is assumed outside"),
    )  # fmt: skip
    main = site.meter
    site.meter = await site.mine.device(1, "rigs", kind=2)
    assert "rigs and main give 0 of 24 h" in (await pue_of(site, text, now))[1][0]
    await site.meters(dict.fromkeys(range(DAY0, now, QUARTER), 800.0), DAY0, now)
    assert await pue_of(site, text, now) == ([1.25] * 3, ())
    site.meter = main


async def test_the_outside_temperature_is_forecast_or_measured_or_assumed(site: Site) -> None:
    point = TABLE + 'ambient = { point = "outside", device = "main" }'
    assert await pue_of(site, point, DAY0) == (
        [1.2] * 3, ("there is no point outside; 20 °C is assumed outside",)
    )  # fmt: skip
    await site.mine.run("insert into point (name, unit) values ('outside', '°C')")
    await site.mine.run(
        "insert into point_last (device_id, point_id, at, received_at, value, quality) "
        "values (%(d)s, 1, to_timestamp(%(at)s), now(), 36, 0)",
        d=site.meter, at=DAY0 / 1000 - 1700,
    )  # fmt: skip
    assert await pue_of(site, point, DAY0) == ([1.28] * 3, ())
    stale = await pue_of(site, point, DAY0 + 200_000)
    assert stale == ([1.2] * 3, ("outside is 32 min old; 20 °C is assumed outside",))
    assert (await pue_of(site, point.replace('"main"', '"rig-1"'), DAY0))[0] == [1.2] * 3
    await site.mine.run("update point set unit = '°F'")  # 36 °F are 2.2 °C
    assert await pue_of(site, point, DAY0) == ([1.1111] * 3, ())
    await site.mine.run("update point set unit = 'rpm'")
    assert "unit 'rpm' of ambient; write '°C'" in (await pue_of(site, point, DAY0))[1][0]
    times = DAY0 + np.array([0, H])
    forecast = Values(unit="°C", from_ms=times, until_ms=times + H, value=np.array([0.0, 10.0]),
                      published_ms=times)  # fmt: skip
    known = Rates({("ambient", ""): forecast})
    assert (await pue_of(site, point, DAY0, known))[0] == [1.1, 1.15, 1.2]
    assert (await pue_of(site, TABLE.replace("40", "0.5"), DAY0 + 9 * H, known))[1]
    assert await pue_of(site, "pue = [[20, 1.07]]", DAY0) == ([1.07] * 3, ())


async def look(
    site: Site, now_ms: int, ahead_ms: int = 24 * H, metered_w: float | None = None
) -> tuple[dict, tuple]:
    async with site.store.pool.connection() as conn:
        documents = await told(conn, "north", 1)
        return await reached(conn, documents, now_ms, now_ms + ahead_ms, metered_w)


async def test_a_month_that_nothing_is_known_of_has_seen_what_is_drawn_now(site: Site) -> None:
    # One that has just begun has seen nothing.
    assert await look(site, FIRST + H, metered_w=124_000.0) == ({(0, "demand", JUNE): 0.0}, ())
    found, (said,) = await look(site, DAY0, metered_w=124_000.0)
    assert found == {(0, "demand", JUNE): 124.0}
    assert said.endswith("in this billing month; 124 kW are taken, which are drawn now")
    await site.mine.run("delete from energy_peak")
    await site.meters({FIRST + QUARTER: 1500.0}, FIRST - H, DAY0 + H)
    assert (await look(site, DAY0 + H, metered_w=124_000.0))[0] == {(0, "demand", JUNE): 1500.0}


async def test_a_months_highest_window_is_kept_and_only_what_came_since_is_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans: list[tuple[int, int]] = []
    real = energy_meters.counters

    async def counters(conn, device_id, span_ms, step_s):
        spans.append(span_ms)
        return await real(conn, device_id, span_ms, step_s)

    monkeypatch.setattr(energy_meters, "counters", counters)
    assert (await look(site, DAY0))[0] == {(0, "demand", JUNE): 0.0}
    assert "no window is metered yet" in (await look(site, DAY0))[1][0]
    await site.mine.run("delete from energy_peak")
    now = DAY0 + H
    await site.meters({FIRST + QUARTER: 1500.0, FIRST - QUARTER: 9000.0}, FIRST - H, now)
    assert await look(site, now) == ({(0, "demand", JUNE): 1500.0}, ())
    assert spans[-1][0] <= FIRST
    later = now + 30 * 60_000
    assert await look(site, later) == ({(0, "demand", JUNE): 1500.0}, ())
    assert spans[-1][0] >= now - LATE_MS - 2 * H
    # What was reached stays so, even if the readings are gone.
    await site.mine.run("delete from meter_15m")
    assert (await look(site, later))[0] == {(0, "demand", JUNE): 1500.0}


async def test_a_window_that_is_withdrawn_while_counters_may_come_late_is_no_peak(
    site: Site,
) -> None:
    now = DAY0 + 5 * H
    await site.meters({FIRST + 9 * H: 1500.0, now - H: 9000.0}, FIRST, now)
    assert (await look(site, now))[0] == {(0, "demand", JUNE): 9000.0}
    # The meter now shows its power: a fourfold 1.1 MW is 1,100 kWh in a quarter, not 2,250.
    await site.mine.run("update meter_15m set power_w_max = 1.1e6")
    assert (await look(site, now + QUARTER))[0] == {(0, "demand", JUNE): 1500.0}
    assert (await look(site, now + 9 * H))[0] == {(0, "demand", JUNE): 1500.0}


async def test_a_swapped_meter_is_no_peak_ever(site: Site) -> None:
    now = DAY0 + 5 * H
    await site.meters({now - H: 20_000_000.0}, FIRST, now)
    for later in (0, 3 * H, 24 * H):
        assert (await look(site, now + later))[0] == {(0, "demand", JUNE): 1000.0}


async def test_each_tariff_has_its_own_charges_in_the_months_that_it_counts(site: Site) -> None:
    july = FIRST + 30 * DAY
    newer = TARIFF.replace("valid_from = 2026-01-01", "valid_from = 2026-07-01")
    assert newer != TARIFF
    ratchet = newer + "ratchet_ratio = 0.5\nratchet_months = 2\n"
    await site.desk.save(ADA, "tariff", "next", ratchet, site="north")
    await site.meters({FIRST + 9 * H: 3000.0}, FIRST, july)
    assert (await look(site, july - 3 * DAY))[0] == {(0, "demand", JUNE): 3000.0}
    found, _ = await look(site, july - 3 * H)
    assert found == {(0, "demand", JUNE): 3000.0, (1, "demand", JUNE + 1): 1500.0}
    assert (await look(site, july + 3 * H))[0] == {(1, "demand", JUNE + 1): 1500.0}


async def test_the_months_before_count_by_the_ratchet_and_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = TARIFF + "ratchet_ratio = 0.8\nratchet_months = 2\n"
    await site.desk.save(ADA, "tariff", "flat", text, site="north")
    await site.meters({FIRST + 9 * H: 2000.0}, FIRST, FIRST + 2 * DAY)
    july = FIRST + 30 * DAY
    found, _ = await look(site, july + 3 * H, 31 * DAY)
    assert found == {(0, "demand", JUNE + 1): 1600.0, (0, "demand", JUNE + 2): 1600.0}
    reads: list[int] = []
    real = energy_meters.counters

    async def counters(conn, device_id, span_ms, step_s):
        reads.append((span_ms[1] - span_ms[0]) // H)
        return await real(conn, device_id, span_ms, step_s)

    monkeypatch.setattr(energy_meters, "counters", counters)
    assert (await look(site, july + 4 * H))[0] == {(0, "demand", JUNE + 1): 1600.0}
    assert len(reads) == 1
    assert reads[0] < 6
    assert (await look(site, FIRST + 100 * DAY))[0] == {(0, "demand", JUNE + 3): 0.0}


async def test_a_site_without_a_meter_has_no_peak_and_says_so(site: Site) -> None:
    await site.desk.save(ADA, "economics", "site", 'meters = ["none"]', site="north")
    found, notes = await look(site, DAY0)
    assert found == {}
    assert notes[0].startswith("demand: the month's peak so far is not known: ")


async def test_a_site_without_a_tariff_has_facts(site: Site) -> None:
    await site.desk.remove(ADA, "tariff", "flat", site="north")
    async with site.store.pool.connection() as conn:
        documents = await told(conn, "north", 1)
        found = await facts(conn, documents, Rates(), periods(DAY0, 3, 300), DAY0)
    assert (found.reached, found.pue.tolist()) == ({}, [1.0] * 3)
