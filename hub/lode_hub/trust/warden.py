"""Keep the broker's lists as the database says who belongs here, from one change to the next."""

import asyncio

from lode_hub.broker import EmbeddedBroker
from lode_hub.trust.enrol import Trust
from lode_hub.trust.known import changes

_HOUR_S = 3600.0


class Warden:
    """Lets into the hub's own broker whom the database names, and nobody else."""

    def __init__(self, trust: Trust, broker: EmbeddedBroker, url: str) -> None:
        self._trust, self._broker, self._url = trust, broker, url

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hourly())
            async for _ in changes(self._url):
                await self._admit()

    async def _admit(self) -> None:
        await self._broker.admit(await self._trust.roll())

    async def _hourly(self) -> None:
        """Renew the broker's own certificate in time, and forget what has run out."""
        while True:
            await asyncio.sleep(_HOUR_S)
            await self._admit()
