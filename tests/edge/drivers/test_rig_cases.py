"""Every golden case: what a rig answers over its socket, and the records that come of it."""

import json
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from tests.edge.drivers import doors

from lode_edge.drivers import DeviceEntry, make
from lode_edge.errors import DriverError
from lode_wire.records import Quality

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
FAMILIES = ("antminer", "antminer_web", "avalon", "braiins", "luxos", "vnish", "whatsminer")
CASES = sorted(path.parent for family in FAMILIES for path in GOLDEN.glob(f"{family}/*/*.json"))
AT_MS = 1_790_000_000_000


@pytest.mark.parametrize("case", sorted(set(CASES)), ids=lambda case: "/".join(case.parts[-2:]))
async def test_a_rig_is_understood(case, serve_rig):
    expected = json.loads((case / "expected.json").read_text())
    able = expected.pop("abilities", None)
    async with AsyncExitStack() as stack:
        if (case / "web").exists():
            address = await stack.enter_async_context(doors.opened(case))
        else:
            replies = {p.stem: p.read_bytes() for p in case.glob("*.json") if p.stem != "expected"}
            address = await serve_rig(replies)
        entry = DeviceEntry(name="rig-1", driver="asic", address=address, kind="rig", timeout_s=5.0)
        driver = make(entry, 7)
        assert await said(driver) == expected
        if able is not None:
            assert await offered(driver) == able


async def offered(driver) -> dict:
    """Write down what a rig says it can be told, and how it says that it is set."""
    able, posture = await driver.abilities(), await driver.posture()
    return {
        "actions": sorted(able.actions),
        "modes": list(able.modes),
        "presets": list(able.presets),
        "power_w": [able.power_min_w, able.power_max_w],
        "blocked": able.blocked,
        "posture": str(posture),
    }


async def said(driver) -> dict:
    """Write down all that a driver says, as `expected.json` has it: what is missing is left out."""
    try:
        facts = msgspec.to_builtins(await driver.identify())
    except DriverError as error:
        facts = {"error": type(error).__name__}
    try:
        reading, *points = await driver.read(AT_MS)
    except DriverError as error:
        return {"facts": _given(facts), "error": type(error).__name__}
    assert reading.rig == 7
    assert {record.at_ms for record in (reading, *points)} == {AT_MS}
    figures = msgspec.structs.asdict(reading)
    quality = Quality(figures.pop("quality"))
    shown = {key: _plain(value) for key, value in figures.items() if key not in ("rig", "at_ms")}
    return {
        "facts": _given(facts),
        "reading": {key: value for key, value in shown.items() if value is not None},
        "quality": [bit.name for bit in quality],
        "points": {p.point: [_plain(p.value), p.unit, int(p.quality)] for p in points},
    }


def _given(facts: dict) -> dict:
    return {key: value for key, value in facts.items() if value not in ("", None)}


def _plain(value):
    if isinstance(value, float):
        return round(value, 6)
    return value.name if hasattr(value, "name") else value
