"""The inbox and one alert in a real browser: ten thousand alerts, a keyboard, a chart."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def storm(launch_for_module):
    """A dashboard with ten thousand alerts."""
    person = {"name": "noor", "role": "operator"}
    return launch_for_module(rigs=40, alarms=10_000, person=person)


def test_ten_thousand_alerts_are_paged_also_on_a_phone(look, storm):
    page = look(storm, "/alerts", width=400)
    group = page.locator(".lode-group", has_text="Link at south")
    expect(group).to_contain_text("4,997 alerts")
    group.get_by_role("button", name="Show all 4,997").click()
    expect(group.locator(".lode-inbox-line")).to_have_count(25)
    group.get_by_role("button", name="Next").click()
    expect(group).to_contain_text("26 to 50 of 4,997")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_an_alert_leads_to_its_page_its_chart_and_its_rig(look, storm):
    page = look(storm, "/alerts")
    page.get_by_role("link", name="rig-017 is too hot").click()
    expect(page.locator("h1")).to_contain_text("rig-017 is too hot")
    expect(page.locator(".lode-trend canvas:visible")).to_have_count(1)
    expect(page.locator(".lode-trend-unit:visible").first).to_contain_text("°C")
    page.get_by_role("button", name="1 day", exact=True).click()
    chosen = page.get_by_role("button", name="1 day", exact=True)
    expect(chosen).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="rig-017", exact=True).click()
    expect(page.locator("h1")).to_have_text("rig-017")


def test_two_are_chosen_by_the_keyboard_and_taken_on(look, storm):
    page = look(storm, "/alerts")
    for name in ("Pool at north", "Hashrate at north"):
        tick = page.locator(".lode-group", has_text=name).get_by_role("checkbox")
        tick.focus()
        page.keyboard.press("Space")
    bar = page.get_by_label("Chosen alerts")
    expect(bar).to_contain_text("2 alerts chosen")
    bar.get_by_label("Note").fill("both on my way")
    bar.get_by_role("button", name="Acknowledge chosen").click()
    expect(bar).to_be_hidden()
    done = storm.control("ask")["done"]
    assert sorted(done) == [["acknowledge", 2, "noor"], ["acknowledge", 3, "noor"]]
    expect(page.locator(".lode-group", has_text="Pool at north")).to_have_count(0)


@pytest.mark.parametrize("width", [400, 1440])
def test_what_was_shelved_is_brought_back_by_keyboard(look, launch, width):
    served = launch(rigs=40, alarms=12)
    page = look(served, "/alerts/3", width=width)
    page.get_by_role("button", name="Shelve 1 h").click()
    expect(page.get_by_text("has shelved it until")).to_be_visible()
    page.goto(served.url + "/silences")
    shelf = page.get_by_role("table", name="Shelved alarms")
    expect(shelf).to_contain_text("by mira")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    back = shelf.get_by_role("button", name="Bring back now")
    back.focus()
    page.keyboard.press("Enter")
    expect(shelf.get_by_role("button", name="Bring back now")).to_have_count(0)
    assert ["unshelve", 3, "mira"] in served.control("ask")["done"]


def test_a_day_that_is_over_is_chosen(look, launch):
    page = look(launch(rigs=40, alarms=12), "/alarm-figures", width=400)
    page.get_by_role("button", name="One day").click()
    days = page.get_by_role("combobox", name="Day")
    expect(days.get_by_role("option")).to_have_count(31)
    days.select_option(index=2)
    expect(page.get_by_text("put aside by people now")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
