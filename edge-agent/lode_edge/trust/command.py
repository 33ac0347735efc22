"""The command `lode-edge enrol`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from lode_edge import settings
from lode_edge.trust.door import Door
from lode_edge.trust.enrol import enrol as enrol_at
from lode_edge.trust.errors import TrustError

_MAX_TOKEN_BYTES = 4096
_VARIABLE = "LODE_TOKEN"

app = typer.Typer(rich_markup_mode=None)


@app.command()
def enrol(
    hub: Annotated[str, typer.Option("--hub", help="https://HOST[:PORT] of the hub.")],
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help=f"Else ${_VARIABLE} is taken, else it is asked for."),
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", help="Who may vouch for the hub (PEM).")
    ] = None,
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", help="SHA-256 of the hub's certificate.")
    ] = "",
    config: Annotated[
        Path,
        typer.Option("--config", "-c", envvar="LODE_EDGE_CONFIG", help="The agent's TOML file."),
    ] = Path("/etc/lode/edge.toml"),
) -> None:
    """Enrol at the hub with a one-time token; the key is made here and stays here."""
    told = settings.load(config)
    door = Door(url=hub.rstrip("/"), ca_file=ca_file, fingerprint=fingerprint)
    known = enrol_at(told, door, _token(token_file))
    ends_at = known.certificate().not_valid_after_utc
    typer.echo(f"{known.agent} of {known.site} belongs to {known.hub}")
    typer.echo(f"certificate until {ends_at:%Y-%m-%d %H:%M} UTC; a running agent renews it itself")
    typer.echo(f"broker: {', '.join(known.urls)}, by {known.login}")
    typer.echo("restart the agent if it runs")


def _token(token_file: Path | None) -> str:
    """Take the token from a file, the environment or a person; never from the command line."""
    if token_file is not None:
        try:
            with token_file.open("rb") as file:
                text = file.read(_MAX_TOKEN_BYTES).decode("ascii", "replace")
        except OSError as error:
            raise TrustError(f"{token_file}: {error.strerror}; check --token-file") from None
    elif _VARIABLE in os.environ:
        text = os.environ[_VARIABLE]
    elif sys.stdin.isatty():
        text = str(typer.prompt("token", hide_input=True))
    else:
        raise TrustError(f"token: none given; use --token-file, or {_VARIABLE} in the environment")
    words = text.split()
    if not words:
        raise TrustError("token: is empty; ask for one: lode-hub agent token NAME --site SITE")
    return words[0]
