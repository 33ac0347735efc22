"""A site in the database whose planner can be looked at work, on a clock of the test's own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lode_hub.access import Access
from lode_hub.access.people import Person
from lode_hub.energy.account.desk import EnergyDesk
from lode_hub.energy.live.planner import Planner
from lode_hub.queries.energy import EnergyQueries
from lode_hub.settings import AccessSettings
from lode_hub.store import Store
from lode_wire.orders import StandingPlan, decode_order
from tests.hub.queries.mine import Mine

ADA = Person(name="ada", role="admin")
TRADER = Person(name="tom", role="trader")
VIEWER = Person(name="vic", role="viewer")
MODEL = "Antminer S19k Pro"
TARIFF = """
name = "flat"
currency = "USD"
time_zone = "UTC"
valid_from = 2020-01-01
[energy]
price = "real-time"
node = "HB_WEST"
"""
PRICES = """
quantity = "{quantity}"
unit = "{unit}"
node = "{node}"
format = "csv"
{more}
[columns]
time = "t"
value = "v"
format = "epoch-ms"
"""
LIMITS = """
limit_kw = {limit_kw}
[models."*"]
start_cost_usd = 0.01
warm_up_s = 60
min_up_s = 0
min_down_s = 0
"""
PROGRAMME = """
reduce = "to"
power_kw = 20
[baseline]
method = "before"
"""
MINUTE = 60_000


@dataclass
class Site:
    store: Store
    mine: Mine
    desk: EnergyDesk
    planner: Planner
    queries: EnergyQueries
    now: list[int]
    rigs: dict[str, int] = field(default_factory=dict)
    meter: int = 0

    async def price(self, usd_mwh: float, for_min: int = 5) -> None:
        begin = self.now[0] - self.now[0] % 300_000
        text = f"t,v\n{begin},{usd_mwh}\n{begin + for_min * MINUTE},{usd_mwh}\n"
        await self.desk.upload(ADA, "rt", text.encode(), site="north")

    async def hashprice(self, usd_th_day: float) -> None:
        text = f"t,v\n{self.now[0] - MINUTE},{usd_th_day}\n"
        await self.desk.upload(ADA, "hp", text.encode(), site="north")

    async def call(self, begin_min: float, minutes: float, **more: Any) -> int:
        begin = self.now[0] - self.now[0] % 300_000 + round(begin_min * MINUTE)
        said = {"event": "e1", "from_ms": begin, "until_ms": begin + round(minutes * MINUTE)}
        return await self.desk.call(ADA, "DR", said | more, site="north", way="api")

    async def draws(self, power_w: float | None) -> None:
        """Say what the meter shows."""
        await self.mine.run("delete from meter_last where device_id = %(d)s", d=self.meter)
        await self.mine.reads(self.meter, table="meter_last", power_w=power_w)

    async def reads(self, rig: str, power_w: float, **more: Any) -> None:
        number = self.rigs[rig]
        await self.mine.run("delete from rig_last where device_id = %(d)s", d=number)
        values = {"hashrate_ths": power_w / 23.0, "state": 1 if power_w > 1000 else 2}
        await self.mine.reads(number, power_w=power_w, **(values | more))

    async def obeys_but(self, rig: str, looks: int) -> None:
        """Let all but one do what they are told, and the meter show it, look after look."""
        for _ in range(looks):
            asleep = set(await self.asleep()) - {rig}
            for name in asleep:
                await self.reads(name, 60.0)
            await self.draws(2800.0 * (10 - len(asleep)) + 60.0 * len(asleep))
            self.now[0] += 5_000
            await self.planner.look()

    async def orders(self) -> list[StandingPlan]:
        """Give what the planner has ordered, oldest first."""
        rows = await self.mine.run(
            "select body from command where actor = 'planner' order by number"
        )
        return [decode_order(row[0]).intent for row in rows]

    async def asleep(self, at_ms: int | None = None) -> list[str]:
        """Give who sleeps at a moment by the last order, in the order in which they are taken."""
        moment = self.now[0] if at_ms is None else at_ms
        found = []
        for period in (await self.orders())[-1].periods:
            if period.from_ms <= moment < period.to_ms:
                found += [n for step in period.steps if step.wish.action == "sleep"
                          for n in step.devices]  # fmt: skip
        return found


@pytest.fixture
async def site(postgres: str) -> AsyncIterator[Site]:
    store = await Store.open(postgres)
    await store.migrate()
    mine = Mine(store)
    access = Access(store, AccessSettings())
    for person in (ADA, TRADER, VIEWER):
        await access.add(person.name, person.role)
    ((now_ms,),) = await mine.run("select (extract(epoch from now()) * 1000)::bigint")
    now = [int(now_ms)]
    clock = lambda: now[0]  # noqa: E731
    planner = Planner(store, postgres, access, name="hub", clock_ms=clock)
    made = Site(store, mine, EnergyDesk(store, access, clock), planner,
                EnergyQueries(store, clock), now)  # fmt: skip
    await _furnish(made)
    yield made
    await store.close()


async def _furnish(made: Site) -> None:
    """Ten rigs of 2.8 kW; rig-01 is the least efficient, rig-10 the most."""
    agent = await made.mine.agent()
    made.meter = await made.mine.device(agent, "main", kind=2)
    for n in range(1, 11):
        name = f"rig-{n:02}"
        number = await made.mine.device(agent, name, model=MODEL)
        made.rigs[name] = number
        await made.mine.run(
            "update device set rated_power_w = 2800, rated_hashrate_ths = 120 where id = %(d)s",
            d=number,
        )
        await made.mine.run(
            "insert into device_controls (device_id, offers, presets, starts_left, feeder, outlet, "
            "blocked, at, source_id, seq) values (%(d)s, array['sleep', 'wake'], '{}', 20, 'main', "
            "'', '', now(), 1, 1)",
            d=number,
        )
        await made.mine.run(
            "insert into energy_rig (device_id, power_w, hashrate_ths, is_awake) "
            "values (%(d)s, 2800, %(ths)s, true)",
            d=number, ths=90.0 + 4 * n,
        )  # fmt: skip
        await made.reads(name, 2800.0)
    await made.draws(28_000.0)
    save = made.desk.save
    await save(ADA, "tariff", "flat", TARIFF, site="north")
    await save(ADA, "programme", "DR", PROGRAMME, site="north")
    await save(ADA, "limits", "site", LIMITS.format(limit_kw=40), site="north")
    for name, quantity, unit, node, more in (
        ("rt", "real-time", "USD/MWh", "HB_WEST", "step_s = 300"),
        ("hp", "hashprice", "USD/TH/day", "", ""),
    ):
        text = PRICES.format(quantity=quantity, unit=unit, node=node, more=more)
        await save(ADA, "source", name, text, site="north")
    await made.price(40.0)
    await made.hashprice(0.05)
