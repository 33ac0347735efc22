"""What every command of lode-hub stands on: options, settings, the store, a loop that ends well."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from lode_hub import logs
from lode_hub.database import own_database
from lode_hub.errors import InUseError
from lode_hub.settings import HubSettings, load
from lode_hub.store import Store, opened

Config = Annotated[
    Path | None, typer.Option("--config", envvar="LODE_HUB_CONFIG", help="TOML file with settings")
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="folder of the embedded database and broker")
]


def settings(config: Path | None, **options: object) -> HubSettings:
    """Gather the settings; an option that was not given says nothing."""
    given = {name: value for name, value in options.items() if value is not None}
    found = load(config, **given)
    logs.configure(found.log_level)
    return found


@asynccontextmanager
async def store(settings: HubSettings) -> AsyncIterator[Store]:
    """Open the store, of the running hub or with a database started for this."""
    if settings.database.url:
        async with opened(settings.database.full_url, 2) as store:
            yield store
        return
    postgres = own_database(settings.data_dir)
    try:
        await postgres.start()
    except InUseError:  # by the hub that runs; it lets us in
        async with opened(postgres.url, 2) as store:
            yield store
        return
    try:
        async with opened(postgres.url, 2) as store:
            yield store
    finally:
        await postgres.stop()


def run(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 -- whatever the work gives
    """Run until it ends, or until SIGINT or SIGTERM, which let it end in good order."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_until_signal(work))


async def _until_signal(work: Awaitable[Any]) -> Any:  # noqa: ANN401
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    asked = False

    def stop() -> None:
        nonlocal asked
        if not asked:  # a second signal must not cut the good order short
            asked = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    with contextlib.suppress(asyncio.CancelledError):
        return await task
