"""Values in a wrong unit: a thousand or a million times what peers say, or on the Fahrenheit line.

values, what they should be about ─► verdict ─► a number of UNITS, 0 where nothing is wrong
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]

BAND = 0.15
"""How near to a power of ten a ratio must be, in decades: 0.7 to 1.4 times it."""

FAHRENHEIT = 1
FAHRENHEIT_BAND_F = 8.0
FAHRENHEIT_JUMP = 0.5
"""What comes onto the Fahrenheit line by less than this share of the way has become hot."""

LEAST_PEERS = 3
CONFIRMED = 12
"""A finding needs so many readings in a row; the value is not used from the first on."""

SETTLED_MS = 300_000
"""For so long after its state changed, a rig's hashrate and power say nothing of their units."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """A unit that a value can be in by mistake."""

    name: str
    decades: int  # the mistaken number is 10^decades times the right one


METRICS: dict[str, tuple[Unit, ...]] = {
    "hashrate_ths": (
        Unit(name="GH/s", decades=3), Unit(name="MH/s", decades=6),
        Unit(name="PH/s", decades=-3), Unit(name="EH/s", decades=-6),
    ),
    "power_w": (
        Unit(name="mW", decades=3), Unit(name="µW", decades=6),
        Unit(name="kW", decades=-3), Unit(name="MW", decades=-6),
    ),
    "board_temp_c": (Unit(name="m°C", decades=3),),
    "chip_temp_c": (Unit(name="m°C", decades=3),),
    "inlet_temp_c": (Unit(name="m°C", decades=3),),
    "fan_rpm": (),
    "voltage_v": (
        Unit(name="0.1 V", decades=1), Unit(name="0.01 V", decades=2),
        Unit(name="mV", decades=3), Unit(name="kV", decades=-3),
    ),
    "current_a": (Unit(name="mA", decades=3), Unit(name="kA", decades=-3)),
    "freq_hz": (
        Unit(name="0.1 Hz", decades=1), Unit(name="0.01 Hz", decades=2),
        Unit(name="mHz", decades=3),
    ),
}  # fmt: skip
"""Every metric that is judged, in the order of a table's columns."""

NAMES = tuple(METRICS)
WANTED = {"hashrate_ths": "TH/s", "power_w": "W", "voltage_v": "V", "current_a": "A",
          "freq_hz": "Hz", "fan_rpm": "rpm"}  # fmt: skip
HEAT = frozenset({"board_temp_c", "chip_temp_c", "inlet_temp_c"})


def unit_of(metric: str, code: int) -> str:
    """Name the unit that a verdict stands for."""
    return "°F" if code == FAHRENHEIT else METRICS[metric][code - 2].name


def verdict(metric: str, values: Floats, expected: Floats) -> Codes:
    """Tell which unit each value seems to be in: 0 for its own; NaN on either side is no mistake.

    Fahrenheit is not told here: see `fahrenheit`.
    """
    codes = np.zeros(len(values), np.uint8)
    with np.errstate(divide="ignore", invalid="ignore"):
        decades = np.log10(values / expected)
    for place, unit in enumerate(METRICS[metric]):
        codes[np.abs(decades - unit.decades) < BAND] = place + 2
    return codes


def fahrenheit(
    values: Floats, before: Floats, was: npt.NDArray[np.bool_], expected_c: Floats
) -> npt.NDArray[np.bool_]:
    """Tell which temperatures are in Fahrenheit, by what peers have in °C.

    A rig that overheats crosses the line too, and must never be taken for one in Fahrenheit: only
    what comes onto the line by a jump, or was never seen off it, is. `before` is the last value
    (NaN: none), `was` whether that was in Fahrenheit.
    """
    line = 1.8 * expected_c + 32
    is_on = np.abs(values - line) < FAHRENHEIT_BAND_F
    jumped = np.isnan(before) | (values - before > FAHRENHEIT_JUMP * (line - expected_c))
    mask: npt.NDArray[np.bool_] = is_on & (was | jumped)
    return mask


def medians(
    groups: npt.NDArray[np.intp], n_groups: int, values: Floats
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Give the median and the number of the values there are, for each group; NaN for none."""
    order = np.lexsort((values, groups))  # NaN comes last in its group
    counts = np.bincount(groups[~np.isnan(values)], minlength=n_groups)
    begins = np.searchsorted(groups[order], np.arange(n_groups))
    middle = np.full(n_groups, np.nan, np.float32)
    there = np.flatnonzero(counts)
    low, high = begins[there] + (counts[there] - 1) // 2, begins[there] + counts[there] // 2
    ranked = values[order]
    middle[there] = (ranked[low] + ranked[high]) / 2
    return middle, counts
