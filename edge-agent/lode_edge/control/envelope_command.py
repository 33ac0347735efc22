"""The command `lode-edge envelope`: make, sign and check the site's limits."""

from pathlib import Path
from typing import Annotated

import typer

from lode_edge.control import envelope, keys

File = Annotated[Path, typer.Argument(help="The envelope, a TOML file.")]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make, sign and check the site's limits, which no command exceeds.",
)


@app.command()
def keygen(
    path: Annotated[Path, typer.Argument(help="Where the owner's private key is to be.")],
) -> None:
    """Make the key pair of the site's owner; keep the private one away from the agent."""
    public = keys.write_pair(path)
    typer.echo(f"{path}: the private key; keep it away from the agent")
    typer.echo(f"{public}: the public key, for control.owner_key_file")


@app.command()
def sign(
    file: File, key: Annotated[Path, typer.Option("--key", help="The owner's private key.")]
) -> None:
    """Sign an envelope; the signature lies beside it."""
    typer.echo(str(envelope.sign(file, keys.private_key(key))))


@app.command()
def check(
    file: File,
    key: Annotated[Path, typer.Option("--key", help="The owner's public key.")],
    agent: Annotated[str, typer.Option("--agent", help="The agent's name.")],
) -> None:
    """Say whether an agent would act by an envelope."""
    found = envelope.load(file, key, agent)
    typer.echo(f"{file} is in order: {len(found.models)} models, {len(found.feeders)} feeders")
    for what, names in (("model", found.models), ("feeder", found.feeders)):
        for name in names:
            typer.echo(f"  {what} {name}")
    typer.echo("that rigs name these feeders is for `lode-edge check` to say, at the agent")
