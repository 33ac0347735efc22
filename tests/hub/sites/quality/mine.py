"""Readings of a class of devices in accelerated time, judged without a database."""

from dataclasses import dataclass, field

import numpy as np

from lode_hub.sites.quality import series
from lode_hub.sites.quality.follow import Verdict, follow
from lode_hub.sites.quality.sheet import METER, RIG, Kind, Sheet
from lode_hub.store.quality import Device
from lode_wire.records import State

T0_MS = 1_700_000_000_000
LOOK_S = 60
NUMBER = {RIG.tag: 1, METER.tag: 2}
USUAL = {
    "hashrate_ths": 100.0, "power_w": 3000.0, "board_temp_c": 60.0, "chip_temp_c": 75.0,
    "inlet_temp_c": 25.0, "fan_rpm": 5000.0, "voltage_v": 230.0, "current_a": 13.0,
    "freq_hz": 50.0, "accepted_shares": 1000, "rejected_shares": 1, "energy_in_kwh": 100.0,
    "energy_out_kwh": 0.0,
}  # fmt: skip


def device(device_id: int = 1, **facts) -> Device:
    """One device's facts."""
    usual = {
        "agent_id": 1, "site_id": 1, "name": f"rig-{device_id:03}", "kind": 1, "driver": "asic",
        "model": "S19", "is_configured": True, "interval_s": 10.0, "rated_hashrate_ths": None,
        "rated_power_w": None,
    }  # fmt: skip
    return Device(device_id=device_id, **usual | facts)


def sheet_of(kind: Kind, devices: list[Device]) -> Sheet:
    """A sheet with these devices, of which nothing was heard yet."""
    sheet = Sheet(kind)
    sheet.load(devices)
    return sheet


def wide(value, n: int, code: str = "f4") -> np.ndarray:
    """A column of n values, given as one or as many."""
    return np.broadcast_to(np.asarray(value, code), n).copy()


@dataclass
class Mine:
    """Devices of one kind that are read in turn; what is found is kept by rule."""

    kind: Kind = RIG
    rigs: int = 8
    step_s: float = 10.0
    rated: float | None = 100.0
    model: str = "S19"
    seed: int = 3
    found: dict[str, set[str]] = field(default_factory=dict)
    at_ms: int = T0_MS

    def __post_init__(self) -> None:
        self.dice = np.random.default_rng(self.seed)
        self.sheet = sheet_of(self.kind, [
            device(n + 1, kind=NUMBER[self.kind.tag], rated_hashrate_ths=self.rated,
                   model=self.model)
            for n in range(self.rigs)
        ])  # fmt: skip
        self._looked_ms = 0

    def noisy(self, base, spread=0.005) -> np.ndarray:
        """A value for each device, with noise of a share of it."""
        return (base * (1 + self.dice.normal(0, spread, self.rigs))).astype(np.float32)

    def read(self, *, state=State.MINING, **columns) -> Verdict:
        """Read every device once; each metric is noise unless it is given."""
        self.at_ms += int(self.step_s * 1000)
        n, slots, sheet = self.rigs, np.arange(self.rigs), self.sheet
        made = {name: self.noisy(USUAL[name]) for name in self.kind.metrics}
        made |= {name: wide(USUAL[name], n, "f8") for name in self.kind.counters}
        made |= {
            name: wide(value, n, "f8" if name in self.kind.counters else "f4")
            for name, value in columns.items()
        }
        made["state"] = wide(state, n, "u1")
        made["uptime_s"] = wide(columns.get("uptime_s", np.nan), n, "f8")
        at_ms = np.full(n, self.at_ms)
        sheet.state["received_ms"][:] = self.at_ms
        verdict = follow(sheet, slots, at_ms, at_ms, made)
        if self.at_ms - self._looked_ms >= LOOK_S * 1000:
            self.look()
        return verdict

    def look(self) -> None:
        """Say what is wrong now."""
        self._looked_ms = self.at_ms
        self.sheet.expect(self.at_ms)
        for trouble in (
            *series.wrong_units(self.sheet),
            *series.flat_lines(self.sheet, self.at_ms),
            *series.odd_counters(self.sheet, self.at_ms),
        ):
            self.found.setdefault(trouble.rule, set()).update(trouble.members)

    def reads(self, n: int, **columns) -> None:
        """Read so often, and look."""
        for _ in range(n):
            self.read(**columns)
        self.look()
