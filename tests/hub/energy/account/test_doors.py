"""Energy through the API: rights, documents, uploads, calls, prices and accounts."""

import pytest

from lode_hub.store import Store
from tests.hub.api.doors import Doors, doors
from tests.hub.app.opened import store
from tests.hub.energy.account.conftest import PROGRAMME, SOURCE, TARIFF

__all__ = ["doors", "store"]

AT = 1_781_500_000_000


@pytest.fixture
async def north(doors: Doors, store: Store) -> Doors:
    agent = await doors.mine.agent()
    await doors.mine.device(agent, "rig-1")
    return doors


async def test_a_trader_sets_a_site_up_and_everybody_sees_why_power_costs_so(north: Doors) -> None:
    source = SOURCE.format(quantity="real-time", unit="USD/MWh", node="HB_WEST", more="")
    async with north.client("tom", "trader") as trader, north.client("vic", "viewer") as viewer:
        for kind, name, body in (
            ("tariff", "flat", TARIFF), ("source", "rt", source), ("programme", "ERS", PROGRAMME),
        ):  # fmt: skip
            way = f"/api/v1/energy/north/documents/{kind}/{name}"
            assert (await viewer.put(way, json={"body": body})).status_code == 403
            assert (await trader.put(way, json={"body": body})).json() == {"id": 1}
        wrong = await trader.put(
            "/api/v1/energy/north/documents/tariff/x", json={"body": "name = 1"}
        )
        assert wrong.status_code == 400
        assert "tariff x: name" in wrong.json()["detail"]
        said = await trader.post(
            "/api/v1/energy/north/sources/rt/upload", content=f"t,v\n{AT},302\nx,1\n".encode()
        )
        assert (said.json()["fresh"], said.json()["refused"][0]["line"]) == (1, 3)
        price = (await viewer.get("/api/v1/energy/north/price", params={"at_ms": AT})).json()
        assert price["usd_mwh"] == 312
        assert [part["name"] for part in price["parts"]] == ["energy, real-time HB_WEST", "wires"]
        span = {"from_ms": AT, "until_ms": AT + 1_800_000}
        series = (await viewer.get("/api/v1/energy/north/prices", params=span)).json()
        assert series["usd_mwh"] == [312, 312]
        for way in ("hashprice", "sources", "break-even", "documents/tariff"):
            assert (await viewer.get(f"/api/v1/energy/north/{way}")).status_code == 200, way
        assert (await viewer.get("/api/v1/energy/nowhere/price")).status_code == 404


async def test_a_call_is_taken_once_by_who_may(north: Doors) -> None:
    async with north.client("tom", "trader") as trader, north.client("vic", "viewer") as viewer:
        way = "/api/v1/energy/north/programmes/ERS/calls"
        await trader.put("/api/v1/energy/north/documents/programme/ERS", json={"body": PROGRAMME})
        call = {"event": "e1", "from_ms": AT, "until_ms": AT + 3_600_000}
        assert (await viewer.post(way, json=call)).status_code == 403
        made = await trader.post(way, json=call)
        assert made.status_code == 201
        assert (await trader.post(way, json=call)).json() == made.json()
        assert (await trader.post(way, json=call | {"power_kw": -1})).status_code == 422
        later = await trader.post(way, json=call | {"modification": 2, "is_cancelled": True})
        assert later.status_code == 201
        assert (await trader.post(way, json=call | {"modification": 1})).status_code == 409
        listed = (await viewer.get("/api/v1/energy/calls", params={"from_ms": 0})).json()
        assert [(row["event"], row["state"]) for row in listed] == [("e1", "cancelled")]
        no_meter = await trader.post(
            "/api/v1/energy/north/accounts", json={"call_id": made.json()["id"]}
        )
        assert no_meter.status_code in {400, 409}
        assert (await trader.post("/api/v1/energy/north/accounts", json={})).status_code == 400
        assert (await viewer.get("/api/v1/energy/accounts/7")).status_code == 404
        assert (await viewer.get("/api/v1/energy/accounts")).json() == []
