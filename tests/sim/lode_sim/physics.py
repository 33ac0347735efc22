"""What happens inside a rig: hash, heat, air; a few exponentials, advanced only when asked.

mode, boards alive, warm-up ──► hashrate, chip power ──► heat ──► chip temperature
inlet temperature, fan speed ──────────────────────────────┘  └──► fan speed
"""

import math
import random
from dataclasses import dataclass

from lode_sim.models import Model

# hashrate and chip power of each mode, as ratios of the name plate
MODES = {"normal": (1.0, 1.0), "low": (0.75, 0.62), "high": (1.10, 1.24), "sleep": (0.0, 0.0)}

CONTROL_BOARD_W = 25.0
FIXED_SHARE = 0.15  # of the name plate's power, which control board and fans take at most
FAN_W = 22.0  # one fan at full speed; power goes with the cube of the speed
DESIGN_INLET_C = 25.0
DESIGN_AIRFLOW = 0.70  # of full, at which the name plate's power holds the target at that inlet
AIRFLOW_EXPONENT = 0.8  # of forced convection over fins
CHIP_TAU_S = 45.0
FAN_TAU_S = 4.0
FAN_FLOOR = 0.15  # of full speed
STILL_AIRFLOW = 0.05  # what convection alone moves
DEAD_FAN_AIRFLOW = 0.40  # of all fans: beside the lost fan, air flows back through it
LEAKAGE_PER_C = 0.0015  # silicon draws more when hot
NOISE_RATIO = 0.012  # of the short hashrate average
NOISE_TAU_S = 30.0
WARM_UP_S = (20.0, 60.0)  # a rig begins to hash, and hashes in full, so long after its start
OVERHEAT_C = 106.0  # where an overheating rig's hottest chip ends, reached with OVERHEAT_TAU_S
OVERHEAT_TAU_S = 0.8
COOL_DOWN_TAU_S = 8.0  # after the overheating ends
SETTLE_STEP_S = 2.0  # longest step: leakage and the fans feed back within it


@dataclass(slots=True)
class Conditions:
    """What acts on a rig from outside: its mode, its faults and the air it breathes."""

    mode: str = "normal"
    inlet_c: float = DESIGN_INLET_C
    boards_lost: int = 0
    fans_lost: int = 0
    overheats: bool = False
    is_on: bool = True
    limit_w: float | None = None  # what the firmware holds the rig's power at, where it is less
    fan_percent: int | None = None  # fixed by hand


class Physics:
    """The state of one rig's hardware at one moment of a monotonic clock."""

    def __init__(self, model: Model, random_source: random.Random, now_s: float) -> None:
        self.model = model
        self.now_s = now_s
        self.hashrate_ths = 0.0
        self.average_ths = 0.0
        self.power_w = 0.0
        self.chip_temp_c = DESIGN_INLET_C
        self.fan_ratio = 0.5
        self._random = random_source
        self._quality = 1.0 + random_source.uniform(-0.02, 0.02)
        self._noise = 0.0
        self._booted_s = now_s
        self._overheated = False

    def settle(self, now_s: float, uptime_s: float, conditions: Conditions) -> None:
        """Put the rig into the state it has after running so long."""
        self._booted_s = now_s - uptime_s
        self.now_s = now_s - 60.0
        self.chip_temp_c = self.model.chip_target_c
        self.advance(now_s, conditions)

    def boot(self, now_s: float) -> None:
        """Start anew: warm-up begins."""
        self._booted_s = now_s

    def uptime_s(self, now_s: float) -> float:
        """Give the seconds since the last start."""
        return max(now_s - self._booted_s, 0.0)

    def advance(self, now_s: float, conditions: Conditions) -> None:
        """Bring the state up to a moment; a moment in the past changes nothing."""
        while (step_s := min(now_s - self.now_s, SETTLE_STEP_S)) > 0:
            self.now_s += step_s
            self._step(step_s, conditions)
            if self.now_s + 120 * SETTLE_STEP_S < now_s:  # long unseen: only the end matters
                self.now_s = now_s - 120 * SETTLE_STEP_S

    @property
    def board_temp_c(self) -> float:
        """The hottest board, which is a little cooler than the hottest chip, in °C."""
        return self.chip_temp_c - 0.10 * max(self.chip_temp_c - DESIGN_INLET_C, 0.0)

    def _step(self, step_s: float, conditions: Conditions) -> None:
        model = self.model
        hash_ratio, power_ratio = self._ratios(conditions)
        alive = max(model.boards - conditions.boards_lost, 0) / model.boards
        running = self._warmth() * alive if conditions.is_on else 0.0
        keep = math.exp(-step_s / NOISE_TAU_S)
        kick = math.sqrt(1.0 - keep * keep) * NOISE_RATIO
        self._noise = self._noise * keep + kick * self._random.gauss(0.0, 1.0)
        self.average_ths = model.hashrate_ths * hash_ratio * running * self._quality
        self.hashrate_ths = self.average_ths * (1.0 + self._noise)
        leakage = 1.0 + LEAKAGE_PER_C * (self.chip_temp_c - model.chip_target_c)
        chips_w = (model.power_w - self._fixed_w(1.0)) * power_ratio * running * leakage
        self._turn_fans(step_s, chips_w, conditions)
        self._heat(step_s, chips_w, conditions)
        self.power_w = chips_w + self._fixed_w(self.fan_ratio) if conditions.is_on else 0.0

    def _ratios(self, conditions: Conditions) -> tuple[float, float]:
        """Hold the power under its limit: hash falls less than power does."""
        hash_ratio, power_ratio = MODES[conditions.mode]
        if conditions.limit_w is None or not power_ratio:
            return hash_ratio, power_ratio
        chips_w = max(conditions.limit_w - self._fixed_w(self.fan_ratio), 0.0)
        held = min(chips_w / (self.model.power_w - self._fixed_w(1.0)), power_ratio)
        return hash_ratio * math.pow(held / power_ratio, 0.8), held

    def _warmth(self) -> float:
        begin_s, full_s = WARM_UP_S
        since_s = self.now_s - self._booted_s
        return min(max((since_s - begin_s) / (full_s - begin_s), 0.0), 1.0)

    def _fixed_w(self, fan_ratio: float) -> float:
        most = CONTROL_BOARD_W + self.model.fans * FAN_W
        scale = min(FIXED_SHARE * self.model.power_w / most, 1.0)  # of the smallest rigs
        return scale * (CONTROL_BOARD_W + self.model.fans * FAN_W * fan_ratio**3)

    def _resistance(self, airflow: float) -> float:
        """Kelvin per watt between the hottest chip and the inlet air."""
        model = self.model
        design = (model.chip_target_c - DESIGN_INLET_C) / model.power_w
        return design * math.pow(DESIGN_AIRFLOW / airflow, AIRFLOW_EXPONENT)

    def _turn_fans(self, step_s: float, chips_w: float, conditions: Conditions) -> None:
        model = self.model
        margin_c = max(model.chip_target_c - conditions.inlet_c, 1.0)
        design_w = (model.chip_target_c - DESIGN_INLET_C) / self._resistance(DESIGN_AIRFLOW)
        needed = DESIGN_AIRFLOW * (
            (chips_w / design_w) * (model.chip_target_c - DESIGN_INLET_C) / margin_c
        ) ** (1.0 / AIRFLOW_EXPONENT)
        needed += 0.05 * max(self.chip_temp_c - model.chip_target_c - 1.0, 0.0)
        if not conditions.is_on:
            needed = 0.0
        if conditions.is_on and conditions.fan_percent is not None:
            needed = conditions.fan_percent / 100
        wanted = min(max(needed, FAN_FLOOR if conditions.is_on else 0.0), 1.0)
        self.fan_ratio = wanted + (self.fan_ratio - wanted) * math.exp(-step_s / FAN_TAU_S)

    def _heat(self, step_s: float, chips_w: float, conditions: Conditions) -> None:
        if conditions.overheats:
            self._overheated = True
            tau_s, end_c = OVERHEAT_TAU_S, OVERHEAT_C
        else:
            working = DEAD_FAN_AIRFLOW if conditions.fans_lost else 1.0
            airflow = max(self.fan_ratio * working, STILL_AIRFLOW)
            end_c = conditions.inlet_c + chips_w * self._resistance(airflow)
            self._overheated &= self.chip_temp_c > end_c + 1.0
            tau_s = COOL_DOWN_TAU_S if self._overheated else CHIP_TAU_S
        self.chip_temp_c = end_c + (self.chip_temp_c - end_c) * math.exp(-step_s / tau_s)
