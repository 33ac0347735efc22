"""A call for demand response on the whole system: by the API, down by the meter, to its account."""

import contextlib
import time

import pytest

from lode_sim.stack import StackError, wait_for
from tests.system.acting import Acting, Row, Watched
from tests.system.test_acts import NO_RAMP, assert_only_power_changed, models

pytestmark = pytest.mark.slow

RIGS = 6
SETPOINT_KW = 10.0
SETPOINT_W = 1000 * SETPOINT_KW
LIMIT_KW = 20.0
ALONE_S = 8.0
HELD_S = 25.0
FRESH_MS = 4_000
TARIFF = """
name = "fixed"
currency = "USD"
time_zone = "UTC"
valid_from = 2020-01-01
[energy]
price = "fixed"
fixed_mwh = 40
"""
ECONOMICS = """
[hashprice]
fallback = "assume"
assume_usd_th_day = 0.05
"""
LIMITS = f"""
limit_kw = {LIMIT_KW}
gain_usd = 0.01
[models."*"]
min_up_s = 0
min_down_s = 0
"""
PROGRAMME = f"""
reduce = "to"
power_kw = {SETPOINT_KW}
[baseline]
method = "before"
before_min = 5
"""


class Trading(Acting):
    """A person who saves documents and lets the planner act."""

    def put(self, path: str, body: object) -> Row:
        origin = {"Origin": self.stack.url}
        answer = self._client.put(f"/api/v1/{path}", headers=origin, json=body)
        answer.raise_for_status()
        return answer.json()

    def furnish(self) -> None:
        for kind, body in (("tariff", TARIFF), ("economics", ECONOMICS), ("limits", LIMITS),
                           ("programme", PROGRAMME)):  # fmt: skip
            self.put(f"energy/north/documents/{kind}/dr", {"body": body})

    def call(self) -> int:
        """Call from now on, for longer than anybody waits here."""
        self.from_ms = round(time.time() * 1000)
        return self._call(1, self.from_ms + 3_600_000)

    def end_call(self) -> None:
        """End the call now."""
        self._call(2, round(time.time() * 1000))

    def account_of(self, call: int) -> int:
        """Make the account of a call; give its number."""
        return int(self.post("energy/north/accounts", {"call_id": call})["id"])

    def is_awake(self) -> bool:
        """Tell whether no rig sleeps, or is held to another mode."""
        return {row["mode"] for row in self.settings().values()} == {"normal"}

    def is_steered(self) -> bool:
        """Tell whether a hub that has just started has looked at the meter since."""
        if not self.stack.is_healthy():
            return False
        loop = self.get("energy/north/loop")
        return bool(loop["is_active"] and time.time() * 1000 - loop["at_ms"] < FRESH_MS)

    def _call(self, modification: int, until_ms: int) -> int:
        said = {"event": "e1", "from_ms": self.from_ms, "until_ms": until_ms,
                "modification": modification}  # fmt: skip
        return int(self.post("energy/north/programmes/dr/calls", said)["id"])


def test_a_call_is_held_by_the_meter_while_some_disobey_and_without_the_hub(launch):
    """The rig that sleeps first says yes and draws on: the trims that make up for it outlive us."""
    options = models("luxos-s19kpro", "vnish-s19")
    site = Trading(launch(rigs=RIGS, interval_s=0.5, limits=NO_RAMP, site_options=options))
    site.wait_until_offered(RIGS)
    kept = site.kept()
    wrong = [name for name, row in site.settings().items() if row["model"] == "vnish-s19"]
    assert wrong
    site.disobey("no-effect", *wrong)
    site.furnish()
    site.put("energy/north/planner", {"mode": "act"})
    with Watched(site, site.site_meter_w) as watched:
        call = site.call()
        wait_for(lambda: site.site_meter_w() <= SETPOINT_W, 90, "the setpoint", site.stack.edge)
        reached_s = time.monotonic()
        plan, loop = site.get("energy/north/plan"), site.get("energy/north/loop")
        lose_the_hub(site)
    assert plan["is_sent"]
    assert plan["periods"][0]["setpoint_w"] == SETPOINT_W
    assert loop["shed"], "no trim made up for those that disobey"
    assert max(w for at_s, w in watched.samples if at_s >= reached_s) <= SETPOINT_W
    assert max(w for _, w in watched.samples) <= 1000 * LIMIT_KW
    site.disobey("", *wrong)
    site.end_call()
    account = site.get(f"energy/accounts/{site.account_of(call)}")
    assert (account["kind"], account["subject"]) == ("call", "dr/e1")
    site.put("energy/north/planner", {"mode": "off"})
    wait_for(site.is_awake, 90, "all back", site.stack.edge)
    with contextlib.suppress(StackError):  # a preset is given back after the sleep; said below
        wait_for(lambda: site.kept() == kept, 60, "the settings of before", site.stack.edge)
    assert_only_power_changed(kept, site.kept())


def lose_the_hub(site: Trading) -> None:
    """Kill the hub, leave the agents alone, and have another that has begun to steer."""
    begun_s = time.monotonic()
    site.stack.hub.kill()
    wait_for(lambda: time.monotonic() > begun_s + ALONE_S, 20, "time alone", site.stack.edge)
    site.stack.hub.start()
    wait_for(site.is_steered, 90, "the hub to steer again", site.stack.hub)
    wait_for(lambda: time.monotonic() > begun_s + HELD_S, 60, "time held", site.stack.edge)
