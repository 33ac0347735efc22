"""What stands at a site's agents, for the hub that takes over: it goes on with what was ordered.

orders as signed (database, in one transaction with the commands) ─► Schedule, trims among them
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lode_hub.energy.live.rig import Rig
from lode_hub.energy.live.schedule import Schedule
from lode_hub.energy.live.wishes import FULL, mode_of
from lode_wire.orders import StandingPlan

SETTLE_MS = 60_000
"""So long a hub that has just taken over waits for rigs that it has not heard of yet."""


def plans_of(kept: Any) -> dict[str, StandingPlan]:  # noqa: ANN401 -- JSON
    """Read standing orders by agent as they were kept."""
    return msgspec.convert(kept, dict[str, StandingPlan])


def stood(plans: Mapping[str, StandingPlan], rigs: Sequence[Rig]) -> Schedule | None:
    """Give what rigs were told, as a schedule; None when they were told nothing."""
    told = [(agent, period) for agent, plan in plans.items() for period in plan.periods]
    if not told:
        return None
    edges = sorted({edge for _, period in told for edge in (period.from_ms, period.to_ms)})
    numbers = {(rig.agent, rig.name): rig.device_id for rig in rigs}
    modes = {rig.device_id: [FULL] * (len(edges) - 1) for rig in rigs}
    for agent, period in told:
        first, last = edges.index(period.from_ms), edges.index(period.to_ms)
        for step, name in itertools.chain.from_iterable(
            ((step, name) for name in step.devices) for step in period.steps
        ):
            if (number := numbers.get((agent, name))) is not None:
                modes[number][first:last] = [mode_of(step.wish)] * (last - first)
    order = sorted(rigs, key=lambda rig: (-rig.efficiency_jth, rig.name))
    return Schedule(
        edges_ms=tuple(edges),
        rigs=tuple(order),
        modes={number: tuple(row) for number, row in modes.items()},
    )
