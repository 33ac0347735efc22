"""A whole site from a seed: rigs in racks, racks in containers, meters over them.

Everything that a seed decides (models, names, racks, serial numbers, offsets) is the same for the
same seed; what time does to it (noise, shares, energy) is not.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from lode_sim import addresses
from lode_sim.errors import OrderError
from lode_sim.meter import SDM120, SDM630, Meter
from lode_sim.models import BY_KEY, MODELS, Model
from lode_sim.physics import DESIGN_INLET_C
from lode_sim.rig import Clocks, Identity, Rig

RIGS_PER_RACK = 10
RACKS_PER_CONTAINER = 8
DAY_S = 86_400.0
DAY_SWING_C = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a site shall be like."""

    rigs: int = 40
    seed: int = 7
    base: str = addresses.DEFAULT_BASE
    rack_meters: bool = False  # one SDM120 per rack, beside the site's SDM630
    meters: int = 0  # further SDM630; each over its share of the rigs, or an imagined load
    models: tuple[str, ...] = ()  # keys of lode_sim.models; empty for the usual mix
    faults_per_hour: float = 0.0  # on the whole site, at random


def _now_clocks() -> Clocks:
    return Clocks(monotonic=time.monotonic, wall=time.time)


@dataclass(kw_only=True, slots=True)
class Site:
    """Rigs and meters, not yet on any socket."""

    plan: Plan
    rigs: list[Rig]
    meters: list[Meter]
    clocks: Clocks = field(default_factory=_now_clocks)

    @property
    def devices(self) -> list[Rig | Meter]:
        """All devices, rigs first."""
        return [*self.rigs, *self.meters]

    def power_w(self) -> float:
        """Give what all rigs draw together, in W."""
        return sum(rig.power_w() for rig in self.rigs)


def build(plan: Plan, clocks: Clocks | None = None) -> Site:
    """Build the site that a plan and its seed describe.

    Raises:
        OrderError: when the plan cannot be built.
    """
    addresses.check_base(plan.base)
    clocks = clocks or _now_clocks()
    source = random.Random(f"site {plan.seed}")
    models = _draw_models(plan, source)
    ambient = _Ambient(source, clocks)
    width = max(3, len(str(plan.rigs)))
    rigs = [
        Rig(
            model,
            _identity(plan, number, width, source),
            seed=f"{plan.seed} rig {number}",
            clocks=clocks,
            ambient_c=ambient,
        )
        for number, model in enumerate(models, start=1)
    ]
    return Site(plan=plan, rigs=rigs, meters=_meters(plan, rigs, clocks), clocks=clocks)


class _Ambient:
    """The air outside: a daily swing, of which the seed gives mean and phase."""

    def __init__(self, source: random.Random, clocks: Clocks) -> None:
        self._mean_c = DESIGN_INLET_C + source.uniform(-3.0, 3.0)
        self._phase_s = source.uniform(0, DAY_S)
        self._start_s = clocks.monotonic()

    def __call__(self, now_s: float) -> float:
        day = ((now_s - self._start_s + self._phase_s) / DAY_S) % 1.0
        return self._mean_c + DAY_SWING_C * (1.0 - abs(4.0 * day - 2.0))


def _draw_models(plan: Plan, source: random.Random) -> Sequence[Model]:
    """Draw the mix so that even a small site has every firmware: shares first, then shuffled."""
    usual = [model for model in MODELS if model.share]
    unknown = sorted(set(plan.models) - set(BY_KEY))
    if unknown:
        raise OrderError(f"model {unknown[0]!r}: unknown; one of {', '.join(BY_KEY)}")
    chosen = [BY_KEY[key] for key in plan.models] if plan.models else usual
    whole = sum(model.share for model in chosen) or 1.0
    drawn = [m for m in chosen for _ in range(max(1, round(plan.rigs * m.share / whole)))]
    drawn = sorted(drawn, key=lambda model: -model.share)
    most = chosen[0]
    drawn += [most] * max(plan.rigs - len(drawn), 0)
    while len(drawn) > plan.rigs:
        counts = {model.key: drawn.count(model) for model in chosen}
        drawn.remove(max(chosen, key=lambda model: counts[model.key]))
    source.shuffle(drawn)
    return drawn


def _identity(plan: Plan, number: int, width: int, source: random.Random) -> Identity:
    rack_index = (number - 1) // RIGS_PER_RACK
    container = _letters(rack_index // RACKS_PER_CONTAINER)
    octets = ":".join(f"{source.randrange(256):02X}" for _ in range(3))
    letters = "".join(source.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=12))
    name = f"rig-{number:0{width}d}"
    return Identity(
        name=name,
        host=addresses.rig_host(plan.base, number),
        rack=f"{container}{rack_index % RACKS_PER_CONTAINER + 1}",
        container=container,
        serial=f"SIM{letters}",
        mac=f"D4:01:02:{octets}",
        worker=f"lode.{name}",
    )


def _meters(plan: Plan, rigs: list[Rig], clocks: Clocks) -> list[Meter]:
    wanted = [("meter-site", SDM630, "", rigs)]
    if plan.rack_meters:
        racks = dict.fromkeys(rig.identity.rack for rig in rigs)
        for rack in racks:
            held = [rig for rig in rigs if rig.identity.rack == rack]
            wanted.append((f"meter-{rack}", SDM120, rack, held))
    wanted += [
        (f"meter-{number + 1:03d}", SDM630, "", rigs[number :: plan.meters])
        for number in range(plan.meters)
    ]
    meters = []
    for number, (name, model, rack, held) in enumerate(wanted, start=1):
        host = addresses.meter_host(plan.base, number)
        seed = f"{plan.seed} {name}"
        meter = Meter(name, host, model, seed=seed, clocks=clocks, rack=rack)
        meter.rigs = held
        meters.append(meter)
    return meters


def _letters(index: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    text = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, 26)
        text = chr(ord("A") + digit) + text
    return text
