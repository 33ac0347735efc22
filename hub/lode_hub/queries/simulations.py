"""What a site would have earned in past days if it had been planned; nothing is sent."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event

import numpy as np

from lode_hub.energy.account.make import told
from lode_hub.energy.live.past import Past, past
from lode_hub.energy.nouns import Floats
from lode_hub.energy.plan import roll
from lode_hub.energy.plan.site_file import all_on
from lode_hub.energy.tariff import described
from lode_hub.errors import ConflictError, InvalidError, NotFoundError
from lode_hub.store import Store, energy
from lode_hub.store.asking import asking

DAY_MS = 86_400_000
MAX_DAYS = 35
FINE_DAYS = 2
FINE_S, COARSE_S = 900.0, 3600.0
DEADLINE_S = 120.0
LOOK_S = 0.2
POLICIES: dict[str, roll.Policy] = {
    "plan": roll.best,
    "greedy": roll.greedy,
    "always on": roll.always_on,
}
"""`greedy` does what earns most at each period's price; all keep the same limits."""

Progress = Callable[[float], None]
"""Hears which part is done, 0 to 1; what it raises ends the simulation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedPolicy:
    """What one way to run the site would have come to; power and energy at the meter."""

    name: str
    profit_usd: float
    hash_usd: float
    energy_usd: float
    starts_usd: float
    demand_usd: float
    penalty_usd: float
    energy_kwh: float
    hashed_thh: float
    starts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedPeriod:
    """One period; what is not known of its price or hashprice has none."""

    from_ms: int
    price_usd_mwh: float  # all in, but for demand charges
    plan_w: float
    always_on_w: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulated:
    """A span decided period by period with what was known then; the rigs are those of now.

    `left_out` counts the rigs that no plan moves: they are in no figure. `broken` counts, by what
    and where, the periods in which the plan could not keep a limit or a promise.
    """

    site: str
    from_ms: int
    until_ms: int
    step_s: float
    known_h: float
    rigs: int
    left_out: int
    policies: tuple[SimulatedPolicy, ...]  # the plan first
    periods: tuple[SimulatedPeriod, ...]
    broken: dict[str, int]
    notes: tuple[str, ...]


class Simulations:
    """Walks along past prices, one simulation at a time: each computes a lot, in a thread."""

    def __init__(
        self, store: Store, clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._is_busy = False

    async def run(
        self,
        site: str,
        from_ms: int,
        until_ms: int,
        tariff: str | None = None,
        *,
        progress: Progress = lambda _: None,
    ) -> Simulated:
        """Simulate a span that is over, by the site's tariffs or by another's text.

        Raises:
            NotFoundError: there is no such site.
            InvalidError: the span or the tariff cannot be, too little is known of that time, or it
                takes longer than two minutes.
            ConflictError: another simulation is running.
            PlanError: the solver gave no plan.
        """
        days = (until_ms - from_ms) / DAY_MS
        if not 1 / 24 <= days <= MAX_DAYS or until_ms > self._clock_ms():
            raise InvalidError(f"simulation: give an hour to {MAX_DAYS} days, all of them over")
        if self._is_busy:
            raise ConflictError("simulation: another one is running; wait for it")
        self._is_busy = True
        try:
            step_s = FINE_S if days <= FINE_DAYS else COARSE_S
            found = await self._past(site, (from_ms, until_ms), step_s, tariff)
            courses = await _walked(found, progress)
        finally:
            self._is_busy = False
        return _simulated(found, courses, (from_ms, until_ms), step_s)

    async def _past(
        self, site: str, span_ms: tuple[int, int], step_s: float, tariff: str | None
    ) -> Past:
        async with asking(self._store) as conn:
            number = await energy.site_id(conn, site)
            if number is None:
                raise NotFoundError(f"site {site}: there is no such site; see /api/v1/sites")
            documents = await told(conn, site, number)
            if tariff is not None:
                documents = replace(documents, tariffs=(described(tariff, "tariff"),))
            return await past(conn, documents, span_ms, step_s, self._clock_ms())


async def _walked(found: Past, progress: Progress) -> dict[str, roll.Course]:
    """Walk by each policy in a thread, until the deadline or until `progress` raises."""
    stopped, done = Event(), [0]
    total = len(POLICIES) * found.market.periods

    def tell(_: int) -> None:
        done[0] += 1
        if stopped.is_set():
            raise InvalidError("simulation: stopped")

    def walk() -> dict[str, roll.Course]:
        site, market = found.fleet.site, found.market
        return {
            name: roll.walk(found.known, site, market, all_on(site), policy, tell)
            for name, policy in POLICIES.items()
        }

    working = asyncio.create_task(asyncio.to_thread(walk))
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not (await asyncio.wait({working}, timeout=LOOK_S))[0]:
                progress(done[0] / total)
    except TimeoutError:
        raise InvalidError(
            f"simulation: not done within {DEADLINE_S:g} s; ask for fewer days"
        ) from None
    finally:
        stopped.set()
        await asyncio.wait({working})  # a period at most
    return working.result()


def _simulated(
    found: Past, courses: dict[str, roll.Course], span_ms: tuple[int, int], step_s: float
) -> Simulated:
    market, site = found.market, found.fleet.site
    price = market.price_usd_mwh + market.adder_usd_mwh
    plan_w, always_w = (courses[name].earned.power_w * market.pue for name in ("plan", "always on"))
    broken: dict[str, int] = {}
    for reason in courses["plan"].reasons:
        name = f"{reason.kind} of {reason.where}"
        broken[name] = broken.get(name, 0) + 1
    return Simulated(
        site=site.name,
        from_ms=span_ms[0],
        until_ms=span_ms[1],
        step_s=step_s,
        known_h=float(market.dt_s.sum()) / 3600,
        rigs=sum(kind.count for kind in site.classes),
        left_out=len(found.fleet.left_out),
        policies=tuple(_policy(name, one, found) for name, one in courses.items()),
        periods=tuple(
            SimulatedPeriod(from_ms=at, price_usd_mwh=usd, plan_w=watts, always_on_w=always)
            for at, usd, watts, always in zip(
                found.from_ms.tolist(), price.tolist(), plan_w.tolist(), always_w.tolist(),
                strict=True,
            )
        ),
        broken=broken,
        notes=found.notes,
    )  # fmt: skip


def _policy(name: str, course: roll.Course, found: Past) -> SimulatedPolicy:
    earned, market = course.earned, found.market
    hours: Floats = market.dt_s / 3600
    return SimulatedPolicy(
        name=name,
        profit_usd=earned.profit_usd,
        hash_usd=float(earned.revenue_usd.sum()),
        energy_usd=float(earned.energy_usd.sum()),
        starts_usd=float(earned.starts_usd.sum()),
        demand_usd=earned.demand_usd,
        penalty_usd=earned.penalty_usd,
        energy_kwh=float((earned.power_w * market.pue) @ hours) / 1000,
        hashed_thh=float(earned.hashrate_ths @ hours),
        starts=int(np.sum(course.starts)),
    )
