"""Over a restart of the agent: the gap is filled from the server's history, and nothing doubled."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from asyncua import ua
from tests.edge.drivers.opcua.conftest import entry, listening, until

from lode_edge.drivers.opcua import told
from lode_sim.opcua_plant import Plant

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant():
    """Give a plant for all tests of this module: it takes seconds to start."""
    async with Plant(["F1", "F2", "F3"], has_history=True) as running:
        yield running


async def tell(plant, feeder, values):
    found = {}
    for value in values:
        found[int((await plant.tell(feeder, "Power", value)).timestamp() * 1000)] = value * 1000
    return found


def changes(ear, expected):
    return [r.at_ms for r in ear.readings if expected.get(r.at_ms) == r.power_w]


async def test_after_a_stop_the_gap_is_told_once(plant, tmp_path):
    device = entry(plant.url, "F1")
    async with listening(device, folder=tmp_path) as ear:
        await until(lambda: ear.readings)
        before = await tell(plant, "F1", [20.0])
        await until(lambda: ear.last.power_w == 20_000.0)
    gap = await tell(plant, "F1", [30.0 + n for n in range(20)])
    async with listening(device, folder=tmp_path) as again:
        await until(lambda: again.readings and again.last.power_w == 49_000.0)
    assert sorted(changes(again, gap)) == sorted(gap)
    assert not changes(again, before)


async def test_after_a_kill_nothing_is_told_twice(plant, tmp_path, monkeypatch):
    monkeypatch.setattr(told, "AHEAD", timedelta(seconds=0.3))
    device = entry(plant.url, "F2")
    async with listening(device, folder=tmp_path) as ear:
        await until(lambda: ear.readings)
        for n in range(8):
            first = await tell(plant, "F2", [20.0 + n])
            await until(lambda n=n: ear.last.power_w == 20_000.0 + 1000 * n)
        left = tmp_path / "left"
        left.mkdir()
        shutil.copy(tmp_path / "opcua-told.json", left)  # what a kill leaves
    promised = told.ToldFile.shared(left).until(f"F2 {plant.url} example-feeder", ["power_w"])[
        "power_w"
    ]
    assert promised.timestamp() * 1000 >= max(first)
    await until(lambda: datetime.now(UTC) > promised)
    gap = await tell(plant, "F2", [50.0, 51.0])
    async with listening(device, folder=left) as again:
        await until(lambda: again.readings and again.last.power_w == 51_000.0)
    assert sorted(changes(again, gap)) == sorted(gap)
    assert all(r.at_ms > max(first) for r in again.readings)


@pytest.mark.parametrize("text", ["", "[]", '{"x": {"until": 3}}'])
async def test_a_broken_file_costs_the_fill_alone(plant, tmp_path, text):
    (tmp_path / "opcua-told.json").write_text(text)
    async with listening(entry(plant.url, "F3"), folder=tmp_path) as ear:
        await until(lambda: ear.readings and ear.last.power_w)


async def test_what_cannot_be_written_leaves_no_old_promise(tmp_path):
    file = told.ToldFile.shared(tmp_path)
    file.promise("d", datetime.now(UTC), 0)
    assert (tmp_path / "opcua-told.json").exists()
    (tmp_path / "opcua-told.new").mkdir()
    file.promise("d", datetime.now(UTC) + timedelta(hours=1), 0)
    assert not (tmp_path / "opcua-told.json").exists()


async def test_history_is_asked_for_as_few_nodes_as_the_server_allows(plant, tmp_path, monkeypatch):
    server = plant._running
    node = server.get_node(ua.NodeId.from_string("i=12165"))
    await node.write_value(ua.DataValue(ua.Variant(2, ua.VariantType.UInt32)))
    asked = []
    whole = server.iserver.history_manager.read_history

    async def few(params):
        asked.append(len(params.NodesToRead))
        return await whole(params)

    monkeypatch.setattr(server.iserver.history_manager, "read_history", few)
    device = entry(plant.url, "F1")
    async with listening(device, folder=tmp_path) as ear:
        await until(lambda: ear.readings and ear.points("cabinet.temp"))
    gap = await tell(plant, "F1", [60.0, 61.0])
    async with listening(device, folder=tmp_path) as again:
        await until(lambda: again.readings and again.last.power_w == 61_000.0)
    assert max(asked) == 2
    assert sorted(changes(again, gap)) == sorted(gap)
