"""Judges rigs against their peers, from files.

rigs ─► slots     readings ─► frames in order of time ─► Peers ─► a row where a finding begins
"""

import json
from collections.abc import Iterator
from pathlib import Path

import typer

from lode_hub.detect import table
from lode_models.files import Readings, read_rigs
from lode_models.peers import SAMPLE, Found, Peers, Rigs

FINDING_COLUMNS = ("at_ms", "rig_or_group", "kind", "severity", "since_ms", "evidence")
MEMBERS_TOLD = 200


def run(readings: Path, rigs: Path, out: Path) -> None:
    """Judge the readings of rigs and write a row to `out` for each finding that begins.

    Nothing is looked at ahead: a finding at `at_ms` is made of readings of then or before.

    Raises: InvalidError for a file that cannot be used, with its line.
    """
    with table.reading():
        fleet = Rigs(read_rigs(rigs))
        found = Readings(readings, {rig.name: slot for slot, rig in enumerate(fleet.rows)})
    peers = Peers(fleet)
    table.write(out, readings, FINDING_COLUMNS, _findings(peers, found))
    skipped = found.skipped
    if skipped.bad or skipped.unknown_rig or peers.late:
        counts = (
            f"{readings}: {len(found):,} rows judged; left out: {skipped.bad:,} bad, "
            f"{skipped.unknown_rig:,} of unknown rigs, {peers.late:,} repeated"
        )
        typer.echo("\n  ".join([counts, *skipped.told]), err=True)


def _findings(peers: Peers, readings: Readings) -> Iterator[tuple[str, ...]]:
    for now_ms, rows in readings.frames():
        for found in peers.step(now_ms, rows["slot"].astype("i8"), rows[list(SAMPLE.names or ())]):
            if found.is_active:
                yield _row(found, peers.rigs)


def _row(found: Found, rigs: Rigs) -> tuple[str, ...]:
    subject = str(found.group) if found.group else rigs.rows[found.slot].name
    evidence = {
        **found.evidence,
        "confidence": found.confidence,
        "likely_cause": found.likely_cause,
        "rule_version": found.version,
    }
    if found.group:
        evidence["member_names"] = [rigs.rows[slot].name for slot in found.members[:MEMBERS_TOLD]]
    words = json.dumps(evidence, ensure_ascii=False)
    return (
        str(found.at_ms), subject, found.kind, found.severity, str(found.since_ms), words
    )  # fmt: skip
