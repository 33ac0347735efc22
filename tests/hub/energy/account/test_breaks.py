"""A counter that breaks off, in what an account and a bill are made of."""

from tests.hub.energy.account.conftest import ADA, DAY, DAY0, Site

H = 3_600_000
SPAN = (DAY0 + DAY, DAY0 + 2 * DAY)
SWAPPED = SPAN[0] + 10 * H


async def test_a_meter_swapped_for_one_that_shows_more_is_no_energy(site: Site) -> None:
    await site.meters({SWAPPED: 20_000_000.0}, DAY0, SPAN[1] + H)  # 5,000,000 kWh in a quarter
    row = await site.queries.account(await site.desk.account(ADA, "north", "day", "x", SPAN))
    assert row is not None
    paid = row.body["bill"]
    assert (paid["energy_kwh"], paid["missing_h"]) == (23_750.0, 0.25)
    assert {line["quantity"] for line in row.body["so_far"]} == {1000.0}
    notes = row.body["notes"]
    assert any("the counter jumped 1 times further than its meter" in note for note in notes)
    tried = await site.queries.simulated_bill("north", *SPAN)
    assert (tried.energy_kwh, tried.notes) == (23_750.0, tuple(paid["notes"]))
    assert {line.quantity for line in tried.lines if line.kind == "demand"} == {1000.0}
    hours = await site.queries.hours("north", *SPAN)
    assert hours[10].energy_kwh is None


async def test_how_far_a_counter_can_run_is_by_the_power_that_its_meter_shows(site: Site) -> None:
    await site.meters({SWAPPED: 9000.0}, DAY0, SPAN[1] + H)
    usual = await site.queries.simulated_bill("north", *SPAN)
    assert usual.energy_kwh == 24_000 - 250 + 2250
    await site.mine.run("update meter_15m set power_w_max = 1.1e6")
    doubted = await site.queries.simulated_bill("north", *SPAN)
    assert (doubted.energy_kwh, doubted.missing_h) == (23_750.0, 0.25)
