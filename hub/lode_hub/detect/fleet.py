"""Judges rigs against their peers, from files."""

from pathlib import Path

from lode_hub.errors import InvalidError


def run(readings: Path, rigs: Path, out: Path) -> None:
    """Judge the readings of rigs and write the findings to `out`."""
    raise InvalidError(f"{readings} and {rigs}: not judged yet, nothing written to {out}")
