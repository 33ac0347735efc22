"""The learned opinion through the API: everybody may look, and a viewer may decide nothing."""

from lode_hub.store import learned
from lode_models.rig import load
from tests.hub.api.doors import Doors


async def test_a_viewer_looks_and_may_not_decide(doors: Doors):
    await doors.mine.agent()
    async with doors.client("vera", "viewer") as client:
        assert (await client.get("/api/v1/learned/model")).json() is None
        async with doors.mine.store.pool.connection() as conn:
            await learned.know(conn, load().card, 1_700_000_000_000)
        model = (await client.get("/api/v1/learned/model")).json()
        assert model["sha256"] == load().card.model_sha256
        assert "Real rigs were not seen." in model["limits"]
        assert len(model["looks_at"]) == 19
        (one, *_) = (await client.get("/api/v1/learned/sites")).json()
        assert (one["stage"], one["is_heard"], one["judged_ms"]) == ("shadow", False, None)
        place = f"/api/v1/learned/sites/{one['site']}"
        assert (await client.get(place)).json() == one
        for stage in ("advisory", "shadow"):
            answer = await client.put(place, json={"stage": stage})
            assert answer.status_code == 403, answer.text
        assert (await client.put(place, json={"stage": "acts"})).status_code == 422
        assert (await client.get(f"{place}/decisions")).json() == []


async def test_an_operator_is_told_what_it_lacks(doors: Doors):
    await doors.mine.agent()
    async with doors.client() as client:
        (one, *_) = (await client.get("/api/v1/learned/sites")).json()
        answer = await client.put(
            f"/api/v1/learned/sites/{one['site']}", json={"stage": "advisory"}
        )
        assert answer.status_code == 409
        assert "it has not judged here yet" in answer.json()["detail"]
        answer = await client.put("/api/v1/learned/sites/nowhere", json={"stage": "advisory"})
        assert answer.status_code == 404
