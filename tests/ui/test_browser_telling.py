"""On call, channels and rules in a real browser, before a real hub's queries and actions."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import databases
from tests.hub.notify.sinks import HookSink
from tests.ui.conftest import ROOT, Served

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def hooks() -> Iterator[HookSink]:
    sink = HookSink()
    yield sink
    sink.stop()


@pytest.fixture(scope="module")
def hub(database_server, schema, hooks) -> Iterator[Served]:
    with databases.fresh(*database_server, like=schema) as url:
        command = [sys.executable, "-m", "tests.ui.real"]
        settings = {"database": url, "hook": hooks.url, "has_stock": True}
        process = subprocess.Popen(
            [*command, json.dumps(settings)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        yield Served({}, process, json.loads(process.stdout.readline()))
        process.kill()
        process.communicate()


@pytest.fixture
def visit_as(browser, hub):
    """Open a page as somebody, `mira.operator`; at the end it must not have complained."""
    contexts, complaints = [], []

    def opened(who: str, path: str, *, width: int = 1440) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        context.add_cookies([{"name": "who", "value": who, "url": hub.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(hub.url + path)
        page.wait_for_selector(".lode-main")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def test_the_pages_fit_a_phone(visit_as, hub):
    page = visit_as("root.admin", "/oncall", width=400)
    for path in ("/oncall", "/channels", "/rules", "/rules/rig-low-hashrate", "/rules/-"):
        page.goto(hub.url + path)
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator(".lode-tab[aria-current]")).to_have_text("Alerts")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_week_shows_its_gaps_and_who_cannot_be_told(visit_as):
    page = visit_as("mira.operator", "/oncall")
    expect(page.locator(".lode-week-gap").first).to_be_visible()
    notices = page.locator(".lode-notice")
    expect(notices.filter(has_text="Nobody is on call")).to_contain_text("Sun")
    expect(notices.filter(has_text="vera has no way to be told")).to_be_visible()
    steps = page.locator(".lode-track-step")
    expect(steps).to_have_text(
        [re.compile("at once.*north"), re.compile("5.min.*bob"), re.compile("15.min.*root"),
         re.compile("30.min.*mira, root")]
    )  # fmt: skip
    timers = page.get_by_role("table", name="Running escalations")
    expect(timers).to_contain_text("rig-001 is too hot: 97 °C")


def test_a_schedule_is_made_and_what_is_wrong_is_said_at_its_field(visit_as):
    page = visit_as("mira.operator", "/oncall")
    page.get_by_role("button", name="New schedule …").click()
    form = page.locator(".lode-act:visible")
    form.get_by_label("Name").fill("nights")
    form.get_by_label("Time zone").fill("Europe/Nowhere")
    form.get_by_label("People in turn").fill("mira, nobody-here")
    form.get_by_label("Only from").fill("22:00")
    save = form.get_by_role("button", name="Save schedule")
    save.click()
    expect(_field(form, "Only until")).to_contain_text("Give both ends, or neither.")
    form.get_by_label("Only until").fill("06:00")
    save.click()
    expect(_field(form, "Time zone")).to_contain_text("use a name such as Europe/Berlin")
    form.get_by_label("Time zone").fill("Europe/Berlin")
    save.click()
    expect(_field(form, "People in turn")).to_contain_text("person nobody-here: there is none")
    form.get_by_label("People in turn").fill("mira")
    save.click()
    made = page.locator(".lode-policy", has=page.get_by_role("heading", name="nights"))
    expect(made.locator(".lode-week-gap").first).to_be_visible()
    made.get_by_role("button", name="Stand in …").click()
    made.get_by_label("Person").fill("bob")
    made.get_by_label("From").fill("2030-01-01T00:00")
    made.get_by_label("Until").fill("2031-01-01T00:00")
    made.get_by_role("button", name="Stand in", exact=True).click()
    expect(_field(made, "Until")).to_contain_text("within 92 days")
    made.get_by_role("button", name="Remove", exact=True).click()
    made.get_by_role("button", name="Remove nights for good?").click()
    expect(made).to_have_count(0)


def test_a_policy_begins_with_the_usual_steps(visit_as):
    page = visit_as("mira.operator", "/oncall")
    page.get_by_role("button", name="New policy …").click()
    form = page.locator(".lode-act:visible")
    after = form.get_by_label("After")
    assert [after.nth(n).input_value() for n in range(4)] == ["0", "5", "15", "30"]
    form.get_by_label("Name").fill("south")
    form.get_by_label("Sites").fill("south")
    for number, told in enumerate(("north", "bob", "somebody", "root")):
        form.get_by_label("Tell").nth(number).fill(told)
    form.get_by_role("button", name="Save policy").click()
    expect(form.get_by_text("nobody so called has a way to be told")).to_be_visible()
    form.get_by_label("Tell").nth(2).fill("mira")
    form.get_by_role("button", name="Save policy").click()
    made = page.locator(".lode-policy", has=page.get_by_role("heading", name="south"))
    expect(made).to_contain_text("critical alerts of south")


def test_a_test_says_what_the_channel_said(visit_as, hooks):
    page = visit_as("mira.operator", "/channels")
    rows = page.get_by_role("table", name="Channels").locator("tbody tr")
    sent = len(hooks.posts)
    rows.filter(has_text="ops-hook").get_by_role("button").click()
    expect(rows.filter(has_text="ops-hook").get_by_role("status")).to_contain_text("Taken")
    assert len(hooks.posts) == sent + 1
    hooks.answers.append((410, {}))
    rows.filter(has_text="ops-hook").get_by_role("button").click()
    expect(rows.filter(has_text="ops-hook").get_by_role("status")).to_contain_text("410")
    mail = rows.filter(has=page.get_by_text("Mail", exact=True))
    mail.get_by_role("button").click()
    expect(mail.get_by_role("status")).to_contain_text(re.compile("Not taken.*127.0.0.1"))


def test_a_way_and_quiet_hours_of_ones_own(visit_as):
    page = visit_as("vera.viewer", "/channels")
    expect(page.get_by_role("table", name="Channels").get_by_role("button")).to_have_count(0)
    page.get_by_role("button", name="Add or change a way …").click()
    form = page.locator(".lode-act:visible")
    form.get_by_label("Address").fill("no address")
    form.get_by_role("button", name="Save way").click()
    expect(_field(form, "Address")).to_contain_text("is no address for mail")
    form.get_by_label("Address").fill("vera@mine.example")
    form.get_by_label("Only while on call").check()
    form.get_by_role("button", name="Save way").click()
    mine = page.get_by_role("table", name="Your ways")
    expect(mine).to_contain_text("vera@mine.example")
    expect(mine).to_contain_text("only while on call")
    page.get_by_label("Quiet from").fill("22:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(_field(page, "Quiet until")).to_contain_text("only one end is given")
    page.get_by_label("Quiet until").fill("06:00")
    _field(page, "Digest").locator("select").select_option("daily")
    page.get_by_label("Digest at").fill("07:30")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_label("Quiet from")).to_have_value("22:00")
    expect(page.get_by_label("Digest at")).to_have_value("07:30")


def test_what_was_given_up_is_sent_again(visit_as):
    page = visit_as("mira.operator", "/channels")
    page.get_by_role("button", name="Given up").click()
    rows = page.get_by_role("table", name="Deliveries").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("550 no such box")
    rows.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("Nothing was given up.")).to_be_visible()


def test_rules_say_how_often_they_fired(visit_as):
    page = visit_as("mira.operator", "/rules")
    rows = page.get_by_role("table", name="Rules").locator("tbody tr")
    expect(rows.first).to_contain_text("rig-silent")  # what fired the most comes first
    expect(rows.first.locator("td.lode-num")).to_have_text(["1", "2", "2"])
    expect(rows.filter(has_text="rig-over-temperature")).to_contain_text(
        "far above 5\N{NO-BREAK SPACE}°C"
    )
    expect(page.get_by_role("link", name="New threshold …")).to_have_count(0)
    expect(page.get_by_text("Administrators change rules")).to_be_visible()


def test_a_rule_is_changed_for_one_site_and_taken_back(visit_as):
    page = visit_as("root.admin", "/rules/rig-low-hashrate")
    page.get_by_label("Where").select_option("south")
    expect(page.get_by_text("south goes by what is said for everywhere.")).to_be_visible()
    page.get_by_label("Severity").select_option("critical")
    page.get_by_label("Low ratio").fill("0.7")
    page.get_by_label("Silenced by").fill("agent-stail")
    page.get_by_role("button", name="Save").click()
    expect(_field(page, "Silenced by")).to_contain_text("did you mean agent-stale?")
    page.get_by_label("Silenced by").fill("agent-stale")
    page.get_by_role("button", name="Save").click()
    versions = page.get_by_role("table", name="Versions").locator("tbody tr")
    expect(versions).to_have_count(2)
    expect(versions.first).to_contain_text("south")
    expect(page.get_by_label("Low ratio")).to_have_value("0.7")
    page.get_by_role("button", name="Take back").click()
    page.get_by_role("button", name="Take back for good?").click()
    expect(page.get_by_label("Low ratio")).to_have_value("0.85")


def test_a_threshold_is_tried_over_history_then_saved(visit_as):
    page = visit_as("root.admin", "/rules/-")
    page.get_by_role("button", name="Try it out").click()
    expect(_field(page, "Name")).to_contain_text("Give it a name.")
    expect(_field(page, "Limit")).to_contain_text("Give the limit as a number.")
    page.get_by_label("Name").fill("inlet-hot")
    page.get_by_label("Limit").fill("35")
    page.get_by_label("Ends at").fill("36")
    page.get_by_label("Off-delay").fill("0")
    page.get_by_role("button", name="Save").click()
    expect(_field(page, "Ends at")).to_contain_text("it would clear at once")
    page.get_by_label("Ends at").fill("33")
    page.get_by_role("button", name="Try it out").click()
    said = (
        "It would have fired 2 times in the last day, on 2 of 5 devices, and made 2 notifications."
    )
    expect(page.get_by_text(said)).to_be_visible()
    fired = page.get_by_role("table", name="Devices it would have fired on")
    expect(fired.locator("tbody tr")).to_contain_text(["rig-001", "rig-002"])
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/rules/inlet-hot")
    expect(page.get_by_role("table", name="Versions")).to_contain_text("root")
    page.goto(page.url.replace("/inlet-hot", ""))
    first = page.get_by_role("table", name="Rules").locator("tbody tr").first
    expect(first).to_contain_text(
        "inlet temp of rigs above 35\N{NO-BREAK SPACE}°C for 2\N{NO-BREAK SPACE}min"
    )


def test_a_role_that_was_taken_away_is_refused_by_the_hub(visit_as):
    page = visit_as("vera.admin", "/rules/rig-silent")  # the hub's own book says viewer
    page.get_by_label("Severity").select_option("info")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("rules.edit: vera as admin may not do that")).to_be_visible()
    expect(page.get_by_role("table", name="Versions").locator("tbody tr")).to_have_count(1)
    page.goto(page.url.replace("/rules/rig-silent", "/oncall"))
    page.get_by_role("button", name="Remove", exact=True).first.click()
    page.get_by_role("button", name="for good?").click()
    expect(page.get_by_text("telling.schedule: vera as admin may not do that")).to_be_visible()


def _field(place: Page | Locator, label: str) -> Locator:
    """Find a field with what is said below it."""
    return place.locator(f'div.lode-field:has(.lode-field-label:text-is("{label}"))')


KEY = re.compile(r"\b(site|agent|device|channel):\w+")
CALLED = ["agent north-1", "channel ops-hook", "model Antminer S21", "north", "rack A3"]


@pytest.mark.parametrize("width", [400, 1440])
def test_nobody_reads_a_key_where_a_name_is_meant(visit_as, hub, width):
    page = visit_as("mira.operator", "/alerts", width=width)
    lines = page.locator(".lode-inbox-line", has_text="it is so")
    expect(lines).to_have_count(len(CALLED))
    where = [line.locator(".lode-note").first.inner_text() for line in lines.all()]
    assert sorted(words.split(" · ")[0] for words in where) == CALLED
    rack = lines.filter(has_text="rack A3").locator("a").get_attribute("href")
    for path, words in (("/", "rack A3"), ("/alarm-figures", "rack A3"), (rack, "rig-002")):
        page.goto(hub.url + path)
        expect(page.locator(".lode-main")).to_contain_text(words)
        assert not KEY.search(page.locator(".lode-main").inner_text())
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    expect(page.locator(".lode-alert-about")).to_contain_text("rack A3")
    expect(page.get_by_role("link", name="rig-002")).to_have_attribute("href", "/rigs/2")
