"""The learned opinion's page in a real browser."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.needs("chromium")


@pytest.mark.parametrize("width", [400, 1440])
def test_the_page_fits_its_window_and_asks_before_it_decides(look, launch, width):
    served = launch(rigs=40)
    page = look(served, "/model", width=width)
    expect(page.get_by_role("heading", name="Learned opinion")).to_be_visible()
    expect(page.get_by_role("table", name="Faults it saw")).to_contain_text("Board loss")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.get_by_role("button", name="Let it advise …").click()
    question = page.get_by_role("button", name="Let it stand beside findings at north?")
    expect(question).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert served.control("ask")["done"] == []
    question.click()
    expect(page.get_by_role("table", name="Decisions")).to_contain_text("mira")
    assert served.control("ask")["done"] == [["let_model", 0, "mira advisory"]]
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_names_that_mean_ill_stay_text(look, launch):
    page = look(launch(rigs=40, is_hostile=True), "/model")
    expect(page.locator(".lode-main")).to_contain_text("<img src=x")
    assert page.evaluate("window.hacked") is None
