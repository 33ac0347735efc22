"""The background part that plans sites and keeps them at it; one process of all hubs does it.

every 5 min, and when the database says that something changed:
  ground ─► plan ─► kept ─► differs enough? ─► standing orders of each agent
every 5 s, while a promise or a limit bounds the site:
  meter ─► trim ─► standing orders, trimmed
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from lode_hub.access import Access
from lode_hub.commands.desk import Desk
from lode_hub.energy.live import steer
from lode_hub.energy.live.handover import plans_of
from lode_hub.energy.live.nouns import PlannerMode, PlanRow
from lode_hub.energy.live.outlook import STEP_S, first_ms
from lode_hub.energy.live.rig import UNHEARD
from lode_hub.energy.live.schedule import begins_of, schedule, staggered
from lode_hub.energy.live.shown import held, shown
from lode_hub.energy.live.site import Steered, learned, owned, send
from lode_hub.energy.live.solve import Ground, Solved, gain_usd, ground, read_rigs, solve
from lode_hub.energy.live.wishes import FULL
from lode_hub.errors import ConflictError, HubError, UnavailableError
from lode_hub.store import Store, energy_live, leases
from lode_hub.store.asking import AWAY, asking
from lode_hub.store.listen import listen

LEASE = "planner"
CHANNEL = "lode_energy"
LOOK_S = 5.0
SETTLE_S = 0.5
"""Signals come in groups; so long after the first of one the plans are made."""

RUNS_OUT_MS = 6 * 3_600_000
"""Standing orders that end sooner are renewed."""

NOBODY_MS = 30_000
"""Where no rig can be planned, as just after a start, it is tried again so much later."""

SOLVE_S = 120.0
_RETRY_S = 5.0

_log = structlog.get_logger(__name__)


class Planner:
    """Plans, orders and steers.

    Args:
        store: where everything is.
        url: of the database, to hear from it.
        access: for the desk.
        name: unique among the hubs that live.
        clock_ms: the time.
    """

    def __init__(
        self,
        store: Store,
        url: str,
        access: Access,
        *,
        name: str,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._url = url
        self._name = name
        self._clock_ms = clock_ms
        self._desk = Desk(store, access, clock_ms)
        self._signal = asyncio.Event()
        self.sites: dict[int, Steered] = {}

    async def run(self) -> None:
        """Work whenever this process holds the lease. Never ends."""
        await leases.alone(self._store, LEASE, self._name, self._work)

    async def _work(self) -> None:
        self.sites.clear()
        async with asyncio.TaskGroup() as tasks:
            for work in (self._hear, self._watch):
                tasks.create_task(work())

    async def _hear(self) -> None:
        while True:
            try:
                async for _ in listen(self._url, (CHANNEL,)):
                    self._signal.set()
            except UnavailableError as error:
                _log.warning("planner hears no signals", reason=str(error))
            await asyncio.sleep(_RETRY_S)

    async def _watch(self) -> None:
        cause, is_told = "", False
        while True:
            cause = "signal" if self._signal.is_set() else cause
            self._signal.clear()
            try:
                await self.look(cause)
                cause, is_told = "", False
            except AWAY as error:
                # Some site may have been passed over, or its plan not kept: all are made anew.
                cause = cause or "the database was away"
                if not is_told:
                    _log.warning("planner waits", reason=str(error).partition("\n")[0])
                is_told = True
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._signal.wait()
                    await asyncio.sleep(SETTLE_S)
            except TimeoutError:
                pass

    async def look(self, cause: str = "") -> None:
        """Plan the sites that are due, all when there is a cause, and steer those at work.

        Raises:
            UnavailableError: the database is away.
        """
        async with asking(self._store) as conn:
            rows = await energy_live.modes(conn)
        for row in rows:
            steered = await self._steered(row)
            now_ms = self._clock_ms()
            try:
                if row["mode"] != "act":
                    await self._let_go(steered, now_ms)
                if row["mode"] != "off" and (cause or now_ms >= steered.due_ms):
                    await self._plan(steered, row["mode"], cause or "every 5 minutes")
                if row["mode"] == "act":
                    await steer.steer(self._store, self._desk, steered, self._clock_ms())
            except UnavailableError:
                raise
            except HubError as error:
                steered.due_ms = max(steered.due_ms, now_ms + round(1000 * _RETRY_S))
                _log.error("planner failed", site=steered.name, reason=str(error))

    async def _steered(self, row: dict[str, object]) -> Steered:
        number, name = int(str(row["site_id"])), str(row["site"])
        steered = self.sites.get(number)
        if steered is None:
            steered = self.sites[number] = Steered(site_id=number, name=name)
            async with asking(self._store) as conn:
                if held_to := await energy_live.standing(conn, number):
                    steered.resume(
                        plans_of(held_to["plans"]),
                        {int(rig): at_ms for rig, at_ms in held_to["waited_for"].items()},
                        await read_rigs(conn, name),
                        self._clock_ms(),
                    )
        return steered

    async def _let_go(self, steered: Steered, now_ms: int) -> None:
        """Take back what agents still have to keep."""
        if not steered.holders:
            return
        made = await send(self._desk, steered, {}, now_ms)
        steered.stands, steered.solved = None, None
        steered.trim.override.clear()
        async with asking(self._store) as conn:
            await energy_live.add_plan(
                conn, steered.site_id, made_ms=now_ms, cause="switched off", commands=made,
                agents=(), body=_nothing(steered, now_ms), is_sent=True,
            )  # fmt: skip
            await energy_live.set_loop(conn, steered.site_id, now_ms, steer.idle(steered, now_ms))

    async def _plan(self, steered: Steered, mode: PlannerMode, cause: str) -> None:
        now_ms = self._clock_ms()
        steered.due_ms = first_ms(now_ms) + round(1000 * STEP_S)
        async with asking(self._store) as conn:
            told = steered.now(now_ms)
            made_of = await ground(conn, steered.name, steered.site_id, now_ms, told)
            await energy_live.learn(conn, learned(steered, made_of.rigs, now_ms, with_power=True))
        made_of = replace(made_of, rigs=owned(steered, made_of.rigs, now_ms))
        steered.limits, steered.meters = made_of.limits, made_of.told.economics.meters
        why = _unplannable(made_of) or _unheard(steered, made_of)
        if why:
            await self._keep(steered, held(made_of, mode, cause, why), [])
            return
        async with asyncio.timeout(SOLVE_S):
            solved = await asyncio.to_thread(solve, made_of, told, steer.disobeying(steered))
        if not solved.fleet.site.classes:
            steered.due_ms = min(steered.due_ms, now_ms + NOBODY_MS)
            await self._keep(steered, shown(solved, mode, cause, decision="no rig to plan"), [])
            return
        gain, decision = _worth(steered, solved, now_ms)
        row = shown(
            solved, mode, cause, gain_usd=gain, decision=decision or "what stands is as good"
        )
        begins = {at for one in solved.outlook.market.commitments for at in begins_of(one.counts)}
        steered.take(solved, sorted(begins))
        commands: list[str] = []
        if mode == "act" and decision:
            try:
                commands = await self._send(steered, solved, told, now_ms)
                row = replace(row, is_sent=True, commands=tuple(commands))
            except ConflictError as error:
                row = replace(row, decision=f"not sent: {error}")
        await self._keep(steered, row, commands)

    async def _send(
        self, steered: Steered, solved: Solved, told: dict[int, str], now_ms: int
    ) -> list[str]:
        """Order a plan in place of what stands; when that fails what stands goes on."""
        before = steered.stands
        wanted = schedule(solved.fleet, solved.plan, steered.periods_ms)
        wanted = staggered(wanted, told, now_ms)
        steered.stands = wanted
        steered.trim.absorb(wanted.now(now_ms))
        try:
            return await steer.order(self._desk, steered, solved.ground.rigs, now_ms)
        except HubError:
            steered.stands = before
            raise

    async def _keep(self, steered: Steered, row: PlanRow, commands: list[str]) -> None:
        async with asking(self._store) as conn:
            await energy_live.add_plan(
                conn, steered.site_id, made_ms=row.made_ms, cause=row.cause, commands=commands,
                agents=sorted(steered.holders), body=row, is_sent=row.is_sent,
            )  # fmt: skip


def _worth(steered: Steered, solved: Solved, now_ms: int) -> tuple[float, str]:
    """Say what a plan earns more than what stands, and why to order it; empty: not worth it."""
    gain, broken = gain_usd(solved, steered.stands)
    stands = steered.stands
    if stands is not None:
        planned = {rig.device_id for members in solved.fleet.members for rig in members}
        gone = [r for r, mode in stands.now(now_ms).items() if mode != FULL and r not in planned]
        if set(gone) - steered.trim.unreliable:
            return gain, f"{len(gone)} rigs can no longer be planned"
        if stands.edges_ms[-1] < now_ms + RUNS_OUT_MS:
            return gain, "what stands runs out"
    if len(broken) > len(solved.plan.reasons):
        one = broken[0]
        return gain, f"{one.kind} of {one.where} would be missed by {one.amount:.1f} {one.unit}"
    if gain > steered.limits.gain_usd:
        return gain, f"earns {gain:.2f} USD more than what stands"
    return gain, ""


def _unplannable(made_of: Ground) -> str:
    if not made_of.told.tariffs:
        return "the site has no tariff; save one"
    if made_of.known.seen.market is None:
        return "; ".join(made_of.known.seen.notes) or "no price or hashprice; what stands goes on"
    return ""


def _unheard(steered: Steered, made_of: Ground) -> str:
    """Say that rigs are waited for: what stands names them, and a plan without them frees them."""
    unheard = {rig.device_id for rig in made_of.rigs if rig.state in UNHEARD}
    if len(unheard) == len(made_of.rigs):
        steered.due_ms = min(steered.due_ms, made_of.now_ms + NOBODY_MS)
        return "no rig is heard; what stands goes on"
    if steered.stands is None or made_of.now_ms > steered.settles_ms:
        return ""
    told = {rig for rig, mode in steered.stands.now(made_of.now_ms).items() if mode != FULL}
    if not told & unheard:
        return ""
    steered.due_ms = made_of.now_ms
    return f"{len(told & unheard)} rigs are not heard yet; what stands goes on"


def _nothing(steered: Steered, now_ms: int) -> dict[str, object]:
    return {"site": steered.name, "made_ms": now_ms}
