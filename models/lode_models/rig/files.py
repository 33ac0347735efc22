"""Trains on the files that `lode-hub detect --fleet` reads and writes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lode_models.errors import FileError
from lode_models.files import Readings, read_rigs
from lode_models.files.table import rows as rows_of
from lode_models.peers import SAMPLE, Rig, Rigs
from lode_models.peers.sample import Slots, Table
from lode_models.rig.card import Card
from lode_models.rig.examples import Course, Fault, gather

FINDING_COLUMNS = ("rig_or_group", "kind", "since_ms")
FINDINGS_MOST = 1_000_000

LIMITS = (
    "Trained on one person's readings: it knows these rigs, modes and seasons and no others. What "
    "was faulty all the time and not listed as a finding is learnt as usual."
)


def train_on_files(
    readings: Path, rigs: Path, findings: Path | None, course: Course, out: Path
) -> Card:
    """Train a model on files and write it with its card into `out`.

    Raises:
        FileError: a file cannot be read, with its line.
        TrainingError: there is too little in it, or the extra `train` is not installed.
    """
    from lode_models.rig.train import train  # noqa: PLC0415 -- needs the extra

    fleet = Rigs(read_rigs(rigs))
    faults = _faults(findings, fleet.rows) if findings else {}
    found = Readings(readings, {rig.name: slot for slot, rig in enumerate(fleet.rows)})
    examples = gather(_frames(found), fleet, faults)
    data = f"{readings.name}: {len(found):,} readings, {found.skipped.bad:,} bad rows left out"
    return train(examples, replace(course, data=data, limits=LIMITS), out)


def _frames(readings: Readings) -> Iterator[tuple[int, Slots, Table]]:
    for now_ms, rows in readings.frames():
        yield now_ms, rows["slot"].astype("i8"), rows[list(SAMPLE.names or ())]


def _faults(file: Path, rigs: tuple[Rig, ...]) -> dict[int, Fault]:
    """Read the first finding of each rig; findings of groups are no rig's own fault."""
    slots = {rig.name: slot for slot, rig in enumerate(rigs)}
    faults: dict[int, Fault] = {}
    for line, (name, kind, since_ms) in rows_of(file, FINDING_COLUMNS, FINDINGS_MOST):
        if not since_ms.strip().isdecimal():
            raise FileError(f"{file}, line {line}: since_ms {since_ms[:40]!r} is no time in ms")
        slot, since = slots.get(name.strip()), int(since_ms)
        if slot is not None and (slot not in faults or since < faults[slot].since_ms):
            faults[slot] = Fault(kind=kind.strip(), since_ms=since)
    return faults
