"""A site with a meter whose counter runs, rigs that hash, prices, a tariff and a programme."""

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from lode_hub.access import Access
from lode_hub.access.people import Person
from lode_hub.energy.account.desk import EnergyDesk
from lode_hub.queries.energy import EnergyQueries
from lode_hub.settings import AccessSettings
from lode_hub.store import Store
from lode_hub.store.partitions import Partitions
from tests.hub.queries.mine import Mine

QUARTER = 900_000
DAY = 86_400_000
DAY0 = round(dt.datetime(2026, 6, 15, 5, tzinfo=dt.UTC).timestamp() * 1000)  # Monday, Chicago
TARIFF = """
name = "flat"
currency = "USD"
time_zone = "America/Chicago"
valid_from = 2026-01-01
[energy]
price = "real-time"
node = "HB_WEST"
[[adders]]
name = "wires"
price_mwh = 10
[[demand]]
name = "demand"
price_kw = 5
"""
SOURCE = """
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
PROGRAMME = """
reduce = "by"
power_kw = 400
credit_usd_mwh = 100
penalty_usd_mwh = 1000
tolerance_ratio = 0.05
time_zone = "America/Chicago"
[baseline]
days = 10
"""
ADA = Person(name="ada", role="admin")


@dataclass
class Site:
    store: Store
    desk: EnergyDesk
    queries: EnergyQueries
    mine: Mine
    now: list[int]
    meter: int = 0
    rigs: list[int] = field(default_factory=list)

    async def meters(self, power_kw: dict[int, float], from_ms: int, until_ms: int,
                     missing: tuple[int, int] = (0, 0)) -> None:  # fmt: skip
        """Run the counter: 1000 kW, but for the quarters that are given by their begin."""
        counter, rows = 1000.0, []
        for at_ms in range(from_ms, until_ms, QUARTER):
            counter += power_kw.get(at_ms, 1000.0) / 4
            if not missing[0] <= at_ms < missing[1]:
                rows.append((at_ms, counter))
        async with self.store.pool.connection() as conn:
            days = {at_ms // DAY for at_ms, _ in rows}
            await Partitions().ensure(conn, days)
            for suffix, n in (("15m", 1), ("1h", 4)):
                kept = {row[0] // (QUARTER * n): row for row in rows}.values()
                await conn.execute(
                    f"""
                    insert into meter_{suffix} (bucket, device_id, first_at, last_at, n,
                        energy_in_kwh_last, power_w_n, power_w_sum, voltage_v_n, voltage_v_sum,
                        current_a_n, current_a_sum, freq_hz_n, freq_hz_sum, power_factor_n,
                        power_factor_sum)
                    select to_timestamp((t / %s) * %s / 1e3), %s, to_timestamp(t / 1e3),
                        to_timestamp((t + 899000) / 1e3), 1, c, 0,0,0,0,0,0,0,0,0,0
                    from unnest(%s::bigint[], %s::float8[]) as u (t, c)
                    """.encode(),
                    (
                        QUARTER * n,
                        QUARTER * n,
                        self.meter,
                        [r[0] for r in kept],
                        [r[1] for r in kept],
                    ),
                )

    async def hashes(self, rig: int, ths: dict[int, float | None], from_ms: int, until_ms: int,
                     suffix: str = "15m", step: int = QUARTER) -> None:  # fmt: skip
        rows = [(at, ths.get(at, 100.0)) for at in range(from_ms, until_ms, step)]
        async with self.store.pool.connection() as conn:
            await Partitions().ensure(conn, {at // DAY for at, _ in rows})
            await conn.execute(
                f"""
                insert into rig_{suffix} (bucket, device_id, first_at, last_at, n, mining_n,
                    hashrate_ths_n, hashrate_ths_sum, power_w_n, power_w_sum, board_temp_c_n,
                    board_temp_c_sum, chip_temp_c_n, chip_temp_c_sum, inlet_temp_c_n,
                    inlet_temp_c_sum, fan_rpm_n, fan_rpm_sum)
                select to_timestamp(t / 1e3), %s, to_timestamp(t / 1e3), to_timestamp(t / 1e3), 10,
                    10, case when h is null then 0 else 10 end, coalesce(h, 0) * 10, 10, 30000,
                    0,0,0,0,0,0,0,0
                from unnest(%s::bigint[], %s::float8[]) as u (t, h)
                """.encode(),
                (rig, [r[0] for r in rows], [r[1] for r in rows]),
            )

    async def call(self, begin: int, hours: float, **more) -> int:
        said = {"event": f"e{begin}", "from_ms": begin, "until_ms": begin + round(hours * 3600_000)}
        return await self.desk.call(ADA, "ERS", said | more, site="north", way="api")


@pytest.fixture
async def site(postgres: str) -> AsyncIterator[Site]:
    store = await Store.open(postgres)
    await store.migrate()
    mine = Mine(store)
    agent = await mine.agent()
    access = Access(store, AccessSettings())
    await access.add("ada", "admin")
    now = [DAY0 + 60 * DAY]
    clock = lambda: now[0]  # noqa: E731
    made = Site(store, EnergyDesk(store, access, clock), EnergyQueries(store, clock), mine, now)
    made.meter = await mine.device(agent, "main", kind=2)
    made.rigs = [await mine.device(agent, f"rig-{n}") for n in (1, 2)]
    desk = made.desk
    await desk.save(ADA, "tariff", "flat", TARIFF, site="north")
    await desk.save(ADA, "programme", "ERS", PROGRAMME, site="north")
    await desk.save(ADA, "economics", "site", 'pool_fee_ratio = 0.02\nmeters = ["main"]\n'
                    "[hashprice]\nstale_after_s = 2592000", site="north")  # fmt: skip
    for name, quantity, unit, node, more in (
        ("rt", "real-time", "USD/MWh", "HB_WEST", f"step_s = {70 * 86_400}"),
        ("hp", "hashprice", "USD/TH/day", "", ""),
    ):
        text = SOURCE.format(quantity=quantity, unit=unit, node=node, more=more)
        await desk.save(ADA, "source", name, text, site="north")
    await desk.upload(ADA, "rt", f"t,v\n{DAY0 - 60 * DAY},40\n{DAY0 + 10 * DAY},40\n".encode(),
                      site="north")  # fmt: skip
    await desk.upload(ADA, "hp", f"t,v\n{DAY0 + 10 * DAY},0.048\n".encode(), site="north")
    yield made
    await store.close()
