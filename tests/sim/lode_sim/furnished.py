"""Give the simulated site what its planner needs: tariff, prices, economics, limits, a programme.

Only what the site does not have yet is written, so that what a person changed stays.
"""

import asyncio
from typing import Literal, get_args

from lode_hub.access import Access, Person
from lode_hub.energy.account.desk import DocumentKind, EnergyDesk
from lode_hub.settings import AccessSettings
from lode_hub.store import Store, energy_documents

PERSON = Person(name="admin", role="admin")
TARIFF = """\
name = "real time"
currency = "USD"
time_zone = "UTC"
valid_from = 2020-01-01

[energy]
price = "real-time"
node = "north"
loss_ratio = 0.02

[[adders]]
name = "grid"
price_mwh = 6.0

[[demand]]
name = "monthly peak"
price_kw = 4.2
window_min = 15
"""
SOURCE = """\
quantity = "{quantity}"
unit = "{unit}"
node = "{node}"
format = "json"
url = "{url}/{quantity}.json"
every_s = 60
stale_after_s = 7200
{more}
[columns]
time = "time"
value = "value"
format = "epoch-ms"
"""
ECONOMICS = """\
pool_fee_ratio = 0.02
pue = [[0, 1.03], [20, 1.05], [40, 1.13]]
"""
LIMITS = """\
limit_kw = {limit_kw:.0f}
ramp_kw_min = 60

[models."*"]
start_cost_usd = 0.02
warm_up_s = 120
min_up_s = 900
min_down_s = 600
starts_per_day = 12
"""
PROGRAMME = """\
reduce = "to"
power_kw = {power_kw:.0f}
credit_usd_mwh = 120
penalty_usd_mwh = 1000

[baseline]
method = "before"
"""
Series = Literal["day-ahead", "real-time", "hashprice", "ambient"]
UNITS: dict[Series, tuple[str, str, str]] = {
    "day-ahead": ("USD/MWh", "north", "step_s = 3600"),
    "real-time": ("USD/MWh", "north", "step_s = 300"),
    "hashprice": ("USD/TH/day", "", ""),
    "ambient": ("C", "", "step_s = 3600"),
}


def furnish(database_url: str, site: str, market_url: str, site_kw: float) -> None:
    """Write the documents, and let the planner advise; what is there already stays.

    Args:
        database_url: of the hub.
        site: its name.
        market_url: where `lode-sim market` serves.
        site_kw: what the site draws with all rigs at work.
    """
    asyncio.run(_furnish(database_url, site, market_url, site_kw))


async def _furnish(database_url: str, site: str, market_url: str, site_kw: float) -> None:
    store = await Store.open(database_url, max_size=2)
    try:
        desk = EnergyDesk(store, Access(store, AccessSettings()))
        there = await _there(store)
        for kind, name, body in _documents(market_url, site_kw):
            if (kind, name) not in there:
                await desk.save(PERSON, kind, name, body, site=site)
        if not there:
            await desk.set_planner(PERSON, site, "advise")
    finally:
        await store.close()


async def _there(store: Store) -> set[tuple[str, str]]:
    async with store.pool.connection() as conn:
        return {
            (kind, row["name"])
            for kind in get_args(DocumentKind)
            for row in await energy_documents.documents(conn, kind, is_of_any_site=True)
        }


def _documents(market_url: str, site_kw: float) -> list[tuple[DocumentKind, str, str]]:
    found: list[tuple[DocumentKind, str, str]] = [
        ("tariff", "real-time", TARIFF),
        ("economics", "site", ECONOMICS),
        ("limits", "site", LIMITS.format(limit_kw=1.1 * site_kw)),
        ("programme", "reserve", PROGRAMME.format(power_kw=0.5 * site_kw)),
    ]
    for quantity, (unit, node, more) in UNITS.items():
        body = SOURCE.format(quantity=quantity, unit=unit, node=node, url=market_url, more=more)
        found.append(("source", quantity, body))
    return found
