"""The command `lode-edge stop`: every rig of an agent to sleep at once, and `stop end`."""

from pathlib import Path
from typing import Annotated

import typer

from lode_edge import settings
from lode_edge.control import envelope
from lode_edge.control.stop import Stop, StopFile

Config = Annotated[
    Path, typer.Option("--config", "-c", envvar="LODE_EDGE_CONFIG", help="The agent's TOML file.")
]
_DEFAULT = Path("/etc/lode/edge.toml")

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def stop(
    context: typer.Context,
    config: Config = _DEFAULT,
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who ask.")] = "",
) -> None:
    """Put every rig of this agent to sleep at once, until `lode-edge stop end`."""
    if context.invoked_subcommand is not None:
        return
    told = settings.load(config)
    _check_acts(told)
    StopFile(told.agent.data_dir).begin(Stop(by="site", reason=reason))
    typer.echo(f"stopped: all rigs are put to sleep within {told.control.interval_s:.0f} s")


@app.command()
def end(config: Config = _DEFAULT) -> None:
    """End a stop, whoever began it; rigs come back as fast as the envelope allows."""
    file = StopFile(settings.load(config).agent.data_dir)
    typer.echo("there is no stop" if file.read() is None else "the stop is ended")
    file.end()


def _check_acts(told: settings.Settings) -> None:
    """Refuse to promise a stop that an agent without an envelope would not carry out.

    Raises:
        EdgeError: the agent only reads.
    """
    control = told.control
    if control.envelope_file is None or control.owner_key_file is None:
        raise envelope.EnvelopeError("this agent has no envelope and only reads; open the breaker")
    envelope.load(control.envelope_file, control.owner_key_file, told.agent.name)
