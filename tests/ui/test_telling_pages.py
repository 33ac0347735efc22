"""The pages of rules, on-call and channels: what is there, what a role may, what is empty."""

import datetime

import pytest

from lode_hub.errors import ForbiddenError, InvalidError
from lode_hub.queries.alert_nouns import Fired, RuleRow
from lode_hub.queries.telling import (
    ChannelRow,
    Habit,
    Layer,
    OverrideRow,
    Policy,
    ScheduleRow,
    ShiftRow,
    Step,
    TimerRow,
    WayRow,
)
from lode_hub.queries.tryouts import Tried
from lode_ui.figures import MISSING
from lode_ui.pages.channels import ChannelsPage
from lode_ui.pages.oncall import OnCallPage
from lode_ui.pages.rule import RulePage
from lode_ui.pages.rules import NEW as NEW_NAME
from lode_ui.pages.rules import RulesPage
from lode_ui.widgets.rule_form import NEW
from tests.ui.made import now_ms
from tests.ui.reading import button, field, press, seen, send, until
from tests.ui.stage import Stage, answering, desk, staged
from tests.ui.world import World
from tests.ui.world_alarms import delivery

BODY = {**NEW, "metric": None, "title": "too hot", "cause": "heat", "thresholds": {"low_s": 180.0}}
HOUR_MS = 3_600_000


def rule(name: str, **values: object) -> RuleRow:
    shown: dict[str, object] = {
        "name": name, "site": None, "version": 1, "is_current": True, "is_enabled": True,
        "cause": "heat", "severity": None, "body": BODY, "by": "shipped", "at_ms": 1,
        "person": None, "is_own": False, "open_alerts": 0,
    } | values  # fmt: skip
    return RuleRow(**shown)


def may_press(stage: Stage, word: str) -> bool:
    """Tell whether a button is there, and shown."""
    shown = seen(stage).split(" | ")
    try:
        return word in shown and button(stage, word) is not None
    except StopIteration:
        return False


def links(stage: Stage) -> dict[str, str]:
    every = (e for e in stage._client.elements.values() if e.tag == "a")
    return {str(e._text): str(e.props.get("href")) for e in every}


def rows(stage: Stage) -> list[str]:
    """Read a page's table lines."""
    every = [e for e in stage._client.elements.values() if e.tag == "tr"]
    return [" | ".join(str(e._text) for e in row.descendants() if e._text) for row in every]


RULES = (
    rule("rig-hot", severity="critical"),
    rule("rig-hot", site="north", version=4, person={"severity": "info"}, severity="info"),
    rule("inlet", is_own=True, is_enabled=False, body={**NEW, "above": 35.0, "title": "look"}),
    rule("rig silent/x", open_alerts=1_200),
)
FIRED = (
    Fired(name="rig-hot", site="north", day=1, week=10),
    Fired(name="rig-hot", site="south", day=2, week=20),
    Fired(name="rig-hot", site=None, day=0, week=5),
)


def rules_desk(role: str, current=RULES, **values: object):
    alarms = answering(rules=list(current), fired=list(FIRED))
    return desk(role, alarms=alarms, **values)


async def test_each_rule_counts_what_it_opened_where_it_holds():
    own = rules_desk("admin")
    async with staged(lambda: RulesPage(own)) as stage:
        await stage.made.refresh()
        lines = [line.replace("\N{NO-BREAK SPACE}", " ") for line in rows(stage)[1:]]
        assert [line.split(" | ")[0] for line in lines] == [
            "inlet", "rig-hot", "rig-hot at north", "rig silent/x",
        ]  # fmt: skip
        assert "| 2 | 25 | 0 | 1" in lines[1]  # not north's, which has a rule of its own
        assert "| 1 | 10 | 0 | 4 · changed" in lines[2]
        assert lines[3].endswith("| 0 | 0 | 1,200 | 1")
        assert "Off" in lines[0]
        assert "inlet temp of rigs above 35 °C for 2 min" in lines[0]
        assert links(stage)["rig-hot at north"] == "/rules/rig-hot?at=north"
        assert links(stage)["rig silent/x"] == "/rules/rig%20silent%2Fx"
        assert links(stage)["New threshold …"] == "/rules/-"
        send(next(e for e in stage._client.elements.values() if e.tag == "input"), "heat NORTH")
        await until(lambda: len(rows(stage)) == 2)


@pytest.mark.parametrize("role", ["viewer", "operator", "auditor"])
async def test_who_is_no_administrator_changes_no_rule(role):
    own = rules_desk(role)
    async with staged(lambda: RulesPage(own)) as stage:
        assert f"you are logged in as {role}" in seen(stage)
        assert "New threshold …" not in links(stage)
    own = desk(role, alarms=answering(rules=list(RULES[:2]), fired=[]))
    async with staged(lambda: RulePage(own, "rig-hot", "")) as stage:
        await stage.made.refresh()
        assert not may_press(stage, "Save")
        assert not may_press(stage, "Take back")
        assert may_press(stage, "Try it out") == (role == "operator")


async def test_without_rules_or_a_rule_it_says_so():
    async with staged(lambda: RulesPage(rules_desk("viewer", ()))) as stage:
        await stage.made.refresh()
        assert "No rule fits." in seen(stage)
    async with staged(lambda: RulePage(rules_desk("admin", ()), "gone", "")) as stage:
        await stage.made.refresh()
        assert "There is no rule of that name." in seen(stage)
        assert not may_press(stage, "Save")


async def test_a_rule_of_a_site_is_taken_back_there_only():
    own = rules_desk("admin", RULES[:2])
    async with staged(lambda: RulePage(own, "rig-hot", "north")) as stage:
        await stage.made.refresh()
        assert field(stage, "Where") is not None
        assert may_press(stage, "Take back")
        send(field(stage, "Where"), "")
        assert not may_press(stage, "Take back")  # nobody has changed it for everywhere
        send(field(stage, "Where"), "north")
        press_it = button(stage, "Take back")
        with stage._client:
            await press_it._clicked()
            assert own.actions.alarms.done == []
            await press_it._clicked()
    ((act, person, name, site, _),) = own.actions.alarms.done
    assert (act, person.name, name, site) == ("reset_rule", "mira", "rig-hot", "north")


async def test_a_refused_name_is_said_at_the_name():
    own = rules_desk("admin")
    own.actions.alarms.failure = InvalidError("person: rule Hot: name: small letters only")
    async with staged(lambda: RulePage(own, NEW_NAME, "")) as stage:
        await stage.made.refresh()
        send(field(stage, "Limit"), "35")
        press(stage, "Save")
        await until(lambda: "Give it a name." in seen(stage))
        assert own.actions.alarms.tried == 0
        send(field(stage, "Name"), "Hot")
        press(stage, "Save")
        await until(lambda: "small letters only" in seen(stage))
        assert "aria-invalid" in field(stage, "Name").props


TRIED = Tried(days=7, devices=40, values=0, alerts=0, devices_hit=0, flapping=0, messages=0,
              open_still=0, middle_s=None, longest_s=None, often=[])  # fmt: skip


async def test_a_try_out_without_readings_says_so_and_no_length():
    own = rules_desk("operator", RULES[:1], tryouts=answering(run=TRIED))
    async with staged(lambda: RulePage(own, "rig-hot", "")) as stage:
        await stage.made.refresh()
        press(stage, "Try it out")
        await until(lambda: "Nothing is stored of 40 devices in the last 7 days" in seen(stage))
        assert f"Typical length | {MISSING} | Longest | {MISSING}" in seen(stage)
        assert not may_press(stage, "Stop")


def telling(**values: object):
    names = ("channels", "ways", "schedules", "shifts", "policies", "timers", "deliveries")
    nothing: dict[str, object] = {name: [] for name in names}
    return answering(**{**nothing, "habit": Habit(), **values})


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_nobody_on_call_and_nothing_set_up_is_said(role):
    async with staged(lambda: OnCallPage(desk(role, telling=telling()))) as stage:
        await stage.made.refresh()
        for part in ("Nobody is ever on call", "Without a policy, critical alerts go to channels",
                     "No escalation is running."):  # fmt: skip
            assert part in seen(stage)
        for word in ("New schedule …", "New policy …"):
            assert may_press(stage, word) == (role == "operator")


def schedule(now: int):
    layer = Layer(people=("ann", "bob"), begins_on=datetime.date(2026, 11, 2))
    stands = OverrideRow(override_id=7, person="zoe", from_ms=now, until_ms=now + HOUR_MS)
    return ScheduleRow(name="night", time_zone="Asia/Tokyo", sites=["north"], layers=(layer,),
                       overrides=[stands], on_call="ann")  # fmt: skip


NOON_MS = 1_800_014_400_000  # Fri 15 January 2027, 12:00 UTC; 21:00 in Tokyo


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("operator", True)])
async def test_a_schedule_says_who_until_when_and_what_is_wrong(role, may):
    turns = (("ann", False), (None, False), ("bob", True))
    shifts = [
        ShiftRow(person=person, is_reachable=reached, from_ms=NOON_MS + n * 8 * HOUR_MS,
                 until_ms=NOON_MS + (n + 1) * 8 * HOUR_MS)
        for n, (person, reached) in enumerate(turns)
    ]  # fmt: skip
    steps = (Step(after_s=0, tell=("schedule:night",)), Step(after_s=90, tell=("person:bob",)))
    timer = TimerRow(alert_id=42, title="hot", site=None, policy="p", step=1, begun_ms=1,
                     due_ms=now_ms() - 1)  # fmt: skip
    asked = telling(
        schedules=[schedule(NOON_MS)], shifts=shifts, timers=[timer],
        policies=[Policy(id=1, name="p", sites=None, steps=steps)],
    )  # fmt: skip
    async with staged(lambda: OnCallPage(desk(role, telling=asked))) as stage:
        await stage.made.refresh()
        said = seen(stage)
        for part in ("north · times in Asia/Tokyo", "ann is on call", "until Sat 16 Jan, 05:00",
                     "ann has no way to be told", "Nobody is on call",
                     "Sat 16 Jan, 05:00 to Sat 16 Jan, 13:00. Add a layer",
                     "zoe stands in from Fri 15 Jan, 21:00 to Fri 15 Jan, 22:00",
                     "whoever is on call in night", "after 1 min 30 s", "now: bob"):  # fmt: skip
            assert part in said, part
        assert "bob has no way to be told" not in said
        assert f"{MISSING} | p | 2" in rows(stage)[-1]
        assert links(stage)["hot"] == "/alerts/42"
        for word in ("Stand in …", "Change …", "Remove", "Take back"):
            assert may_press(stage, word) == may, word


async def test_a_forbidden_removal_is_told_and_asked_for_twice():
    own = desk("operator", telling=telling(schedules=[schedule(NOON_MS)]))
    own.actions.telling.failure = ForbiddenError("telling.edit: may not")
    async with staged(lambda: OnCallPage(own)) as stage:
        await stage.made.refresh()
        remove = button(stage, "Remove")
        with stage._client:
            await remove._clicked()
            assert own.actions.telling.tried == 0
            await remove._clicked()
        assert own.actions.telling.tried == 1
        assert stage.notices == ["Not done: telling.edit: may not"]


def channel(name: str, **values: object) -> ChannelRow:
    shown: dict[str, object] = {
        "channel": name, "kind": "mail", "tells_always": 1, "serves_people": True, "waiting": 0,
        "sent": 1_234, "dead": 0, "last_sent_ms": None, "last_error": None,
    } | values  # fmt: skip
    return ChannelRow(**shown)


def way(way_id: int, person: str, **values: object) -> WayRow:
    shown: dict[str, object] = {
        "way_id": way_id, "person": person, "kind": "webhook", "address": f"https://{person}",
        "min_severity": "critical", "is_on_call_only": True, "is_resolved_told": False,
        "is_served": True,
    } | values  # fmt: skip
    return WayRow(**shown)


@pytest.mark.parametrize(
    ("role", "buttons"),
    [
        # one's own way may be tested and removed by everybody, and shows its secret
        ("viewer", {"Send a test": 1, "Remove": 1, "Show its secret": 1, "Send again": 0}),
        ("operator", {"Send a test": 4, "Remove": 1, "Show its secret": 1, "Send again": 1}),
        ("admin", {"Send a test": 4, "Remove": 2, "Show its secret": 1, "Send again": 1}),
    ],
)
async def test_a_role_is_offered_what_it_may_with_channels(role, buttons):
    asked = telling(
        channels=[channel("mail"), channel("sms", tells_always=0, last_error="451 later")],
        ways=[way(1, "mira"), way(2, "bob", is_served=False, min_severity="info")],
        deliveries=[delivery(1, state="dead", error="550 no box"), delivery(2, person=None)],
    )  # fmt: skip
    async with staged(lambda: ChannelsPage(desk(role, telling=asked))) as stage:
        await stage.made.refresh()
        shown = seen(stage).split(" | ")
        assert {word: shown.count(word) for word in buttons} == buttons
        for part in ("1 recipient always and people", "people", "1,234", "Last error: 451 later",
                     "critical only", "only while on call", "not told", "bob · Webhook", "info on",
                     "550 no box", "No channel of the settings serves it; nothing is sent.",
                     "noor@example.org"):  # fmt: skip
            assert part in shown, part


async def test_older_deliveries_are_turned_to_and_back():
    rows = [delivery(number, person=f"p{number}") for number in range(130, 0, -1)]

    async def deliveries(*, limit, before=None, **_: object):
        return [row for row in rows if before is None or row.delivery_id < before][:limit]

    asked = telling()
    asked.deliveries = deliveries
    async with staged(lambda: ChannelsPage(desk("viewer", telling=asked))) as stage:
        await stage.made.refresh()
        for word, first, last in (
            ("", 130, 81), ("Older", 80, 31), ("Older", 30, 1), ("Newer", 80, 31),
            ("Waiting", 130, 81),
        ):  # fmt: skip
            if word:
                press(stage, word)
            await until(lambda n=first: f"p{n}" in seen(stage).split(" | "))
            shown = [
                part for part in seen(stage).split(" | ") if part[0] == "p" and part[1:].isdigit()
            ]
            assert (shown[0], shown[-1]) == (f"p{first}", f"p{last}")


@pytest.mark.parametrize(
    ("shown", "said"),
    [("All", "Nothing has been sent yet."), ("Waiting", "Nothing is waiting."),
     ("Given up", "Nothing was given up.")],
)  # fmt: skip
async def test_without_channels_ways_and_deliveries_it_says_what_to_do(shown, said):
    async with staged(lambda: ChannelsPage(desk("viewer", telling=telling()))) as stage:
        await stage.made.refresh()
        page = stage.made
        await page._choose({"All": "all", "Waiting": "waiting", "Given up": "dead"}[shown])
        for part in ("Nobody can be told: no channel is set up.", "[notify.smtp]",
                     "You are not told of anything.", said):  # fmt: skip
            assert part in seen(stage), part
        assert "How other people are told" not in seen(stage)


async def test_a_new_rule_has_no_versions_and_holds_everywhere_without_sites():
    own = rules_desk("admin", world=World(rigs=0))
    async with staged(lambda: RulePage(own, NEW_NAME, "")) as stage:
        await stage.made.refresh()
        assert "everywhere" in seen(stage)
        assert "Versions" not in seen(stage)
