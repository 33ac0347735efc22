"""Judges rigs against their peers, from files.

rigs ─► slots     readings ─► frames in order of time ─► Peers ─► a row where a finding begins
"""

import json
from collections.abc import Iterator
from pathlib import Path

import typer

from lode_hub.detect import table
from lode_hub.detect.fleet_readings import Readings
from lode_hub.errors import InvalidError
from lode_models.peers import SAMPLE, Found, Peers, Rig, Rigs

RIG_COLUMNS = ("rig", "model", "site", "rack", "rated_hashrate_ths", "rated_power_w")
FINDING_COLUMNS = ("at_ms", "rig_or_group", "kind", "severity", "since_ms", "evidence")
RIGS_MOST = 1_000_000
MEMBERS_TOLD = 200


def run(readings: Path, rigs: Path, out: Path) -> None:
    """Judge the readings of rigs and write a row to `out` for each finding that begins.

    Nothing is looked at ahead: a finding at `at_ms` is made of readings of then or before.

    Raises: InvalidError for a file that cannot be used, with its line.
    """
    fleet = Rigs(_rigs(rigs))
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


def _rigs(file: Path) -> list[Rig]:
    rigs: dict[str, Rig] = {}
    for line, (name, model, site, rack, hashrate, power) in table.rows(
        file, RIG_COLUMNS, RIGS_MOST
    ):
        key = name.strip()
        if not key or key in rigs:
            what = "is there twice" if key else "has no name"
            raise InvalidError(f"{file}, line {line}: rig {key!r} {what}; give each once")
        rigs[key] = Rig(
            name=key,
            model=model.strip(),
            site=site.strip(),
            rack=rack.strip(),
            rated_hashrate_ths=_rating(file, line, "rated_hashrate_ths", hashrate),
            rated_power_w=_rating(file, line, "rated_power_w", power),
        )
    if not rigs:
        raise InvalidError(f"{file}: no rigs below the header; give at least one")
    return list(rigs.values())


def _rating(file: Path, line: int, name: str, text: str) -> float:
    if not text.strip():
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1e9:  # noqa: PLR2004 -- beyond all machines
        raise InvalidError(
            f"{file}, line {line}: {name} {text[:40]!r} is no rating; leave it empty"
        )
    return value
