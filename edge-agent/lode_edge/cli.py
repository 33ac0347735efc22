"""The command `lode-edge`: run, check, spool, probe; and what its parts bring."""

# ruff: noqa: PLC0415 -- each command loads only what it needs, so that the agent stays small

import asyncio
import contextlib
import dataclasses
import importlib
import json
import signal
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from lode_edge.errors import EdgeError

_PROGRAM_FAULT, _USER_FAULT = 1, 2

# Commands of parts, each a module with an `app`; loaded only when they are asked for.
_PARTS = {
    "browse": "lode_edge.drivers.opcua.cli",
    "discover": "lode_edge.discover.cli",
    "enrol": "lode_edge.trust.command",
    "envelope": "lode_edge.control.envelope_command",
    "profile": "lode_edge.profiles.cli",
    "stop": "lode_edge.control.stop_command",
}


class _Commands(TyperGroup):
    """Knows the commands of the parts, too; typer does not say which click it stands on."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401
        """Name every command."""
        return [*super().list_commands(ctx), *_PARTS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """Load a command."""
        if cmd_name in _PARTS:
            return typer.main.get_command(importlib.import_module(_PARTS[cmd_name]).app)
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Read devices, keep every record, forward it to the hub.",
)

Config = Annotated[
    Path, typer.Option("--config", "-c", envvar="LODE_EDGE_CONFIG", help="The agent's TOML file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
_DEFAULT = Path("/etc/lode/edge.toml")


def main() -> None:
    """Run the command; end with status 2 when its user has to correct something."""
    try:
        app()
    except EdgeError as error:
        print(f"lode-edge: {error}", file=sys.stderr)
        sys.exit(_USER_FAULT)


@app.command()
def run(
    config: Config = _DEFAULT,
    for_s: Annotated[
        float | None, typer.Option("--for", help="Stop after so many seconds.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Read the devices and forward what they say, until SIGTERM or Ctrl-C."""
    # structlog loads rich where it finds it: 6 MB for tracebacks that no service draws.
    sys.modules.setdefault("rich", cast(ModuleType, None))
    from lode_edge import agent, logs, memory, settings

    memory.keep_small()
    logs.set_up(is_verbose=verbose)
    told = settings.load(config)

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if for_s is not None:
            loop.call_later(for_s, stop.set)
        await agent.run(told, stop)

    asyncio.run(until_stopped())


@app.command()
def check(config: Config = _DEFAULT, as_json: AsJson = False) -> None:
    """Check the settings, and print them as they take effect."""
    from lode_edge import drivers, settings, trust
    from lode_edge.control import begin
    from lode_edge.secrets import logins

    told = settings.load(config)
    known = logins(told)
    trust.addresses(told)
    for entry in told.devices:
        made = drivers.DeviceEntry(**_plain(entry), login=known.get(entry.name))
        drivers.make(made, 0, opcua=told.opcua, mqtt=told.mqtt)
    begin.check(told)
    data = told.model_dump(mode="json", exclude_none=True)
    if as_json:
        print(json.dumps(data, indent=2))
        return
    devices = data.pop("devices")
    for section, values in data.items():
        print(f"[{section}]")
        _print_toml(values)
    for device in devices:
        print("[[devices]]")
        _print_toml(device)
    print(f"# {config} is in order: {len(devices)} devices")


@app.command()
def spool(config: Config = _DEFAULT, as_json: AsJson = False) -> None:
    """Show what is kept and what is missing, whether the agent runs or not."""
    from lode_edge import settings
    from lode_edge.spool.inspect import inspect

    found = inspect(settings.load(config).agent.data_dir, time.time_ns() // 1_000_000)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    kinds, latest = found.pop("kinds"), found.pop("latest_gaps")
    for name, value in found.items():
        print(f"{name:14} {_shown(name, value)}")
    _print_table("kept", kinds)
    _print_table("latest gaps", latest)


@app.command()
def probe(
    host: Annotated[str, typer.Argument(help="host or host:port")],
    as_json: AsJson = False,
    timeout_s: Annotated[float, typer.Option("--timeout", help="For one question, in s.")] = 2.0,
) -> None:
    """Say what listens at a host: a rig on 4028, a Modbus device on 502."""
    from lode_edge.probe import probe as ask

    probed = asyncio.run(ask(host, timeout_s=timeout_s))
    if as_json:
        print(json.dumps(_plain(probed), indent=2))
    else:
        for found in probed.found:
            print(f"{found.driver} at {found.address}")
            for name, value in {**_plain(found.facts), **found.values}.items():
                if value not in (None, ""):
                    print(f"  {name:20} {value}")
            if found.note:
                print(f"  note: {found.note}")
        for note in probed.notes:
            print(note, file=sys.stderr)
    if not probed.found:
        raise typer.Exit(_PROGRAM_FAULT)


def _plain(value: Any) -> dict[str, Any]:  # noqa: ANN401 -- any dataclass
    return dataclasses.asdict(value)


def _print_toml(values: dict[str, Any]) -> None:
    for name, value in values.items():
        print(f"{name} = {json.dumps(value)}")
    print()


def _print_table(title: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    cells = [[_shown(name, value) for name, value in row.items()] for row in rows]
    head = list(rows[0])
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    print(f"\n{title}")
    for line in (head, *cells):
        print("  " + "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)))


def _shown(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name.endswith("_ms") and isinstance(value, int):
        with contextlib.suppress(ValueError, OverflowError, OSError):
            seconds = time.gmtime(value / 1000)
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", seconds)
    return str(value)


if __name__ == "__main__":
    main()
