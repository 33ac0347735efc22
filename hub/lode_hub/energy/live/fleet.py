"""A site's rigs as the planner sees them: alike ones as classes, and why the others are left out.

rows ─► Rig ─► obstacle? ─► modes ─► class (model, firmware, feeder, modes, J/TH) ─► Site, Standing
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lode_hub.energy import nouns
from lode_hub.energy.live import lines
from lode_hub.energy.live.limits import Limits
from lode_hub.energy.live.rig import Rig
from lode_hub.energy.live.wishes import FULL, MOST_SHARE, SLEEP, limit_w, modes_of
from lode_hub.energy.nouns import ASLEEP, RigClass, Site, Standing
from lode_wire import orders

BUCKETS = (1.05, 1.15, 1.5)
MAX_CLASSES = 100
IMPLAUSIBLE = 1.5
LEAST_W = 100.0
_NOT_PLANNED = {"unreachable": "unreachable", "silent": "silent", "unknown": "state unknown",
                "faulted": "faulted", "tuning": "tuning"}  # fmt: skip

Obstacle = tuple[str, str]
"""Why a plan cannot move a rig: one of a few reasons, and what more is known of it."""


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
    line_of = lines.named(rigs)
    groups = _grouped([rig for rig in rigs if obstacles[rig.device_id] is None], line_of)
    classes = tuple(_class(members, limits, line_of) for members in groups)
    left = tuple(
        LeftOut(rig=rig, reason=why[0], detail=why[1])
        for rig in rigs
        if (why := obstacles[rig.device_id])
    )
    return Fleet(
        site=replace(_site(site, classes, rigs, left, limits), pool_fee_ratio=pool_fee_ratio),
        members=tuple(groups),
        standings=tuple(
            _standing(kind, members, standing, now_ms)
            for kind, members in zip(classes, groups, strict=True)
        ),
        left_out=left,
    )


def _site(
    name: str, classes: tuple[RigClass, ...], rigs: Sequence[Rig], left: Sequence[LeftOut],
    limits: Limits,
) -> Site:  # fmt: skip
    drawn: dict[str, float] = {}
    for kind in classes:
        drawn[kind.feeder] = drawn.get(kind.feeder, 0.0) + kind.full.power_w * kind.count
    others = [one.rig for one in left]
    return Site(
        name=name,
        classes=classes,
        feeders=lines.feeders(drawn, rigs, others, limits),
        parts=lines.parts(drawn, rigs, others, limits),
        limit_w=_limit_w(classes, left, limits),
        step_s=300.0,
        ramp_kw_min=limits.ramp_kw_min,
    )


def _grouped(able: Sequence[Rig], line_of: Mapping[int, str]) -> list[tuple[Rig, ...]]:
    """Put alike rigs together, with the finest buckets of efficiency that give few classes."""
    found: dict[tuple[object, ...], list[Rig]] = {}
    for ratio in BUCKETS:
        found = {}
        for rig in able:
            bucket = round(math.log(rig.efficiency_jth) / math.log(ratio))
            own = (rig.starts_per_day, rig.min_up_s, rig.min_down_s)
            line = line_of[rig.device_id]
            key = (rig.model, rig.firmware, line, modes_of(rig), own, bucket)
            found.setdefault(key, []).append(rig)
        if len(found) <= MAX_CLASSES:
            break
    return [tuple(members) for members in found.values()]


def _class(members: tuple[Rig, ...], limits: Limits, line_of: Mapping[int, str]) -> RigClass:
    first, model = members[0], lines.of_rig(members[0], limits)
    line = line_of[first.device_id]
    full_w = float(np.mean([rig.full_power_w or 0.0 for rig in members]))
    full_ths = float(np.mean([rig.full_hashrate_ths or 0.0 for rig in members]))
    least_w = min(rig.full_power_w or 0.0 for rig in members)
    lower = [_lower(*share, full_w, full_ths) for share in modes_of(first)
             if (limit_w(share[0]) or 0.0) <= MOST_SHARE * least_w]  # fmt: skip
    left = [rig.starts_left for rig in members if rig.starts_left is not None]
    per_day = model.starts_per_day if model.starts_per_day is not None else max(left, default=None)
    return RigClass(
        name=f"{first.model or 'rig'} {full_w / full_ths:.1f} J/TH {line} {first.name}",
        count=len(members),
        modes=(*lower, nouns.Mode(name=FULL, power_w=full_w, hashrate_ths=full_ths)),
        feeder=line,
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
        of_day = per_day if rig.starts_per_day is None else rig.starts_per_day
        return 0 if of_day is None or rig.starts_left is None else of_day - rig.starts_left

    since = [math.inf if r.turned_ms is None else (now_ms - r.turned_ms) / 1000 for r in members]
    return Standing(
        mode=np.array([mode(rig) for rig in members], np.int64),
        since_s=np.maximum(np.array(since), 0.0),
        starts=np.maximum(np.array([starts(rig) for rig in members], np.int64), 0),
    )


def _limit_w(classes: Sequence[RigClass], left: Sequence[LeftOut], limits: Limits) -> float:
    """Give the site's own limit; where it has none, more than it can ever draw."""
    if limits.limit_kw is not None:
        return limits.limit_kw * 1000
    draws = sum(kind.full.power_w * kind.count for kind in classes)
    return 3.0 * (draws + sum(one.rig.most_w for one in left)) + 1000.0
