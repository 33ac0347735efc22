"""A site at work: its sockets, its truth file, its faults, and the orders it takes.

Plan ──► Site ──► one port per device ──► truth
                     ▲
orders ──► Desk ─────┘
"""

import asyncio
import contextlib
import fnmatch
import math
import random
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from lode_sim import truth as truth_file
from lode_sim.api import open_api
from lode_sim.control import SITE_SOCKET, Control, Order
from lode_sim.errors import OrderError
from lode_sim.faults import Desk, schedule
from lode_sim.frames import FRAMED_PORT, open_frames
from lode_sim.meter import Meter
from lode_sim.modbus import MODBUS_PORT, open_modbus
from lode_sim.physics import MODES
from lode_sim.rig import API_PORT, Rig
from lode_sim.site import Plan, Site, build
from lode_sim.truth import Truth
from lode_sim.vendors import VENDORS
from lode_sim.web import WEB_PORT, open_web
from lode_sim.writes import WriteFault

ORDERS = ("fault", "clear", "mode", "disobey", "status", "settings")
SESSIONS = frozenset({"login", "session", "token", "tokens", "cookie", "salt"})
LEAVE_S = 1.0
SCHEDULED_FAULT_S = 20.0
# Serials that an earlier run may have served without a line in the truth file, killed as it was.
UNRECORDED = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Which ports the devices listen at, each at its own address."""

    rigs: int = API_PORT
    meters: int = MODBUS_PORT


class Simulator:
    """A running site; `async with Simulator(plan, data_dir) as simulator: ...`."""

    def __init__(
        self,
        plan: Plan,
        data_dir: Path,
        *,
        truth: Path | None = None,
        ports: Ports | None = None,
        grace_s: float = 0.0,
        delay_s: float = 0.0,
    ) -> None:
        self.site: Site = build(plan)
        for rig in self.site.rigs:
            rig.writes.delay_s = delay_s
        self.truth = Truth(truth)
        self.desk = Desk(self.site.devices)
        self._ports = ports or Ports()
        self._control = Control(data_dir / SITE_SOCKET, self.obey)
        self._faults_per_hour = plan.faults_per_hour
        self._grace_s = grace_s
        self._chaos: asyncio.Task[None] | None = None
        self._random = random.Random(f"share {plan.seed}")
        if truth:
            self._resume(truth)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open every port.

        Raises:
            OrderError: when an address or the control socket is taken; nothing stays open then.
        """
        _allow_files(len(self.site.devices) * 8 + 200)
        try:
            self._open_ports()
            await self._control.start()
        except BaseException:
            await self.stop()
            raise
        if self._faults_per_hour:
            self._chaos = asyncio.get_running_loop().create_task(self._make_faults())

    async def stop(self) -> None:
        """Close everything, in such an order that what was counted as served can be used.

        Replies are first served on uncounted, so that a poll of several commands can be finished;
        then nothing new is accepted, and open connections may end in order.
        """
        if self._chaos:
            self._chaos.cancel()
        self.truth.stop_counting()
        await asyncio.sleep(self._grace_s)
        await self._control.stop()
        self.desk.close()
        ports = [device.port for device in self.site.devices if device.port]
        ports += [door for rig in self.site.rigs for door in rig.doors]
        for port in ports:
            port.close()
        leaving = [asyncio.ensure_future(port.left()) for port in ports if port.transports]
        if leaving:
            _done, late = await asyncio.wait(leaving, timeout=LEAVE_S)
            for waiting in late:
                waiting.cancel()
        for port in ports:
            port.reset()
        self.truth.close()

    def obey(self, order: Order) -> Sequence[str]:
        """Carry an order out and say what came of it.

        Raises:
            OrderError: when it makes no sense; nothing is done then.
        """
        if order.do == "status":
            return [_describe(device) for device in self._select(order, "all")]
        if order.do == "settings":
            return [_settings(device) for device in self._select(order, "rigs")]
        chosen = self._select(order, "")
        names = [device.name for device in chosen]
        if order.do == "fault":
            self.desk.begin(order.fault, names, order.value, order.for_s)
        elif order.do == "clear":
            self.desk.clear(names)
        elif order.do == "mode":
            _set_mode(_rigs(order, chosen), order.mode)
        elif order.do == "disobey":
            _disobey(_rigs(order, chosen), order.fault)
        else:
            raise OrderError(f"order {order.do!r}: unknown; one of {', '.join(ORDERS)}")
        return [f"{len(names)} devices: {', '.join(names[:8])}{' ...' * (len(names) > 8)}"]

    def _open_ports(self) -> None:
        try:
            for rig in self.site.rigs:
                self._open_rig(rig)
            for meter in self.site.meters:
                open_modbus(meter, self.truth, self._ports.meters)
        except OSError as error:
            base = self.site.plan.base
            raise OrderError(f"site at {base}: {error}; choose another --base") from error

    def _open_rig(self, rig: Rig) -> None:
        """Open a rig's ports, all moved as far as the API's; one not ours to take: without it."""
        vendor, moved = VENDORS[rig.model.vendor], self._ports.rigs - API_PORT
        if vendor.api:
            open_api(rig, self.truth, self._ports.rigs)
        with contextlib.suppress(PermissionError):
            if vendor.has_web_on_api:
                open_web(rig, self._ports.rigs)
            elif WEB_PORT + moved > 0:
                open_web(rig, WEB_PORT + moved)
            if FRAMED_PORT + moved > 0:
                open_frames(rig, FRAMED_PORT + moved)

    def _select(self, order: Order, otherwise: str) -> list[Rig | Meter]:
        patterns = order.devices or ([otherwise] if otherwise else [])
        if not patterns and order.share:
            patterns = ["rigs"]
        chosen = [d for d in self.site.devices if any(_matches(d, p) for p in patterns)]
        for pattern in patterns:
            if not any(_matches(device, pattern) for device in chosen):
                raise OrderError(
                    f"device {pattern!r}: not on this site; `lode-sim status` lists all"
                )
        if not patterns:
            raise OrderError(f"{order.do}: names no device; name some, or a share")
        if order.share:
            if not 0 < order.share <= 1:
                raise OrderError(f"share {order.share}: must be above 0 and at most 1")
            count = math.ceil(len(chosen) * order.share)
            drawn = set(self._random.sample(range(len(chosen)), count))
            chosen = [device for number, device in enumerate(chosen) if number in drawn]
        return chosen

    async def _make_faults(self) -> None:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        for planned in schedule(
            self.site.plan.seed,
            self.site.devices,
            per_hour=self._faults_per_hour,
            for_s=SCHEDULED_FAULT_S,
        ):
            await asyncio.sleep(max(start_s + planned.at_s - loop.time(), 0))
            self.desk.begin(planned.fault, [planned.device], for_s=planned.for_s)

    def _resume(self, truth: Path) -> None:
        """Never serve a number again that an earlier run on the same truth file has served."""
        serials: dict[str, int] = {}
        counters: dict[str, float] = {}
        for entry in truth_file.read(truth):
            if entry.serial is not None:
                serials[entry.name] = max(serials.get(entry.name, 0), entry.serial)
            if entry.energy_in_kwh is not None:
                counters[entry.name] = max(counters.get(entry.name, 0.0), entry.energy_in_kwh)
        for rig in self.site.rigs:
            if rig.name in serials:
                rig.resume_serial(serials[rig.name] + UNRECORDED)
        for meter in self.site.meters:
            if meter.name in counters:
                meter.resume(counters[meter.name] + 1.0)


def _matches(device: Rig | Meter, pattern: str) -> bool:
    return pattern in {"all", f"{device.kind}s"} or fnmatch.fnmatchcase(device.name, pattern)


def _rigs(order: Order, chosen: Sequence[Rig | Meter]) -> Sequence[Rig]:
    rigs = [device for device in chosen if isinstance(device, Rig)]
    if len(rigs) < len(chosen):
        raise OrderError(f"{order.do}: is for rigs only")
    return rigs


def _set_mode(rigs: Sequence[Rig], mode: str) -> None:
    if mode not in MODES:
        raise OrderError(f"mode {mode!r}: unknown; one of {', '.join(MODES)}")
    for rig in rigs:
        rig.set_mode(mode)


def _disobey(rigs: Sequence[Rig], fault: str) -> None:
    """Let rigs fail at what they are told, in one way; in none when no fault is named."""
    if fault and fault not in set(WriteFault):
        raise OrderError(f"disobey {fault!r}: unknown; one of {', '.join(WriteFault)}")
    for rig in rigs:
        rig.writes.faults = {WriteFault(fault)} if fault else set()


def _settings(rig: Rig | Meter) -> str:
    """Say in JSON how a rig is set, or what a meter shows; sessions and tokens are no settings."""
    if isinstance(rig, Meter):
        return msgspec.json.encode({"name": rig.name, "power_w": rig.power_w()}).decode()
    kept = {name: value for name, value in rig.kept.items() if name not in SESSIONS}
    told: dict[str, object] = {"name": rig.name, "model": rig.model.key, "mode": rig.mode}
    told |= {"power_w": rig.power_w(), "orders": rig.writes.done, "kept": kept}
    return msgspec.json.encode(told, order="deterministic").decode()


def _describe(device: Rig | Meter) -> str:
    faults = ", ".join(f"{f.value} {v}".strip() for f, v in device.faults.items()) or "-"
    if isinstance(device, Meter):
        return f"{device.name}  {device.host}  {device.power_w() / 1e3:.1f} kW  {faults}"
    now = device.snapshot()
    chip_c = max((board.chip_max_c for board in now.boards if board.is_alive), default=math.nan)
    return (
        f"{device.name}  {device.identity.host}  {device.model.key}  {now.mode}  "
        f"{now.hashrate_ths:.1f} TH/s  {now.power_w:.0f} W  {chip_c:.0f} °C  "
        f"{min(now.fans_rpm)} rpm  {now.accepted} shares  {faults}"
    )


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        enough = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(enough, soft), hard))
