"""Rigs of every family that can be told something: what they keep, and what they may be told.

A family is one row of SUBJECTS: its simulator's model, how to see what its rig keeps, which of
that each action may change, how the rig is truly set, and the intents to try.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lode_edge.drivers import DeviceEntry, make
from lode_edge.drivers.acting import Deed, Posture
from lode_edge.drivers.asic import AsicDriver
from lode_edge.drivers.driver import Login
from lode_edge.errors import DriverError
from lode_sim import addresses
from lode_sim.rig import Rig
from lode_sim.simulator import Ports, Simulator
from lode_sim.site import Plan
from lode_sim.vendors import antminer_web, avalon_orders, luxos_orders, vnish
from lode_wire import orders

SHIFT = 10_000  # so that no port needs a privilege
RESTART_S = 0.03

Kept = dict[str, str]

NEW = orders.Pool(url="stratum+tcp://new.example:3333", user="acct.1", password="x")
OTHER = orders.Pool(url="stratum+tcp://other.example:25", user="acct.2", password="y")
COMMON: tuple[orders.Intent, ...] = (
    orders.Sleep(),
    orders.Wake(),
    orders.RestartMining(),
    orders.Reboot(),
    orders.FaultLight(is_on=True),
    orders.FaultLight(is_on=False),
    orders.FanSpeed(percent=60),
    orders.FanSpeed(percent=None),
    orders.PowerMode(mode="low"),
    orders.PowerMode(mode="normal"),
    orders.PowerMode(mode="high"),
    orders.PowerLimit(power_w=2400.0),
    orders.PowerLimit(power_w=1600.0),
    orders.PowerLimit(power_w=50.0),
    orders.Preset(name="no such"),
    orders.ChangePools(pools=(NEW,)),
    orders.ChangePools(pools=(OTHER, NEW)),
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One family, as the tests of its controls need to know it."""

    model: str
    kept: Callable[[Rig], Kept]  # all that the rig keeps, by name
    touches: Mapping[str, frozenset[str]]  # the names that an action may change
    truth: Callable[[Rig], Posture]
    intents: tuple[orders.Intent, ...] = COMMON
    slow_s: float = 0.0  # until an order that was taken is seen
    pools: Callable[[Rig], list[str]] = field(default=lambda _rig: ["none are kept"])


@dataclass(frozen=True)
class Bench:
    """One rig of a subject, and its driver."""

    subject: Subject
    rig: Rig
    driver: AsicDriver

    async def left(self) -> None:
        """Wait until the rig's API is away."""
        await _until(lambda: self.rig.port is not None and self.rig.port.state == "refused")

    async def seen(self, intent: orders.Intent) -> None:
        """Wait until an order that was taken is to be seen: the rig's own clock may decide."""
        if self.subject.slow_s and intent.action in ("sleep", "wake"):
            await asyncio.sleep(self.subject.slow_s + 0.1)

    async def back(self) -> None:
        """Wait until the rig answers again."""
        await _until(lambda: not self.rig.is_away)


async def _until(is_so: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 40
    while not is_so():
        assert time.monotonic() < until_s, "waited in vain"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def bench(
    subject: Subject,
    folder: Path,
    *,
    timeout_s: float = 2.0,
    login: Login | None = None,
    images: Path | None = None,
) -> AsyncIterator[Bench]:
    """Let one rig of a subject run, and make its driver."""
    with addresses.claim() as base:
        plan = Plan(rigs=1, base=base, models=(subject.model,))
        ports = Ports(rigs=4028 + SHIFT)
        async with Simulator(plan, folder, ports=ports) as simulator:
            (rig,) = simulator.site.rigs
            rig.writes.restart_s = RESTART_S
            address = f"{rig.identity.host}:{4028 + SHIFT}"
            entry = DeviceEntry(
                name="rig-1",
                driver="asic",
                address=address,
                kind="rig",
                timeout_s=timeout_s,
                login=login,
            )
            driver = make(entry, 1, images=images)
            assert isinstance(driver, AsicDriver)
            await driver.identify()
            yield Bench(subject, rig, driver)


async def tried(it: Bench, intent: orders.Intent) -> Deed | DriverError:
    """Act, and make sure that nothing but what the intent names has changed, and no pool is lost.

    Returns what came of it; the rig answers again by then.
    """
    before = it.subject.kept(it.rig)
    outcome: Deed | DriverError
    try:
        outcome = await it.driver.act(intent)
    except DriverError as error:
        outcome = error
    await asyncio.sleep(0)
    await it.back()
    after = it.subject.kept(it.rig)
    may = it.subject.touches.get(intent.action, frozenset())
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= may, f"{intent} changed {changed - may} too"
    assert any(it.subject.pools(it.rig)), f"{intent} left no pool"
    return outcome


async def shown(it: Bench, intent: orders.Intent) -> Sequence[orders.Change] | DriverError:
    """Preview, and make sure that nothing has changed by it."""
    before = it.subject.kept(it.rig)
    try:
        return await it.driver.preview(intent)
    except DriverError as error:
        return error
    finally:
        assert it.subject.kept(it.rig) == before, "a preview changed something"


async def honest(it: Bench) -> Posture | DriverError:
    """Read the posture back; what it says must be so, and what it does not know it leaves out."""
    try:
        said = await it.driver.posture()
    except DriverError as error:
        return error
    truth = it.subject.truth(it.rig)
    for name in said.__slots__:
        value = getattr(said, name)
        assert value is None or value == getattr(truth, name), f"{name}: {value}, not {truth}"
    return said


def holds(intent: orders.Intent, truth: Posture) -> bool | None:
    """Tell whether a wish is fulfilled; None where the truth does not show it."""
    if isinstance(intent, orders.PowerLimit):
        return None if truth.power_limit_w is None else truth.power_limit_w <= intent.power_w
    wished: dict[str, tuple[str, object]] = {
        "sleep": ("is_asleep", True),
        "wake": ("is_asleep", False),
        "fault_light": ("is_light_on", getattr(intent, "is_on", None)),
        "power_mode": ("mode", getattr(intent, "mode", None)),
        "preset": ("preset", getattr(intent, "name", None)),
        "fan_speed": ("fan_percent", getattr(intent, "percent", None)),
    }
    name, value = wished.get(intent.action, ("", None))
    return getattr(truth, name) == value if name else None


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _antminer_kept(rig: Rig) -> Kept:
    kept = {key: bytes(raw).decode() for key, raw in antminer_web.conf(rig).items()}
    return kept | {"blink": _text(rig.kept.get("blink", False))}


def _antminer_truth(rig: Rig) -> Posture:
    conf = antminer_web.conf(rig)
    mode = json.loads(bytes(conf["bitmain-work-mode"]))
    is_fixed = json.loads(bytes(conf["bitmain-fan-ctrl"]))
    return Posture(
        is_asleep=rig.mode == "sleep",
        mode={"0": "normal", "3": "low"}.get(mode),
        fan_percent=int(json.loads(bytes(conf["bitmain-fan-pwm"]))) if is_fixed else None,
        is_light_on=rig.kept.get("blink", False),
    )


def _antminer_pools(rig: Rig) -> list[str]:
    return [pool["url"] for pool in json.loads(bytes(antminer_web.conf(rig)["pools"]))]


def _luxos_kept(rig: Rig) -> Kept:
    kept = {key: _text(value) for key, value in luxos_orders.settings(rig).items()}
    asleep, pools = rig.mode == "sleep", _luxos_pools(rig)
    return kept | {
        "asleep": _text(asleep),
        "pools": _text(pools),
        "fans": str(rig.kept.get("fans")),
    }


def _luxos_truth(rig: Rig) -> Posture:
    settings = luxos_orders.settings(rig)
    profiles = {row["Profile Name"]: row["Watts"] for row in luxos_orders.profiles()}
    fans = int(rig.kept.get("fans", -1))
    return Posture(
        is_asleep=rig.mode == "sleep",
        preset=settings["Profile"],
        power_limit_w=float(profiles[settings["Profile"]]),
        fan_percent=None if fans < 0 else fans,
        is_light_on=settings.get("RedLed", "auto") == "blink",
    )


def _luxos_pools(rig: Rig) -> list[str]:
    return [f"{row['URL']} {row['User']}" for row in luxos_orders.pools(rig)]


def _vnish_kept(rig: Rig) -> Kept:
    settings = json.loads(json.dumps(vnish.settings(rig)))
    pools, preset = settings["miner"].pop("pools"), settings["miner"]["overclock"].pop("preset")
    light = rig.kept.get("light", False)
    return {
        "pools": _text(pools),
        "preset": preset,
        "asleep": _text(rig.mode == "sleep"),
        "light": _text(light),
        "else": _text(settings),
    }


def _vnish_truth(rig: Rig) -> Posture:
    preset = vnish.settings(rig)["miner"]["overclock"]["preset"]
    return Posture(
        is_asleep=rig.mode == "sleep",
        preset=preset,
        power_limit_w=float(preset) if preset.isdigit() else None,
        is_light_on=rig.kept.get("light", False),
    )


def _vnish_pools(rig: Rig) -> list[str]:
    return [pool["url"] for pool in vnish.settings(rig)["miner"]["pools"]]


def _avalon_kept(rig: Rig) -> Kept:
    kept = {"asleep": _text(rig.mode == "sleep"), "workmode": avalon_orders.mode(rig)}
    return kept | {"led": rig.kept.get("led", "0"), "fans": str(rig.kept.get("fans", -1))}


def _avalon_truth(rig: Rig) -> Posture:
    fans = int(rig.kept.get("fans", -1))
    return Posture(
        is_asleep=rig.mode == "sleep",
        mode=avalon_orders.MODES[avalon_orders.mode(rig)],
        fan_percent=None if fans < 0 else fans,
        is_light_on=rig.kept.get("led", "0") == "1",
    )


def _named(**names: str) -> dict[str, frozenset[str]]:
    return {action: frozenset(keys.split()) for action, keys in names.items()}


_ASLEEP = {"sleep": "asleep", "wake": "asleep"}
_AVALON = _named(**_ASLEEP, power_mode="workmode", fan_speed="fans", fault_light="led")
_ANTMINER = Subject(
    model="antminer-s19pro",
    kept=_antminer_kept,
    touches=_named(
        sleep="bitmain-work-mode",
        wake="bitmain-work-mode",
        power_mode="bitmain-work-mode",
        fan_speed="bitmain-fan-ctrl bitmain-fan-pwm",
        fault_light="blink",
        pools="pools",
    ),
    truth=_antminer_truth,
    pools=_antminer_pools,
)
SUBJECTS: dict[str, Subject] = {
    "antminer": _ANTMINER,
    "antminer-web": replace(_ANTMINER, model="antminer-s21"),
    "luxos": Subject(
        model="luxos-s19kpro",
        kept=_luxos_kept,
        touches=_named(
            **_ASLEEP,
            preset="Profile",
            power_limit="Profile",
            fan_speed="fans",
            fault_light="RedLed",
            pools="pools",
        ),
        truth=_luxos_truth,
        intents=(*COMMON, orders.Preset(name="290MHz"), orders.Preset(name="default")),
        pools=_luxos_pools,
    ),
    "vnish": Subject(
        model="vnish-s19",
        kept=_vnish_kept,
        touches=_named(
            **_ASLEEP, preset="preset", power_limit="preset", fault_light="light", pools="pools"
        ),
        truth=_vnish_truth,
        intents=(*COMMON, orders.Preset(name="2350"), orders.Preset(name="2950")),
        pools=_vnish_pools,
    ),
    "avalon-q": Subject(
        model="avalon-q", kept=_avalon_kept, touches=_AVALON, truth=_avalon_truth, slow_s=1.0
    ),
    "avalon-1246": Subject(
        model="avalon-1246", kept=_avalon_kept, touches=_AVALON, truth=_avalon_truth, slow_s=1.0
    ),
}
