"""Lies of devices, from a simulated site to a named alert and a page that says so."""

import os
import re
import time

import pytest
from playwright.sync_api import expect, sync_playwright

from lode_sim.stack import wait_for
from tests.system.hub_api import HubApi, first_password
from tests.system.test_browser import DOCS, FLAGS

PROVED = 40 * 40
"""Readings of 40 rigs after which each has shown how its values move."""

SHOW_S = 330.0
"""For a picture: a whole span of five minutes has to pass."""


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_a_wrong_unit_and_a_flat_line_are_found_and_named(launch):
    stack = launch(rigs=40, interval_s=0.5)
    api = HubApi(stack)
    api.wait_for_readings(PROVED)
    stack.control("fault", "unit", "rig-003")
    stack.control("fault", "flat", "rig-004")
    # 12 readings, and a look every 10 s: the rigs say that they have been at work for hours.
    wait_for(lambda: found(api, "quality-units"), 30, "the unit to be found", stack.hub)
    assert "rig-003" in found(api, "quality-units")["likely_cause"]
    assert "set PH/s as its unit" in found(api, "quality-units")["likely_cause"]
    # Half a minute without a change, a minute where it had hardly moved before, and a look.
    wait_for(lambda: found(api, "quality-flatline"), 80, "the flat line to be found", stack.hub)
    assert "rig-004" in found(api, "quality-flatline")["title"]
    answer = api.get("quality", site=api.get("sites")[0]["site"])
    rigs = next(s for s in answer["sources"] if s["kind"] == "rig" and s["unit"])
    assert rigs["verdict"] == "bad"
    _look(stack)


def found(api, rule):
    """The open alert of a rule, if there is one."""
    return next((a for a in api.alerts() if a["rule"] == rule and a["state"] == "open"), None)


def _look(stack) -> None:
    is_picture = bool(os.environ.get("LODE_SCREENSHOT"))
    if is_picture:
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
        if is_picture:
            page.screenshot(path=DOCS / "quality.png", full_page=True)
        browser.close()
