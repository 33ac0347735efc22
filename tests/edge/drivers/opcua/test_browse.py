"""Looking through a server, and a node map that comes of it."""

import asyncio
import json
import sys
import tomllib

import pytest
import pytest_asyncio
from tests.edge.drivers.opcua.conftest import entry, listening, until

from lode_edge.drivers import described
from lode_edge.drivers.opcua.browse import as_toml, browse
from lode_edge.drivers.opcua.server import Access
from lode_edge.errors import DriverError
from lode_profiles import library
from lode_sim.opcua_plant import NAMESPACE, Plant

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant():
    async with Plant(["F1", "F2"]) as running:
        yield running


async def test_a_server_is_shown_with_ids_types_and_values(plant):
    tree = await browse(Access(url=plant.url))
    found = {node.path: node for node in tree.nodes}
    power = found["Plant", "F1", "Power"]
    assert (power.node, power.kind, power.value) == (
        f"nsu={NAMESPACE};s=F1.Power",
        "Double",
        "12.5",
    )
    assert found["Plant", "F2", "Breaker"].value == "True"
    assert found["Plant",].kind == ""
    assert not any(path[0] == "Server" for path in found)
    assert tree.is_whole


async def test_depth_and_count_are_bounds(plant):
    shallow = await browse(Access(url=plant.url), depth=2)
    assert max(len(node.path) for node in shallow.nodes) == 2
    assert not shallow.is_whole
    few = await browse(Access(url=plant.url), count=4)
    assert (len(few.nodes), few.is_whole) == (4, False)


async def test_the_map_that_comes_of_it_is_one_that_works(plant, monkeypatch):
    text = as_toml(await browse(Access(url=plant.url)))
    made = tomllib.loads(text)
    assert made["namespace"] == NAMESPACE
    assert made["points"]["plant.f1.power"] == {"node": "s=F1.Power", "unit": ""}
    for key in ("vendor", "model", "source"):
        text = text.replace(f'{key} = ""', f'{key} = "given"')
    profile = library.parse(text, "mine.toml")
    monkeypatch.setattr(described, "load", lambda _name: profile)
    async with listening(entry(plant.url)) as ear:
        await until(lambda: ear.points("plant.f2.energy"))
        assert ear.points("plant.f2.energy")[0].value == 4711.0


async def test_nobody_there_is_said():
    with pytest.raises(DriverError, match=r"no connection|no answer"):
        await browse(Access(url="opc.tcp://127.0.0.1:1", timeout_s=0.3))


async def test_the_command_prints_the_tree(plant):
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lode_edge.cli", "browse", plant.url, "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await run.communicate()
    assert (run.returncode, err) == (0, b"")
    assert [n for n in json.loads(out) if n["path"] == ["Plant", "F1", "Power"]]
