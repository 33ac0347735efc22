"""The REST API as a machine uses it."""

import dataclasses

import httpx
import pytest

from lode_hub.health import PartState
from lode_hub.queries.nouns import RigRow
from tests.hub.api.doors import SCRAPE, Doors


@pytest.fixture
async def ada(doors: Doors):
    async with doors.client() as client:
        yield client


async def test_it_describes_itself(ada: httpx.AsyncClient) -> None:
    described = (await ada.get("/api/v1/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    for path, methods in described["paths"].items():
        assert path.startswith("/api/v1/")
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            good = [code for code in operation["responses"] if code.startswith("2")]
            assert good, (method, path)
            if method != "delete" and good[0] != "204":  # nothing comes back of those
                (content,) = operation["responses"][good[0]]["content"].values()
                assert content["schema"], (method, path)
            for code, answer in operation["responses"].items():
                if code.startswith(("4", "5")) and code != "422":
                    assert "application/problem+json" in answer["content"]
    rig = described["components"]["schemas"]["RigRow"]["properties"]
    assert set(rig) == {field.name for field in dataclasses.fields(RigRow)}
    assert refs(described) <= set(described["components"]["schemas"])


def refs(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"].rpartition("/")[2]} if "$ref" in node else set()
        return own.union(*(refs(value) for value in node.values()))
    return set().union(*(refs(value) for value in node)) if isinstance(node, list) else set()


async def test_rigs_are_paged_chosen_and_counted(doors: Doors, ada: httpx.AsyncClient) -> None:
    agent = await doors.mine.agent()
    for number in range(5):
        device = await doors.mine.device(agent, f"rig-{number}")
        await doors.mine.reads(device, power_w=3000 + number, hashrate_ths=100)

    answer = await ada.get("/api/v1/rigs", params={"limit": 2, "offset": 1, "sort": "-power_w"})
    assert [rig["name"] for rig in answer.json()] == ["rig-3", "rig-2"]
    assert answer.headers["x-total-count"] == "5"
    answer = await ada.get("/api/v1/rigs", params={"state": ["mining", "silent"], "search": "g-4"})
    assert [rig["name"] for rig in answer.json()] == ["rig-4"]
    assert answer.json()[0]["efficiency_jth"] == pytest.approx(30.04)
    assert (await ada.get(f"/api/v1/rigs/{device}")).json()["name"] == "rig-4"
    assert (await ada.get("/api/v1/sites")).json()[0]["rigs_by_state"] == {"mining": 5}
    for path in ("meters", "agents", "gaps", "quarantine", "alerts", f"rigs/{device}/points"):
        assert isinstance((await ada.get(f"/api/v1/{path}")).json(), list), path
    series = (await ada.get(f"/api/v1/rigs/{device}/series", params={"metric": "power_w"})).json()
    assert series["bucket_s"] == 60
    series = (await ada.get("/api/v1/sites/north/series", params={"metric": "power_w"})).json()
    assert series["mean"] == []
    assert (await ada.get("/api/v1/health")).json()["devices"] == 5


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("rigs/999", 404, "rig 999: there is no such rig; see /api/v1/rigs"),
        ("alerts/999", 404, "alert 999: there is no such alert"),
        ("rigs?sort=nope", 400, "rigs: cannot sort by 'nope'; use one of"),
        ("rigs/1/series?metric=nope", 400, "series: no metric 'nope'"),
        ("rigs/1/series?metric=power_w&span=year", 422, "query.span: input should be 'hour'"),
        ("rigs/1/series", 422, "query.metric: field required"),
        ("rigs?limit=0", 422, "query.limit: input should be greater than or equal to 1"),
        ("rigs?limit=1001", 422, "query.limit: input should be less than or equal to 1000"),
        ("rigs?offset=-1", 422, "query.offset"),
        ("rigs/x", 422, "path.device_id"),
        ("rigs/99999999999", 422, "path.device_id"),
        ("rigs?search=" + "x" * 201, 422, "query.search"),
        ("alerts?state=odd", 422, "query.state"),
        ("nothing", 404, "request: not found"),
    ],
)
async def test_a_wrong_request_is_answered_with_a_problem(
    ada: httpx.AsyncClient, path: str, status: int, detail: str
) -> None:
    answer = await ada.get(f"/api/v1/{path}")
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert problem["detail"].startswith(detail)


async def test_an_alert_is_acknowledged_once_and_resolved(
    doors: Doors, ada: httpx.AsyncClient
) -> None:
    alert = await doors.mine.alert(await doors.mine.device(await doors.mine.agent(), "rig-1"))
    answer = await ada.post(f"/api/v1/alerts/{alert}/acknowledge")
    assert (answer.json()["state"], answer.json()["acknowledged_by"]) == ("acknowledged", "ada")
    answer = await ada.post(f"/api/v1/alerts/{alert}/acknowledge")
    assert answer.status_code == 409
    answer = await ada.post(f"/api/v1/alerts/{alert}/resolve")
    assert (answer.json()["state"], answer.json()["subject"]) == ("resolved", "rig-1")
    assert (await ada.post("/api/v1/alerts/77/resolve")).status_code == 404


async def test_a_role_that_may_only_look_may_only_look(doors: Doors) -> None:
    alert = await doors.mine.alert(await doors.mine.device(await doors.mine.agent(), "rig-1"))
    for role in ("viewer", "trader", "auditor", "regulator"):
        async with doors.client(role, role) as client:
            answer = await client.post(f"/api/v1/alerts/{alert}/acknowledge")
            assert answer.status_code == 403
            assert answer.json()["detail"].startswith("alerts.acknowledge: ")
    async with doors.client("bob") as bob:
        await doors.mine.run("update person set role = 'viewer' where name = 'bob'")
        assert (await bob.post(f"/api/v1/alerts/{alert}/resolve")).status_code == 403


async def test_a_token_does_what_the_cookie_does(doors: Doors) -> None:
    password = await doors.access.add("bob", "viewer")
    async with httpx.AsyncClient(base_url=doors.url) as client:
        login = {"name": "bob", "password": password}
        opened = await client.post("/api/v1/session", json=login)
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        client.cookies.clear()
        bearer = {"Authorization": f"Bearer {opened.json()['token']}"}
        answer = await client.get("/api/v1/session", headers=bearer)
        assert answer.json() == {"name": "bob", "role": "viewer"}
        for _ in range(3):
            wrong = await client.post("/api/v1/session", json=login | {"password": "no"})
            assert wrong.status_code == 401
        slowed = await client.post("/api/v1/session", json=login)
        assert slowed.status_code == 429
        assert int(slowed.headers["retry-after"]) > 0


async def test_healthz_says_what_does_not_run(doors: Doors) -> None:
    async with httpx.AsyncClient(base_url=doors.url) as anybody:
        answer = await anybody.get("/healthz")
        assert (answer.status_code, answer.json()["wrong"]) == (503, ["ingest"])
        assert (await anybody.head("/healthz")).status_code == 503


async def test_healthz_is_well_once_ingest_is(doors: Doors) -> None:
    await doors.mine.run("insert into worker (name, seen_at) values ('w', clock_timestamp())")
    async with httpx.AsyncClient(base_url=doors.url) as anybody:
        answer = await anybody.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        doors.parts["broker"] = PartState(is_well=False, trouble="secret words")
        answer = await anybody.get("/healthz")
        assert (answer.status_code, answer.json()["wrong"]) == (503, ["broker"])
        assert "secret" not in answer.text


async def test_metrics_are_read_with_a_login_or_the_scrapers_token(doors: Doors) -> None:
    await doors.mine.alert(await doors.mine.device(await doors.mine.agent(), "rig-1"))
    doors.parts["notifier"] = PartState(is_well=True, restarts=3)
    async with httpx.AsyncClient(base_url=doors.url) as prometheus:
        assert (await prometheus.get("/metrics")).status_code == 401
        bearer = {"Authorization": f"Bearer {SCRAPE}"}
        said = (await prometheus.get("/metrics", headers=bearer)).text
    assert "lode_alerts_open 1.0" in said
    assert 'lode_part_restarts{part="notifier"} 3.0' in said
    assert "lode_agents_stale 0.0" in said
    assert "lode_ingest_readings" in said
    async with doors.client() as ada:
        assert (await ada.get("/metrics")).status_code == 200
