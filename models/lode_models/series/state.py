"""What is remembered of each series: float32, one row a field, one column a series; 216 B each."""

import struct
import zlib

import numpy as np

from lode_models.features import Floats
from lode_models.series.constants import EDGE_START, PEAK_START

# Streams stand in this order wherever there are four rows of something.
STREAMS = ("level", "shift", "hour", "spread")

COUNT = 0  # samples seen
ORIGIN = 1  # the first value; what follows is kept as its difference to it
DAY, SECOND = 2, 3  # time of the last sample: days since 1970, seconds of the day
LEVEL, FAST = 4, 5  # slow and fast mean
SPREAD, USUAL_SPREAD = 6, 7  # fast mean of the distance to FAST, and its slow mean
SCALE = slice(8, 12)  # a stream
EDGE = slice(12, 20)  # where the tails begin, in scales: upper of each stream, then lower
PEAK = slice(20, 28)  # mean excess over the edge, in scales: as EDGE
HELD, AGE = 28, 29  # the last surprise that was said, and how many samples ago
HOUR = 30  # the means of the 24 hours of the day; NaN before the first sample in one
# From EDGE on there are a series' first samples until it has enough of them: `begin`.
FIELDS = 54

_MAGIC = b"LODESER2"
_HEAD = struct.Struct("<8sIII")  # magic, fields, series, CRC-32 of the rest


def empty(series: int) -> Floats:
    """Give the state of series that nothing is known of: [FIELDS][series]."""
    state = np.zeros((FIELDS, series), np.float32)
    state[EDGE] = EDGE_START
    state[PEAK] = PEAK_START
    state[HOUR:] = np.nan
    return state


def to_bytes(state: Floats) -> bytes:
    """Write a state down, bit for bit, with a checksum."""
    body = state.astype("<f4").tobytes()
    return _HEAD.pack(_MAGIC, FIELDS, state.shape[1], zlib.crc32(body)) + body


def from_bytes(data: bytes) -> Floats:
    """Read what `to_bytes` wrote.

    Raises: ValueError if it is of another version, cut short or damaged.
    """
    if len(data) < _HEAD.size:
        raise ValueError(f"series state: {len(data)} bytes are too few; start with an empty state")
    magic, fields, series, checksum = _HEAD.unpack_from(data)
    body = memoryview(data)[_HEAD.size :]
    if (magic, fields) != (_MAGIC, FIELDS):
        raise ValueError("series state: of another version; start with an empty state")
    if len(body) != 4 * FIELDS * series or zlib.crc32(body) != checksum:
        raise ValueError("series state: cut short or damaged; start with an empty state")
    return np.frombuffer(body, "<f4").astype(np.float32).reshape(FIELDS, series)
