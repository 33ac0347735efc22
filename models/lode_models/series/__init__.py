"""Anomalies of single series, found in their own past as it arrives.

    value ─► residual streams ─► tail of each side ─► summed surprise ─► refractory time ─► score

`SeriesDetector` takes a tick of many series, `replay` all of one series; the scores are the same.
"""

from lode_models.series.detector import SeriesDetector
from lode_models.series.replay import replay
from lode_models.series.scores import Scores

__all__ = ["Scores", "SeriesDetector", "replay"]
