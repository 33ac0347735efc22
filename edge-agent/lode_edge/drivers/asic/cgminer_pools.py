"""Changing the pools of a rig by cgminer's own orders, so that it has a pool at every moment.

new ones are added ─► the first is switched to ─► the others are removed, one by one
"""

from collections.abc import Sequence

from lode_edge.drivers.asic.orders4028 import SEPARATORS, Orders
from lode_edge.drivers.asic.reply import Row, number, rows, text
from lode_edge.drivers.asic.steps import Step, pool_text
from lode_edge.errors import BadAnswer, Unsupported
from lode_wire.orders import Change, Pool

_MAX_POOLS = 32


class CgminerPools:
    """The pools of one rig."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    async def steps(self, pools: Sequence[Pool]) -> list[Step]:
        """Work out the change; none when the rig has these pools, and no other, in this order.

        Raises:
            Unsupported: a pool cannot be told in this API's words.
            DriverError: the rig's pools could not be read.
        """
        if any(mark in word for pool in pools for word in _words(pool) for mark in SEPARATORS):
            raise Unsupported(f"{self._orders.place}: pools: a comma in a pool cannot be told")
        before = await self._now()
        if [_key(row) for row in before] == [(pool.url, pool.user) for pool in pools]:
            return []
        shown = pool_text([Pool(url=_key(row)[0], user=_key(row)[1]) for row in before])
        change = Change(key="pools", before=shown, after=pool_text(pools))
        return [Step(change, lambda: self._change(pools))]

    async def _change(self, pools: Sequence[Pool]) -> str:
        have = [_key(row) for row in await self._now()]
        for pool in pools:
            if (pool.url, pool.user) not in have:
                await self._orders.tell("addpool", *_words(pool))
        await self._orders.tell("switchpool", await self._number(pools[0]))
        wanted = [(pool.url, pool.user) for pool in pools]
        for _ in range(_MAX_POOLS):
            gone = [row for row in await self._now() if _key(row) not in wanted]
            if not gone:
                return f"{len(pools)} pools"
            await self._orders.tell("removepool", _id(gone[0]))  # which may number the rest anew
        raise BadAnswer(f"{self._orders.place}: pools: old ones are still there")

    async def _number(self, pool: Pool) -> str:
        for row in await self._now():
            if _key(row) == (pool.url, pool.user):
                return _id(row)
        raise BadAnswer(f"{self._orders.place}: pools: the new pool is not there; nothing removed")

    async def _now(self) -> list[Row]:
        """List the rig's pools by priority; a rig without any is not believed."""
        found = [row for row in rows(await self._orders.ask("pools"), "POOLS") if text(row, "URL")]
        if not found:
            raise BadAnswer(f"{self._orders.place}: its pools did not come; nothing was written")
        return sorted(found, key=lambda row: number(row, "Priority", "POOL") or 0)


def _words(pool: Pool) -> tuple[str, str, str]:
    return pool.url, pool.user, pool.password


def _key(row: Row) -> tuple[str, str]:
    url, user = row.get("URL"), row.get("User")
    return str(url), str(user or "")


def _id(row: Row) -> str:
    found = number(row, "POOL")
    if found is None:
        raise BadAnswer("pools: one has no number; nothing was removed")
    return f"{found:.0f}"
