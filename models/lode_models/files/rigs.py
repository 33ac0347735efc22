"""The rigs that a file of readings is about, from a CSV file."""

from pathlib import Path

from lode_models.errors import FileError
from lode_models.files import table
from lode_models.peers import Rig

RIG_COLUMNS = ("rig", "model", "site", "rack", "rated_hashrate_ths", "rated_power_w")
RIGS_MOST = 1_000_000


def read_rigs(file: Path) -> list[Rig]:
    """Read rigs; a rating that is not given is NaN.

    Raises: FileError for a file that cannot be used, with its line.
    """
    rigs: dict[str, Rig] = {}
    for line, (name, model, site, rack, hashrate, power) in table.rows(
        file, RIG_COLUMNS, RIGS_MOST
    ):
        key = name.strip()
        if not key or key in rigs:
            what = "is there twice" if key else "has no name"
            raise FileError(f"{file}, line {line}: rig {key!r} {what}; give each once")
        rigs[key] = Rig(
            name=key,
            model=model.strip(),
            site=site.strip(),
            rack=rack.strip(),
            rated_hashrate_ths=_rating(file, line, "rated_hashrate_ths", hashrate),
            rated_power_w=_rating(file, line, "rated_power_w", power),
        )
    if not rigs:
        raise FileError(f"{file}: no rigs below the header; give at least one")
    return list(rigs.values())


def _rating(file: Path, line: int, name: str, text: str) -> float:
    if not text.strip():
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1e9:  # noqa: PLR2004 -- beyond all machines
        raise FileError(f"{file}, line {line}: {name} {text[:40]!r} is no rating; leave it empty")
    return value
