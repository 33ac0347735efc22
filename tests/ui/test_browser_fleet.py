"""The fleet table in a real browser: ten thousand rows without freezing, sorting and filters."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.needs("chromium")

FROZEN_MS = 1000
"""A main thread that is busy longer than this is a page that hangs; it is some 0.2 s when idle."""

WATCH = """
window.blocked = [];
new PerformanceObserver((list) => list.getEntries().forEach((each) => blocked.push(each.duration)))
  .observe({ entryTypes: ["longtask"] });
"""


@pytest.fixture(scope="module")
def forty(launch_for_module):
    return launch_for_module(rigs=40)


def names(page) -> list[str]:
    rows = page.locator(".ag-row")
    found = rows.evaluate_all(
        "all => all.map(row => [Number(row.getAttribute('row-index')),"
        " row.querySelector('[col-id=name]').textContent])"
    )
    return [name for _, name in sorted(found)]


def opened(look, served, path: str = "/fleet", **how: object):
    page = look(served, path, **how)
    page.wait_for_selector(".ag-row")
    return page


def test_rows_are_sorted_as_people_count(look, forty):
    page = opened(look, forty)
    assert names(page)[:3] == ["rig-001", "rig-002", "rig-003"]
    page.locator(".ag-header-cell[col-id=state]").click()
    page.locator(".ag-header-cell[col-id=state]").click()
    expect(page.locator(".ag-row[row-index='0']")).to_contain_text("Faulted")
    page.locator(".ag-header-cell[col-id=hashrate]").click()
    expect(page.locator(".ag-row[row-index='0'] [col-id=hashrate]")).to_contain_text("10")
    last = page.locator(".ag-row").count()
    assert last > 10


def test_filters_narrow_and_stay_in_the_address(look, forty):
    page = opened(look, forty)
    page.locator(".lode-search").fill("antminer rig-01")
    expect(page.locator(".lode-count")).to_contain_text("3 of 40 rigs")
    page.reload()
    expect(page.locator(".lode-count")).to_contain_text("3 of 40 rigs")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator(".lode-count")).to_have_text("40 rigs")
    page.locator(".lode-chip", has_text="Unreachable").click()
    expect(page.locator(".ag-row")).to_have_count(1)
    expect(page.locator(".ag-row")).to_contain_text("rig-005")


def test_a_row_leads_to_its_rig(look, forty):
    page = opened(look, forty)
    page.locator(".ag-row[row-index='2'] [col-id=power]").click()
    expect(page.locator("h1")).to_have_text("rig-003")


def test_a_hot_chip_is_marked(look, launch):
    served = launch(rigs=3)
    page = opened(look, served)
    served.control("change", number=2, chip_temp_c=92.0)
    cell = page.locator(".ag-row[row-index='1'] [col-id=chip_temp]")
    expect(cell).to_contain_text("92.0")
    assert "lode-cell-bad" in (cell.get_attribute("class") or "")


def test_a_phone_shows_what_matters(look, forty):
    page = opened(look, forty, width=400)
    heads = page.locator(".ag-header-cell-text").all_inner_texts()
    assert heads == ["Rig", "State", "Hashrate", "Chip"]


def test_an_empty_fleet_says_how_to_begin(look, launch):
    page = look(launch(rigs=0), "/fleet")
    expect(page.locator(".lode-empty")).to_contain_text("lode-edge run --config FILE")


@pytest.mark.alone
def test_ten_thousand_rows_do_not_freeze_the_page(look, launch):
    served = launch(rigs=10_000)
    page = look(served, "/fleet")
    page.wait_for_selector(".ag-row", timeout=20_000)
    page.evaluate(WATCH)
    expect(page.locator(".lode-count")).to_have_text("10,000 rigs")
    page.mouse.move(700, 600)
    for _ in range(20):
        page.mouse.wheel(0, 2000)
        page.wait_for_timeout(20)
    page.locator(".ag-header-cell[col-id=hashrate]").click()
    page.locator(".lode-search").fill("whatsminer b2")
    expect(page.locator(".lode-count")).to_contain_text("of 10,000 rigs")
    page.locator(".lode-search").fill("")
    served.control("change", number=1, hashrate_ths=999.0)
    expect(page.locator(".ag-row[row-index='0']")).to_contain_text("999.0", timeout=10_000)
    assert page.locator(".ag-row").count() < 100  # only what is in sight is drawn
    blocked = page.evaluate("blocked")
    assert max(blocked, default=0) < FROZEN_MS


@pytest.mark.slow
def test_only_changed_rows_travel(look, launch):
    served = launch(rigs=10_000)
    page = look(served, "/fleet")
    page.wait_for_selector(".ag-row", timeout=20_000)
    with page.expect_response("**/_lode/fleet?*") as quiet:
        pass
    served.control("change", number=7, power_w=1234.0)
    with page.expect_response(
        lambda answer: "_lode/fleet" in answer.url and answer.json()["rows"] != []
    ) as changed:
        pass
    assert quiet.value.json()["rows"] == []
    assert [row[0] for row in changed.value.json()["rows"]] == [7]
