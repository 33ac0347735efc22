"""The command lode-hub: serve, worker, migrate, check, admin."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from lode_hub import logs
from lode_hub.access import ADMIN, Access
from lode_hub.app import Hub, opened, own_database, run_worker
from lode_hub.errors import HubError, InUseError, SettingsError
from lode_hub.settings import HubSettings, load, shown
from lode_hub.store import Store

app = typer.Typer(add_completion=True, no_args_is_help=True, help=__doc__, rich_markup_mode=None)
admin = typer.Typer(no_args_is_help=True, help="People and their passwords.")
app.add_typer(admin, name="admin")

Config = Annotated[
    Path | None, typer.Option("--config", envvar="LODE_HUB_CONFIG", help="TOML file with settings")
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="folder of the embedded database and broker")
]


def main() -> None:
    """Run the command line; a trouble is told in one line, with status 1, or 2 for settings."""
    try:
        app()
    except SettingsError as error:
        print(f"lode-hub: {error}", file=sys.stderr)
        sys.exit(2)
    except HubError as error:
        print(f"lode-hub: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1)


@app.command()
def serve(
    config: Config = None,
    data_dir: DataDir = None,
    port: Annotated[int | None, typer.Option(help="TCP port of the dashboard and API")] = None,
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    *,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="use the own database and broker, whatever is set")
    ] = False,
) -> None:
    """Run the hub: ingest, detection, alerts, dashboard and API."""
    given: dict[str, Any] = _given(data_dir=data_dir, port=port, host=host)
    if embedded:
        given |= {"database": {"url": ""}, "broker": {"urls": ()}}
    settings = _settings(config, given)
    _run(Hub(settings, _show_password, _worker_command(config, settings)).run())


@app.command()
def worker(
    config: Config = None,
    data_dir: DataDir = None,
    name: Annotated[str, typer.Option(help="unique among the workers that live")] = "",
    parent: Annotated[int, typer.Option(hidden=True, help="end when this process has")] = 0,
) -> None:
    """Run an ingest worker beside a hub, sharing its partitions."""
    settings = _settings(config, _given(data_dir=data_dir))
    name = name or f"{socket.gethostname()[:32]}-{os.getpid()}"
    _run(_while_parent(parent, run_worker(settings, name)))


@app.command()
def migrate(config: Config = None, data_dir: DataDir = None) -> None:
    """Bring the database's schema up to date."""

    async def work() -> None:
        async with _store(settings) as store:
            await store.migrate()

    settings = _settings(config, _given(data_dir=data_dir))
    _run(work())
    print("schema is up to date")


@app.command()
def check(config: Config = None, data_dir: DataDir = None) -> None:
    """Check the settings and print them as they are in effect, secrets masked."""

    async def work() -> None:
        async with opened(settings.database.full_url, 2):
            pass

    settings = _settings(config, _given(data_dir=data_dir))
    if settings.database.url:
        _run(work())
    print(json.dumps(shown(settings), indent=2))


@admin.command("reset-password")
def reset_password(
    config: Config = None,
    data_dir: DataDir = None,
    name: Annotated[str, typer.Option(help="whose")] = ADMIN,
) -> None:
    """Give a person a new password, show it, and end their sessions."""

    async def work() -> str:
        async with _store(settings) as store:
            await store.migrate()
            return await Access(store, settings.access).reset_password(name)

    settings = _settings(config, _given(data_dir=data_dir))
    print(f"{name} has a new password: {_run(work())}")


@admin.command("add")
def add(
    name: Annotated[str, typer.Argument(help="the login name")],
    role: Annotated[str, typer.Option(help="viewer, operator, trader, auditor, ...")] = "viewer",
    site: Annotated[list[str] | None, typer.Option(help="may act there only; repeatable")] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Add a person, and show the first password."""

    async def work() -> str:
        async with _store(settings) as store:
            await store.migrate()
            return await Access(store, settings.access).add(name, role, site or None)

    settings = _settings(config, _given(data_dir=data_dir))
    print(f"{name} has the password: {_run(work())}")


def _settings(config: Path | None, given: dict[str, Any]) -> HubSettings:
    settings = load(config, **given)
    logs.configure(settings.log_level)
    return settings


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _show_password(password: str) -> None:
    print(f"\n  Log in as {ADMIN} with the password: {password}", flush=True)
    print("  It is shown this once; `lode-hub admin reset-password` makes another.\n", flush=True)


def _worker_command(config: Path | None, settings: HubSettings) -> list[str]:
    command = [sys.executable, "-m", "lode_hub", "worker", "--parent", str(os.getpid())]
    command += ["--data-dir", str(settings.data_dir)]
    return [*command, *(["--config", str(config)] if config else []), "--name"]


@asynccontextmanager
async def _store(settings: HubSettings) -> AsyncIterator[Store]:
    """Open the store, of the running hub or with a database started for this."""
    if settings.database.url:
        async with opened(settings.database.full_url, 2) as store:
            yield store
        return
    postgres = own_database(settings)
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


def _run(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 -- whatever the work gives
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


async def _while_parent(parent: int, work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    try:
        while not task.done() and (parent == 0 or os.getppid() == parent):
            await asyncio.wait({task}, timeout=1.0)
        if task.done():
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
