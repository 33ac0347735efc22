"""A hub session in a process of its own, to be killed: writes down, then acknowledges.

Started as `python -m tests.hub.ingest.subscriber CLIENT HOST PORT PASSWORD FILE`. It "commits" what
came in groups, by writing it to the file and flushing, and only then acknowledges.
"""

import asyncio
import os
import sys
from pathlib import Path

from lode_hub.ingest.ingress import Address, Delivery, Ingress, Session
from tests.hub.ingest.conftest import LINKS

COMMIT_EVERY_S = 0.05


async def main(client: str, host: str, port: str, password: str, file: str) -> None:
    """Subscribe for ever."""
    waiting: list[Delivery] = []
    address = Address(host=host, port=int(port), username="hub", password=password)
    session = Session(client_id="hub-p07", topic="lode/v1/07/+/+")
    ingress = Ingress(session, [address], waiting.append, make=LINKS[client])
    running = asyncio.create_task(ingress.run())
    with Path(file).open("ab", buffering=0) as committed:  # noqa: ASYNC230
        while not running.done():
            await asyncio.sleep(COMMIT_EVERY_S)
            group, waiting[:] = list(waiting), []
            committed.write(b"".join(delivery.payload + b"\n" for delivery in group))
            os.fsync(committed.fileno())
            for delivery in group:
                delivery.ack()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
