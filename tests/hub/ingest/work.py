"""A worker in a process of its own, to be killed and stopped.

Started as `python -m tests.hub.ingest.work NAME DATABASE HOST PORT PASSWORD`.
"""

import asyncio
import sys

from lode_hub.ingest.ingress import Address
from lode_hub.ingest.worker import Worker, WorkerSettings


async def main(name: str, database: str, host: str, port: str, password: str) -> None:
    """Work for ever."""
    broker = Address(host=host, port=int(port), username="hub", password=password)
    await Worker(WorkerSettings(database_url=database, name=name, brokers=[broker])).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
