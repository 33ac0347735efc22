"""A person at the dashboard: logs in, sees numbers move, makes a fault, acknowledges the alert."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.system.hub_api import HubApi, first_password
from tests.system.victims import settle

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]


@pytest.fixture
def page(launch):
    stack = launch(rigs=40, interval_s=1.0)
    HubApi(stack).wait_for_readings(400)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.stack = stack
        page.goto(stack.url)
        page.get_by_label(re.compile("name", re.IGNORECASE)).fill("admin")
        page.get_by_label(re.compile("password", re.IGNORECASE)).fill(first_password(stack))
        page.get_by_role("button", name=re.compile("log in|sign in", re.IGNORECASE)).click()
        yield page
        browser.close()


@pytest.mark.needs("chromium")
def test_a_person_sees_a_fault_and_acknowledges_it(page: Page):
    expect(page.get_by_text("TH/s").or_(page.get_by_text("PH/s")).first).to_be_visible()
    open_rig(page, "rig-003")
    expect(page.get_by_text("rig-003").first).to_be_visible()
    before = page.locator("body").inner_text()
    page.wait_for_function("text => document.body.innerText !== text", arg=before, timeout=15_000)
    page.stack.control("fault", "overheat", "rig-003")
    page.goto(page.stack.url)
    alert = page.get_by_text(re.compile("rig-003")).first
    expect(alert).to_be_visible(timeout=15_000)
    if os.environ.get("LODE_SCREENSHOT"):
        page.screenshot(path=DOCS / "dashboard.png")
    page.get_by_role("button", name=re.compile("acknowledge", re.IGNORECASE)).first.click()
    expect(page.get_by_text(re.compile("acknowledged", re.IGNORECASE)).first).to_be_visible(
        timeout=10_000
    )
    api = HubApi(page.stack)
    assert [a["acknowledged_by"] for a in api.alerts() if a["subject"] == "rig-003"] == ["admin"]


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_the_page_survives_a_restart_of_the_hub(page: Page):
    expect(page.get_by_text("TH/s").or_(page.get_by_text("PH/s")).first).to_be_visible()
    page.stack.hub.stop()
    page.stack.hub.start()
    settle(page.stack)
    api = HubApi(page.stack)
    api.wait_for_readings(api.readings() + 100)
    open_rig(page, "rig-004")
    before = page.locator("body").inner_text()
    page.wait_for_function("text => document.body.innerText !== text", arg=before, timeout=30_000)


def open_rig(page: Page, name: str) -> None:
    """Go to a rig's page by its address, as a bookmark would."""
    rigs = HubApi(page.stack).get("rigs", limit=100)
    number = next(rig["device_id"] for rig in rigs if rig["name"] == name)
    page.goto(f"{page.stack.url}/rigs/{number}")
