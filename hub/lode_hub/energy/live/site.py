"""What the planner at work keeps of a site, and how its orders go out to the agents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lode_hub.access import Person
from lode_hub.commands import orders as rules
from lode_hub.commands.desk import Desk
from lode_hub.commands.make import Wanted, sited
from lode_hub.energy.live.handover import SETTLE_MS, stood
from lode_hub.energy.live.limits import Limits
from lode_hub.energy.live.outlook import STEP_S
from lode_hub.energy.live.power import Measured, drawn, reckoned
from lode_hub.energy.live.rig import ASLEEP_STATES, Rig
from lode_hub.energy.live.schedule import LEAD_MS, Schedule
from lode_hub.energy.live.solve import Solved
from lode_hub.energy.live.trim import Aim, Trim
from lode_hub.energy.live.wishes import FULL, SLEEP
from lode_hub.energy.plan.earnings import starts_s
from lode_hub.store import commands, energy_live
from lode_hub.store.asking import asking
from lode_hub.store.connection import Connection
from lode_wire.orders import StandingPlan

PLANNER = Person(name="planner", role="")
"""The actor of all that the planner orders."""

CAP_TRIM = 0.995
"""Of a cap, where rigs are taken off at once."""

BOUND = 0.96
"""A plan that draws so much of a setpoint has run up to it."""

LEARN_AFTER_MS = 600_000
LEARN_EVERY_MS = round(900 * STEP_S)
"""Once a step, not once a plan: signals, and a database that is full, make plans more often."""

LEARN_RATIO = 0.02


@dataclass(kw_only=True, slots=True)
class Steered:
    """A site at work: what was planned last, what stands at the agents, how it is trimmed."""

    site_id: int
    name: str
    due_ms: int = 0
    limits: Limits = field(default_factory=Limits)
    meters: tuple[str, ...] = ()
    solved: Solved | None = None
    stands: Schedule | None = None
    periods_ms: tuple[int, ...] = ()  # of what `solved` planned, a promise's begin moved ahead
    sent: dict[str, StandingPlan] = field(default_factory=dict)
    holders: set[str] = field(default_factory=set)  # agents that may have something to keep
    trim: Trim = field(default_factory=Trim)
    is_unsent: bool = False  # what was last to be ordered could not be
    trimmed_until_ms: int = 0  # till then the agents keep the trim that was ordered last
    is_told: bool = True  # an alert of rigs that disobey may be open
    learned_ms: int = 0  # when what rigs draw in full was last learned
    settles_ms: int = 0  # until then rigs that are not heard of are waited for

    def resume(
        self, plans: dict[str, StandingPlan], waited_for: Mapping[int, int],
        rigs: Sequence[Rig], now_ms: int,
    ) -> None:  # fmt: skip
        """Go on with what another process has ordered."""
        self.sent = plans
        self.holders = {agent for agent, plan in plans.items() if plan.periods}
        self.stands = stood(plans, rigs)
        self.trim.resume(waited_for)
        self.settles_ms = now_ms + SETTLE_MS

    def take(self, solved: Solved, begins: Sequence[int]) -> None:
        """Steer by another plan from now on; the periods in which promises begin, begin early."""
        market = solved.outlook.market
        edges = [market.start_ms + round(1000 * s) for s in starts_s(market).tolist()]
        for period in begins:
            if period > 0:
                edges[period] -= LEAD_MS
        self.solved, self.periods_ms = solved, tuple(edges)

    def now(self, now_ms: int) -> dict[int, str]:
        """Give by rig what it is told now, trimmed."""
        told = {} if self.stands is None else self.stands.now(now_ms)
        for rig, is_asleep in self.trim.override.items():
            told[rig] = SLEEP if is_asleep else FULL
        return told

    def aim(self, now_ms: int) -> Aim | None:
        """Say what the meter may show now; None when nothing bounds it."""
        if self.solved is None:
            return None
        place = int(np.searchsorted(self.periods_ms, now_ms, side="right")) - 1
        look = self.solved.outlook
        if not 0 <= place < look.market.periods:
            return None
        setpoint_w = float(look.setpoint_w[place])
        has_cap = self.limits.limit_kw is not None or look.cap_w[place] < self.limit_w
        cap_w = CAP_TRIM * float(look.cap_w[place]) if has_cap else np.inf
        if not np.isfinite(min(setpoint_w, cap_w)):
            return None
        planned_w = float(self.solved.plan.power_w[place] * look.market.pue[place]) + look.fixed_w
        is_bound = setpoint_w <= cap_w and planned_w >= BOUND * setpoint_w
        # Within its period a change may take as long as the period.
        bounded = self.solved.fleet.site.bounded
        response_s = STEP_S if any(part.ramp_kw_min is not None for part in bounded) else 0.0
        return Aim(setpoint_w=min(setpoint_w, cap_w), is_bound=is_bound, response_s=response_s)

    def reckoned(self, now_ms: int, meters: Measured, rigs: Sequence[Rig]) -> Measured:
        """Say what the site may draw at most, by its rigs and the last plan's PUE."""
        if self.solved is None:
            return meters
        market = self.solved.outlook.market
        place = int(np.searchsorted(self.periods_ms, now_ms, side="right")) - 1
        pue = float(market.pue[min(max(place, 0), market.periods - 1)])
        draws = drawn(rigs, self.now(now_ms), self.limits)
        return reckoned(meters, draws, pue, self.solved.ground.unexplained_w)

    @property
    def limit_w(self) -> float:
        """Give the site's limit as the planner took it."""
        return np.inf if self.solved is None else self.solved.fleet.site.limit_w

    def trim_until_ms(self, now_ms: int) -> int:
        """Say how long a trim holds without us: to the end of what bounds, at least 15 min."""
        until_ms = now_ms + 900_000
        if self.solved is not None:
            bounds = np.isfinite(self.solved.outlook.setpoint_w)
            for place, end in enumerate(self.periods_ms[1:]):
                if end > now_ms and not bounds[place]:
                    break
                until_ms = max(until_ms, end) if bounds[place] else until_ms
        return until_ms


async def send(
    desk: Desk, steered: Steered, plans: Mapping[str, StandingPlan], now_ms: int
) -> list[str]:
    """Order what has changed of each agent's standing orders; give the commands.

    Raises:
        HubError: a device does not offer it, or the database is away; then nothing was ordered.
    """
    empty = StandingPlan()
    wanted_plans = {agent: plans.get(agent, empty) for agent in {*plans, *steered.holders}}
    changed = {
        agent: plan
        for agent, plan in wanted_plans.items()
        if plan != steered.sent.get(agent) and (plan.periods or agent in steered.holders)
    }
    if not changed:
        return []
    async with asking(desk.store) as conn:
        places = {p.agent: p for p in await commands.places_of_site(conn, steered.name)}
    wanted = []
    for agent, plan in sorted(changed.items()):
        if agent in places:
            rules.check_whole(plan, None, now_ms)
            wait_s = rules.LEASE_VALID_S
            wanted.append(Wanted(PLANNER.name, plan, sited(places[agent]), wait_s))
    stands = steered.sent | changed

    async def keep(conn: Connection) -> None:
        await energy_live.set_standing(conn, steered.site_id, stands, steered.trim.waited_for)

    made = await desk.write_down(PLANNER, wanted, None, "", keep)
    steered.sent = stands
    steered.holders = {agent for agent, plan in wanted_plans.items() if plan.periods}
    return made


def owned(steered: Steered, rigs: Sequence[Rig], now_ms: int) -> tuple[Rig, ...]:
    """Mark the rigs that sleep, or will, because they are told so."""
    told = steered.now(now_ms)
    return tuple(
        replace(rig, is_ours=True) if told.get(rig.device_id) == SLEEP else rig for rig in rigs
    )


def learned(
    steered: Steered, rigs: Sequence[Rig], now_ms: int, *, with_power: bool
) -> list[dict[str, object]]:
    """Say what has been learned of rigs since they were read: turned, whose sleep, full power."""
    told = steered.now(now_ms)
    with_power = with_power and now_ms >= steered.learned_ms + LEARN_EVERY_MS
    steered.learned_ms = now_ms if with_power else steered.learned_ms
    found: list[dict[str, object]] = []
    for rig in rigs:
        is_awake = {"mining": True}.get(rig.state, False if rig.state in ASLEEP_STATES else None)
        has_turned = is_awake is not None and is_awake != rig.is_awake
        turned_ms = now_ms if has_turned and rig.is_awake is not None else rig.turned_ms
        full = (rig.full_w, rig.full_ths)
        mode = told.get(rig.device_id, FULL)
        if with_power and mode == FULL and is_awake and now_ms - (turned_ms or 0) > LEARN_AFTER_MS:
            full = _full(rig)
        is_ours = mode == SLEEP or (rig.is_ours and not is_awake)
        changes = (full != (rig.full_w, rig.full_ths), has_turned, is_ours != rig.is_ours)
        if any(changes):
            found.append(
                {"device_id": rig.device_id, "full_w": full[0], "full_ths": full[1],
                 "is_awake": rig.is_awake if is_awake is None else is_awake,
                 "turned_ms": turned_ms, "is_ours": is_ours}
            )  # fmt: skip
    return found


def _full(rig: Rig) -> tuple[float | None, float | None]:
    """Follow slowly what a rig draws and hashes in full; a rig with half its boards does not."""
    power_w, ths = rig.power_w, rig.hashrate_ths
    before = (rig.full_w, rig.full_ths)
    if not power_w or not ths or rig.lease is not None or ths < 0.8 * (rig.rated_hashrate_ths or 0):
        return before
    if rig.full_w is None or rig.full_ths is None:
        return power_w, ths
    if abs(power_w / rig.full_w - 1) < LEARN_RATIO and abs(ths / rig.full_ths - 1) < LEARN_RATIO:
        return before
    return 0.8 * rig.full_w + 0.2 * power_w, 0.8 * rig.full_ths + 0.2 * ths
