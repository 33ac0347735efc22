"""A process that serves everything with the dashboard, which there can be one of in a process.

python -m tests.hub.api.served DATABASE_URL     says what it serves, and ends with its input
"""

import asyncio
import json
import sys

from lode_hub.store import Store
from tests.hub.api.doors import serve


async def main(database: str) -> None:
    store = await Store.open(database)
    await store.migrate()
    async with serve(store, database, has_dashboard=True) as doors:
        password = await doors.access.add("ada", "operator")
        said = {"url": doors.url, "routes": doors.routes(), "password": password}
        print(json.dumps(said), flush=True)
        await asyncio.to_thread(sys.stdin.read)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
