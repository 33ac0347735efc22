"""A rig in memory, with hands: its power, its delay, and how it misbehaves."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from lode_edge.drivers.acting import Abilities, Deed, Posture
from lode_edge.errors import BadAnswer, TimedOut, Unsupported
from lode_wire import orders
from lode_wire.orders import Change, Intent
from lode_wire.records import PowerSource, RigReading, State


@dataclass
class Rig:
    """A rig with hands; `faults` name how it misbehaves."""

    name: str
    power_w: float = 3000.0
    asleep_w: float = 60.0
    delay_s: float = 0.2
    lag_s: float = 0.0  # until power follows
    boot_s: float = 0.0  # for which it draws nothing after a restart
    is_asleep: bool = False
    limit_w: float | None = 3500.0
    is_light_on: bool = False
    uptime_since_s: float = 0.0
    faults: set[str] = field(default_factory=set)
    measures: bool = True
    is_rated: bool = True
    ths: float = 100.0
    chip_c: float = 70.0
    offers: tuple[str, ...] = ("sleep", "wake", "power_limit", "reboot", "fault_light", "pools")
    orders: list[tuple[float, Intent]] = field(default_factory=list)
    restarts: int = 0
    turned_s: list[tuple[float, bool]] = field(default_factory=list)  # when it slept, or woke
    drawn_w: float = 3000.0
    changed: Callable[[], None] = lambda: None

    @property
    def wanted_w(self) -> float:
        if self.is_asleep:
            return self.asleep_w
        return self.power_w if self.limit_w is None else min(self.power_w, self.limit_w)

    async def abilities(self) -> Abilities:
        await self._wait()
        return Abilities(actions=self.offers, power_min_w=500, power_max_w=3600)

    async def preview(self, intent: Intent) -> tuple[Change, ...]:
        await self._wait()
        return (Change(key="mode", before="0", after="1"),)

    async def act(self, intent: Intent) -> Deed:
        self.orders.append((asyncio.get_running_loop().time(), intent))
        await self._wait()
        if intent.action not in self.offers:
            raise Unsupported(f"{self.name}: {intent.action}")
        if "refuses" in self.faults:
            raise BadAnswer(f"{self.name}: HTTP 500")
        if "lies" not in self.faults:
            self._do(intent)
        if "deaf" in self.faults:  # it does it, and its answer is lost
            raise TimedOut(f"{self.name}: no answer")
        return Deed(said="success")

    async def posture(self) -> Posture:
        await self._wait()
        told = True if "pretends" in self.faults else self.is_asleep
        return Posture(is_asleep=told, power_limit_w=self.limit_w, is_light_on=self.is_light_on)

    async def registers(self, function: int, register: int, count: int) -> list[int]:
        await self._wait()
        return [register + i for i in range(count)]

    def restart(self, now_s: float, *, is_asleep: bool) -> None:
        """Come up again, by no order of ours."""
        self.is_asleep, self.uptime_since_s = is_asleep, now_s
        self._draw()

    def reading(self, number: int, now_ms: int, now_s: float) -> RigReading:
        if "silent" in self.faults:
            return RigReading(at_ms=now_ms, rig=number, state=State.UNREACHABLE)
        return RigReading(
            at_ms=now_ms,
            rig=number,
            state=State.SLEEPING if self.is_asleep else State.MINING,
            hashrate_ths=0.0 if self.is_asleep else self.ths,
            power_w=self._says_w if self.measures else None,
            power_source=PowerSource.RIG if self.measures else PowerSource.NONE,
            chip_temp_c=self.chip_c,
            uptime_s=int(now_s - self.uptime_since_s),
        )

    @property
    def _says_w(self) -> float:
        return self.wanted_w if "draws on" in self.faults else self.drawn_w

    async def _wait(self) -> None:
        await asyncio.sleep(self.delay_s)
        if "silent" in self.faults:
            raise TimedOut(f"{self.name}: no answer")

    def _do(self, intent: Intent) -> None:
        if isinstance(intent, orders.Sleep | orders.Wake):
            is_asleep = isinstance(intent, orders.Sleep)
            if is_asleep != self.is_asleep:
                self.turned_s.append((asyncio.get_running_loop().time(), is_asleep))
        match intent:
            case orders.Sleep():
                self.is_asleep = True
            case orders.Wake():
                self.is_asleep = False
            case orders.PowerLimit(power_w=power_w):
                self.limit_w = power_w
            case orders.FaultLight(is_on=is_on):
                self.is_light_on = is_on
            case orders.Reboot():
                self.uptime_since_s = asyncio.get_running_loop().time()
                self._boot()
                return
        self._follow()

    def _boot(self) -> None:
        self.restarts += 1
        if self.boot_s:
            self.drawn_w = 0.0
            self.changed()
        asyncio.get_running_loop().call_later(self.boot_s, self._draw)

    def _follow(self) -> None:
        asyncio.get_running_loop().call_later(self.lag_s, self._draw)

    def _draw(self) -> None:
        if "draws on" not in self.faults:
            self.drawn_w = self.wanted_w
        self.changed()
