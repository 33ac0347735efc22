"""Energy in a real browser: charts, a call by keyboard, files; once on a real database."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import ROOT, Served

pytestmark = pytest.mark.needs("chromium")
DOCS = Path(ROOT) / "docs"


@pytest.fixture(scope="module")
def forty(launch_for_module):
    """A dashboard of forty rigs that the tests only look at."""
    return launch_for_module(rigs=40)


@pytest.fixture
def real(postgres):
    """The dashboard on a real database, for an administrator."""
    command = [sys.executable, "-m", "tests.ui.serve_energy", postgres]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    yield Served({}, process, json.loads(process.stdout.readline()))
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("path", "width"), [("/energy", 400), ("/energy", 1440),
                                             ("/energy/accounts/1", 400)])  # fmt: skip
def test_the_pages_fit_their_window(look, forty, path, width):
    page = look(forty, path, width=width)
    expect(page.locator("h1")).to_contain_text("north" if path == "/energy" else "ERS-30/e1")
    if path == "/energy":
        price = page.get_by_role("img", name="Price of a MWh")
        expect(price.locator("canvas")).to_be_visible()
        keys = page.locator(".lode-chart-key").first
        for key in ("All in", "Day-ahead market", "Real-time market", "Forecast", "Peak window"):
            expect(keys).to_contain_text(key)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    if os.environ.get("LODE_SCREENSHOT") and width > 400:
        page.wait_for_timeout(1000)
        page.screenshot(path=DOCS / "energy.png")


def test_a_call_by_keyboard_after_its_preview(look, launch):
    served = launch(rigs=40)
    page = look(served, "/energy", width=400)
    page.get_by_role("button", name="Begin a call").focus()
    page.keyboard.press("Enter")
    page.get_by_role("spinbutton", name="Power").fill("25")
    page.get_by_role("button", name="Preview").focus()
    page.keyboard.press("Enter")
    begin = page.get_by_role("button", name="Begin exactly this call")
    expect(begin).to_be_visible()
    expect(page.get_by_text("The programme gives 10")).to_be_visible()
    assert served.control("ask")["done"] == []
    begin.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".lode-notice", has_text="The call of ERS-30 holds until")).to_be_visible()
    assert served.control("ask")["done"] == [["call", 25, "mira"]]
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_bare_site_is_set_up_and_its_price_explained(look, real):
    page = look(real, "/energy")
    for step in ("Tariff is missing", "Source is missing", "Economics is missing"):
        expect(page.get_by_text(step)).to_be_visible()
    for noun, name in (("tariff", "flat"), ("source", "rt"), ("economics", "site")):
        page.get_by_role("button", name=f"Write the {noun}").click()
        page.get_by_role("textbox", name="Name").fill(name)
        page.get_by_role("button", name=f"Save {noun}").click()
        expect(page.get_by_text(f"{noun.capitalize()} is missing")).to_be_hidden()
    page.get_by_role("button", name="Upload").click()
    begin = time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(time.time() - 7200))
    text = f"timestamp,price\n{begin},302\nnonsense,1\n"
    file = {"name": "rt.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.get_by_label("File", exact=True).set_input_files(file)
    expect(page.get_by_text("could not be read (line 3")).to_be_visible()
    parts = page.get_by_role("table", name="Parts of the price")
    expect(parts).to_contain_text("energy, real-time HB_WEST", timeout=15_000)
    expect(parts.locator(".lode-sum")).to_contain_text("312.00")
    expect(page.get_by_text("1 says something new").or_(page.get_by_text("1 say something new"))
           ).to_be_visible()  # fmt: skip
    page.get_by_role("link", name="Accounts", exact=True).click()
    expect(page.get_by_text("There is no account yet.")).to_be_visible()
