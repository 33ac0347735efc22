"""Choose the rigs of a curtailment: the least efficient first, and say why the others are left.

candidates, ask ─► each rig: can it be taken? ─► by efficiency, until it is enough ─► Choice
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lode_hub.queries.command_nouns import FeederSum, SkippedRig, SkipReason, TakenRig

MIN_POWER_W = 100.0
"""Whoever draws less saves nothing worth a start."""

IMPLAUSIBLE = 1.5
"""A power figure above the rating by so much is no figure."""

_ASLEEP = frozenset({"sleeping", "curtailed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """What a curtailment shall reach: all of the site, or reduce to, or reduce by so much."""

    site: str
    reduce_to_w: float | None = None
    reduce_by_w: float | None = None
    excluding: frozenset[str] = frozenset()  # names of rigs, racks or agents
    min_power_w: float = MIN_POWER_W


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A rig as it is now, and what can be asked of it."""

    device_id: int
    name: str
    agent_id: int
    agent: str
    rack: str
    state: str
    age_s: float | None
    power_w: float | None
    rated_power_w: float | None
    hashrate_ths: float | None
    rated_hashrate_ths: float | None
    offers: Sequence[str] | None
    blocked: str | None
    starts_left: int | None
    feeder: str | None
    lease: str | None  # the command that has it sleep
    maintenance: str | None
    site_ramp_up_kw_per_min: float | None = None  # by its agent's envelope, of all its rigs
    site_ramp_down_kw_per_min: float | None = None
    feeder_ramp_up_kw_per_min: float | None = None
    feeder_ramp_down_kw_per_min: float | None = None

    @property
    def draw_w(self) -> float | None:
        """What it draws now: by its reading, else by its rating and how much of it it hashes.

        Stock Antminers measure no power; a name plate is right within some 10 %.
        """
        if self.power_w is not None:
            return self.power_w
        if not (self.hashrate_ths and self.rated_hashrate_ths and self.rated_power_w):
            return None
        return self.rated_power_w * min(1.0, self.hashrate_ths / self.rated_hashrate_ths)

    @property
    def efficiency_jth(self) -> float | None:
        """By its reading, else by its rating; infinite when it draws power for nothing."""
        if self.power_w is not None and self.hashrate_ths is not None:
            return self.power_w / self.hashrate_ths if self.hashrate_ths > 0 else float("inf")
        if self.rated_power_w and self.rated_hashrate_ths:
            return self.rated_power_w / self.rated_hashrate_ths
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Who is taken, in order, and who is not."""

    needed_w: float | None  # None: all that can be
    taken: list[TakenRig]
    skipped: list[SkippedRig]

    @property
    def expected_w(self) -> float:
        """What the taken ones draw now."""
        return sum(rig.power_w for rig in self.taken)

    @property
    def is_enough(self) -> bool:
        """Whether that is as much as is needed."""
        return self.needed_w is None or self.expected_w >= self.needed_w

    @property
    def feeders(self) -> list[FeederSum]:
        """What is taken off each feeder."""
        sums: dict[str, list[float]] = {}
        for rig in self.taken:
            sums.setdefault(rig.feeder, []).append(rig.power_w)
        return [
            FeederSum(feeder=name, rigs=len(powers), power_w=sum(powers))
            for name, powers in sorted(sums.items())
        ]


def choose(ask: Ask, candidates: Iterable[Candidate], needed_w: float | None) -> Choice:
    """Choose; `needed_w` is what has to be saved, None for all that can be."""
    skipped: list[SkippedRig] = []
    able: list[Candidate] = []
    for rig in candidates:
        why = obstacle(ask, rig)
        if why is None:
            able.append(rig)
        else:
            skipped.append(_skip(rig, *why))
    taken: list[TakenRig] = []
    saved_w = 0.0
    for rig in sorted(able, key=_worst_first):
        if needed_w is not None and saved_w >= needed_w:
            skipped.append(_skip(rig, "not needed", ""))
            continue
        taken.append(_take(rig))
        saved_w += taken[-1].power_w
    return Choice(needed_w=needed_w, taken=taken, skipped=skipped)


def obstacle(ask: Ask, rig: Candidate) -> tuple[SkipReason, str] | None:
    """Say why a rig cannot be taken, in a word and in detail; None when it can."""
    if not ask.excluding.isdisjoint((rig.name, rig.rack, rig.agent)):
        return "excluded", ""
    if rig.maintenance is not None:
        return "maintenance", rig.maintenance
    return _unreachable(rig) or _unable(rig) or _powerless(ask, rig)


def _unreachable(rig: Candidate) -> tuple[SkipReason, str] | None:
    if rig.state == "unreachable":
        return "unreachable", ""
    if rig.state == "silent" or rig.age_s is None:
        return "stale reading", "none yet" if rig.age_s is None else f"{rig.age_s:.0f} s old"
    return None


def _unable(rig: Candidate) -> tuple[SkipReason, str] | None:
    offers = rig.offers or ()
    is_spent = rig.starts_left is not None and rig.starts_left <= 0
    obstacles: tuple[tuple[bool, SkipReason, str], ...] = (
        (rig.offers is None, "controls unknown", ""),
        ("sleep" not in offers and bool(rig.blocked), "blocked", rig.blocked or ""),
        ("sleep" not in offers, "does not offer it", f"offers {', '.join(offers) or 'nothing'}"),
        (rig.lease is not None, "held by another lease", rig.lease or ""),
        (rig.state in _ASLEEP, "already asleep", rig.state),
        (is_spent, "no starts left", ""),
    )
    return next(((reason, detail) for holds, reason, detail in obstacles if holds), None)


def _powerless(ask: Ask, rig: Candidate) -> tuple[SkipReason, str] | None:
    draw_w, rated_w = rig.draw_w, rig.rated_power_w
    if draw_w is None:
        return "no power figure", ""
    is_too_much = rated_w is not None and draw_w > IMPLAUSIBLE * rated_w
    is_hashing_on_nothing = draw_w <= 0 and bool(rig.hashrate_ths)
    if draw_w < 0 or is_too_much or is_hashing_on_nothing:
        return "power figure implausible", f"{draw_w:.0f} W"
    if draw_w < ask.min_power_w:
        return "below minimum power", f"{draw_w:.0f} W"
    return None


def _worst_first(rig: Candidate) -> tuple[float, str]:
    efficiency_jth = rig.efficiency_jth
    return (0.0 if efficiency_jth is None else -efficiency_jth, rig.name)


def _take(rig: Candidate) -> TakenRig:
    efficiency_jth = rig.efficiency_jth
    return TakenRig(
        device_id=rig.device_id,
        name=rig.name,
        agent=rig.agent,
        feeder=rig.feeder or "",
        power_w=rig.draw_w or 0.0,
        is_rated=rig.power_w is None,
        efficiency_jth=None if efficiency_jth == float("inf") else efficiency_jth,
    )


def _skip(rig: Candidate, reason: SkipReason, detail: str) -> SkippedRig:
    return SkippedRig(device_id=rig.device_id, name=rig.name, reason=reason, detail=detail)
