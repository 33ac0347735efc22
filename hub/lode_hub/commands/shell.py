"""The command `lode-hub commands`: the keys that commands are signed with."""

import typer

from lode_hub import console
from lode_hub.commands import keys
from lode_hub.console import Config, DataDir

commands = typer.Typer(no_args_is_help=True, help="The keys that commands are signed with.")


@commands.command("keys")
def show(config: Config = None, data_dir: DataDir = None) -> None:
    """Print the public keys that agents are to trust, as PEM: the one that signs, and the next."""
    settings = console.settings(config, data_dir=data_dir)
    typer.echo(keys.public_pem(settings.data_dir).decode(), nl=False)


@commands.command("rotate")
def rotate(config: Config = None, data_dir: DataDir = None) -> None:
    """Let the next key sign from now on, which agents trust already, and make another."""
    settings = console.settings(config, data_dir=data_dir)
    signs, following = keys.rotate(settings.data_dir)
    typer.echo(f"{signs} signs from now on; {following} is next.")
    typer.echo("Agents get it when they renew; do not rotate again before they all have.")
