"""Commands by REST: what the doors let through, and what stays outside."""

from typing import Any

import httpx

from lode_hub.access.guard import MAX_BODY_BYTES
from tests.hub.api.doors import Doors
from tests.hub.commands.site import site_of

COMMANDS = "/api/v1/commands"
POOLS = {"action": "pools", "pools": [{"url": "tcp://p:1", "user": "u", "password": "s3cret"}]}


async def rigs_of(doors: Doors, count: int = 2) -> list[int]:
    site = site_of(doors.mine.store)
    agent = await doors.mine.agent()
    return [await site.rig(agent, f"rig-{n}", controls={}) for n in range(count)]


async def order(client: httpx.AsyncClient, rig: int, **more: Any) -> httpx.Response:
    body = {"device_id": rig, "intent": {"action": "sleep"}} | more
    return await client.post(COMMANDS, json=body)


async def test_an_order_and_all_that_is_known_of_it(doors: Doors) -> None:
    rig, _ = await rigs_of(doors)
    async with doors.client() as ada:
        offered = (await ada.get(f"/api/v1/devices/{rig}/controls")).json()
        assert "power_limit" in offered["offers"]
        terms = {"until_ms": None, "at_end": "hold", "lost_after_s": 60}
        wish = {"action": "power_limit", "power_w": 2500}
        made = await order(ada, rig, intent=wish, terms=terms, valid_s=30)
        assert made.status_code == 201, made.text
        command = made.json()["command"]
        assert (command["stage"], command["order"]["intent"]) == ("queued", wish)
        assert command["order"]["terms"]["at_end"] == "hold"
        listed = await ada.get(
            COMMANDS, params={"site": "north", "device_id": rig, "stage": "queued"}
        )
        assert listed.headers["X-Total-Count"] == "1"
        assert listed.json() == [command]
        assert (await ada.get(f"{COMMANDS}/{command['command_id']}")).json() == made.json()
        released = await ada.post(f"{COMMANDS}/{command['command_id']}/release")
        assert released.json()["command"]["lease"] == command["command_id"]
        assert (await ada.get(f"{COMMANDS}/nothing")).status_code == 404
        assert (await ada.get("/api/v1/devices/999/controls")).status_code == 404
        assert (await ada.get(f"{COMMANDS}/strange")).json() == []


async def test_what_cannot_be_is_refused_and_says_why(doors: Doors) -> None:
    rig, _ = await rigs_of(doors)
    async with doors.client() as ada:
        for more, status, words in (
            ({"intent": {"action": "explode"}}, 400, "explode"),
            ({"intent": {"action": "power_limit"}}, 400, "power_w"),
            ({"intent": {"action": "power_limit", "power_w": 9000}}, 400, "1500 to 3600"),
            ({"intent": {"action": "sleep", "force": True}}, 400, "force"),
            ({"intent": {"action": "fan_speed", "percent": 40}}, 409, "does not offer fan_speed"),
            ({"intent": "sleep"}, 422, "intent"),
            ({"terms": {"lost_after_s": 0}}, 400, "lost_after_s"),
            ({"valid_s": 86_400}, 400, "valid_s"),
            ({"device_id": 4711}, 404, "4711"),
            ({"agent": "north-1"}, 400, "is for a device"),
            ({"because": "I say so"}, 422, "because"),
        ):  # fmt: skip
            answer = await order(ada, rig, **more)
            assert answer.status_code == status, (more, answer.text)
            assert words in answer.json()["detail"]
            assert answer.headers["content-type"] == "application/problem+json"
        note = await ada.put(f"/api/v1/devices/{rig}/maintenance", json={"note": "\0"})
        assert note.status_code == 400
        zero = await order(ada, rig, intent={"action": "preset", "name": "\0"})
        assert zero.status_code == 400
        period = {"from_ms": 1, "to_ms": 2**80}
        plan = {"agent": "north-1", "intent": {"action": "plan", "periods": [period]}}
        assert (await ada.post(COMMANDS, json=plan)).status_code == 400
        big = b'{"device_id": 1, "intent": {"action": "' + b"x" * MAX_BODY_BYTES + b'"}}'
        answer = await ada.post(COMMANDS, content=big)
        assert answer.status_code == 413
        assert (await ada.get(COMMANDS)).json() == []


async def test_doors_that_stay_shut(doors: Doors) -> None:
    rig, _ = await rigs_of(doors)
    await doors.mine.agent("south-1", "south")
    preview = {"site": "north"}
    acts = [
        ("POST", COMMANDS, {"device_id": rig, "intent": {"action": "sleep"}}),
        ("POST", "/api/v1/curtailments/preview", preview),
        ("POST", "/api/v1/sites/north/stop", {"reason": "no"}),
        ("POST", "/api/v1/sites/north/end_stop", None),
        ("PUT", f"/api/v1/devices/{rig}/maintenance", {"note": "no"}),
        ("DELETE", f"/api/v1/devices/{rig}/maintenance", None),
    ]
    async with doors.client() as ada, doors.client("vera", "viewer") as vera:
        proposal = (await order(ada, rig, intent=POOLS)).json()["command"]["command_id"]
        seen = (await ada.post("/api/v1/curtailments/preview", json=preview)).json()
        lease = (await order(ada, rig)).json()["command"]["command_id"]
        acts += [
            ("POST", f"/api/v1/approvals/{proposal}/approve", None),
            ("POST", f"/api/v1/approvals/{proposal}/decline", None),
            ("POST", "/api/v1/curtailments", {"preview": seen["curtailment_id"]}),
            ("POST", f"/api/v1/curtailments/{seen['curtailment_id']}/release", None),
            ("POST", f"{COMMANDS}/{lease}/release", None),
        ]
        await doors.access.add("olga", "operator", ["south"])
        password = await doors.access.reset_password("olga")
        async with httpx.AsyncClient(base_url=doors.url, timeout=20) as olga:
            login = {"name": "olga", "password": password}
            assert (await olga.post("/api/v1/session", json=login)).status_code == 201
            for who in (vera, olga):
                for method, path, body in acts:
                    answer = await who.request(method, path, json=body)
                    assert answer.status_code == 403, (method, path, answer.text)
        for method, path, body in acts:
            foreign = await ada.request(
                method, path, json=body, headers={"Origin": "https://evil.example"}
            )
            assert foreign.status_code == 403, (method, path)
        assert len((await ada.get(COMMANDS)).json()) == 2


async def test_pools_take_two_people_and_show_no_password(doors: Doors) -> None:
    rig, _ = await rigs_of(doors)
    async with doors.client() as ada, doors.client("bob", "admin") as bob:
        made = (await order(ada, rig, intent=POOLS)).json()["command"]
        assert made["stage"] == "proposed"
        assert [one["command_id"] for one in (await bob.get("/api/v1/approvals")).json()] == [
            made["command_id"]
        ]
        path = f"/api/v1/approvals/{made['command_id']}/approve"
        assert (await ada.post(path)).status_code == 409
        approved = await bob.post(path)
        assert approved.json()["command"]["stage"] == "queued"
        assert [one["decision"] for one in approved.json()["approvals"]] == ["proposed", "approved"]
        assert (await bob.post(path)).status_code == 409
        assert "s3cret" not in approved.text


async def test_a_request_named_twice_is_done_once(doors: Doors) -> None:
    rig, other = await rigs_of(doors)
    async with doors.client() as ada:
        ada.headers["Idempotency-Key"] = "retry-1"
        first, second = await order(ada, rig), await order(ada, rig)
        assert first.json()["command"]["command_id"] == second.json()["command"]["command_id"]
        assert (await order(ada, other)).status_code == 409


async def test_a_curtailment_is_seen_then_begun_then_released(doors: Doors) -> None:
    rigs = await rigs_of(doors)
    async with doors.client() as ada:
        note = await ada.put(f"/api/v1/devices/{rigs[0]}/maintenance", json={"note": "fan"})
        assert note.json() == {"note": "fan"}
        ask = {"site": "north", "reduce_by_w": 2000, "terms": {"if_lost": "restore"}}
        seen = await ada.post("/api/v1/curtailments/preview", json=ask)
        assert seen.status_code == 201, seen.text
        shown = seen.json()
        assert [one["name"] for one in shown["taken"]] == ["rig-1"]
        assert [(one["name"], one["reason"]) for one in shown["skipped"]] == [
            ("rig-0", "maintenance")
        ]
        begun = await ada.post("/api/v1/curtailments", json={"preview": shown["curtailment_id"]})
        assert begun.status_code == 201, begun.text
        (lease,) = begun.json()["commands"]
        assert (await ada.get(f"{COMMANDS}/{lease}")).json()["command"]["action"] == "curtail"
        path = f"/api/v1/curtailments/{shown['curtailment_id']}"
        assert (await ada.get(path)).json()["started_by"] == "ada"
        assert len((await ada.post(f"{path}/release")).json()) == 1
        assert len((await ada.get("/api/v1/curtailments")).json()) == 1
        stopped = await ada.post("/api/v1/sites/north/stop", json={"reason": "smoke"})
        assert stopped.status_code == 201
        assert (await ada.post("/api/v1/sites/nowhere/stop", json={})).status_code == 404


async def test_openapi_describes_every_action(doors: Doors) -> None:
    async with doors.client() as ada:
        described = (await ada.get("/api/v1/openapi.json")).json()
    intent = described["components"]["schemas"]["OrderIn"]["properties"]["intent"]
    actions = {one["properties"]["action"]["enum"][0] for one in intent["anyOf"]}
    assert {"sleep", "power_limit", "curtail", "stop_all", "plan", "dry_run"} <= actions
    assert "$ref" not in str(intent)
