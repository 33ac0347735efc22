"""Power meters: what flows through them, and the registers that say so.

Addresses are 0-based wire addresses of input registers (FC4), float32, high word first, from the
makers' protocol documents of the SDM630 and the SDM120. A request is limited to 40 values there.
"""

import math
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lode_sim.faults import METER_FAULTS, Fault
from lode_sim.port import Port
from lode_sim.rig import Clocks, Rig, set_port

LOSSES_RATIO = 0.025  # of the load: cables, transformer
FIXED_LOAD_W = 350.0  # network, light, ventilation of the container
VOLTAGE_V = 230.0
FREQ_HZ = 50.0
POWER_FACTOR = 0.975
REFRESH_S = 0.2  # the meter's own measuring cycle

IMPORT_REGISTER = 0x48
MAX_REGISTERS = 80
# Blocks of input registers that exist; anything outside is an illegal data address.
SDM630_BLOCKS = ((0x000, 0x0110), (0x14E, 0x0182))
SDM120_BLOCKS = ((0x000, 0x005A), (0x102, 0x010A), (0x156, 0x015A))
SDM630_CODE = 0x0070
SDM120_CODE = 0x0020


@dataclass(frozen=True, kw_only=True, slots=True)
class MeterModel:
    """One kind of meter."""

    profile: str  # its name in lode_profiles
    phases: int
    blocks: tuple[tuple[int, int], ...]
    code: int  # holding register 0xFC02


SDM630 = MeterModel(profile="eastron-sdm630", phases=3, blocks=SDM630_BLOCKS, code=SDM630_CODE)
SDM120 = MeterModel(profile="eastron-sdm120", phases=1, blocks=SDM120_BLOCKS, code=SDM120_CODE)


class Meter:
    """A simulated meter over some rigs, or over an imagined load when it has none."""

    kind = "meter"
    possible = METER_FAULTS

    def __init__(
        self, name: str, host: str, model: MeterModel, *, seed: str, clocks: Clocks, rack: str = ""
    ) -> None:
        self.name = name
        self.host = host
        self.model = model
        self.rack = rack
        self.unit = 1
        self.rigs: Sequence[Rig] = ()
        self.faults: dict[Fault, str] = {}
        self.port: Port | None = None
        self._clock: Callable[[], float] = clocks.monotonic
        self._random = random.Random(seed)
        self.serial = self._random.randrange(10_000_000, 99_999_999)
        self._imagined_w = self._random.uniform(20_000, 80_000)
        self._seen_s = clocks.monotonic()
        self._power_w: float | None = None
        self._energy_kwh = self._random.uniform(500, 4_000)
        self._last_served_kwh = 0.0
        self._registers = bytearray(2 * self.model.blocks[-1][1])

    def power_w(self) -> float:
        """Give the power through the meter now, in W."""
        self._measure()
        return self._power_w or 0.0

    def energy_in_kwh(self) -> float:
        """Give the import counter as a served read would show it, without serving one."""
        self._measure()
        return max(float32(self._energy_kwh), self._last_served_kwh)

    def input_registers(self, start: int, count: int) -> bytes | None:
        """Read input registers; None when some do not exist."""
        if not any(low <= start and start + count <= high for low, high in self.model.blocks):
            return None
        self._measure()
        if self.is_counter(start, count):
            self._serve_energy()
        self._write_registers()
        return bytes(self._registers[2 * start : 2 * (start + count)])

    def holding_registers(self, start: int, count: int) -> bytes | None:
        """Read the few holding registers that say what the meter is; None when not there."""
        values = {
            0x0014: _words(float(self.unit)),
            0x001C: _words(2.0),  # 9600 Bd
            0xFC00: struct.pack(">IHH", self.serial, self.model.code, 0x0109),
        }
        for first, words in values.items():
            if first <= start and start + count <= first + len(words) // 2:
                return words[2 * (start - first) : 2 * (start - first + count)]
        return None

    def is_counter(self, start: int, count: int) -> bool:
        """Tell whether a read of input registers holds the whole import counter."""
        return start <= IMPORT_REGISTER and start + count >= IMPORT_REGISTER + 2

    @property
    def served_kwh(self) -> float:
        """The import counter as it was last served."""
        return self._last_served_kwh

    def resume(self, served_kwh: float) -> None:
        """Go on above a counter that an earlier run may have served."""
        self._last_served_kwh = max(self._last_served_kwh, served_kwh)
        self._energy_kwh = max(self._energy_kwh, served_kwh)

    def changed(self, _fault: Fault, *, began: bool) -> None:
        """Let a fault take effect, or its end."""
        if self.port:
            set_port(self.port, self.faults)

    def _measure(self) -> None:
        now_s = self._clock()
        passed_s = now_s - self._seen_s
        if self._power_w is not None and passed_s < REFRESH_S:
            return
        before_w = self._power_w
        self._power_w = self._load_w(now_s) * (1.0 + LOSSES_RATIO)
        mean_w = self._power_w if before_w is None else (before_w + self._power_w) / 2
        self._energy_kwh += mean_w * max(passed_s, 0.0) / 3.6e6
        self._seen_s = now_s

    def _load_w(self, now_s: float) -> float:
        if self.rigs:
            return sum(rig.power_w() for rig in self.rigs) + FIXED_LOAD_W
        wave = 1.0 + 0.05 * math.sin(now_s / 60.0 + self.serial)
        return self._imagined_w * wave * (1.0 + self._random.gauss(0.0, 0.003))

    def _serve_energy(self) -> None:
        """Move the served counter on by at least one float32 step, so that each read is unique."""
        self._last_served_kwh = max(float32(self._energy_kwh), _next_float32(self._last_served_kwh))

    def _write_registers(self) -> None:
        phases = self.model.phases
        per_phase_w = (self._power_w or 0.0) / phases
        volts = [VOLTAGE_V + self._random.gauss(0.0, 0.4) for _ in range(phases)]
        shares = (1.0, 1.01, 0.99)[:phases] if phases > 1 else (1.0,)
        watts = [per_phase_w * share for share in shares]
        self._block(0x00, volts)
        if phases == 1:
            self._write_single(volts[0], watts[0])
        else:
            self._write_three(volts, watts)
        energy_kwh = self._last_served_kwh or self._energy_kwh
        self._put(0x46, FREQ_HZ + self._random.gauss(0.0, 0.008))
        self._put(IMPORT_REGISTER, energy_kwh)
        self._put(0x4A, 0.0)  # nothing is exported, so the total is the import
        self._put(0x156, energy_kwh)

    def _write_single(self, volts: float, watts: float) -> None:
        apparent = watts / POWER_FACTOR
        self._put(0x06, apparent / volts)
        self._put(0x0C, watts)
        self._put(0x12, apparent)
        self._put(0x18, math.sqrt(apparent**2 - watts**2))
        self._put(0x1E, POWER_FACTOR)

    def _write_three(self, volts: list[float], watts: list[float]) -> None:
        apparent = [watt / POWER_FACTOR for watt in watts]
        reactive = [math.sqrt(va**2 - w**2) for va, w in zip(apparent, watts, strict=True)]
        amps = [va / volt for va, volt in zip(apparent, volts, strict=True)]
        self._block(0x06, amps)
        self._block(0x0C, watts)
        self._block(0x12, apparent)
        self._block(0x18, reactive)
        self._block(0x1E, [POWER_FACTOR] * 3)
        self._put(0x2A, sum(volts) / 3)
        self._put(0x2E, sum(amps) / 3)
        self._put(0x30, sum(amps))
        self._put(0x34, sum(watts))
        self._put(0x38, sum(apparent))
        self._put(0x3C, sum(reactive))
        self._put(0x3E, POWER_FACTOR)
        self._put(0x42, math.degrees(math.acos(POWER_FACTOR)))
        self._put(0x4C, self._energy_kwh * math.tan(math.acos(POWER_FACTOR)))
        self._block(0xEA, [2.1, 2.2, 2.0])
        self._block(0x15A, [self._energy_kwh / 3] * 3)

    def _block(self, start: int, values: Sequence[float]) -> None:
        struct.pack_into(f">{len(values)}f", self._registers, 2 * start, *values)

    def _put(self, register: int, value: float) -> None:
        struct.pack_into(">f", self._registers, 2 * register, value)


def float32(value: float) -> float:
    """Round to the nearest float32, as the wire carries it."""
    rounded: float = struct.unpack(">f", struct.pack(">f", value))[0]
    return rounded


def _next_float32(value: float) -> float:
    (bits,) = struct.unpack(">I", struct.pack(">f", value))
    following: float = struct.unpack(">f", struct.pack(">I", bits + 1))[0]
    return following


def _words(value: float) -> bytes:
    return struct.pack(">f", value)
