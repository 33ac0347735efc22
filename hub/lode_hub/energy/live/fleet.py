"""A site's rigs as the planner sees them: alike ones as classes, and why the others are left out.

rows ─► Rig ─► obstacle? ─► modes ─► class (model, firmware, feeder, modes, J/TH) ─► Site, Standing
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lode_hub.energy import nouns
from lode_hub.energy.live.limits import Limits
from lode_hub.energy.live.wishes import FULL, MOST_SHARE, SLEEP, limit_w, modes_of
from lode_hub.energy.nouns import ASLEEP, Feeder, RigClass, Site, Standing
from lode_wire import orders

BUCKETS = (1.05, 1.15, 1.5)
MAX_CLASSES = 100
UNLIMITED = 1.5  # of all that hangs on a line without a limit
IMPLAUSIBLE = 1.5
LEAST_W = 100.0
ASLEEP_STATES = frozenset({"sleeping", "curtailed"})
UNHEARD = frozenset({"silent", "unreachable", "unknown"})
_NOT_PLANNED = {"unreachable": "unreachable", "silent": "silent", "unknown": "state unknown",
                "faulted": "faulted", "tuning": "tuning"}  # fmt: skip

Obstacle = tuple[str, str]
"""Why a plan cannot move a rig: one of a few reasons, and what more is known of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rig:
    """A rig as it is now, and what is known of it; `full_*` is how its owner has set it."""

    device_id: int
    name: str
    agent_id: int
    agent: str
    feeder: str
    model: str
    firmware: str
    state: str
    age_s: float | None
    power_w: float | None
    power_source: str
    hashrate_ths: float | None
    rated_power_w: float | None
    rated_hashrate_ths: float | None
    offers: Sequence[str] | None
    presets: Sequence[str]
    power_min_w: float | None
    power_max_w: float | None
    blocked: str
    starts_left: int | None
    lease: str | None
    maintenance: str | None
    full_w: float | None
    full_ths: float | None
    is_awake: bool | None  # as it was last seen
    turned_ms: int | None
    is_ours: bool

    @property
    def is_asleep(self) -> bool:
        """Tell whether it sleeps now."""
        return self.state in ASLEEP_STATES

    @property
    def draw_w(self) -> float | None:
        """What it draws now: by its reading, else by its rating and how much of it it hashes."""
        if self.power_w is not None:
            return self.power_w
        if self.hashrate_ths is None or not self.rated_hashrate_ths or not self.rated_power_w:
            return None
        return self.rated_power_w * min(1.0, self.hashrate_ths / self.rated_hashrate_ths)

    @property
    def full_power_w(self) -> float | None:
        """What it draws when nothing holds it down: as seen, else as rated."""
        return self.full_w or self.rated_power_w

    @property
    def full_hashrate_ths(self) -> float | None:
        """What it hashes when nothing holds it down."""
        return self.full_ths or self.rated_hashrate_ths

    @property
    def efficiency_jth(self) -> float:
        """Watts by TH/s in full; infinite when that is not known."""
        watts, ths = self.full_power_w, self.full_hashrate_ths
        return watts / ths if watts and ths else math.inf

    @property
    def most_w(self) -> float:
        """What has to be reckoned with: silent rigs may draw as much as ever."""
        drawn = None if self.state in UNHEARD else self.draw_w
        return self.full_power_w or 0.0 if drawn is None else drawn


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A rig that no plan moves, and why."""

    rig: Rig
    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """A site for the planner; `members` are the rigs of each class, in its standing's order.

    `left_w` is what the rigs that are left out draw, at the rigs.
    """

    site: Site
    members: tuple[tuple[Rig, ...], ...]
    standings: tuple[Standing, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def left_w(self) -> float:
        """What the rigs that are left out draw, at the rigs."""
        return sum(left.rig.most_w for left in self.left_out)

    @property
    def full_w(self) -> float:
        """What all planned rigs draw in full, at the rigs."""
        return sum(kind.full.power_w * kind.count for kind in self.site.classes)


def obstacle(rig: Rig, disobeying: Mapping[int, str]) -> Obstacle | None:
    """Say why a plan cannot move a rig; None when it can."""
    actions = orders.offered(rig.offers or ())[0]
    drawn = rig.draw_w
    too_much = drawn is not None and drawn > IMPLAUSIBLE * (rig.rated_power_w or math.inf)
    full_w = rig.full_power_w or 0.0
    obstacles: tuple[tuple[bool, str, str], ...] = (
        (rig.maintenance is not None, "in maintenance", rig.maintenance or ""),
        (rig.state in _NOT_PLANNED, _NOT_PLANNED.get(rig.state, ""), ""),
        (rig.lease is not None, "held by a person's order", rig.lease or ""),
        (rig.device_id in disobeying, "does not obey", disobeying.get(rig.device_id, "")),
        (rig.offers is None, "its agent has not said what it can do", ""),
        (SLEEP not in actions, "cannot be put to sleep", rig.blocked),
        (rig.is_asleep and not rig.is_ours, "asleep, and not by a plan", ""),
        (too_much, "power figure implausible", f"{drawn or 0:.0f} W"),
        (full_w < LEAST_W or not rig.full_hashrate_ths, "no figure of its power or hashrate", ""),
    )
    return next(((reason, detail) for holds, reason, detail in obstacles if holds), None)


def fleet(  # noqa: PLR0913 -- a site
    site: str, rigs: Sequence[Rig], limits: Limits, *, now_ms: int,
    standing: Mapping[int, str], disobeying: Mapping[int, str], pool_fee_ratio: float,
) -> Fleet:  # fmt: skip
    """Make a site of its rigs.

    Args:
        site: its name.
        rigs: all that are configured.
        limits: its own.
        now_ms: the time.
        standing: the mode by name in which each rig was told to be.
        disobeying: rigs that do not do what they are told, and how that is said.
        pool_fee_ratio: of what is earned.
    """
    obstacles = {rig.device_id: obstacle(rig, disobeying) for rig in rigs}
    groups = _grouped([rig for rig in rigs if obstacles[rig.device_id] is None])
    classes = tuple(_class(members, limits) for members in groups)
    left = tuple(
        LeftOut(rig=rig, reason=why[0], detail=why[1])
        for rig in rigs
        if (why := obstacles[rig.device_id])
    )
    return Fleet(
        site=Site(
            name=site,
            classes=classes,
            feeders=_feeders(classes, groups, left, limits),
            limit_w=_limit_w(classes, left, limits),
            step_s=300.0,
            ramp_kw_min=limits.ramp_kw_min,
            pool_fee_ratio=pool_fee_ratio,
        ),
        members=tuple(groups),
        standings=tuple(
            _standing(kind, members, standing, now_ms)
            for kind, members in zip(classes, groups, strict=True)
        ),
        left_out=left,
    )


def _grouped(able: Sequence[Rig]) -> list[tuple[Rig, ...]]:
    """Put alike rigs together, with the finest buckets of efficiency that give few classes."""
    found: dict[tuple[object, ...], list[Rig]] = {}
    for ratio in BUCKETS:
        found = {}
        for rig in able:
            bucket = round(math.log(rig.efficiency_jth) / math.log(ratio))
            key = (rig.model, rig.firmware, _line(rig), modes_of(rig), bucket)
            found.setdefault(key, []).append(rig)
        if len(found) <= MAX_CLASSES:
            break
    return [tuple(members) for members in found.values()]


def _line(rig: Rig) -> str:
    return rig.feeder or f"{rig.agent}, no feeder"


def _class(members: tuple[Rig, ...], limits: Limits) -> RigClass:
    first, model = members[0], limits.model(members[0].model)
    full_w = float(np.mean([rig.full_power_w or 0.0 for rig in members]))
    full_ths = float(np.mean([rig.full_hashrate_ths or 0.0 for rig in members]))
    least_w = min(rig.full_power_w or 0.0 for rig in members)
    lower = [_lower(*share, full_w, full_ths) for share in modes_of(first)
             if (limit_w(share[0]) or 0.0) <= MOST_SHARE * least_w]  # fmt: skip
    left = [rig.starts_left for rig in members if rig.starts_left is not None]
    per_day = model.starts_per_day if model.starts_per_day is not None else max(left, default=None)
    return RigClass(
        name=f"{first.model or 'rig'} {full_w / full_ths:.1f} J/TH {_line(first)} {first.name}",
        count=len(members),
        modes=(*lower, nouns.Mode(name=FULL, power_w=full_w, hashrate_ths=full_ths)),
        feeder=_line(first),
        sleep_w=min(model.sleep_w, 0.5 * full_w),
        start_cost_usd=model.start_cost_usd,
        warm_up_s=model.warm_up_s,
        min_up_s=model.min_up_s,
        min_down_s=model.min_down_s,
        starts_per_day=per_day,
    )


def _lower(name: str, power: float, hashrate: float, full_w: float, full_ths: float) -> nouns.Mode:
    """Make a mode of its shares of full; a limit in watts draws those, as efficiently."""
    by_share = power * full_w
    power_w = limit_w(name) or by_share
    hashrate_ths = hashrate * full_ths * power_w / by_share
    return nouns.Mode(name=name, power_w=power_w, hashrate_ths=hashrate_ths)


def _standing(
    kind: RigClass, members: Sequence[Rig], standing: Mapping[int, str], now_ms: int
) -> Standing:
    names = [mode.name for mode in kind.modes]
    full = len(names) - 1
    per_day = kind.starts_per_day

    def mode(rig: Rig) -> int:
        told = standing.get(rig.device_id, FULL)
        return ASLEEP if rig.is_asleep else names.index(told) if told in names else full

    def starts(rig: Rig) -> int:
        return 0 if per_day is None or rig.starts_left is None else per_day - rig.starts_left

    since = [math.inf if r.turned_ms is None else (now_ms - r.turned_ms) / 1000 for r in members]
    return Standing(
        mode=np.array([mode(rig) for rig in members], np.int64),
        since_s=np.maximum(np.array(since), 0.0),
        starts=np.maximum(np.array([starts(rig) for rig in members], np.int64), 0),
    )


def _feeders(
    classes: Sequence[RigClass],
    groups: Sequence[tuple[Rig, ...]],
    left: Sequence[LeftOut],
    limits: Limits,
) -> tuple[Feeder, ...]:
    drawn: dict[str, float] = {}
    others: dict[str, float] = {}
    for kind, members in zip(classes, groups, strict=True):
        line = _line(members[0])
        drawn[line] = drawn.get(line, 0.0) + kind.full.power_w * kind.count
    for one in left:
        others[_line(one.rig)] = others.get(_line(one.rig), 0.0) + one.rig.most_w
    found = []
    for line, watts in drawn.items():
        told = limits.feeders.get(line)
        limit_kw = None if told is None else told.limit_kw
        bears = UNLIMITED * watts if limit_kw is None else limit_kw * 1000 - others.get(line, 0.0)
        ramp = None if told is None else told.ramp_kw_min
        found.append(Feeder(name=line, limit_w=max(0.0, bears), ramp_kw_min=ramp))
    return tuple(found)


def _limit_w(classes: Sequence[RigClass], left: Sequence[LeftOut], limits: Limits) -> float:
    """Give the site's own limit; where it has none, more than it can ever draw."""
    if limits.limit_kw is not None:
        return limits.limit_kw * 1000
    draws = sum(kind.full.power_w * kind.count for kind in classes)
    return 3.0 * (draws + sum(one.rig.most_w for one in left)) + 1000.0
