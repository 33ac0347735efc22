"""What a person does about many alerts at once: a few at a time, and what was refused is told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui

from lode_hub.errors import HubError
from lode_ui import figures
from lode_ui.acts import TIMEOUT_S, say_not_done
from lode_ui.desk import Desk

AT_ONCE = 8
MOST = 500
"""So many alerts at most are acted on by one click."""

HOUR_MS = 3_600_000


async def each(
    desk: Desk, alert_ids: Sequence[int], act: Callable[[int], Awaitable[object]], done: str
) -> None:
    """Do it for each alert; say how often it was done, and why not when it was refused."""
    gate = asyncio.Semaphore(AT_ONCE)
    refused: list[str] = []

    async def one(alert_id: int) -> None:
        async with gate:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await act(alert_id)
            except TimeoutError:
                refused.append("the hub did not answer in time")
            except HubError as error:
                refused.append(str(error))

    await asyncio.gather(*(one(alert_id) for alert_id in alert_ids[:MOST]))
    n_done = min(len(alert_ids), MOST) - len(refused)
    if n_done:
        ui.notify(f"{done}: {figures.plural(n_done, 'alert')}")
    if refused:
        say_not_done(f"{figures.plural(len(refused), 'alert')}, the first because {refused[0]}")
    await desk.answers.stir()
