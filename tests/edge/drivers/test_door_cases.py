"""Every golden case of rigs that are read by other ways than 4028, and the records of it."""

import json
from pathlib import Path

import pytest
from tests.edge.drivers import doors
from tests.edge.drivers.test_rig_cases import said

from lode_edge.drivers import DeviceEntry, make

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
FAMILIES = ("whatsminer_v3", "braiins_rest", "braiins_graphql", "epic", "bitaxe")
CASES = sorted(path.parent for f in FAMILIES for path in GOLDEN.glob(f"{f}/*/expected.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: "/".join(case.parts[-2:]))
async def test_a_rig_is_understood(case):
    async with doors.opened(case) as address:
        entry = DeviceEntry(name="rig-1", driver="asic", address=address, kind="rig", timeout_s=5.0)
        assert await said(make(entry, 7)) == json.loads((case / "expected.json").read_text())


def test_there_is_a_case_of_each_family():
    assert {case.parent.name for case in CASES} == set(FAMILIES)
