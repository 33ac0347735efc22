"""Runs the rig detector over a simulated fleet and counts what it found, missed and made up."""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from lode_models.peers import Found, Peers, Rig, Rigs, samples
from lode_sim.fleet_faults import KINDS, Fault, Fleet
from lode_sim.fleet_rigs import MODELS

SAID_OTHERWISE = {
    "chip_loss_uncounted": {"hash_decay", "hash_loss"},
    "hash_decay": {"hash_decay", "hash_loss"},
}
"""The kinds of finding that name a fault rightly, where it has not its own name."""

WITHIN_S = defaultdict(
    lambda: 60.0,
    {"overheating": 3600.0, "flatline": 3600.0, "hash_decay": 5400.0,
     "chip_loss_uncounted": 5400.0, "offset": 28_800.0, "restarting": 3600.0},
)  # fmt: skip
"""How soon a fault must be found; steps within a minute."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What came of one kind of fault."""

    kind: str
    faults: int
    in_time: float  # share of them that was found, rightly named, in time
    precision: float  # share of the findings so named that are of such a fault
    median_s: float
    slow_s: float  # 95 of 100 are found within

    def as_row(self) -> str:
        """Give it as a row of the table in `docs/detection.md`."""
        return (
            f"| {self.kind} | {self.faults} | {self.in_time:.3f} | {self.precision:.3f} "
            f"| {self.median_s:.0f} s | {self.slow_s:.0f} s |"
        )


@dataclass(kw_only=True)
class Score:
    """What came of one run."""

    fleet: Fleet
    found: list[Found] = field(default_factory=list)  # those that began
    step_ms: list[float] = field(default_factory=list)  # of CPU time

    def lines(self) -> list[Line]:
        """Score each kind of fault."""
        return [self._line(kind) for kind in KINDS if any(f.kind == kind for f in self.faults)]

    def _line(self, kind: str) -> Line:
        names = SAID_OTHERWISE.get(kind, {kind})
        faults = {fault.slot: fault.at_ms for fault in self.faults if fault.kind == kind}
        first: dict[int, float] = {}
        named = [f for f in self.found if f.slot >= 0 and f.kind in names]
        for f in named:
            if f.slot in faults and f.at_ms >= faults[f.slot]:
                first.setdefault(f.slot, (f.at_ms - faults[f.slot]) / 1000)
        times = np.array(list(first.values()) or [np.nan])
        right = sum(self._explains(f) for f in named)
        return Line(
            kind=kind,
            faults=len(faults),
            in_time=float((times <= WITHIN_S[kind]).sum() / len(faults)),
            precision=right / len(named) if named else float("nan"),
            median_s=float(np.median(times)),
            slow_s=float(np.quantile(times, 0.95)),
        )

    def _explains(self, found: Found) -> bool:
        return found.slot in self._fault_of and found.at_ms >= self._fault_of[found.slot].at_ms

    def false(self) -> list[Found]:
        """Give findings of rigs that had no fault, or not yet."""
        return [f for f in self.found if f.slot >= 0 and not self._explains(f)]

    @property
    def false_a_day(self) -> float:
        """Give false findings a rig and day."""
        return len(self.false()) / self.fleet.rigs / (self.fleet.hours / 24)

    def events(self) -> list[tuple[str, str]]:
        """Give kind and group of what was found of groups."""
        return [(f.kind, str(f.group)) for f in self.found if f.group]

    def during(self, site: int, begin_s: float, end_s: float) -> list[Found]:
        """Give the findings of a site's rigs, and of groups, in a time."""
        t0 = self.fleet.t0_ms
        return [
            f for f in self.found
            if t0 + begin_s * 1000 <= f.at_ms < t0 + end_s * 1000
            and (f.slot < 0 or self.fleet.hall.site[f.slot] == site)
        ]  # fmt: skip

    @property
    def faults(self) -> list[Fault]:
        """Give what was done."""
        return self.fleet.faults

    @property
    def _fault_of(self) -> dict[int, Fault]:
        return self.fleet.fault_of

    def text(self) -> str:
        """Give it as a page."""
        kinds = Counter(f.kind for f in self.false())
        head = (
            "| fault | n | recall in time | precision | median | 95 % |\n|---|--:|--:|--:|--:|--:|"
        )
        return "\n".join([
            f"seed {self.fleet.seed}, {self.fleet.rigs} rigs, {self.fleet.hours:g} h: "
            f"{self.false_a_day:.4f} false a rig and day {dict(kinds)}",
            head,
            *(line.as_row() for line in self.lines()),
            *(f"event: {kind} {group}" for kind, group in self.events()),
        ])  # fmt: skip


def rigs_of(fleet: Fleet) -> Rigs:
    """Give a simulated fleet's rigs as the detector knows them."""
    hall = fleet.hall
    return Rigs([
        Rig(name=f"rig-{slot:05}", model=MODELS[model][0], site=f"S{site}", rack=f"R{rack}",
            rated_hashrate_ths=MODELS[model][1])
        for slot, (model, site, rack) in enumerate(
            zip(hall.model.tolist(), hall.site.tolist(), hall.rack.tolist(), strict=True))
    ])  # fmt: skip


def run(fleet: Fleet) -> Score:
    """Judge a fleet from its first frame to its last."""
    peers, score = Peers(rigs_of(fleet)), Score(fleet=fleet)
    for frame in fleet:
        rows = samples(frame.columns["at_ms"], frame.columns)
        began = time.process_time()
        found = peers.step(frame.now_ms, frame.slots, rows)
        score.step_ms.append((time.process_time() - began) * 1000)
        score.found += [f for f in found if f.is_active]
    return score
