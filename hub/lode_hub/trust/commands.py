"""The commands `lode-hub agent` and `lode-hub broker`."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from lode_hub import console
from lode_hub.console import Config, DataDir
from lode_hub.settings import HubSettings
from lode_hub.trust import external
from lode_hub.trust.ca import Authority, fingerprint
from lode_hub.trust.enrol import Invitation, Trust
from lode_hub.trust.told import broker_of, folder_of, trust_of, web_door

agent = typer.Typer(no_args_is_help=True, help="Agents: let them in, list them, throw them out.")
broker = typer.Typer(no_args_is_help=True, help="Configuration for a broker of your own.")

_SHELL = "shell of the hub"  # who did it, when nobody was logged in


@agent.command("token")
def token(
    name: Annotated[str, typer.Argument(help="the agent's name")],
    site: Annotated[str, typer.Option("--site", help="where it belongs")],
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Make a one-time token for an agent, and show it, this once."""

    async def work() -> Invitation:
        async with console.store(settings) as store:
            await store.migrate()
            return await trust_of(store, settings).invite(name, site, _SHELL)

    settings = console.settings(config, data_dir=data_dir)
    made = console.run(work())
    typer.echo(f"{made.token}\n")
    typer.echo(
        f"It lets {name} of site {site} in, once, until {made.expires_at:%Y-%m-%d %H:%M %Z}."
    )
    typer.echo(
        "On the agent's machine put it into a file that only the agent's user can read, and:\n"
    )
    typer.echo(f"  lode-edge enrol --hub {settings.public_url} --token-file FILE{_pin(settings)}")


@agent.command("list")
def list_(
    config: Config = None,
    data_dir: DataDir = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """List the agents that were let in."""

    async def work() -> list[dict[str, str]]:
        async with console.store(settings) as store:
            await store.migrate()
            return [
                {
                    "agent": one.agent,
                    "site": one.site,
                    "enrolled": f"{one.enrolled_at:%Y-%m-%d %H:%M} from {one.enrolled_from}",
                    "certificate": f"until {ends:%Y-%m-%d %H:%M}" if ends else "",
                    "revoked": f"{one.revoked_at:%Y-%m-%d %H:%M}" if one.revoked_at else "",
                }
                for one, ends in await trust_of(store, settings).enrolments()
            ]

    settings = console.settings(config, data_dir=data_dir)
    rows = console.run(work())
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        state = f"REVOKED {row['revoked']}" if row["revoked"] else row["certificate"]
        typer.echo(f"{row['agent']:24} {row['site']:16} {row['enrolled']:40} {state}")
    typer.echo(f"{len(rows)} agents")


@agent.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="the agent's name")],
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Throw an agent out: no broker, no renewal, none of its batches."""

    async def work() -> None:
        async with console.store(settings) as store:
            await store.migrate()
            await trust_of(store, settings).revoke(name, _SHELL)

    settings = console.settings(config, data_dir=data_dir)
    console.run(work())
    typer.echo(f"{name} is out; the hub's own broker knows at once")
    if settings.broker.urls:
        typer.echo("your own broker does not yet: lode-hub broker config, and reload it")


@broker.command("config")
def broker_config(
    kind: Annotated[Literal["mosquitto", "nats"], typer.Argument(help="mosquitto or nats")],
    out: Annotated[Path, typer.Option("--out", help="folder to write into")],
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Write what a broker of your own needs: lists of who may say what, keys, settings."""

    async def work() -> list[str]:
        async with console.store(settings) as store:
            await store.migrate()
            authority = Authority.open(folder_of(settings))
            trust: Trust = trust_of(store, settings)
            login = broker_of(settings, authority).login
            roll = await trust.roll()
            return await asyncio.to_thread(external.write, kind, out, settings, login, roll)

    settings = console.settings(config, data_dir=data_dir)
    for line in console.run(work()):
        typer.echo(line)


def _pin(settings: HubSettings) -> str:
    if not settings.tls:
        return " --ca-file CA" if settings.public_url.startswith("https:") else ""
    certificate_file, _ = web_door(settings)
    return f" \\\n      --fingerprint {fingerprint(certificate_file)}"
