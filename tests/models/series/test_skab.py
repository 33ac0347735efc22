"""Real faults: the valve experiments of SKAB (Katser and Kozitsin 2020), sensor by sensor.

The data may not be shipped; it is read where it lies.
"""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from lode_models.series import replay

SKAB = Path(__file__).parents[4] / "shared/data/telemetry/SKAB/valve1"
SENSORS = slice(1, 9)

pytestmark = pytest.mark.skipif(not SKAB.is_dir(), reason="needs shared/data/telemetry/SKAB")


def told(file: Path) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether any sensor was told of, and whether the valve was shut; a row is a second."""
    with file.open() as lines:
        rows = list(csv.reader(lines, delimiter=";"))[1:]
    at_ms = np.array([np.datetime64(row[0], "ms").astype(np.int64) for row in rows])
    values = np.array([row[SENSORS] for row in rows], float)
    scores = np.array([replay(at_ms, sensor).score for sensor in values.T])
    return (scores >= 0.5).any(axis=0), np.array([row[-2] for row in rows], float) > 0


def test_most_valve_faults_are_told_within_a_minute() -> None:
    found = outside = normal = 0
    files = sorted(SKAB.glob("*.csv"))
    for file in files:
        said, shut = told(file)
        begin, end = np.flatnonzero(np.diff(shut)) + 1
        found += said[begin : begin + 60].any()
        quiet = ~shut
        quiet[end : end + 60] = False
        outside += (said & quiet).sum()
        normal += quiet.sum()
    assert len(files) == 16
    assert found >= 13
    assert outside / normal < 0.01
