"""Lies of devices and clocks, from a simulated site to a named alert and a page that says so."""

import os
import re
import time

import pytest
from playwright.sync_api import expect, sync_playwright

from lode_sim.stack import wait_for
from tests.system.hub_api import HubApi, first_password
from tests.system.test_browser import DOCS, FLAGS

SHOW_S = 0.1
"""For a picture: two whole spans of five minutes have to pass."""


def found(api, rule):
    """The open alert of a rule, if there is one."""
    return next((a for a in api.alerts() if a["rule"] == rule and a["state"] == "open"), None)


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_a_wrong_unit_and_a_flat_line_are_found_and_named(launch):
    stack = launch(rigs=40, interval_s=0.5)
    api = HubApi(stack)
    api.wait_for_readings(800)
    stack.control("fault", "unit", "rig-003")
    stack.control("fault", "flat", "rig-005")
    wait_for(lambda: found(api, "quality-units"), 60, "the unit to be found", stack.hub)
    unit = found(api, "quality-units")
    assert "rig-003" in unit["likely_cause"]
    assert "set PH/s as its unit" in unit["likely_cause"]
    wait_for(lambda: found(api, "quality-flatline"), 90, "the flat line to be found", stack.hub)
    assert "rig-005" in found(api, "quality-flatline")["title"]
    answer = api.get("quality", site=api.get("sites")[0]["site"])
    rigs = next(source for source in answer["sources"] if source["kind"] == "rig")
    assert rigs["unit"] > 0
    assert rigs["verdict"] == "bad"
    _look(stack)


def _look(stack) -> None:
    if os.environ.get("LODE_SCREENSHOT"):
        time.sleep(SHOW_S)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{stack.url}/quality")
        page.get_by_label(re.compile("name", re.IGNORECASE)).fill("admin")
        page.get_by_label(re.compile("password", re.IGNORECASE)).fill(first_password(stack))
        page.get_by_role("button", name=re.compile("log in|sign in", re.IGNORECASE)).click()
        page.goto(f"{stack.url}/quality")
        expect(page.get_by_role("table", name="Sources")).to_contain_text("values are in a wrong")
        expect(page.get_by_text("set PH/s as its unit").first).to_be_visible()
        if os.environ.get("LODE_SCREENSHOT"):
            page.screenshot(path=DOCS / "quality.png", full_page=True)
        browser.close()
