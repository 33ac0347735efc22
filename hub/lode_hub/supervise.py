"""Keep the parts of the hub running: each in a task, begun again with a pause when it fails."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from lode_hub.store import trouble

PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""How long to wait after the n-th failure in a row; the last for all further ones."""

SETTLED_S = 30.0
"""A part that ran so long has recovered from what was before."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Part:
    """A part and how it fares."""

    name: str
    run: Callable[[], Awaitable[None]]
    task: asyncio.Task[None] | None = None
    restarts: int = 0
    trouble: str = ""  # why it does not run now; empty while it does
    is_wanted: bool = True


class Supervisor:
    """Runs parts until they are stopped, the last begun first."""

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a part from now on; it must run until it is cancelled."""
        part = self.parts[name] = Part(name, run)
        part.task = asyncio.create_task(_keep(part), name=name)

    async def stop(self, within_s: float = 5.0) -> None:
        """Cancel every part and wait for its end, the last begun first."""
        for part in reversed(self.parts.values()):
            if part.task is None:
                continue
            part.is_wanted = False  # even if it swallows its cancellation
            part.task.cancel()
            _, pending = await asyncio.wait({part.task}, timeout=within_s)
            if pending:
                _log.warning("part did not stop", part=part.name, within_s=within_s)
        self.parts.clear()


async def _keep(part: Part) -> None:
    failures = 0
    while part.is_wanted:
        begun = time.monotonic()
        try:
            await part.run()
            part.trouble = "it ended"
        except trouble.GONE as error:
            part.trouble = str(error).partition("\n")[0] or type(error).__name__
            _log.warning("part waits for the database", part=part.name, reason=part.trouble)
        except Exception as error:
            part.trouble = str(error) or type(error).__name__
            _log.exception("part failed", part=part.name)
        failures = 1 if time.monotonic() - begun > SETTLED_S else failures + 1
        part.restarts += 1
        await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S)) - 1])
        part.trouble = ""
