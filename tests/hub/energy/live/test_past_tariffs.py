"""A span that is over is walked along by the tariffs that were valid in it, not by the last."""

from lode_hub.energy.account.make import told
from lode_hub.energy.live.past import Past, past
from tests.hub.energy.live.conftest import ADA, TARIFF
from tests.hub.energy.live.test_simulations import DAY, furnish

DEMAND = '[[demand]]\nname = "peak"\nprice_kw = {kw}\n'
FIXED = 'price = "fixed"\nfixed_mwh = 5000'


async def walked(site, begin: int) -> Past:
    async with site.store.pool.connection() as conn:
        documents = await told(conn, "north", 1)
        return await past(conn, documents, (begin, begin + DAY), 900.0, site.now[0])


async def test_a_tariff_saved_for_later_changes_nothing_before_it(site) -> None:
    now = TARIFF + DEMAND.format(kw=4)
    await site.desk.save(ADA, "tariff", "flat", now, site="north")
    begin = await furnish(site, lambda _: 40.0)
    alone = await walked(site, begin)
    assert alone.known.knowledge == "current"
    later = now.replace('price = "real-time"\nnode = "HB_WEST"', FIXED).replace("= 4", "= 25")
    later = later.replace("valid_from = 2020-01-01", "valid_from = 2099-01-01")
    assert "5000" in later
    assert "2099" in later
    await site.desk.save(ADA, "tariff", "later", later, site="north")
    both = await walked(site, begin)
    assert both.known.knowledge == "current"
    assert both.known.price_usd_mwh.tolist() == alone.known.price_usd_mwh.tolist()
    charges = [[c.usd_kw for c in one.market.demand_charges] for one in (alone, both)]
    assert charges[0] == charges[1] != []
