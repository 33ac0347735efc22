"""Each page as a person reads it, and what their clicks do; without a browser."""

import asyncio

import pytest
from nicegui import ElementFilter
from nicegui.testing import User

from lode_ui import life
from lode_ui.figures import MISSING
from lode_ui.widgets.connection import Connection
from lode_ui.widgets.fleet import FleetGrid
from lode_ui.widgets.floor import Floor
from lode_ui.widgets.trend import Trend
from tests.ui import made
from tests.ui.reading import first, press, send, texts, until
from tests.ui.world import HOSTILE, Someone, World


def trends(user: User) -> dict[str, dict[str, object]]:
    with user:
        return {trend.props["label"]: trend.props for trend in ElementFilter(kind=Trend)}


async def test_overview_says_what_is_wrong_and_shows_the_totals(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/")
        said = texts(user)
        assert "1 critical alert, 1 rig faulted, 1 rig unreachable, 1 rig silent" in said
        assert "PH/s" in said
        assert "kW" in said
        assert "J/TH" in said
        assert "36 | of 40" in said
        assert "rig-017 is too hot" in said
        assert "meter-1" in said
        assert "committed 1 s ago · lag 0 s · 310 in spool" in said
        assert len(trends(user)["Hashrate of the last hour"]["lines"]) == 1
        assert [line["name"] for line in trends(user)["Power of the last hour"]["lines"]] == [
            "Rigs",
            "Meters",
        ]
        assert user._client.title == "Overview · Lode"


async def test_power_that_is_only_said_in_part_is_called_so(visit):
    world = World(rigs=40)
    for number in range(1, 21):
        world.change(number, power_w=None)
    async with visit(world) as user:
        await user.open("/")
        assert "by meter; rigs say" in texts(user)
        assert "of the hashrate" in texts(user)
        assert "overhead" not in texts(user)


async def test_overview_follows_the_fleet(visit):
    world = World(rigs=40)
    async with visit(world) as user:
        await user.open("/")
        beat = first(user, Floor).props["beat"]
        world.change(1, state="faulted")
        await until(lambda: "2 rigs faulted" in texts(user))
        assert first(user, Floor).props["beat"] > beat


async def test_many_pages_share_their_questions(visit):
    world = World(rigs=5)
    async with visit(world) as user:
        for _ in range(5):
            await user.open("/")
        assert world.calls["meters"] == 1
        assert world.calls["sites"] == 1


async def test_empty_hub_says_how_to_begin(visit):
    async with visit(World(rigs=0)) as user:
        await user.open("/")
        await user.should_see("No agent has reported yet.")
        await user.should_see("lode-edge run --config FILE")
        await user.open("/agents")
        await user.should_see("No agent has reported yet.")
        await user.open("/alerts")
        await user.should_see("Nothing is wrong.")


async def test_database_away_is_said_and_recovered_from(visit):
    world = World(rigs=10)
    world.is_away = True
    async with visit(world) as user:
        await user.open("/")
        assert "its database does not answer" in first(user, Connection).props["problem"]
        assert "secret" not in first(user, Connection).props["problem"]
        world.is_away = False
        world.changed.set()
        await until(lambda: first(user, Connection).props["problem"] == "")
        assert "All well" in texts(user) or "critical" in texts(user)


async def test_page_is_painted_although_the_hub_is_slow(visit, monkeypatch):
    monkeypatch.setattr(life, "FIRST_S", 0.05)

    world = World(rigs=3)
    world.delay_s = 0.3
    async with visit(world) as user:
        await user.open("/")
        assert "of 3" not in texts(user)
        await until(lambda: "of 3" in texts(user))


@pytest.mark.parametrize(("correction_ms", "way"), [(-47_200, "behind"), (47_200, "ahead")])
async def test_rig_page_says_by_how_much_its_time_is_corrected(visit, correction_ms, way):
    world = World(rigs=3)
    world.change(2, correction_ms=correction_ms)
    async with visit(world) as user:
        await user.open("/rigs/2")
        said = (
            texts(user).replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
        )
        assert f"its agent's clock is 47 s {way}; times are corrected" in said


async def test_rig_page_shows_values_limits_facts_and_parts(visit):
    world = World(rigs=40)
    world.change(3, chip_temp_c=92.4, chip_temp_max_c=90.0, quality=("late",))
    async with visit(world) as user:
        await user.open("/rigs/3")
        said = texts(user)
        assert "rig-003 | Mining" in said
        assert "over its limit of 90 °C" in said
        assert "4 of 4 fans alive" in said
        assert "3 | of 3" in said
        assert "NGSB000003" in said
        assert "Board 2" in said
        assert "5,820 rpm" in said
        assert "reading marked: late" in said
        assert "clock is" not in said
        assert user._client.title == "rig-003 · Lode"
        charts = trends(user)
        assert set(charts) == {"Hashrate", "Power", "Chip temperature", "Fan"}
        (limit,) = charts["Chip temperature"]["limits"]
        assert (limit["name"], limit["value"]) == ("limit 90 °C", 90.0)
        assert charts["Chip temperature"]["lines"][0]["unit"] == "°C"


async def test_rig_page_changes_its_span(visit):
    async with visit(World(rigs=3)) as user:
        await user.open("/rigs/1")
        assert trends(user)["Power"]["lines"][0]["bucket"] == 60
        press(user, "1 week")
        await until(lambda: trends(user)["Power"]["lines"][0]["bucket"] == 3600)
        shown = trends(user)["Power"]
        assert shown["to"] - shown["from"] == 7 * 86_400_000


async def test_missing_values_are_dashes(visit):
    world = World(rigs=6)
    async with visit(world) as user:
        await user.open("/rigs/5")  # unreachable
        said = texts(user)
        assert "Unreachable | does not answer its agent" in said
        assert f"Hashrate | {MISSING} |" in said
        assert "0 TH/s" not in said


async def test_there_is_no_such_rig(visit):
    async with visit(World(rigs=3)) as user:
        await user.open("/rigs/99")
        await user.should_see("There is no rig of this number.")


async def test_nothing_is_at_an_unknown_address(visit):
    async with visit(World(rigs=3)) as user:
        answer = await user.http_client.get("/nothing/here")
        assert answer.status_code == 404
        assert "There is no page at this address." in answer.text


async def test_fleet_page_offers_its_columns_and_beats(visit):
    world = World(rigs=40)
    async with visit(world) as user:
        await user.open("/fleet")
        grid = first(user, FleetGrid)
        assert [column["title"] for column in grid.props["columns"]][:2] == ["Rig", "State"]
        beat = grid.props["beat"]
        world.change(1, power_w=1.0)
        await until(lambda: grid.props["beat"] > beat)


async def test_fleet_rows_come_over_http(visit):
    async with visit(World(rigs=40)) as user:
        news = (await user.http_client.get("/_lode/fleet")).json()
        assert len(news["rows"]) == 40
        query = {"boot": news["boot"], "since": news["beat"]}
        assert (await user.http_client.get("/_lode/fleet", params=query)).json()["rows"] == []
        assert (await user.http_client.get("/_lode/pulse")).status_code == 204


async def test_agents_page_shows_health_gaps_and_quarantine(visit):
    async with visit(World(rigs=3)) as user:
        await user.open("/agents")
        said = texts(user)
        assert "north-1 | Live" in said
        assert "2 batches, 310 records, 18.4 kB" in said
        assert "+2.3 s" in said
        assert "1,293,112 done, 12 late, 3 skipped, 812 failed, 4 bad answers" in said
        assert "1 open, 412 records lost" in said
        assert "epoch 9f31c2d4a81b · committed up to batch 182,331, 3 ahead of it" in said
        assert "Lost | spool full | 17,001 to 17,012 | 412" in said
        assert "Filled | missing | 16,001 | 64" in said
        assert "column power_w: 412 values, 500 rows" in said


async def test_alerts_are_acknowledged_in_the_name_of_who_clicks(visit):
    world = World(rigs=40)
    async with visit(world, Someone("mira", "operator")) as user:
        await user.open("/alerts")
        assert texts(user).index("rig-017 is too hot") < texts(user).index("rig-005 cannot")
        press(user, "Acknowledge")
        await until(lambda: ("acknowledge", 1, "mira") in world.done)
        await until(lambda: "rig-017 is too hot" not in texts(user))
        press(user, "Acknowledged")
        await until(lambda: "taken by mira" in texts(user))


async def test_what_the_hub_refuses_is_told(visit):
    world = World(rigs=40)
    async with visit(world) as user:
        await user.open("/alerts")
        world.open_alerts[1] = made.alert(1, state="acknowledged")  # somebody else was faster
        press(user, "Acknowledge")
        await until(lambda: any("it is acknowledged already" in m for m in user.notify.messages))


@pytest.mark.parametrize("role", ["viewer", "trader", "auditor", "regulator", "stranger"])
async def test_who_may_only_look_sees_no_buttons(visit, role):
    async with visit(World(rigs=40), Someone("otto", role)) as user:
        await user.open("/")
        await user.should_see("rig-017 is too hot: chip 92.4 °C, limit 90 °C")
        await user.should_not_see("Resolve")


async def test_alerts_are_filtered_by_words(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/alerts")
        send(next(e for e in user._client.elements.values() if e.tag == "input"), "RIG-005 cannot")
        await until(lambda: "rig-017 is too hot" not in texts(user))
        assert "rig-005 cannot be reached" in texts(user)


PATHS = [
    "/",
    "/fleet",
    "/rigs/3",
    "/agents",
    "/alerts",
    "/alerts/1",
    "/commands",
    "/curtail",
    "/technician",
]


@pytest.mark.parametrize("path", [*PATHS, "/technician?device=3"])
async def test_hostile_names_stay_text(visit, path):
    async with visit(World(rigs=12, is_hostile=True), Someone(HOSTILE[0])) as user:
        answer = await user.http_client.get(path)
        assert answer.status_code == 200
        for evil in ("<img src=x", "<script>window.hacked", "${window", "`${"):
            assert evil not in answer.text, evil


async def test_no_page_keeps_a_task_when_its_browser_is_gone(visit):
    async with visit(World(rigs=3)) as user:
        client = await user.open("/")
        client.delete()
        await until(lambda: not any("life of" in t.get_name() for t in asyncio.all_tasks()))
