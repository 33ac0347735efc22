"""Days and months: a demand charge is paid once a month, and a ratchet looks at months before."""

import datetime as dt

import pytest

from lode_hub.energy.account.bill import bill
from lode_hub.energy.account.metered import Metered
from lode_hub.energy.prices import periods
from lode_hub.energy.tariff import Rates, described
from tests.hub.energy.account.conftest import ADA, DAY, DAY0, TARIFF, Site
from tests.hub.energy.account.test_accounts import EVENT, prepared

H = 3_600_000
JUNE = DAY0 - 14 * DAY  # its begin, in Chicago
JULY = JUNE + 30 * DAY


async def made(site: Site, kind: str, span_ms: tuple[int, int]) -> dict:
    number = await site.desk.account(ADA, "north", kind, "x", span_ms)
    row = await site.queries.account(number)
    assert row is not None
    assert (await site.desk.prove(ADA, number)).is_same
    return row.body


async def test_thirty_days_have_their_months_energy_and_its_charge_stands_beside_each(
    site: Site,
) -> None:
    await site.meters({JUNE + 9 * DAY: 3000.0}, JUNE - H, JULY + H)
    month = await made(site, "month", (JUNE, JULY))
    (charge,) = [line["usd"] for line in month["bill"]["lines"] if line["kind"] == "demand"]
    assert charge == 3000 * 5
    assert month["so_far"] == []
    days = [await made(site, "day", (at, at + DAY)) for at in range(JUNE, JULY, 10 * DAY)]
    assert {line["kind"] for day in days for line in day["bill"]["lines"]} == {"energy", "adders"}
    assert [day["usd"] for day in days] == pytest.approx([24 * 50] * 3)
    so_far = [day["so_far"][0] for day in days]
    assert [line["quantity"] for line in so_far] == [1000, 3000, 3000]
    assert [line["usd"] for line in so_far] == [5000, 15_000, 15_000]


async def test_a_months_account_alone_has_the_ratchet_of_the_months_before(site: Site) -> None:
    text = TARIFF + "ratchet_ratio = 0.8\nratchet_months = 2\n"
    await site.desk.save(ADA, "tariff", "flat", text, site="north")
    await site.meters({JUNE + 9 * DAY: 3000.0}, JUNE, JULY + 3 * DAY)
    body = await made(site, "month", (JULY, JULY + DAY))
    (line,) = [line for line in body["bill"]["lines"] if line["kind"] == "demand"]
    assert (line["quantity"], line["usd"]) == (2400.0, 12_000.0)
    assert "held up by the months before" in line["note"]
    assert any("1 of the 2 months before have no metered window" in n for n in body["notes"])
    day = await made(site, "day", (JULY + DAY, JULY + 2 * DAY))
    assert [line["quantity"] for line in day["so_far"]] == [2400.0]
    async with site.store.pool.connection() as conn:
        kept = await (await conn.execute("select count(*) from energy_peak")).fetchone()
        hourly = text + "window_min = 60\n"  # a rule that is only tried leaves nothing behind
        tried = await site.queries.simulated_bill("north", JULY, JULY + DAY, hourly)
        assert [x.quantity for x in tried.lines if x.kind == "demand"] == [1200.0]
        assert await (await conn.execute("select count(*) from energy_peak")).fetchone() == kept


async def test_energy_not_bought_is_worth_its_own_taxes_and_no_peaks(site: Site) -> None:
    taxed = TARIFF + (
        "[[peaks]]\nname = '4CP'\nprice_kw_year = 60\nprobability = 0.01\n"
        "when = { months = [6, 7, 8, 9], hours = ['15:00-19:00'] }\n"
        "[[taxes]]\nname = 'sales tax'\nratio = 0.0825\n"
    )
    await site.desk.save(ADA, "tariff", "flat", taxed, site="north")
    number = await site.desk.account_of_call(ADA, await prepared(site))
    row = await site.queries.account(number)
    assert row is not None
    assert row.body["avoided_usd"] == pytest.approx(0.840 * 50 * 1.0825)
    (hour,) = await site.queries.hours("north", EVENT, EVENT + H)
    assert hour.power_usd == pytest.approx(0.580 * 50 * 1.0825)
    now = await site.queries.price_now("north", EVENT)
    parts = {part.name: (part.kind, part.usd_mwh) for part in now.parts}
    assert parts["sales tax"] == ("tax", pytest.approx(0.0825 * 50))
    assert parts["sales tax, on peaks"] == ("peaks", pytest.approx(0.0825 * 0.01 * 60_000))
    assert now.usd_mwh == pytest.approx(1.0825 * (50 + 600))


@pytest.mark.parametrize(
    ("day", "begin", "hours"),
    [
        ("2026-07-02", "2026-07-02T05:00Z", 24),
        ("2026-03-08", "2026-03-08T06:00Z", 23),
        ("2026-11-01", "2026-11-01T05:00Z", 25),
        ("2025-07-02", "2025-07-02T05:00Z", 24),  # by the last tariff, for none was valid
    ],
)
async def test_a_day_of_a_site_is_that_of_its_tariffs_clocks(site: Site, day, begin, hours) -> None:
    begin_ms = round(dt.datetime.fromisoformat(begin).timestamp() * 1000)
    found = await site.queries.day_ms("north", dt.date.fromisoformat(day))
    assert found == (begin_ms, begin_ms + hours * H)


def test_a_ratchet_counts_by_the_calendar_and_says_what_it_does_not_know() -> None:
    text = TARIFF + "ratchet_ratio = 0.8\nratchet_months = 2\n"
    span = periods(JULY, 96, 900)
    july = Metered(meter="m", from_ms=span[0], until_ms=span[1], energy_kwh=span[0] * 0 + 25.0)
    for before, kw, notes in (
        ({}, 100.0, 0),
        ({(0, "demand", 2026 * 12 + 5): 500.0}, 400.0, 0),
        ({(1, "demand", 2026 * 12 + 5): 500.0}, 100.0, 0),  # another tariff's
        ({(0, "demand", 2026 * 12 + 3): 500.0}, 100.0, 0),  # three months ago
        ({(0, "demand", 2026 * 12 + 5): None, (0, "demand", 2026 * 12 + 4): 200.0}, 160.0, 1),
    ):
        found = bill(july, [described(text)], Rates(), before_kw=before)
        assert [x.quantity for x in found.lines if x.kind == "demand"] == [kw]
        assert len(found.notes) == notes
