"""A process that holds a lease and, in the middle of a transaction, a row: to be stopped.

Started as `python -m tests.hub.store.holder URL OWNER`; says `holding` when it does.
"""

import asyncio
import contextlib
import os
import sys

import psycopg

from lode_hub.store import Store, leases


async def main(url: str, owner: str) -> None:
    """Hold the lease `work` and the row of source 1 for ever."""
    store = await Store.open(url, name=leases.SESSIONS + owner)
    async with store.pool.connection() as conn, store.pool.connection() as other:
        await leases.acquire(conn, owner, ["work"], 1)
        async with other.transaction():
            await other.execute("select * from source for update")
            print("holding", flush=True)
            with contextlib.suppress(psycopg.Error):
                while True:
                    await asyncio.sleep(leases.RENEW_S)
                    await leases.renew(conn, owner, ["work"])
            os._exit(3)  # the connection is gone


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
