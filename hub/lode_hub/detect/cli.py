"""The command `lode-hub detect`: score a file, without settings, database or data directory."""

from pathlib import Path
from typing import Annotated

import typer

from lode_hub.errors import InvalidError


def detect(
    file: Annotated[
        Path | None, typer.Argument(help="CSV with the columns timestamp,value", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="CSV to write; - writes to standard output")
    ] = None,
    fleet: Annotated[
        Path | None, typer.Option("--fleet", help="CSV of rig readings, instead of FILE")
    ] = None,
    rigs: Annotated[
        Path | None, typer.Option("--rigs", help="CSV of the rigs that --fleet is about")
    ] = None,
) -> None:
    """Score a series as if it arrived now, or judge rigs against their peers with --fleet."""
    if out is None:
        raise InvalidError("detect: --out is missing; name the CSV to write, or - to print it")
    if fleet is not None:
        _fleet(fleet, rigs, out, file)
    elif rigs is not None:
        raise InvalidError("detect: --rigs goes with --fleet; leave it out to score one series")
    elif file is None:
        raise InvalidError("detect: nothing to read; give FILE.csv, or --fleet with --rigs")
    else:
        from lode_hub.detect.series import run  # noqa: PLC0415 -- numpy only when it is needed

        run(file, out)


def _fleet(readings: Path, rigs: Path | None, out: Path, file: Path | None) -> None:
    if file is not None:
        raise InvalidError(f"detect: {file} and --fleet are two things; run them one by one")
    if rigs is None:
        raise InvalidError("detect: --fleet needs --rigs; give the CSV of its rigs")
    from lode_hub.detect.fleet import run  # noqa: PLC0415

    run(readings, rigs, out)
