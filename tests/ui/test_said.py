"""Commands in plain words, and how far they are."""

import pytest

from lode_hub.queries.command_nouns import CommandDetail
from lode_ui import said
from lode_ui.stages import SKIP, STAGE, STAGE_ORDER
from lode_ui.widgets.track import marks
from lode_wire.orders import Reason
from tests.ui import made_commands as made


@pytest.mark.parametrize(
    ("action", "intent", "words"),
    [
        ("sleep", {}, "Sleep"),
        ("power_limit", {"power_w": 2500.0}, "Power limit 2.500 kW"),
        ("fan_speed", {"percent": 60}, "Fan speed 60%"),
        ("fan_speed", {"percent": None}, "Fan speed by the device itself"),
        ("outlet", {"outlet": 3, "is_on": False}, "Outlet 3 off"),
        ("fault_light", {"is_on": True}, "Fault light on"),
        ("registers", {"register": 40, "count": 4}, "Read registers 40 to 43, function 3"),
        ("registers", {"register": 7, "count": 1, "function": 4}, "Read registers 7, function 4"),
        ("probe", {"address": "10.0.4.17"}, "Probe 10.0.4.17"),
        (
            "dry_run",
            {"wish": {"action": "power_limit", "power_w": 900.0}},
            "Dry run of power limit 900 W",
        ),
        ("something_new", {}, "Something new"),
    ],
)
def test_what_was_ordered_is_said(action, intent, words):
    shown = said.ordered(action, {"intent": {"action": action, **intent}})
    assert shown.replace("\N{NO-BREAK SPACE}", " ") == words


def test_every_reason_of_an_agent_has_words():
    for code in Reason:
        assert said.reason(f"{code}: 3051 W") == f"{said.REASON[code]}: 3051 W"
    assert said.reason("mira took it back") == "mira took it back"
    assert said.reason("stopped") == "The site is stopped by hand"


def test_every_stage_and_every_reason_to_skip_has_its_look():
    assert set(STAGE_ORDER) == set(STAGE)
    assert len(SKIP) == 14


def test_many_devices_are_counted_by_stage():
    row = made.command(devices=1000, counts={"failed": 3, "effective": 812, "waiting": 185})
    assert said.progress(row) == "812 effective, 3 failed, 185 waiting"
    assert said.progress(made.command(devices=1, counts={"failed": 1})) == ""


def test_power_that_was_not_seen_is_a_dash():
    assert said.power(None, None) == "\N{EN DASH}"
    assert "\N{EN DASH}" in said.power(3068.0, None)
    assert "0" not in said.power(None, None)


def reached(detail: CommandDetail) -> list[str]:
    return [mark.look.word for mark in marks(detail) if mark.is_reached]


def test_a_track_shows_what_was_reached_and_what_comes():
    detail = made.proved()
    assert reached(detail) == ["Ordered", "Accepted", "Sent", "Acknowledged", "Effective"]
    assert [mark.look.word for mark in marks(detail)][-1] == "Released"
    assert [mark.is_reached for mark in marks(detail)][-1] is False


def test_a_bad_end_stands_behind_what_was_reached():
    detail = made.detail(made.command(stage="refused", reason="envelope: no"))
    assert reached(detail) == ["Ordered", "Refused"]
    assert len(marks(detail)) == 2


def test_what_is_done_once_is_never_released():
    words = [mark.look.word for mark in marks(made.detail(made.command(action="reboot")))]
    assert words == ["Ordered", "Accepted", "Sent", "Acknowledged", "Effective"]
    asked = [mark.look.word for mark in marks(made.detail(made.command(action="probe")))]
    assert asked[-1] == "Answered"


def test_a_proposal_waits_on_its_way():
    assert reached(made.detail(made.command(stage="proposed"))) == ["Ordered", "Needs approval"]
