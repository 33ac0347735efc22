"""Bring a program back whenever it ends, until told to stop."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from lode_hub.errors import HubError
from lode_hub.process import Program

BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
"""How long to wait before the n-th try in a row that failed; the last for all further ones."""

_log = structlog.get_logger(__name__)


class Keeper:
    """Watches one running program; `launch` starts it and returns once it serves."""

    def __init__(self, program: Program, launch: Callable[[], Awaitable[None]]) -> None:
        self.restarts = 0
        self._program = program
        self._launch = launch
        self._task = asyncio.create_task(self._run(), name=f"keep {program.name}")

    async def stop(self) -> None:
        """Watch no more; the program is left as it is."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        failures = 0
        while True:
            await self._program.ended()
            self.restarts += 1
            _log.warning("program ended", program=self._program.name, restarts=self.restarts)
            await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            try:
                await self._launch()
                failures = 0
                _log.info("program restarted", program=self._program.name, pid=self._program.pid)
            except (HubError, OSError) as error:
                failures += 1
                name = self._program.name
                _log.error("program restart failed", program=name, error=str(error))
