"""The command `lode-edge profile`: list, show, check."""

# ruff: noqa: PLC0415 -- each command loads only what it needs

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from lode_edge.errors import EdgeError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Look at descriptions of devices, and check your own.",
)


@app.command("list")
def list_all(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """List the descriptions that ship."""
    import lode_profiles

    found = [lode_profiles.load(name) for name in lode_profiles.names()]
    rows = [
        {
            "name": profile.name,
            "vendor": profile.vendor,
            "model": profile.model,
            "verified": profile.verified,
        }
        for profile in found
    ]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        is_verified = "" if row["verified"] else "  (not verified)"
        print(f"{row['name']:28} {row['vendor']} {row['model']}{is_verified}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="As `lode-edge profile list` has it.")]) -> None:
    """Print a description, to be read or to be copied."""
    import lode_profiles

    try:
        print(lode_profiles.text_of(name), end="")
    except lode_profiles.ProfileError as error:
        raise EdgeError(str(error)) from error


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Your description, a .toml.")],
    address: Annotated[
        str | None, typer.Option("--against", help="Read this device by it: host:port, rtu://, ...")
    ] = None,
    unit: Annotated[int, typer.Option(help="The device's unit.", min=0, max=255)] = 1,
    timeout_s: Annotated[float, typer.Option("--timeout", help="For the reading, in s.")] = 5.0,
) -> None:
    """Check a description and its vectors, and show what would be asked of the device."""
    from lode_edge.profiles.check import against, checked, rounds
    from lode_profiles import MeterProfile

    profile = checked(file)
    print(f"{file} is in order: {profile.vendor} {profile.model}")
    if not isinstance(profile, MeterProfile):
        return
    print(f"{len(profile.vectors)} vectors hold")
    for each in rounds(profile):
        print(each)
    if address is not None:
        print(f"\n{address} unit {unit} says:")
        for line in asyncio.run(against(str(file.resolve()), address, unit, timeout_s)):
            print(f"  {line}")
