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


PICTURES = {"/energy": "energy.png", "/energy/plan": "energy-plan.png"}


@pytest.mark.parametrize(
    ("path", "width"),
    [("/energy", 400), ("/energy", 1440), ("/energy/accounts/1", 400), ("/energy/plan", 400),
     ("/energy/plan", 1440)],
)  # fmt: skip
def test_the_pages_fit_their_window(look, forty, path, width):
    page = look(forty, path, width=width)
    expect(page.locator("h1")).to_contain_text("ERS-30/e1" if "accounts" in path else "north")
    if path == "/energy/plan":
        rigs = page.get_by_role("img", name="Rigs by mode")
        expect(rigs.locator("canvas")).to_be_visible()
        keys = page.locator(".lode-chart-key [data-line]")
        expect(keys).to_have_text(["Full", "Low", "Preset 2800W", "Asleep"])
    if path == "/energy":
        price = page.get_by_role("img", name="Price of a MWh")
        expect(price.locator("canvas")).to_be_visible()
        keys = page.locator(".lode-chart-key").first
        for key in ("All in", "Day-ahead market", "Real-time market", "Forecast", "Peak window"):
            expect(keys).to_contain_text(key)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    if os.environ.get("LODE_SCREENSHOT") and width > 400:
        page.wait_for_timeout(1000)
        page.screenshot(path=DOCS / PICTURES[path])


@pytest.mark.parametrize("width", [400, 1440])
def test_what_calls_earned_and_whether_one_can_come(look, launch, width):
    page = look(launch(rigs=40, is_deaf=True), "/energy", width=width)
    expect(page.locator(".lode-bad.lode-notice")).to_contain_text("No call of ERS-30 can come")
    ways = page.get_by_role("table", name="Programmes")
    expect(ways).to_contain_text("Deaf")
    expect(ways).to_contain_text("47 min")
    reports = page.get_by_role("table", name="Reports to VTNs")
    expect(reports).to_contain_text("answered 503")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.goto(page.url.replace("/energy", "/energy/accounts/2"))
    expect(page.get_by_role("table", name="By call")).to_contain_text("ERS-30/e2 (test)")
    expect(page.get_by_role("table", name="Peaks avoided")).to_contain_text("$126.00")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_planner_is_let_act_by_keyboard_after_its_preview(look, launch):
    served = launch(rigs=40)
    page = look(served, "/energy", width=400)
    page.get_by_role("button", name="Let it act …").focus()
    page.keyboard.press("Enter")
    let = page.get_by_role("button", name="Let it throttle rigs here")
    expect(page.get_by_text("Down to 13 of 37 rigs awake")).to_be_visible()
    expect(page.get_by_text("2 unreachable, 1 in maintenance")).to_be_visible()
    expect(let).to_be_enabled()
    assert served.control("ask")["done"] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    let.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("plans are the standing orders")).to_be_visible()
    assert served.control("ask")["done"] == [["planner", 0, "act by mira"]]


def test_a_preview_of_ten_thousand_left_out_is_searched(look, launch):
    page = look(launch(rigs=40, left_out=10_000), "/energy/plan", width=400)
    page.get_by_role("button", name="Preview of now").click()
    fold = page.get_by_role("button", name="6,666 Unreachable")
    fold.click()
    expect(page.locator(".lode-name")).to_have_count(50)
    page.get_by_role("searchbox", name="Why is this rig left out?").fill("rig-5000")
    expect(page.get_by_role("link", name="rig-5000", exact=True)).to_be_visible()
    expect(page.get_by_text("tom: fans")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("width", [400, 1440])
def test_what_yesterday_would_have_cost_and_earned(look, forty, width):
    page = look(forty, "/energy/what-if", width=width)
    page.get_by_role("button", name="What would it have cost?").click()
    expect(page.get_by_text("$148.30 for 940.2")).to_be_visible()
    page.get_by_role("button", name="What would a plan have earned?").click()
    expect(page.get_by_text("$20.41 more than always on")).to_be_visible()
    power = page.get_by_role("img", name="Power in the simulated time")
    expect(power.locator("canvas")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    if os.environ.get("LODE_SCREENSHOT") and width > 400:
        page.wait_for_timeout(1000)
        page.screenshot(path=DOCS / "energy-what-if.png", full_page=True)


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
    page.get_by_role("link", name="What if", exact=True).click()
    page.get_by_role("button", name="What would a plan have earned?").click()
    expect(page.get_by_text("no rig can be planned; see who is left out")).to_be_visible()
    page.get_by_role("link", name="Plan", exact=True).click()
    page.get_by_role("button", name="Preview of now").click()
    expect(page.get_by_text("no price or hashprice to plan by")).to_be_visible()
