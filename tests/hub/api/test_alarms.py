"""Alerts, silences, maintenance and rules through the door: what works, and what stays shut."""

import time

import pytest

from lode_hub import alerts, rules
from tests.hub.alerts.stage import finding


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def span(hours: float = 1, **more: object) -> dict[str, object]:
    return {"starts_ms": now_ms(), "ends_ms": now_ms() + round(hours * 3_600_000), **more}


@pytest.fixture
async def alert(doors) -> int:
    """An open alert about a rig at north."""
    rig = await doors.mine.device(await doors.mine.agent(), "rig-1")
    await rules.install(doors.mine.store, None)
    found = [finding(f"device:{rig}", "rig-over-temperature", at_ms=now_ms())]
    return (await alerts.take(doors.mine.store, found, now_ms())).opened[0]


async def test_an_operator_shelves_silences_and_plans(doors, alert) -> None:
    async with doors.client() as ada:
        path = f"/api/v1/alerts/{alert}"
        until_ms = now_ms() + 60_000
        answer = await ada.post(f"{path}/shelve", json={"until_ms": until_ms, "note": "a fan"})
        said = answer.json()
        assert (answer.status_code, said["shelved_by"]) == (200, "ada")
        assert said["untold"].startswith("shelved until")
        assert (said["cause"], said["rule_version"]) == ("heat", 1)
        assert (await ada.post(f"{path}/unshelve")).status_code == 200
        assert (await ada.post(f"{path}/unshelve")).status_code == 404
        body = span(site="north", rule="rig-*", comment="new fans")
        made = (await ada.post("/api/v1/silences", json=body)).json()["number"]
        (row,) = (await ada.get("/api/v1/silences")).json()
        assert (row["silence_id"], row["author"], row["is_active"]) == (made, "ada", True)
        assert (await ada.get(path)).json()["untold"] == f"silence {made}"
        assert (await ada.delete(f"/api/v1/silences/{made}")).status_code == 204
        assert (await ada.delete(f"/api/v1/silences/{made}")).status_code == 404
        assert len((await ada.get("/api/v1/silences?is_over=true")).json()) == 1
        body = span(site="north", rack="A1", note="new racks")
        made = (await ada.post("/api/v1/maintenance", json=body)).json()["number"]
        assert (await ada.get(path)).json()["untold"] == f"maintenance {made}"
        assert (await ada.delete(f"/api/v1/maintenance/{made}")).status_code == 204
        done = await ada.post(f"{path}/acknowledge", json={"note": "on my way"})
        assert done.json()["state"] == "acknowledged"
        events = (await ada.get(f"{path}/history")).json()["history"]
        assert (events[0]["what"], events[0]["by"], events[0]["note"]) == (
            "acknowledged",
            "ada",
            "on my way",
        )


async def test_the_inbox_is_filtered_and_counted(doors, alert) -> None:
    async with doors.client() as ada:
        for query, n in (
            ("severity=critical", 1),
            ("severity=info", 0),
            ("cause=heat&cause=hash", 1),
            ("cause=hash", 0),
            ("search=RIG-1", 1),
            ("search=%25", 0),
            ("is_untold=true", 0),
            ("state=pending", 0),
            ("rule=rig-over-temperature&site=north", 1),
        ):
            assert len((await ada.get(f"/api/v1/alerts?{query}")).json()) == n, query
        counts = (await ada.get("/api/v1/alerts/counts")).json()
        assert (counts["by_state"], counts["by_cause"]) == ({"open": 1}, {"heat": 1})
        assert (await ada.get("/api/v1/alerts/counts?site=south")).json()["by_state"] == {}
        figures = (await ada.get("/api/v1/alerts/figures?days=1&operators=2")).json()
        assert (figures["alarms"], figures["peak_10_min"], figures["floods"]) == (1, 0.5, 0)
        assert (await ada.get("/api/v1/alerts/999/history")).status_code == 404


async def test_what_stays_shut(doors, alert) -> None:
    acts = (
        ("post", f"alerts/{alert}/acknowledge", {"note": ""}),
        ("post", f"alerts/{alert}/resolve", {"note": ""}),
        ("post", f"alerts/{alert}/shelve", {"until_ms": now_ms() + 60_000}),
        ("post", f"alerts/{alert}/unshelve", None),
        ("post", "silences", span(site="north", comment="hush")),
        ("delete", "silences/1", None),
        ("post", "maintenance", span(site="north", note="hush")),
        ("delete", "maintenance/1", None),
        ("put", "rules/rig-silent", {"severity": "info"}),
        ("delete", "rules/rig-silent", None),
    )
    for role in ("viewer", "trader", "auditor", "regulator"):
        async with doors.client(role, role) as client:
            for method, path, body in acts:
                answer = await client.request(method, f"/api/v1/{path}", json=body)
                assert answer.status_code == 403, (role, path)
            assert (await client.get("/api/v1/rules")).status_code == 200
    async with doors.client() as ada:
        answer = await ada.put("/api/v1/rules/rig-silent", json={"severity": "info"})
        assert (answer.status_code, answer.json()["detail"][:12]) == (403, "rules.edit: ")


async def test_who_may_act_at_one_site_acts_there_alone(doors, alert) -> None:
    await doors.mine.agent("south-1", "south")
    async with doors.client() as ada:
        await doors.mine.run("update person set sites = '{south}' where name = 'ada'")
        for method, path, body in (
            ("post", f"alerts/{alert}/acknowledge", None),
            ("post", f"alerts/{alert}/shelve", {"until_ms": now_ms() + 60_000}),
            ("post", "silences", span(site="north", comment="hush")),
            ("post", "silences", span(rule="rig-*", comment="everywhere")),
            ("post", "maintenance", span(site="north", note="hush")),
        ):
            answer = await ada.request(method, f"/api/v1/{path}", json=body)
            assert answer.status_code == 403, path
        answer = await ada.post("/api/v1/silences", json=span(site="south", comment="hush"))
        assert answer.status_code == 201
        number = answer.json()["number"]
        await doors.mine.run("update silence set site_id = null")
        assert (await ada.delete(f"/api/v1/silences/{number}")).status_code == 403


async def test_silences_that_cannot_be(doors, alert) -> None:
    async with doors.client() as ada:
        for body, said in (
            (span(comment="all"), "everything"),
            (span(rule="*", comment="all"), "everything"),
            (span(site="nowhere", comment="hush"), "there is none"),
            (span(-1, site="north", comment="late"), "ends before"),
            (span(24 * 40, site="north", comment="long"), "31 days"),
            (span(site="north", comment="  "), "comment: it is empty"),
        ):
            answer = await ada.post("/api/v1/silences", json=body)
            assert answer.status_code == 400, body
            assert said in answer.json()["detail"]
        late = {"until_ms": now_ms() - 1}
        assert (await ada.post(f"/api/v1/alerts/{alert}/shelve", json=late)).status_code == 400


async def test_a_rule_is_changed_in_versions_and_taken_back(doors, alert) -> None:
    async with doors.client("root", "admin") as root:
        path = "/api/v1/rules/rig-over-temperature"
        answer = await root.put(path, json={"severity": "info", "thresholds": {"below_c": 4}})
        new, old = answer.json()
        assert (new["version"], new["is_current"], new["by"]) == (2, True, "root")
        assert (new["severity"], new["body"]["thresholds"]["below_c"]) == ("info", 4)
        assert new["body"]["thresholds"]["far_above_c"] == 5
        assert (old["version"], old["is_current"]) == (1, False)
        assert new["person"] == {"severity": "info", "thresholds": {"below_c": 4}}
        answer = await root.put(f"{path}?site=north", json={"enabled": False})
        assert answer.status_code == 200
        ended = (await root.get(f"/api/v1/alerts/{alert}/history")).json()
        assert (ended["alert"]["state"], ended["history"][0]["note"]) == ("resolved", "rule off")
        assert (await root.delete(f"{path}?site=north")).status_code == 204
        assert (await root.delete(path)).status_code == 204
        (row,) = [
            row
            for row in (await root.get("/api/v1/rules")).json()
            if row["name"] == "rig-over-temperature"
        ]
        assert (row["version"], row["severity"], row["person"]) == (3, "critical", None)


async def test_a_rule_is_tried_over_what_is_stored(doors, alert) -> None:
    async with doors.client("vic", "viewer") as vic:
        path = "/api/v1/rules/rig-over-temperature/tryout"
        tried = await vic.post(f"{path}?days=0.05", json={"thresholds": {"hot_readings": 1}})
        said = tried.json()
        assert (tried.status_code, said["devices"], said["alerts"]) == (200, 1, 0)
        assert "silences" in said["leaves_out"]
        for url, body, status in (
            (f"{path}?days=31", None, 422),
            (path, {"thresholds": {"hot_reading": 1}}, 400),
            ("/api/v1/rules/agent-stale/tryout", None, 400),
            (f"{path}?site=nowhere", None, 400),
        ):
            assert (await vic.post(url, json=body)).status_code == status, url


async def test_rules_that_cannot_be(doors, alert) -> None:
    own = {"metric": "inlet_temp_c", "above": 35}
    async with doors.client("root", "admin") as root:
        for name, body, said in (
            ("rig-silent", {"severty": "info"}, "did you mean severity?"),
            ("rig-unreachable", {"thresholds": {"bad_ms": 1}}, "did you mean bad_s?"),
            ("rig-silnt", {"severity": "info"}, "did you mean rig-silent"),
            ("Bad Name", own, "name"),
            ("hot", {**own, "clear_at": 40}, "clear at once"),
            ("hot", {**own, "below": 3}, "either above or below"),
            ("hot", {**own, "metric": "inlet_tmp_c"}, "did you mean inlet_temp_c?"),
            ("hot", {**own, "inhibited_by": ["agent-stal"]}, "did you mean agent-stale?"),
            ("hot", {**own, "for_s": -1}, "for_s"),
            ("agent-stale", {"inhibited_by": ["rig-silent"]}, "each would silence the other"),
        ):
            answer = await root.put(f"/api/v1/rules/{name}", json=body)
            assert answer.status_code == 400, (name, body)
            assert said in answer.json()["detail"], answer.json()
        assert (await root.put("/api/v1/rules/hot?site=nowhere", json=own)).status_code == 400
        assert (await root.put("/api/v1/rules/hot?site=north", json=own)).status_code == 200
        assert (await root.delete("/api/v1/rules/hot?site=north")).status_code == 204
