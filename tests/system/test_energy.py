"""A call for demand response on the whole system: by the API, down by the meter, to its account."""

import time

import pytest

from lode_sim.stack import wait_for
from tests.system.acting import Acting, Row, Watched
from tests.system.test_acts import NO_RAMP, models

pytestmark = pytest.mark.slow

RIGS = 6
SETPOINT_KW = 10.0
LIMIT_KW = 20.0
CALL_S = 15.0
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

    def call(self, for_s: float) -> int:
        now_ms = round(time.time() * 1000)
        said = {"event": "e1", "from_ms": now_ms, "until_ms": now_ms + round(for_s * 1000)}
        return int(self.post("energy/north/programmes/dr/calls", said)["id"])


def test_a_call_comes_down_by_the_meter_and_is_held_without_the_hub(launch):
    options = models("luxos-s19kpro")
    site = Trading(launch(rigs=RIGS, interval_s=0.5, limits=NO_RAMP, site_options=options))
    site.wait_until_offered(RIGS)
    kept = site.kept()
    site.furnish()
    site.put("energy/north/planner", {"mode": "act"})
    call = site.call(CALL_S)
    over_ms = round((time.time() + CALL_S) * 1000)
    setpoint_w = 1000 * SETPOINT_KW
    with Watched(site) as watched:
        wait_for(
            lambda: 0 < site.metered_w() <= setpoint_w, 40, "the meter at the setpoint",
            site.stack.edge,
        )  # fmt: skip
        plan = site.get("energy/north/plan")
        site.stack.hub.kill()
        held_s = time.monotonic()
        wait_for(lambda: time.monotonic() - held_s > 5, 20, "time without the hub", site.stack.edge)
        site.stack.hub.start()
        wait_for(site.stack.is_healthy, 60, "the hub", site.stack.hub)
    assert plan["is_sent"]
    assert plan["periods"][0]["setpoint_w"] == setpoint_w
    assert max(w for at_s, w in watched.samples if at_s >= held_s) <= 1.01 * setpoint_w
    assert max(w for _, w in watched.samples) <= 1000 * LIMIT_KW
    wait_for(lambda: time.time() * 1000 > over_ms, 60, "the end of the call", site.stack.edge)
    made = site.post("energy/north/accounts", {"call_id": call})["id"]
    account = site.get(f"energy/accounts/{made}")
    assert (account["kind"], account["subject"]) == ("call", "dr/e1")
    site.put("energy/north/planner", {"mode": "off"})
    wait_for(lambda: site.true_w() > 0.9 * watched.samples[0][1], 40, "all back", site.stack.edge)
    after = site.kept()
    assert {name: after[name] for name in kept} == kept
