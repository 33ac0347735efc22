"""Wait for something to be told, but not for ever."""

import asyncio
import contextlib


async def told(event: asyncio.Event, wait_s: float) -> None:
    """Wait until an event is set, or for so long; it can be set again afterwards."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await event.wait()
    event.clear()
