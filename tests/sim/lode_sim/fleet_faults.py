"""A fleet in accelerated time whose faults are known: what a detector of rigs is measured on.

seed ─► rigs, weather, faults ─► one frame after another: the readings due in it

It is made hostile on purpose: six models whose firmwares average, round and leave out differently,
noise that remembers and noise with heavy tails, share luck, weather, racks that are warmer than
others, polls of several intervals, readings and single figures that do not come, restarts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lode_sim.fleet_events import DARK_S, Acts, Mode
from lode_sim.fleet_rigs import Hall, build

T0_MS = 1_700_000_000_000
FRAME_S = 5.0

STEPS = ("board_loss", "fan_failure", "chip_loss", "power_up", "offline")
KINDS = (
    *STEPS, "chip_loss_uncounted", "overheating", "hash_decay", "flatline", "offset", "restarting"
)  # fmt: skip
RESTART_S = (300.0, 1200.0)
"""A rig that restarts again and again does so each so often: each rig has its own."""


Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What was done to one rig, and when."""

    kind: str
    slot: int
    at_ms: int


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The readings of a frame; columns by name as `RigReading` has them, NaN for missing."""

    now_ms: int
    slots: npt.NDArray[np.intp]
    columns: dict[str, npt.NDArray[np.generic]]


@dataclass(kw_only=True)
class Fleet:
    """A fleet of `rigs` for `hours`; `per_kind` rigs get each kind of fault after `quiet_h`."""

    seed: int
    rigs: int = 10_000
    hours: float = 8.0
    quiet_h: float = 2.0
    per_kind: int = 100
    interval_s: tuple[float, ...] = (5.0, 10.0, 10.0, 10.0, 15.0)
    missing: float = 0.003
    has_acts: bool = True
    faults: list[Fault] = field(init=False)

    def __post_init__(self) -> None:
        self.chance = np.random.default_rng(self.seed)
        self.hall: Hall = build(self.chance, self.rigs, self.interval_s)
        self.acts = Acts.plan(self.chance, self.hall, self.hours) if self.has_acts else Acts()
        self._begin_s = np.full((len(KINDS), self.rigs), np.inf)
        self._restart_every_s = self.chance.uniform(*RESTART_S, self.rigs)
        self.faults = self._inject()
        n = self.rigs
        self._slow = {name: self.chance.normal(0, 1, n) for name in ("power", "temp", "hash")}
        self._made = np.ones(n)
        self._heat = self.hall.rise_c.copy()
        self._stuck = np.full(n, np.nan)
        self._shares = np.zeros((2, n))
        self._asked_s = np.full(n, -30.0)

    def _inject(self) -> list[Fault]:
        firmware = self.hall.firmware
        counted = firmware["counts_chips"]
        fitting = {
            "chip_loss": counted,
            "chip_loss_uncounted": ~counted,
            "restarting": firmware["has_uptime"],
        }
        free = self.chance.permutation(self.rigs).tolist()
        faults = []
        for number, kind in enumerate(KINDS):
            fits = fitting.get(kind)
            chosen = [slot for slot in free if fits is None or fits[slot]][: self.per_kind]
            free = [slot for slot in free if slot not in set(chosen)]
            for slot in chosen:
                at_s = self._time_for(slot)
                at_s = 0.0 if kind == "offset" else at_s
                self._begin_s[number, slot] = at_s
                faults.append(Fault(kind=kind, slot=slot, at_ms=T0_MS + int(at_s * 1000)))
        return faults

    def _time_for(self, slot: int) -> float:
        """Draw a time for a fault, not while the rig rests or comes back and shows nothing."""
        first_s, end_s = self.quiet_h * 3600, self.hours * 3600
        last_s = max(end_s - 5_700, (first_s + end_s) / 2)
        at_s = float(self.chance.uniform(first_s, last_s))
        for _ in range(50):
            if not self.acts.hides(self.hall, slot, at_s):
                break
            at_s = float(self.chance.uniform(first_s, last_s))
        return at_s

    def __iter__(self) -> Iterator[Frame]:
        hall, due_s = self.hall, self.chance.uniform(0, 1, self.rigs) * self.hall.interval_s
        for turn in range(int(self.hours * 3600 / FRAME_S)):
            now_s = (turn + 1) * FRAME_S
            figures = self._figures(now_s)
            due = due_s <= now_s
            at_s = np.where(due, due_s, now_s)
            due_s = np.where(due, due_s + hall.interval_s, due_s)
            heard = due & ~self._is_silent(now_s) & (self.chance.random(self.rigs) >= self.missing)
            slots = np.flatnonzero(heard)
            at_ms = T0_MS + (at_s * 1000).astype(np.int64) + self.chance.integers(0, 300, self.rigs)
            at_ms = np.minimum(at_ms, T0_MS + int(now_s * 1000))
            columns = {name: values[slots] for name, values in figures.items()}
            columns["at_ms"] = at_ms[slots]
            yield Frame(now_ms=T0_MS + int(now_s * 1000), slots=slots, columns=columns)

    @property
    def t0_ms(self) -> int:
        """Give when it begins."""
        return T0_MS

    @cached_property
    def fault_of(self) -> dict[int, Fault]:
        """Give the fault of each slot that has one."""
        return {fault.slot: fault for fault in self.faults}

    def since(self, kind: str, now_s: float) -> Floats:
        """Give the seconds since each rig got a fault, below 0 before it."""
        seconds: Floats = np.maximum(now_s - self._begin_s[KINDS.index(kind)], -1.0)
        return seconds

    def _is_silent(self, now_s: float) -> npt.NDArray[np.bool_]:
        starts = self._restarted(now_s)
        is_off = (self.since("offline", now_s) >= 0) | ((starts >= 0) & (starts < DARK_S))
        return is_off | self.acts.is_dark(self.hall, now_s)

    def _restarted(self, now_s: float) -> Floats:
        """Give the seconds since each faulty rig's last restart, below 0 of all others."""
        since = self.since("restarting", now_s)
        return np.where(since >= 0, since % self._restart_every_s, -1.0)

    def _figures(self, now_s: float) -> dict[str, npt.NDArray[np.generic]]:
        hall, fw, chance, n = self.hall, self.hall.firmware, self.chance, self.rigs
        mode = self._mode(now_s)
        boards = hall.boards - (self.since("board_loss", now_s) >= 0)
        alive = self._chips_share(now_s) * boards / hall.boards
        decay = 1 - np.clip(self.since("hash_decay", now_s), 0, 5400) / 36_000
        for name, memory_s in (("power", 90.0), ("temp", 240.0), ("hash", 600.0)):
            self._drift(name, memory_s)
        target = mode.hash_share * alive * decay
        self._made += (1 - np.exp(-FRAME_S / fw["average_s"])) * (target - self._made)
        luck = fw["luck"] * chance.normal(0, 1, n) + 0.004 * self._slow["hash"]
        hashrate = hall.hashrate_ths * self._made * np.maximum(1 + luck, 0)
        power_up = np.where(self.since("power_up", now_s) >= 0, 1.12, 1.0)
        draw = mode.power_share * (0.06 + 0.94 * boards / hall.boards) * power_up
        ambient = hall.ambient(now_s)
        power = hall.power_w * draw * self._power_noise(ambient)
        chip, board = self._temps(now_s, ambient, power)
        fans_lost = self.since("fan_failure", now_s) >= 0
        self._count_shares(now_s)
        columns: dict[str, npt.NDArray[np.generic]] = {
            "hashrate_ths": np.round(hashrate / fw["hash_step"]) * fw["hash_step"],
            "power_w": np.where(fw["measures_power"], np.round(power / fw["power_step"]), np.nan)
            * fw["power_step"],
            "chip_temp_c": np.where(fw["has_chip_temp"], np.round(chip / fw["temp_step"]), np.nan)
            * fw["temp_step"],
            "board_temp_c": np.round(board),
            "fan_rpm": np.where(
                hall.fans > 0, np.round(self._rpm(chip, fans_lost) / 30) * 30, np.nan
            ),
            "fans_alive": np.where(hall.fans > 0, hall.fans - fans_lost, np.nan),
            "boards_alive": np.where(mode.is_hashing, boards, 0.0),
            "chips_alive": np.where(fw["counts_chips"], np.floor(hall.chips * alive), np.nan),
            "accepted_shares": self._shares[0].copy(),
            "rejected_shares": self._shares[1].copy(),
            "uptime_s": np.where(fw["has_uptime"], mode.uptime_s, np.nan),
        }
        self._leave_out(columns)
        columns["state"] = mode.state.astype(np.uint8)
        columns["mode"] = mode.number.astype(np.int16)
        return columns

    def _mode(self, now_s: float) -> Mode:
        mode = self.acts.at(self.hall, now_s)
        self.acts.restarted(mode, self._restarted(now_s))
        return mode

    def _chips_share(self, now_s: float) -> Floats:
        lost = self.since("chip_loss", now_s) >= 0
        lost |= self.since("chip_loss_uncounted", now_s) >= 0
        return np.where(lost, 0.97, 1.0)

    def _count_shares(self, now_s: float) -> None:
        rejected = self.acts.rejected(self.hall, now_s)
        made = self._made * 12 * FRAME_S / 60
        self._shares += self.chance.poisson(np.stack([1 - rejected, rejected]) * made)
        self._shares[:, self.acts.restarts(now_s, FRAME_S)] = 0
        since = self._restarted(now_s)
        self._shares[:, (since >= 0) & (since < FRAME_S)] = 0

    def _power_noise(self, ambient: Floats) -> Floats:
        noise = 1 + 0.009 * self._slow["power"] + 0.001 * (ambient - 20)
        return noise * (1 + 0.003 * self.chance.standard_t(3, self.rigs))

    def _rpm(self, chip: Floats, fans_lost: npt.NDArray[np.bool_]) -> Floats:
        rpm = self.hall.fan_rpm * np.clip(0.55 + 0.012 * (chip - 40), 0.3, 1.0)
        rpm = rpm * (1 + 0.012 * self.chance.standard_t(4, self.rigs))
        shown = np.where(self.hall.firmware["shows_stopped_fan"], 0, rpm * 1.1)
        return np.where(fans_lost, shown, rpm)

    def _leave_out(self, columns: dict[str, npt.NDArray[np.generic]]) -> None:
        for name in ("hashrate_ths", "power_w", "chip_temp_c", "board_temp_c", "fan_rpm"):
            gone = self.chance.random(self.rigs) < 0.002
            columns[name] = np.where(gone, np.nan, columns[name])

    def _temps(self, now_s: float, ambient: Floats, power: Floats) -> tuple[Floats, Floats]:
        hall, chance, n = self.hall, self.chance, self.rigs
        extra = np.clip(self.since("overheating", now_s), 0, 2400) / 120
        extra = extra + 9.0 * (self.since("offset", now_s) >= 0)
        extra += 5.0 * (1 - np.exp(-np.clip(self.since("fan_failure", now_s), 0, None) / 400))
        goal = hall.rise_c * power / hall.power_w
        self._heat += (1 - np.exp(-FRAME_S / 200)) * (goal - self._heat)
        base = ambient + self._heat + hall.warmer_c + extra
        chip = base + 0.7 * self._slow["temp"] + 0.25 * chance.standard_t(3, n)
        board = base - 14 + 0.7 * self._slow["temp"] + 0.25 * chance.standard_t(3, n)
        stuck = self.since("flatline", now_s) >= 0
        self._stuck = np.where(stuck & np.isnan(self._stuck), chip, self._stuck)
        return np.where(stuck, self._stuck, chip), board

    def _drift(self, name: str, memory_s: float) -> None:
        keep = np.exp(-FRAME_S / memory_s)
        fresh = self.chance.normal(0, np.sqrt(1 - keep * keep), self.rigs)
        self._slow[name] = keep * self._slow[name] + fresh
