"""What is not to be done: commands of strangers, of the unentitled, and over the site's limits."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lode_edge.control import journal
from lode_sim.limits import Limits
from lode_sim.stack import BIN, wait_for
from lode_wire import orders, seal
from lode_wire.orders import Reason
from tests.system.acting import Acting
from tests.system.test_acts import models

pytestmark = pytest.mark.slow

RIGS = 6
LIMITS = Limits(ramp_down_kw_per_min=10_000.0, ramp_up_kw_per_min=10_000.0, power_max_w=2600.0)
ABOVE_W = 2700.0  # the rigs have a profile for it; the envelope has not


@pytest.fixture(scope="module")
def site(launch_shared) -> Acting:
    """A site of LuxOS rigs under an agent that soon gives up."""
    options = models("luxos-s19kpro")
    stack = launch_shared(
        rigs=RIGS, interval_s=0.5, limits=LIMITS, site_options=options, starts_edge=False
    )
    config = ["run", "--config", str(stack.agent_config)]
    stack.edge.command = [sys.executable, "-m", "tests.system.hasty_agent", *config]
    stack.edge.start()
    found = Acting(stack)
    found.wait_until_offered(RIGS)
    return found


def journalled(site: Acting) -> dict[str, str]:
    """Check the agent's journal, and give the last reason of each command."""
    path = site.stack.home / "edge" / "control.db"
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        journal.verify(db)
        return dict(db.execute("select command, reason from journal order by number"))
    finally:
        db.close()


def is_laid_out(site: Acting) -> bool:
    """Tell whether the agent has a journal again."""
    try:
        return journalled(site) is not None
    except sqlite3.OperationalError:
        return False


def is_alarmed(site: Acting, rule: str, **evidence: object) -> Callable[[], bool]:
    """Give a condition: an alert of a rule is open, with this evidence."""

    def found() -> bool:
        alerts = [a for a in site.alerts(state="open") if a["rule"] == rule]
        return any(evidence.items() <= alert["evidence"].items() for alert in alerts)

    return found


def test_a_copy_of_a_command_does_nothing_again(site):
    with site.captured() as sent:
        ordered = site.order("sleep", "rig-001")
        site.until(ordered, "effective")
    assert {seal.decode(payload).id for payload in sent} == {ordered}
    site.until(site.order("wake", "rig-001"), "released")
    done, told = site.settings("rig-001")["rig-001"], site.command(ordered)["steps"]
    wait_for(lambda: is_replay(site, ordered, sent[0]), 20, "the copy to be refused")
    wait_for(is_alarmed(site, "journal-refused", command=ordered), 20, "an alert about it")
    assert site.stage(ordered) == "released"
    assert [s for s in site.command(ordered)["steps"] if "replayed" not in s["reason"]] == told
    after = site.settings("rig-001")["rig-001"]
    assert (after["mode"], after["orders"]) == ("normal", done["orders"])


def is_replay(site: Acting, ordered: str, payload: bytes) -> bool:
    """Send a copy, and tell whether one has been refused for what it is."""
    site.publish(payload)
    return journalled(site)[ordered].startswith("replayed")


def test_a_command_of_a_stranger_is_refused_journalled_and_raises_an_alarm(site):
    sleep = orders.Sleep()
    mine = site.sealed(sleep, "rig-002", id="of-another-key", key=Ed25519PrivateKey.generate())
    good = site.sealed(sleep, "rig-003", id="changed-on-its-way")
    bent = seal.encode(good).replace(b"rig-003", b"rig-002")
    before_ms = good.at_ms - 120_000
    late = {"id": "too-late", "not_before_ms": before_ms, "expires_ms": good.at_ms - 1000}
    strange = {
        "of-another-key": (seal.encode(mine), Reason.UNKNOWN_KEY),
        "changed-on-its-way": (bent, Reason.FORGED),
        "for-another": _strange(site, Reason.WRONG_AGENT, id="for-another", agent="south-1"),
        "too-late": _strange(site, Reason.TOO_LATE, **late),
        "old": _strange(site, Reason.OUT_OF_ORDER, id="old", sequence=1),
        "": (b"\x93no command", Reason.MALFORMED),
    }
    done = site.settings()
    site.publish(*(payload for payload, _ in strange.values()))
    wait_for(lambda: strange.keys() <= journalled(site).keys(), 20, "all in the journal")
    reasons = journalled(site)
    for name, (_, reason) in strange.items():
        assert reasons[name].split(":")[0] == reason, (name, reasons[name])

    def told() -> dict[str, str]:
        return {row["command_id"]: row["reason"] for row in site.get("commands/strange")}

    wait_for(lambda: strange.keys() <= told().keys(), 20, "the hub to hear of all")
    assert {name: told()[name] for name in strange} == {name: reasons[name] for name in strange}
    wait_for(is_alarmed(site, "journal-refused"), 20, "an alert about the agent")
    after = site.settings()
    assert {name: row["orders"] for name, row in after.items()} == {
        name: row["orders"] for name, row in done.items()
    }


def _strange(site: Acting, reason: Reason, **changes: object) -> tuple[bytes, Reason]:
    return seal.encode(site.sealed(orders.Sleep(), "rig-002", **changes)), reason


def test_what_the_hub_signs_is_still_refused_above_the_sites_limits(site):
    with pytest.raises(httpx.HTTPStatusError) as refused:
        site.order("power_limit", "rig-002", power_w=ABOVE_W)
    assert refused.value.response.status_code == httpx.codes.BAD_REQUEST
    signed = site.sealed(orders.PowerLimit(power_w=ABOVE_W), "rig-002", id="above-the-limits")
    before = site.settings("rig-002")
    site.publish(seal.encode(signed))
    wait_for(lambda: "above-the-limits" in journalled(site), 20, "it to be refused")
    assert journalled(site)["above-the-limits"].startswith("envelope: 2700 W for rig-002")
    after = site.settings("rig-002")
    assert after["rig-002"]["orders"] == before["rig-002"]["orders"]
    assert after["rig-002"]["kept"] == before["rig-002"]["kept"]


@pytest.mark.parametrize(("role", "places"), [("viewer", ["north"]), ("operator", ["south"])])
def test_who_may_not_cannot(site, role, places):
    words = [word for place in places for word in ("--site", place)]
    command = [str(BIN / "lode-hub"), "admin", "add", f"{role}-of-it", "--role", role, *words]
    command += ["--data-dir", str(site.stack.home / "hub")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    theirs = Acting(site.stack, f"{role}-of-it", done.stdout.split()[-1])
    before = site.get("commands")
    asked = {"site": "north", "reduce_by_w": 1000.0}
    for attempt in (
        lambda: theirs.order("sleep", "rig-002"),
        lambda: theirs.curtail(**asked),
        lambda: theirs.post("sites/north/stop", {"reason": "mine"}),
        lambda: theirs.post("sites/north/end_stop"),
    ):
        with pytest.raises(httpx.HTTPStatusError) as refused:
            attempt()
        assert refused.value.response.status_code == httpx.codes.FORBIDDEN
    assert site.get("commands") == before


def test_a_rig_that_only_says_yes_is_not_effective(site):
    site.disobey("no-effect", "rig-004")
    ordered = site.order("sleep", "rig-004")
    found = site.until(ordered, "failed", timeout_s=60)
    assert found["command"]["reason"].startswith("no-effect")
    assert "effective" not in site.steps(ordered)
    wait_for(is_alarmed(site, "command-failed", command=ordered), 20, "an alert about rig-004")
    site.disobey("", "rig-004")
    site.until(site.order("wake", "rig-004"), "released")


def test_a_rig_that_wakes_by_itself_is_put_back(site):
    ordered = site.order("sleep", "rig-005")
    site.until(ordered, "effective")
    site.set_mode("normal", "rig-005")
    wait_for(lambda: "drifted" in site.steps(ordered), 30, "the drift to be seen")
    site.until(ordered, "effective", timeout_s=30)
    assert site.settings("rig-005")["rig-005"]["mode"] == "sleep"
    alerts = [a for a in site.alerts() if a["evidence"].get("command") == ordered]
    assert [alert["rule"] for alert in alerts] == ["command-drifted"]
    site.until(site.order("wake", "rig-005"), "released")


def test_an_agent_without_memory_takes_no_command_from_before(site):
    with site.captured() as sent:
        site.until(site.order("sleep", "rig-006"), "effective")
        site.until(site.order("wake", "rig-006"), "released")
    sleep = next(payload for payload in sent if seal.decode(payload).action == "sleep")
    site.stack.edge.stop()
    for path in (site.stack.home / "edge").glob("control.*"):
        path.unlink()
    site.stack.edge.start()
    wait_for(lambda: is_laid_out(site), 30, "the agent", site.stack.edge)
    name, before = seal.decode(sleep).id, site.settings("rig-006")["rig-006"]["orders"]

    def is_refused() -> bool:
        site.publish(sleep)
        return name in journalled(site)

    wait_for(is_refused, 30, "it to be refused", site.stack.edge)
    assert journalled(site)[name].startswith("out-of-order")
    assert site.settings("rig-006")["rig-006"]["orders"] == before
