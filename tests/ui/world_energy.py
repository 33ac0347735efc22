"""Energy of a made-up world: what is asked about it, and what is done to it."""

import asyncio
import datetime
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from lode_hub.errors import ForbiddenError, InvalidError
from lode_hub.queries.energy_nouns import (
    AccountRow,
    BillRow,
    CallRow,
    DocumentRow,
    PriceNow,
    ProgrammeRow,
    SourceRow,
)
from lode_hub.queries.planner import LimitRow, LoopRow, PlannerMode, PlannerState, PlanRow
from lode_hub.queries.simulations import Simulated
from tests.ui import made_energy as made

if TYPE_CHECKING:
    from tests.ui.world import Someone, World


NO_HASHPRICE = {
    "usd_th_day": None, "basis": "none", "at_ms": None, "age_s": None, "doubt": "",
    "is_stale": True, "says": "no hashprice is known", "pool_fee_ratio": 0.0,
}  # fmt: skip


@dataclass
class EnergyBook:
    """What there is about energy; `is_bare`: nothing was set up yet."""

    is_bare: bool = False
    calls: list[CallRow] = field(default_factory=made.calls)
    is_deaf: bool = False  # the VTN does not answer
    accounts: list[AccountRow] = field(default_factory=made.accounts)
    price: PriceNow = field(default_factory=made.price)
    hashprice_values: dict[str, object] = field(default_factory=dict)
    is_same: bool = True
    mode: PlannerMode = "advise"
    left_out: int = 3
    is_slow: bool = False


@dataclass(frozen=True)
class Taken:
    rows: int = 3
    fresh: int = 2
    refused_n: int = 1
    refused: tuple[object, ...] = ()
    gaps_ms: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Refused:
    line: int
    reason: str


@dataclass(frozen=True)
class Proof:
    is_same: bool
    digest_now: str = "0bad" * 16


class StandInPlanner:
    """Answers about a world's planner."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def state(self, site: str) -> PlannerState:
        await self._world.asked("planner")
        return PlannerState(site=site, mode=self._world.energy.mode, person="mira", at_ms=1)

    async def plan(self, site: str) -> PlanRow | None:
        await self._world.asked("plan")
        return None if self._world.energy.is_bare else made.plan()

    async def preview(self, site: str) -> PlanRow:
        await self._world.asked("preview")
        book = self._world.energy
        if book.is_bare:
            raise InvalidError(f"site {site} has no tariff; save one")
        rigs = made.left_out(book.left_out)
        by_reason = dict(Counter(rig.reason for rig in rigs).most_common())
        return made.plan(cause="preview", decision="a preview; nothing is sent", left_out=rigs,
                         left_out_by_reason=by_reason, made_ms=made.now_ms())  # fmt: skip

    async def limits(self, site: str) -> tuple[LimitRow, ...]:
        await self._world.asked("limits")
        return () if self._world.energy.is_bare else made.limits()

    async def loop(self, site: str) -> LoopRow:
        await self._world.asked("loop")
        if not self._world.energy.is_bare:
            return made.loop()
        return LoopRow(site=site, at_ms=0, is_active=False, measured_w=None, source="",
                       setpoint_w=None, error_w=None, says="nothing is steered now")  # fmt: skip


class StandInSimulations:
    """Simulates at once, or for as long as it is told to."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def run(self, site: str, from_ms: int, until_ms: int, tariff: str | None = None, *,
                  progress: Callable[[float], None]) -> Simulated:  # fmt: skip
        await self._world.asked("simulation")
        if self._world.energy.is_bare:
            raise InvalidError(f"simulation of {site}: no price is known of this time; upload it")
        while self._world.energy.is_slow:
            progress(0.5)
            await asyncio.sleep(0.02)
        return made.simulated(from_ms, until_ms)


class StandInEnergy:
    """Answers about energy from a world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.planner = StandInPlanner(world)
        self.simulations = StandInSimulations(world)

    async def documents(self, site: str, kind: str) -> list[DocumentRow]:
        book = await self._asked("documents")
        return [] if book.is_bare else made.documents(kind)

    async def sources(self, site: str) -> list[SourceRow]:
        book = await self._asked("sources")
        return [] if book.is_bare else made.sources()

    async def programmes(self, site: str) -> list[ProgrammeRow]:
        book = await self._asked("programmes")
        if book.is_bare:
            return []
        return [made.deaf() if book.is_deaf else made.programme()]

    async def price_now(self, site: str) -> PriceNow:
        book = await self._asked("price_now")
        if book.is_bare:
            note = f"site {site} has no tariff; save one"
            return made.price(usd_mwh=None, tariff="", parts=(), notes=(note,))
        return book.price

    async def price_series(self, site: str, from_ms: int, until_ms: int):
        book = await self._asked("price_series")
        found = made.series(from_ms, until_ms)
        if not book.is_bare:
            return found
        none = (None,) * len(found.from_ms)
        return replace(found, usd_mwh=none, day_ahead_usd_mwh=none, real_time_usd_mwh=none,
                       peaks_usd_mwh=(0.0,) * len(none))  # fmt: skip

    async def hashprice(self, site: str):
        book = await self._asked("hashprice")
        if book.is_bare:
            return made.hashprice(**NO_HASHPRICE)
        return made.hashprice(**book.hashprice_values)

    async def calls(self, site: str) -> list[CallRow]:
        book = await self._asked("calls")
        return [] if book.is_bare else list(book.calls)

    async def hours(self, site: str, from_ms: int, until_ms: int):
        book = await self._asked("hours")
        if book.is_bare:
            raise InvalidError(f"account of {site}: no meter; name its meters in the economics")
        return made.hours(from_ms, until_ms)

    async def simulated_bill(self, site: str, from_ms: int, until_ms: int,
                             tariff: str | None = None) -> BillRow:  # fmt: skip
        await self._asked("bill")
        if tariff is not None and "wrong" in tariff:
            raise InvalidError("tariff: currency: missing; see docs/energy.md")
        return made.bill(1.0 if tariff is None else 0.8)

    async def break_even(self, site: str):
        book = await self._asked("break_even")
        return [] if book.is_bare else made.break_even()

    async def day_ms(self, site: str, day: datetime.date) -> tuple[int, int]:
        await self._asked("day_ms")
        midnight = datetime.datetime.combine(day, datetime.time(), ZoneInfo("America/Chicago"))
        begin = round(midnight.timestamp() * 1000)
        return begin, begin + 86_400_000

    async def accounts(self, site: str | None, *, limit: int, offset: int = 0) -> list[AccountRow]:
        book = await self._asked("accounts")
        return [] if book.is_bare else book.accounts[offset : offset + limit]

    async def account(self, account_id: int) -> AccountRow | None:
        book = await self._asked("account")
        return next((row for row in book.accounts if row.account_id == account_id), None)

    async def _asked(self, name: str) -> EnergyBook:
        await self._world.asked(name)
        return self._world.energy


class StandInEnergyActions:
    """Does in a world what is asked about energy, and notes who asked."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def save(self, person: "Someone", kind: str, name: str, body: str, *, site: str | None):
        if "wrong" in body:
            raise InvalidError(f"{kind} {name}: currency is missing; give it")
        self._world.energy.is_bare = False
        self._world.done.append(("save", 0, f"{kind} {name} at {site}"))
        return 1

    async def upload(self, person: "Someone", source: str, data: bytes, *, site: str | None):
        self._world.done.append(("upload", len(data), source))
        return Taken(refused=(Refused(3, "value 'x' is no number"),))

    async def call(
        self, person: "Someone", programme: str, said: Mapping[str, Any], *, site: str
    ) -> int:
        if person.role == "viewer":
            raise ForbiddenError("energy.call: may not")
        book = self._world.energy
        if said.get("is_cancelled"):
            book.calls = [replace(row, state="cancelled") if row.event == said["event"] else row
                          for row in book.calls]  # fmt: skip
            self._world.done.append(("cancel", said["modification"], person.name))
            return 3
        self._world.done.append(("call", round(said["power_kw"]), person.name))
        times = {"from_ms": said["from_ms"], "until_ms": said["until_ms"]}
        book.calls.append(made.call(9, state="holds", person=person.name, way="page", **times))
        return 9

    async def set_planner(self, person: "Someone", site: str, mode: PlannerMode) -> None:
        self._world.energy.mode = mode
        self._world.done.append(("planner", 0, f"{mode} by {person.name}"))

    async def account_of_call(self, person: "Someone", call_id: int) -> int:
        self._world.done.append(("account", call_id, person.name))
        return 1

    async def account(self, person: "Someone", site: str, kind: str, subject: str, span_ms):
        if span_ms[1] > made.now_ms():
            raise InvalidError(f"account of {subject}: it is not over; come back then")
        self._world.done.append(("account of a day", span_ms[0], person.name))
        return 2

    async def prove(self, person: "Someone", account_id: int) -> Proof:
        self._world.done.append(("prove", account_id, person.name))
        return Proof(self._world.energy.is_same)
