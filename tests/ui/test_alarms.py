"""The inbox and one alert as a person reads them, without a browser."""

import pytest

from tests.ui.reading import _is_shown as is_shown
from tests.ui.reading import button, field, press, seen, send, texts, until
from tests.ui.test_pages import trends
from tests.ui.world import Someone, World


async def test_the_inbox_says_what_burns_first(visit):
    async with visit(World(rigs=40, alarms=12)) as user:
        await user.open("/alerts")
        said = texts(user)
        assert "2 critical alerts and" in said
        assert said.index("320 rigs of north make nothing") < said.index("rig-017 is too hot")
        for part in ("Pool at north", "$64.00 an hour", "40 members", "Link at south", "2 not told",
                     "Usually: 1 of 4 fans does not turn", "Control at no site"):  # fmt: skip
            assert part in said, part


async def test_a_group_unfolds_page_by_page_and_is_filtered(visit):
    world = World(rigs=40, alarms=100)
    async with visit(world) as user:
        await user.open("/alerts")
        assert texts(user).count("nothing is heard of") < 10
        press(user, "Show all 47")
        await until(lambda: seen(user).count("nothing is heard of") > 25)
        assert "1 to 25 of 47" in seen(user)
        picker = next(
            e
            for e in user._client.elements.values()
            if e.tag == "select" and e.props.get("aria-label") == "Told"
        )
        send(picker, "untold")
        await until(lambda: "rig-017 is too hot" not in texts(user))
        assert "Nobody is told. Alert 2 explains it." in texts(user)
        assert "Nobody is told. It fits silence 1." in texts(user)


def choose_all(user):
    shown = (e for e in user._client.elements.values() if e._text == "Choose all" and is_shown(e))
    send(next(shown))


async def test_many_are_taken_on_with_one_note(visit):
    world = World(rigs=40, alarms=30)
    async with visit(world, Someone("mira", "operator")) as user:
        await user.open("/alerts")
        choose_all(user)  # of the first group that has more than one
        await until(lambda: "alerts chosen" in seen(user))
        send(field(user, "Note"), "the switch of row C")
        press(user, "Acknowledge chosen")
        await until(lambda: len([d for d in world.done if d[0] == "acknowledge"]) > 10)
        await until(lambda: "alerts chosen" not in seen(user))
        taken = [a for a in world.open_alerts.values() if a.acknowledged_by == "mira"]
        assert len({(a.site, a.cause) for a in taken}) == 1
        assert world.alarms.events[taken[0].alert_id][0].note == "the switch of row C"


async def test_what_was_taken_by_another_is_told_and_the_rest_is_done(visit):
    world = World(rigs=40, alarms=14)
    async with visit(world) as user:
        await user.open("/alerts")
        choose_all(user)
        await until(lambda: "alerts chosen" in seen(user))
        press(user, "Shelve 1 h")
        await until(lambda: any("Shelved" in str(m) for m in user.notify.messages))
        assert {d[0] for d in world.done} == {"shelve"}


async def test_an_alert_says_what_where_since_when_how_sure_and_what_to_do(visit):
    async with visit(World(rigs=40, alarms=12)) as user:
        await user.open("/alerts/1")
        said = seen(user)
        for part in ("rig-017 is too hot: chip 94.6 °C", "Critical", "Heat", "version 3",
                     "Usually: 1 of 4 fans does not turn", "Inlet", "31.4 °C", "100 | %",
                     "noor", "503 from the gateway", "escalated", "with 2 others",
                     "Comes and goes; held as one alert"):  # fmt: skip
            assert part in said, part
        shown = trends(user)["Evidence over time"]
        assert [limit["name"] for limit in shown["limits"]] == ["limit 90 °C"]
        assert any("began" in event["name"] for event in shown["events"])
        assert user._client.title == "Alert 1 · Lode"


async def test_values_stand_beside_what_is_usual(visit):
    async with visit(World(rigs=40, alarms=12)) as user:
        await user.open("/alerts/3")
        said = seen(user)
        assert "Hashrate | 71.20 TH/s | 104.3 TH/s | 103.8 TH/s" in said
        assert "\N{MINUS SIGN}31.7 % over 3 min, limit 6.2 %" in said
        await user.open("/alerts/4")
        assert "Nobody is told of this. Alert 2 explains it." in seen(user)
        await user.open("/alerts/2")
        assert "Members: 40" in seen(user)
        assert "rig-024" in seen(user)
        assert "1 to 24 of 40" in seen(user)


async def test_an_alert_is_taken_shelved_and_resolved(visit):
    world = World(rigs=40, alarms=12)
    async with visit(world, Someone("mira", "operator")) as user:
        await user.open("/alerts/1")
        send(field(user, "Note"), "on my way")
        press(user, "Acknowledge")
        await until(lambda: "mira has taken it on." in seen(user))
        assert "on my way" in seen(user)
        press(user, "Shelve 8 h")
        await until(lambda: "mira has shelved it until" in seen(user))
        press(user, "Bring back now")
        await until(lambda: "mira has shelved it until" not in seen(user))
        press(user, "Shelve until then")
        await until(lambda: "Say until when" in seen(user))
        press(user, "Resolve")
        await until(lambda: "It is over." in seen(user))
        acts = [act for act, _, _ in world.done]
        assert acts == ["acknowledge", "shelve", "unshelve", "resolve"]


@pytest.mark.parametrize("role", ["viewer", "auditor", "stranger"])
async def test_who_may_only_look_is_offered_nothing(visit, role):
    async with visit(World(rigs=40, alarms=12), Someone("otto", role)) as user:
        for path in ("/alerts", "/alerts/1"):
            await user.open(path)
            for word in ("Acknowledge", "Choose all", "Shelve 1 h", "Resolve"):
                with pytest.raises(StopIteration):
                    button(user, word)


async def test_there_is_no_such_alert(visit):
    async with visit(World(rigs=3)) as user:
        await user.open("/alerts/99")
        assert "There is no alert of this number." in seen(user)
