"""What feeders, agents' parts of a site and its rigs are bound to: typed, and the agents' own.

rigs, limits ─► line of each rig ─► Feeder (one agent's), Part (several) ─► Site
             └► LimitRow: by whose word, and where what is typed is the looser

An agent's own limits are its envelope's, signed by the site's owner; it obeys nothing beyond them.
The tighter word holds. What neither says is not limited.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from lode_hub.energy.live.limits import Limits, Line, Model
from lode_hub.energy.live.nouns import LimitRow
from lode_hub.energy.live.rig import Rig
from lode_hub.energy.nouns import Feeder, Part

UNLIMITED = 1.5  # of all that hangs on a line without a limit


def named(rigs: Sequence[Rig]) -> dict[int, str]:
    """Name the line of each rig.

    Two agents may call a feeder by one name. Then each has its own once one of them tells limits.
    """
    sharing = _shared(rigs)
    return {
        rig.device_id: f"{rig.feeder} of {rig.agent}" if rig.feeder in sharing else plain(rig)
        for rig in rigs
    }


def plain(rig: Rig) -> str:
    """Name a rig's line as people do in their limits."""
    return rig.feeder or f"{rig.agent}, no feeder"


def _shared(rigs: Sequence[Rig]) -> set[str]:
    agents: dict[str, set[str]] = {}
    for rig in rigs:
        if rig.feeder:
            agents.setdefault(rig.feeder, set()).add(rig.agent)
    telling = {rig.agent for rig in rigs if own_site([rig]) != Line()}
    telling |= {rig.agent for rig in rigs if own_feeder([rig]) != Line()}
    return {name for name, theirs in agents.items() if len(theirs) > 1 and theirs & telling}


def own_feeder(rigs: Iterable[Rig]) -> Line:
    """Give what the envelope says of the feeder of these rigs; a ramp holds both ways."""
    rigs = list(rigs)
    ramps = (r for g in rigs for r in (g.feeder_ramp_up_kw_per_min, g.feeder_ramp_down_kw_per_min))
    return Line(limit_kw=least(rig.feeder_limit_kw for rig in rigs), ramp_kw_min=least(ramps))


def own_site(rigs: Iterable[Rig]) -> Line:
    """Give what the envelope says of all rigs of their agent together."""
    rigs = list(rigs)
    ramps = (r for g in rigs for r in (g.site_ramp_up_kw_per_min, g.site_ramp_down_kw_per_min))
    return Line(limit_kw=least(rig.site_limit_kw for rig in rigs), ramp_kw_min=least(ramps))


def least(values: Iterable[float | None]) -> float | None:
    """Give the least of what is said; None when nothing is."""
    return min((value for value in values if value is not None), default=None)


def of_rig(rig: Rig, limits: Limits) -> Model:
    """Give what starting and stopping a rig takes, by the tighter word."""
    typed = limits.model(rig.model)
    per_day = [n for n in (typed.starts_per_day, rig.starts_per_day) if n is not None]
    return msgspec.structs.replace(
        typed,
        min_up_s=max(typed.min_up_s, rig.min_up_s or 0.0),
        min_down_s=max(typed.min_down_s, rig.min_down_s or 0.0),
        starts_per_day=min(per_day, default=None),
    )


def feeders(
    drawn: Mapping[str, float], rigs: Sequence[Rig], left: Sequence[Rig], limits: Limits
) -> tuple[Feeder, ...]:
    """Make the lines of a site.

    Args:
        drawn: what the planned rigs of each line draw in full.
        rigs: all that are configured.
        left: those of them that are left out, whose power counts.
        limits: the site's.
    """
    lines, sharing = named(rigs), _shared(rigs)
    found = []
    for line, watts in drawn.items():
        mates = [rig for rig in rigs if lines[rig.device_id] == line]
        told = own_feeder(mates)
        typed = Line()
        if mates[0].feeder not in sharing:
            typed = limits.feeders.get(plain(mates[0]), typed)
        limit_kw = least((typed.limit_kw, told.limit_kw))
        others_w = sum(rig.most_w for rig in left if lines[rig.device_id] == line)
        bears_w = UNLIMITED * watts if limit_kw is None else limit_kw * 1000 - others_w
        ramp = least((typed.ramp_kw_min, told.ramp_kw_min))
        found.append(Feeder(name=line, limit_w=max(0.0, bears_w), ramp_kw_min=ramp))
    return tuple(found)


def parts(
    drawn: Mapping[str, float], rigs: Sequence[Rig], left: Sequence[Rig], limits: Limits
) -> tuple[Part, ...]:
    """Make what bounds several lines: an agent's own limit of all its rigs, and a shared name's."""
    groups = [
        (f"agent {agent}", mine, own_site(mine))
        for agent in dict.fromkeys(rig.agent for rig in rigs)
        if (mine := [rig for rig in rigs if rig.agent == agent])
    ]
    groups += [
        (f"feeder {name}", [rig for rig in rigs if rig.feeder == name], limits.feeders[name])
        for name in sorted(_shared(rigs) & limits.feeders.keys())
    ]
    lines, left_w = named(rigs), {rig.device_id: rig.most_w for rig in left}
    found = []
    for name, members, line in groups:
        inside = {lines[rig.device_id] for rig in members} & drawn.keys()
        if line == Line() or not inside:
            continue
        others_w = sum(left_w.get(rig.device_id, 0.0) for rig in members)
        limit_w = math.inf if line.limit_kw is None else line.limit_kw * 1000 - others_w
        found.append(
            Part(
                name=name,
                feeders=tuple(sorted(inside)),
                limit_w=max(0.0, limit_w),
                ramp_kw_min=line.ramp_kw_min,
            )
        )
    return tuple(found)


def down_ms(rigs: Sequence[Rig], limits: Limits) -> int:
    """Give how long it may take to bring all rigs down, by the slowest ramp; 0: all at once."""
    groups = [(limits.ramp_kw_min, list(rigs))]
    for agent in {rig.agent for rig in rigs}:
        mine = [rig for rig in rigs if rig.agent == agent]
        groups.append((own_site(mine).ramp_kw_min, mine))
    for name in {rig.feeder for rig in rigs if rig.feeder}:
        mine = [rig for rig in rigs if rig.feeder == name]
        typed = limits.feeders.get(name, Line())
        groups.append((least((typed.ramp_kw_min, own_feeder(mine).ramp_kw_min)), mine))
    minutes = [
        sum(rig.full_power_w or 0.0 for rig in mine) / 1000 / ramp for ramp, mine in groups if ramp
    ]
    return round(60_000 * max(minutes, default=0.0))


def said(rigs: Sequence[Rig], limits: Limits, pue: float) -> tuple[LimitRow, ...]:
    """Say by whose word each limit holds; `pue` compares the meter's with those at the rigs."""
    agents = dict.fromkeys(rig.agent for rig in rigs)
    own = {agent: own_site([rig for rig in rigs if rig.agent == agent]) for agent in agents}
    sums_kw = [line.limit_kw for line in own.values() if line.limit_kw is not None]
    whole_kw = sum(sums_kw) * pue if sums_kw and len(sums_kw) == len(agents) else None
    ramps = [line.ramp_kw_min for line in own.values() if line.ramp_kw_min is not None]
    whole_ramp = sum(ramps) if ramps and len(ramps) == len(agents) else None
    found = [_row("site", "power", "kW", limits.limit_kw, whole_kw)]
    found += [_row("site", "ramp", "kW/min", limits.ramp_kw_min, whole_ramp)]
    if len(agents) > 1:
        for agent, line in own.items():
            found += _line_rows(f"agent {agent}", Line(), line)
    for name in sorted({rig.feeder for rig in rigs if rig.feeder} | limits.feeders.keys()):
        own_line = own_feeder(rig for rig in rigs if rig.feeder == name)
        found += _line_rows(f"feeder {name}", limits.feeders.get(name, Line()), own_line)
    for name in sorted({rig.model for rig in rigs}):
        found += _model_rows(name, [rig for rig in rigs if rig.model == name], limits)
    return tuple(row for row in found if row.typed is not None or row.own is not None)


def _line_rows(where: str, typed: Line, own: Line) -> list[LimitRow]:
    return [
        _row(where, "power", "kW", typed.limit_kw, own.limit_kw),
        _row(where, "ramp", "kW/min", typed.ramp_kw_min, own.ramp_kw_min),
    ]


def _model_rows(name: str, rigs: Sequence[Rig], limits: Limits) -> list[LimitRow]:
    typed, where = limits.model(name), f"model {name}"
    up = [rig.min_up_s for rig in rigs if rig.min_up_s is not None]
    down = [rig.min_down_s for rig in rigs if rig.min_down_s is not None]
    starts = least(rig.starts_per_day for rig in rigs)
    found = [
        _row(where, "starts a day", "", typed.starts_per_day, starts),
        _row(where, "least time awake", "s", typed.min_up_s, max(up, default=None), is_least=True),
        _row(where, "least time asleep", "s", typed.min_down_s, max(down, default=None),
             is_least=True),
    ]  # fmt: skip
    if limits.typed(name) is not None:
        return found
    # A default is nobody's word, so it contradicts no agent's.
    return [replace(row, is_default=row.typed is not None, is_looser=False) for row in found]


def _row(
    where: str, what: str, unit: str, typed: float | None, own: float | None, *,
    is_least: bool = False,
) -> LimitRow:  # fmt: skip
    is_own = own is not None
    is_looser = False
    if typed is not None and own is not None:
        is_own = own > typed if is_least else own < typed
        is_looser = is_own
    return LimitRow(
        where=where, what=what, unit=unit, typed=typed, own=own,
        holds="own" if is_own else "typed", is_looser=is_looser,
    )  # fmt: skip
