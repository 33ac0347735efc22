"""Data quality of a live site, on its page."""

import os
import re
import time

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.system.hub_api import HubApi, first_password
from tests.system.test_browser import DOCS, FLAGS

SHOW_S = 0.1
"""For a picture: two whole spans of five minutes have to pass."""


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_a_live_site_has_its_quality_on_a_page(launch):
    stack = launch(rigs=40, interval_s=0.5)
    HubApi(stack).wait_for_readings(800)
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
        expect(page.get_by_role("table", name="Sources")).to_contain_text("north-1")
        if os.environ.get("LODE_SCREENSHOT"):
            page.screenshot(path=DOCS / "quality.png", full_page=True)
        browser.close()
