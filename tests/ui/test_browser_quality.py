"""Data quality and short gaps in charts, in a real browser."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def many(launch_for_module):
    """A dashboard of ten thousand rigs that the tests only look at."""
    return launch_for_module(rigs=10_000, gap_share=0.05)


@pytest.mark.parametrize("width", [400, 1024, 1440])
def test_the_page_fits_its_window(look, many, width):
    page = look(many, "/quality", width=width)
    expect(page.get_by_role("heading", name="Data quality of north")).to_be_visible()
    expect(page.get_by_role("table", name="Sources")).to_contain_text("9,997 of 10,000")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_gap_of_up_to_three_is_bridged_and_said_and_a_longer_one_stays_open(look, many):
    page = look(many, "/rigs/17")
    expect(page.locator("[data-bridges]").first).to_contain_text("dashed: nothing measured")
    page.get_by_role("button", name="1 week").click()
    expect(page.locator("[data-bridges]")).to_have_count(0)


def test_names_that_mean_ill_stay_text(look, launch):
    page = look(launch(rigs=40, is_hostile=True), "/quality")
    expect(page.get_by_role("table", name="Sources")).to_contain_text("<img src=x")
    assert page.evaluate("window.hacked") is None
