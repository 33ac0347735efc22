"""What may be asked about the planner at work: its mode, its plan, a preview, the closed loop."""

import asyncio
import time
from collections.abc import Callable

import msgspec

from lode_hub.energy.account.make import told
from lode_hub.energy.live.nouns import (
    LeftOutRig,
    LimitRow,
    LoopRow,
    PlanClass,
    PlannerMode,
    PlannerState,
    PlanPeriod,
    PlanRow,
)
from lode_hub.energy.live.shown import held, shown
from lode_hub.energy.live.solve import bounds, ground, read_limits, read_rigs, solve
from lode_hub.errors import NotFoundError
from lode_hub.store import Store, energy, energy_live
from lode_hub.store.asking import asking
from lode_hub.store.connection import Connection

LATE_MS = 60_000
"""After which nobody can be steering any more."""


class PlannerQueries:
    """Answers from the database; NotFoundError is raised when there is no such site."""

    def __init__(
        self, store: Store, clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms

    async def state(self, site: str) -> PlannerState:
        """Give what a person lets the planner do."""
        async with asking(self._store) as conn:
            row = await energy_live.mode(conn, await _site(conn, site))
        said = row or {"mode": "off", "person": None, "at_ms": None}
        return PlannerState(site=site, **said)

    async def plan(self, site: str) -> PlanRow | None:
        """Give the last plan that was made; None before there is any."""
        async with asking(self._store) as conn:
            row = await energy_live.plan(conn, await _site(conn, site))
        if row is None or "periods" not in row["body"]:
            return None
        return msgspec.convert(row["body"] | {"commands": row["commands"]}, PlanRow)

    async def preview(self, site: str) -> PlanRow:
        """Make a plan as the planner would now, and neither keep nor send it.

        Raises:
            InvalidError: a document of the site cannot be read.
            PlanError: the solver gave no plan.
        """
        now_ms = self._clock_ms()
        state = await self.state(site)
        async with asking(self._store) as conn:
            number = await _site(conn, site)
            made_of = await ground(conn, site, number, now_ms, {})
        if made_of.known.seen.market is None:
            return held(made_of, state.mode, "preview", "no price or hashprice to plan by")
        solved = await asyncio.to_thread(solve, made_of, {}, {})
        said = "a preview; nothing is sent"
        return shown(solved, state.mode, "preview", decision=said, most_left_out=None)

    async def limits(self, site: str) -> tuple[LimitRow, ...]:
        """Give what bounds a site, typed or by its agents' envelopes, and which of them holds.

        Raises:
            InvalidError: a document of the site cannot be read.
        """
        async with asking(self._store) as conn:
            number = await _site(conn, site)
            documents = await told(conn, site, number)
            typed, _ = await read_limits(conn, number)
            rigs = await read_rigs(conn, site)
        return bounds(rigs, typed, documents.economics)

    async def loop(self, site: str) -> LoopRow:
        """Give how the site follows its setpoint."""
        async with asking(self._store) as conn:
            row = await energy_live.loop(conn, await _site(conn, site))
        if row is None or self._clock_ms() - row["at_ms"] > LATE_MS:
            at_ms = 0 if row is None else row["at_ms"]
            return LoopRow(
                site=site, at_ms=at_ms, is_active=False, measured_w=None, source="",
                setpoint_w=None, error_w=None, says="nothing is steered now",
            )  # fmt: skip
        return msgspec.convert(row["body"], LoopRow)


async def _site(conn: Connection, site: str) -> int:
    number = await energy.site_id(conn, site)
    if number is None:
        raise NotFoundError(f"site {site}: there is no such site; see /api/v1/sites")
    return number


__all__ = [
    "LeftOutRig",
    "LimitRow",
    "LoopRow",
    "PlanClass",
    "PlanPeriod",
    "PlanRow",
    "PlannerMode",
    "PlannerQueries",
    "PlannerState",
]
