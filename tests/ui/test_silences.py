"""Silences, maintenance and alarm figures as a person reads them, without a browser."""

import itertools
from dataclasses import replace

import pytest

from lode_ui.alarm_words import stake, untold
from lode_ui.figures import MISSING
from lode_ui.widgets.alarm_targets import targets
from tests.ui.made import now_ms
from tests.ui.reading import button, field, press, seen, send, until
from tests.ui.test_pages import trends
from tests.ui.world import Someone, World
from tests.ui.world_alarms import figures, shelf


async def test_what_holds_and_what_is_planned_is_listed_and_ended(visit):
    world = World(rigs=40, alarms=12)
    async with visit(world, Someone("mira", "operator")) as user:
        await user.open("/silences")
        said = seen(user)
        parts = ("at north, about heat, in rack A*", "louvres are being mended", "by noor", "Now",
                 "at all sites, rule rig-silent", "rack B2 of north", "Planned")  # fmt: skip
        assert [part for part in parts if part not in said] == []
        press(user, "End")
        await until(lambda: ("end silence", 1, "mira") in world.done)
        await until(lambda: "louvres are being mended" not in seen(user))


async def test_a_silence_like_an_alert_is_made_from_its_page(visit):
    world = World(rigs=40, alarms=12)
    async with visit(world, Someone("mira", "operator")) as user:
        await user.open("/alerts/3")
        links = (e.props.get("href", "") for e in user._client.elements.values() if e.tag == "a")
        address = next(link for link in links if "new=silence" in link)
        assert address == "/silences?at=north&rack=A1&new=silence&rule=rig-board-loss&cause=hash"
        await user.open(address)
        send(field(user, "Reason"), "the board is on its way")
        silence = [e for e in user._client.elements.values() if e._text == "Silence"][-1]
        send(silence)
        await until(lambda: any(act == "silence" for act, _, _ in world.done))
        made = list(world.alarms.silences.values())[-1]
        assert (made.site, made.rule, made.cause, made.rack) == (
            "north", "rig-board-loss", "hash", "A1",
        )  # fmt: skip
        assert made.ends_ms - made.starts_ms == 3_600_000


async def test_what_lacks_is_said_and_nothing_is_made(visit):
    world = World(rigs=40, alarms=12)
    async with visit(world) as user:
        await user.open("/silences")
        silence = [e for e in user._client.elements.values() if e._text == "Silence"][-1]
        send(silence)
        await until(lambda: "Choose at least a site" in seen(user))
        send(field(user, "Rule"), "rig-*")
        send(silence)
        await until(lambda: "Say why" in seen(user))
        press(user, "Maintenance")  # the list's name has no click
        await until(lambda: "What is done" in seen(user))
        press(user, "Plan maintenance")
        await until(lambda: "Choose a site." in seen(user))
        assert world.done == []


async def test_maintenance_is_planned(visit):
    world = World(rigs=40, alarms=12)
    async with visit(world, Someone("mira", "operator")) as user:
        await user.open("/silences?new=maintenance&at=north&rack=A1")
        send(field(user, "What is done"), "new fans")
        press(user, "Plan maintenance")
        await until(lambda: any(act == "maintain" for act, _, _ in world.done))
        made = list(world.alarms.maintenance.values())[-1]
        assert (made.site, made.rack, made.note, made.person) == ("north", "A1", "new fans", "mira")


@pytest.mark.parametrize("role", ["viewer", "regulator"])
async def test_who_may_only_look_makes_and_ends_nothing(visit, role):
    async with visit(World(rigs=40, alarms=12), Someone("otto", role)) as user:
        await user.open("/silences?new=silence")
        assert f"Operators may act here; you are logged in as {role}." in seen(user)
        for word in ("End", "Silence", "Plan maintenance"):
            with pytest.raises(StopIteration):
                button(user, word)


async def test_figures_stand_beside_their_targets(visit):
    async with visit(World(rigs=40, alarms=12)) as user:
        await user.open("/alarm-figures")
        said = seen(user)
        assert "40 alarms told; 3 targets missed" in said
        assert "targets: EEMUA Publication 191" in said
        assert "Peak in 10 min | the worst, for an operator | 24 | at most 10 | Missed" in said
        assert "rig-over-temperature | rig-017 | 12 | 30 %" in said
        chart = trends(user)["Alarms in 10 min"]
        assert [limit["value"] for limit in chart["limits"]] == [1, 10]
        assert sum(chart["lines"][0]["mean"]) == 40
        press(user, "Last 24 h")
        await until(lambda: trends(user)["Alarms in 10 min"]["lines"][0]["mean"][0] == 0.0)


async def test_a_day_that_is_over_has_figures_of_its_own(visit):
    async with visit(World(rigs=40, alarms=12)) as user:
        await user.open("/alarm-figures")
        assert "put aside by people now" in seen(user)
        press(user, "One day")
        days = next(e for e in user._client.elements.values() if e.props.get("aria-label") == "Day")
        ends = [int(e.props["value"]) for e in days.default_slot.children]
        assert len(ends) == 31
        day_ms = 86_400_000
        assert ends[0] == now_ms() // day_ms * day_ms
        assert {a - b for a, b in itertools.pairwise(ends)} == {day_ms}
        send(days, str(ends[3]))
        await until(lambda: trends(user)["Alarms in 10 min"]["to"] == ends[3])
        assert trends(user)["Alarms in 10 min"]["from"] == ends[3] - day_ms
        assert "put aside by people now" not in seen(user)


async def test_what_is_shelved_is_listed_and_brought_back(visit):
    world = World(rigs=40, alarms=12)
    world.alarms.shelf[:] = [shelf("rig-fan", note="", by="tom")]
    async with visit(world, Someone("mira", "operator")) as user:
        await user.open("/silences")
        for part in ("Shelved alarms", "rule rig-fan, rig-017 at north", "no reason given",
                     "by tom", "Ended"):  # fmt: skip
            assert part in seen(user), part
        assert "Bring back now" not in seen(user)  # it has no alert to bring back
        alert_id = next(iter(world.open_alerts))
        alert = world.open_alerts[alert_id]
        world.open_alerts[alert_id] = replace(
            alert, shelved_until_ms=now_ms() + 60_000, shelved_by="noor"
        )
        await user.open("/silences")
        await until(lambda: "Bring back now" in seen(user))
        links = [e.props.get("href") for e in user._client.elements.values() if e.tag == "a"]
        assert f"/alerts/{alert_id}" in links
        shown = [e for e in user._client.elements.values() if e._text == "Bring back now"]
        send(next(e for e in shown if e.visible))
        await until(lambda: ("unshelve", alert_id, "mira") in world.done)
        await until(lambda: "Bring back now" not in seen(user))


def test_more_operators_share_the_alarms():
    kept = {target.name: target.is_kept for target in targets(figures(7, 1))}
    shared = {target.name: target.is_kept for target in targets(figures(7, 4))}
    assert (kept["Peak in 10 min"], shared["Peak in 10 min"]) == (False, True)
    assert kept["Busy"] is None


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("", ""),
        ("inhibited by alert 12", "Alert 12 explains it."),
        ("silence 3", "It fits silence 3."),
        ("maintenance by ann", "It is in maintenance by ann."),
        ("shelved until 2026-11-21 20:00 UTC", "It is shelved until 2026-11-21 20:00 UTC."),
        ("order 7f3a (sleep)", "The order 7f3a (sleep) holds it down."),
        ("something new", "Something new."),
    ],
)
def test_why_nobody_is_told_is_a_sentence(reason, said):
    assert untold(reason) == said


@pytest.mark.parametrize(
    ("usd_h", "said"),
    [
        (None, MISSING),
        (0.0, "$0.00 an hour"),
        (0.004, "< $0.01 an hour"),
        (1234.5, "$1,234.50 an hour"),
    ],
)
def test_money_at_stake_unknown_is_not_nothing(usd_h, said):
    assert str(stake(usd_h)).replace("\N{NO-BREAK SPACE}", " ") == said
