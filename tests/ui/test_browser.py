"""The dashboard in a real browser: what only scripts, styles and sockets can show."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.needs("chromium")

PATHS = ["/", "/fleet", "/rigs/17", "/agents", "/alerts", "/alerts/1", "/silences"]
ACTING = ["/commands", "/curtail", "/technician?device=9001", "/alarm-figures"]
LIVE, LOST, TROUBLE = "Live", "Hub lost", "Hub in trouble"


def state(page):
    return page.locator(".lode-connection .lode-pill")


@pytest.fixture(scope="module")
def forty(launch_for_module):
    """A dashboard of forty rigs that the tests only look at."""
    return launch_for_module(rigs=40, has_commands=True)


@pytest.mark.parametrize("path", [*PATHS, *ACTING])
@pytest.mark.parametrize("width", [400, 1024, 1920])
def test_a_page_fits_its_window(look, forty, path, width):
    page = look(forty, path, width=width)
    expect(state(page)).to_contain_text(LIVE)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_first_paint_is_fast(look, forty):
    page = look(forty)
    page.reload()
    page.wait_for_selector(".lode-headline-text:has-text('critical')")
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    assert page.evaluate(paint) < 1500


def test_theme_follows_the_system_until_it_is_chosen_and_is_remembered(look, forty):
    page = look(forty, scheme="dark")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"{theme} === 'light'")
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Theme: light").click()
    page.reload()
    page.wait_for_selector(".lode-main")
    assert page.evaluate(theme) == "dark"
    page.get_by_role("button", name="Theme: dark").click()
    assert page.evaluate(theme) == "light"


def test_state_is_never_colour_alone(look, forty):
    page = look(forty)
    for word in ("Mining", "Curtailed", "Silent", "Unreachable", "Faulted"):
        entry = page.locator(".lode-legend-entry", has_text=word)
        expect(entry.locator(".lode-shape")).to_be_visible()
    shapes = page.locator(".lode-legend-entry .lode-shape:visible").evaluate_all(
        "all => all.map(each => getComputedStyle(each).maskImage)"
    )
    assert len(set(shapes)) == len(shapes) == 5


def test_ages_grow_in_the_browser(look, forty):
    page = look(forty, "/alerts")
    age = page.locator(".lode-alert .lode-age").first
    before = age.inner_text()
    expect(age).not_to_have_text(before)


def test_charts_are_drawn_with_their_gap(look, forty):
    page = look(forty, "/rigs/17")
    expect(page.locator(".lode-trend canvas")).to_have_count(4)
    expect(page.locator(".lode-trend-unit").first).to_have_text("TH/s")
    page.get_by_role("button", name="1 day").click()
    expect(page.get_by_role("button", name="1 day")).to_have_attribute("aria-pressed", "true")


def test_a_change_reaches_the_page(look, launch):
    served = launch(rigs=40)
    page = look(served)
    expect(page.locator(".lode-headline-text")).to_contain_text("1 rig faulted")
    served.control("change", number=1, state="faulted")
    expect(page.locator(".lode-headline-text")).to_contain_text("2 rigs faulted")


def test_an_alert_is_acknowledged_by_who_is_logged_in(look, launch):
    served = launch(rigs=40, person={"name": "noor", "role": "admin"})
    page = look(served)
    alert = page.locator(".lode-alert", has_text="rig-017 is too hot")
    expect(page.locator(".lode-bell")).to_contain_text("2")
    alert.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".lode-alert", has_text="rig-017")).to_contain_text("Acknowledged")
    expect(page.locator(".lode-bell")).to_contain_text("1")
    assert served.control("ask")["done"] == [["acknowledge", 1, "noor"]]


def test_the_floor_leads_to_a_rig(look, forty):
    page = look(forty)
    floor = page.locator(".lode-floor canvas")
    floor.hover(position={"x": 10, "y": 26})
    expect(page.locator(".lode-floor-tip")).to_contain_text("rig-001")
    floor.click(position={"x": 10, "y": 26})
    expect(page.locator("h1")).to_have_text("rig-001")


def test_a_site_is_kept_from_page_to_page(look, forty):
    page = look(forty, "/?site=1")
    page.get_by_role("link", name="Fleet").click()
    page.wait_for_url("**/fleet?site=1")
    page.get_by_role("link", name="Alerts", exact=True).click()
    page.wait_for_url("**/alerts?site=1")


def test_a_killed_hub_is_seen_and_the_page_comes_back_fresh(look, launch):
    served = launch(rigs=40)
    page = look(served, "/fleet?state=faulted")
    expect(page.locator(".ag-row")).to_have_count(1)
    served.stop()
    expect(state(page)).to_contain_text(LOST, timeout=10_000)
    expect(page.get_by_role("alert")).to_contain_text("comes back by itself")
    served.start()
    expect(state(page)).to_contain_text(LIVE, timeout=15_000)
    assert page.url.endswith("/fleet?state=faulted")
    expect(page.locator(".ag-row")).to_have_count(1)
    served.control("change", number=1, state="faulted")
    expect(page.locator(".ag-row")).to_have_count(2)


def test_a_database_that_is_away_is_seen_and_recovered_from(look, launch):
    served = launch(rigs=10)
    page = look(served)
    expect(state(page)).to_contain_text(LIVE)
    served.control("away", is_away=True)
    expect(state(page)).to_contain_text(TROUBLE, timeout=10_000)
    expect(page.locator("body")).to_have_class(re.compile("lode-is-stale"))
    served.control("away", is_away=False)
    expect(state(page)).to_contain_text(LIVE, timeout=10_000)
    expect(page.locator("body")).not_to_have_class(re.compile("lode-is-stale"))


@pytest.mark.parametrize("path", PATHS)
def test_hostile_names_do_nothing(look, hostile, path):
    page = look(hostile, path)
    expect(state(page)).to_contain_text(LIVE)
    if path == "/fleet":
        page.wait_for_selector(".ag-row")
        page.locator(".ag-row [col-id=model]").first.hover()
        page.wait_for_selector(".ag-tooltip")
        page.locator(".lode-toolbar select").first.select_option(index=1)
    if path == "/":
        page.locator(".lode-floor canvas").hover(position={"x": 10, "y": 26})
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x], .lode-main script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.fixture(scope="module")
def hostile(launch_for_module):
    return launch_for_module(rigs=24, is_hostile=True, person={"name": '<img src=x onerror="a">'})
