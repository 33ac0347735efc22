"""A simulated site for the closed loop: rigs that answer late, or not, and a noisy meter."""

import random
from dataclasses import dataclass, field, replace

from lode_hub.energy.live.rig import Rig
from lode_hub.energy.live.trim import Aim, Seen, Trim, seen_of
from lode_hub.energy.live.wishes import FULL, SLEEP, power_share

STEP_S = 5.0
SLEEP_W = 100.0
METER_NOISE = 0.002
WARM_UP_S = 60.0


def rig_of(number: int, **changes: object) -> Rig:
    figures = {
        "device_id": number,
        "name": f"rig-{number:04}",
        "agent_id": 1,
        "agent": "north-1",
        "feeder": "main",
        "model": "Antminer S19k Pro",
        "firmware": "",
        "state": "mining",
        "age_s": 1.0,
        "power_w": 3000.0,
        "power_source": "rig",
        "hashrate_ths": 120.0,
        "rated_power_w": 2760.0,
        "rated_hashrate_ths": 120.0,
        "offers": ["sleep", "wake"],
        "presets": [],
        "power_min_w": None,
        "power_max_w": None,
        "blocked": "",
        "starts_left": None,
        "lease": None,
        "maintenance": None,
        "full_w": 3000.0,
        "full_ths": 120.0,
        "is_awake": True,
        "turned_ms": None,
        "is_ours": False,
    }
    return Rig(**{**figures, **changes})


@dataclass
class Machine:
    """One rig: what it draws follows what it is told, after a while."""

    rig: Rig
    delay_s: float
    obeys: bool = True
    power_w: float = 0.0
    told: str = FULL
    mode: str = FULL
    due_s: float | None = None
    is_asleep: bool = False
    turned_s: float = -1e9
    starts: int = 0

    def tell(self, mode: str, now_s: float) -> None:
        if mode != self.told:
            self.told, self.due_s = mode, now_s + self.delay_s

    def run(self, now_s: float) -> None:
        if self.due_s is not None and now_s >= self.due_s and self.obeys:
            self.due_s = None
            if self.is_asleep != (self.told == SLEEP):
                self.is_asleep, self.turned_s = self.told == SLEEP, now_s
                self.starts += not self.is_asleep
            self.mode = self.told
        full_w = self.rig.full_w * power_share(self.rig, self.mode)
        if self.is_asleep:
            self.power_w = SLEEP_W
        else:
            self.power_w = full_w * min(1.0, 0.3 + 0.7 * (now_s - self.turned_s) / WARM_UP_S)


@dataclass
class Plant:
    """Rigs of an agent that keeps the orders last sent, and a meter with others behind it."""

    machines: list[Machine]
    rng: random.Random
    others_w: float = 0.0
    now_s: float = 0.0
    meter: list[tuple[float, float]] = field(default_factory=list)

    def run(self, orders: dict[int, str]) -> float:
        """Let a step pass under these orders; give what the meter shows."""
        self.now_s += STEP_S
        for machine in self.machines:
            machine.tell(orders.get(machine.rig.device_id, FULL), self.now_s)
            machine.run(self.now_s)
        true_w = sum(machine.power_w for machine in self.machines) + self.others_w
        self.meter.append((self.now_s, true_w))
        return true_w * self.rng.gauss(1.0, METER_NOISE)

    def seen(self, min_s: float = 0.0) -> list[Seen]:
        return [
            seen_of(
                replace(one.rig, power_w=one.power_w),
                SLEEP_W,
                may_sleep=self.now_s - one.turned_s >= min_s,
                may_wake=self.now_s - one.turned_s >= min_s,
            )
            for one in self.machines
        ]

    def follow(
        self, trim: Trim, aim: Aim, planned: dict[int, str], for_s: float, min_s: float = 0.0
    ) -> None:
        """Close the loop for a while."""
        for _ in range(round(for_s / STEP_S)):
            told = {m.rig.device_id: planned.get(m.rig.device_id, FULL) for m in self.machines}
            told |= {n: SLEEP if asleep else FULL for n, asleep in trim.override.items()}
            shown_w = self.run(told)
            trim.step(round(self.now_s * 1000), shown_w, aim, planned, self.seen(min_s))


def plant(
    n: int, *, seed: int, disobeying: float = 0.0, others_w: float = 0.0, **changes: object
) -> Plant:
    """Make rigs from 2.5 to 3.5 kW and 20 to 35 J/TH, some of which do not obey."""
    rng = random.Random(seed)
    machines = []
    for number in range(1, n + 1):
        full_w, jth = rng.uniform(2500, 3500), rng.uniform(20, 35)
        rig = rig_of(number, full_w=full_w, full_ths=full_w / jth, **changes)
        obeys = rng.random() >= disobeying
        machines.append(Machine(rig=rig, delay_s=rng.uniform(2, 30), obeys=obeys))
    return Plant(machines=machines, rng=rng, others_w=others_w)


def least_efficient(plant_: Plant, down_to_w: float) -> dict[int, str]:
    """Plan as the planner would: the least efficient sleep until it is enough."""
    order = sorted(plant_.machines, key=lambda one: -one.rig.efficiency_jth)
    draws_w = sum(one.rig.full_w for one in order) + plant_.others_w
    told = {}
    for one in order:
        if draws_w <= down_to_w:
            break
        told[one.rig.device_id] = SLEEP
        draws_w -= one.rig.full_w - SLEEP_W
    return told
