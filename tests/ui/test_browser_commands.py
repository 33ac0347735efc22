"""Commands, curtailing and the technician's tools in a real browser: typing, folding, keys."""

import pytest
from playwright.sync_api import expect

from tests.ui.made_commands import REGISTERS
from tests.ui.test_browser_fleet import FROZEN_MS, WATCH

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def forty(launch_for_module):
    """A dashboard of forty rigs and some commands that the tests only look at."""
    return launch_for_module(rigs=40, has_commands=True)


def test_what_is_typed_stays_while_the_page_lives(look, launch):
    served = launch(rigs=40)
    page = look(served, "/rigs/3")
    page.get_by_role("button", name="Power limit").click()
    page.get_by_label("Draw at most").fill("2500")
    page.get_by_role("button", name="Dry run").click()
    outcome = page.locator(".lode-outcome")
    expect(outcome).to_contain_text("Dry run of power limit 2.500")
    change = {"key": "power_limit", "before": "3250", "after": "2500"}
    served.control("tell", stage="effective", changes=[change])
    expect(outcome.locator(".lode-after")).to_have_text("2500")
    expect(page.get_by_label("Draw at most")).to_have_value("2500")
    assert served.control("ask")["done"] == [["dry_run", 3, "mira"]]


def test_a_curtailment_from_the_form_to_its_proof_by_keyboard(look, launch):
    served = launch(rigs=40)
    page = look(served, "/curtail", width=400)
    power = page.get_by_label("Power")
    power.focus()
    page.keyboard.type("60")
    page.get_by_role("button", name="Preview").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/curtail/*")
    fold = page.get_by_role("button", name="In maintenance")
    expect(fold).to_have_attribute("aria-expanded", "false")
    fold.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".lode-name", has_text="rig-019")).to_contain_text("new fan")
    page.get_by_role("button", name="Start exactly this").click()
    expect(page.get_by_role("button", name="End curtailment")).to_be_visible()
    expect(page.locator(".lode-chip", has_text="Effective")).to_be_visible()
    assert [done[0] for done in served.control("ask")["done"]] == ["preview", "start"]
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_stop_needs_the_name(look, launch):
    served = launch(rigs=40)
    page = look(served, "/curtail")
    stop = page.get_by_role("button", name="Stop all")
    expect(stop).to_be_disabled()
    page.get_by_label("Type the site's name").fill("north")
    expect(stop).to_be_enabled()
    stop.click()
    expect(page.locator(".lode-emergency")).to_contain_text("north was stopped by mira.")


def test_registers_on_a_phone(look, launch):
    served = launch(rigs=3)
    page = look(served, "/technician?device=9001", width=400)
    expect(page.locator('.lode-tab[aria-current="page"]')).to_be_in_viewport()
    page.get_by_label("Count").fill("4")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.get_by_text("Read registers 0 to 3")).to_be_visible()
    served.control("tell", stage="effective", answer=REGISTERS)
    table = page.get_by_label("Registers", exact=True)
    expect(table).to_contain_text("230.2")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_command_leads_from_the_list_to_its_proof(look, forty):
    page = look(forty, "/commands")
    page.get_by_role("link", name="Sleep").first.click()
    expect(page.locator(".lode-track-step[aria-current]")).to_contain_text("Effective")
    expect(page.get_by_label("Devices", exact=True)).to_contain_text("is_asleep True")
    marks = page.locator(".lode-track-step .lode-shape").evaluate_all(
        "all => all.map(each => getComputedStyle(each).maskImage)"
    )
    assert len(marks) == 6


def test_what_was_not_ordered_here_is_shown(look, forty):
    page = look(forty, "/commands", width=400)
    strange = page.get_by_label("Strange commands")
    expect(strange).to_contain_text("<b>stranger</b>")
    expect(strange).to_contain_text("Its signature does not fit: the signature does not fit")
    rules = page.get_by_label("By sites")
    for words in ("Too hot", "rig-007", "chip 99 °C, above 95 °C", "north, north-1"):
        expect(rules).to_contain_text(words)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.slow
def test_ten_thousand_rigs_do_not_freeze_a_preview(look, launch):
    served = launch(rigs=10_000)
    page = look(served, "/curtail")
    page.evaluate(WATCH)
    page.get_by_role("button", name="As far as possible").click()
    page.get_by_role("button", name="Preview").click()
    page.wait_for_url("**/curtail/*", timeout=15_000)
    page.evaluate(WATCH)
    expect(page.locator(".lode-fold-count:visible").first).to_have_text("100", timeout=15_000)
    page.get_by_role("button", name="Unreachable").click()
    expect(page.locator(".lode-name:visible")).to_have_count(50)
    page.get_by_placeholder("Why is this rig skipped?").fill("rig-9931")
    expect(page.locator(".lode-name:visible")).to_have_count(1)
    page.get_by_role("button", name="Start exactly this").click()
    expect(page.locator(".lode-chip", has_text="Effective")).to_be_visible(timeout=15_000)
    assert page.locator("tr").count() < 200  # only a page of them is drawn
    assert max(page.evaluate("blocked"), default=0) < FROZEN_MS
