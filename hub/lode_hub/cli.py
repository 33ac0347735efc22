"""The command lode-hub: serve, worker, migrate, check, detect, admin, agent, broker, commands."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from lode_hub import console
from lode_hub.access import ADMIN, Access
from lode_hub.commands import shell
from lode_hub.console import Config, DataDir
from lode_hub.detect.cli import detect
from lode_hub.energy.plan.cli import plan
from lode_hub.energy.tariff.shell import tariff
from lode_hub.errors import HubError, SettingsError
from lode_hub.rules.commands import rules
from lode_hub.settings import HubSettings, shown
from lode_hub.store import opened
from lode_hub.trust import commands as trust

app = typer.Typer(add_completion=True, no_args_is_help=True, help=__doc__, rich_markup_mode=None)
admin = typer.Typer(no_args_is_help=True, help="People and their passwords.")
app.add_typer(admin, name="admin")
app.add_typer(trust.agent, name="agent")
app.add_typer(trust.broker, name="broker")
app.add_typer(shell.commands, name="commands")
app.add_typer(rules, name="rules")
app.command()(plan)
app.add_typer(tariff, name="tariff")
app.command()(detect)


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
    from lode_hub.app import Hub  # noqa: PLC0415 -- all of the hub: two seconds of imports

    given: dict[str, Any] = {"data_dir": data_dir, "port": port, "host": host}
    if embedded:
        given |= {"database": {"url": ""}, "broker": {"urls": ()}}
    settings = console.settings(config, **given)
    console.run(Hub(settings, _show_password, _worker_command(config, settings)).run())


@app.command()
def worker(
    config: Config = None,
    data_dir: DataDir = None,
    name: Annotated[str, typer.Option(help="unique among the workers that live")] = "",
    parent: Annotated[int, typer.Option(hidden=True, help="end when this process has")] = 0,
) -> None:
    """Run an ingest worker beside a hub, sharing its partitions."""
    from lode_hub.app import run_worker  # noqa: PLC0415

    settings = console.settings(config, data_dir=data_dir)
    name = name or f"{socket.gethostname()[:32]}-{os.getpid()}"
    console.run(_while_parent(parent, run_worker(settings, name)))


@app.command()
def migrate(config: Config = None, data_dir: DataDir = None) -> None:
    """Bring the database's schema up to date."""

    async def work() -> None:
        async with console.store(settings) as store:
            await store.migrate()

    settings = console.settings(config, data_dir=data_dir)
    console.run(work())
    print("schema is up to date")


@app.command()
def check(config: Config = None, data_dir: DataDir = None) -> None:
    """Check the settings and print them as they are in effect, secrets masked."""

    async def work() -> None:
        async with opened(settings.database.full_url, 2):
            pass

    settings = console.settings(config, data_dir=data_dir)
    if settings.database.url:
        console.run(work())
    print(json.dumps(shown(settings), indent=2))


@admin.command("reset-password")
def reset_password(
    config: Config = None,
    data_dir: DataDir = None,
    name: Annotated[str, typer.Option(help="whose")] = ADMIN,
) -> None:
    """Give a person a new password, show it, and end their sessions."""

    async def work() -> str:
        async with console.store(settings) as store:
            await store.migrate()
            return await Access(store, settings.access).reset_password(name)

    settings = console.settings(config, data_dir=data_dir)
    print(f"{name} has a new password: {console.run(work())}")


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
        async with console.store(settings) as store:
            await store.migrate()
            return await Access(store, settings.access).add(name, role, site or None)

    settings = console.settings(config, data_dir=data_dir)
    print(f"{name} has the password: {console.run(work())}")


def _show_password(password: str) -> None:
    print(f"\n  Log in as {ADMIN} with the password: {password}", flush=True)
    print("  It is shown this once; `lode-hub admin reset-password` makes another.\n", flush=True)


def _worker_command(config: Path | None, settings: HubSettings) -> list[str]:
    command = [sys.executable, "-m", "lode_hub", "worker", "--parent", str(os.getpid())]
    command += ["--data-dir", str(settings.data_dir)]
    return [*command, *(["--config", str(config)] if config else []), "--name"]


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
