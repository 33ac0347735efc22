"""A rig overheats, and the operator has mail within five seconds."""

import pytest

from lode_sim.stack import wait_for
from tests.system.hub_api import HubApi


@pytest.fixture
def warm(launch):
    stack = launch(rigs=12, interval_s=1.0)
    HubApi(stack).wait_for_readings(60)
    return stack


@pytest.mark.alone
def test_an_overheating_rig_is_mailed_acknowledged_and_resolved(warm):
    api = HubApi(warm)
    warm.control("fault", "overheat", "rig-003")
    wait_for(lambda: _mails(warm), 40, "a mail", warm.hub)  # how fast: tests/bench/alert_bench.py
    alert = next(a for a in api.alerts() if a["rule"] == "rig-over-temperature")
    assert alert["subject"] == "rig-003"
    assert alert["state"] == "open"
    assert "rig-003" in _mails(warm)[0]
    api.post(f"alerts/{alert['alert_id']}/acknowledge")
    again = api.get(f"alerts/{alert['alert_id']}")
    assert (again["state"], again["acknowledged_by"]) == ("acknowledged", "admin")
    warm.control("clear", "rig-003")
    wait_for(
        lambda: api.get(f"alerts/{alert['alert_id']}")["state"] == "resolved",
        100,  # 30 s of them are the off-delay of the rule
        "the alert to resolve",
        warm.hub,
    )


@pytest.mark.slow
def test_a_hung_rig_is_unreachable_and_the_others_go_on(warm):
    api = HubApi(warm)
    warm.control("fault", "hang", "rig-005")
    wait_for(lambda: "rig-unreachable" in _open_rules(api), 60, "an alert", warm.hub)
    rigs = {rig["name"]: rig for rig in api.get("rigs", limit=100)}
    assert rigs["rig-005"]["state"] == "unreachable"
    assert rigs["rig-005"]["hashrate_ths"] is None
    others = [rig for name, rig in rigs.items() if name != "rig-005"]
    assert all(rig["age_s"] < 10 for rig in others)
    assert _open_rules(api) == {"rig-unreachable"}


def _mails(stack):
    return [path.read_text() for path in sorted(stack.mails.glob("*")) if path.is_file()]


def _open_rules(api):
    return {alert["rule"] for alert in api.alerts() if alert["state"] == "open"}
