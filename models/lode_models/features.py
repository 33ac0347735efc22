"""What a rig's reading says of it, as ratios and margins: float32, NaN where it cannot be said.

    columns of readings (floats with NaN, integers as they travel) ─► float32 features

Every function takes arrays of equal length (or anything that broadcasts) and loops over nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Numbers: TypeAlias = npt.NDArray[np.generic]


@dataclass(frozen=True, kw_only=True, slots=True)
class RigFeatures:
    """The features of n rig readings, one value a reading, NaN where it cannot be said."""

    efficiency_jth: Floats  # J/TH
    hash_ratio: Floats  # of the rated hashrate, 1 is rated
    chip_margin_c: Floats  # °C left below the chip limit, negative above it
    board_margin_c: Floats  # °C left below the board limit
    reject_ratio: Floats  # of all shares, 0 to 1
    board_ratio: Floats  # of the rated boards, 1 is all


def rig_features(readings: Mapping[str, Numbers], ratings: Mapping[str, Numbers]) -> RigFeatures:
    """Work out all features of readings, given the ratings of the rig that each row is about.

    `readings` has the columns of `RigReading`, `ratings` those of `Device`; both by field name.
    """
    return RigFeatures(
        efficiency_jth=efficiency_jth(readings["power_w"], readings["hashrate_ths"]),
        hash_ratio=hash_ratio(readings["hashrate_ths"], ratings["rated_hashrate_ths"]),
        chip_margin_c=margin_c(readings["chip_temp_c"], ratings["chip_temp_max_c"]),
        board_margin_c=margin_c(readings["board_temp_c"], ratings["board_temp_max_c"]),
        reject_ratio=reject_ratio(readings["accepted_shares"], readings["rejected_shares"]),
        board_ratio=board_ratio(readings["boards_alive"], ratings["rated_boards"]),
    )


def efficiency_jth(power_w: Numbers, hashrate_ths: Numbers) -> Floats:
    """Give the energy per hash in J/TH: W by TH/s; NaN for a rig that does not hash."""
    return _ratio(_not_negative(floats(power_w)), floats(hashrate_ths))


def hash_ratio(hashrate_ths: Numbers, rated_hashrate_ths: Numbers) -> Floats:
    """Give the share of its rated hashrate that a rig makes, 1 being all of it."""
    return _ratio(_not_negative(floats(hashrate_ths)), floats(rated_hashrate_ths))


def margin_c(temp_c: Numbers, limit_c: Numbers) -> Floats:
    """Give how many °C a temperature is below its limit; negative is over it."""
    with np.errstate(invalid="ignore"):
        return floats(limit_c) - floats(temp_c)


def reject_ratio(accepted_shares: Numbers, rejected_shares: Numbers) -> Floats:
    """Give the share of shares that the pool rejected, 0 to 1; NaN before the first share."""
    # Counters outgrow float32's 24 bits within days, so the sum is made in float64.
    accepted, rejected = _doubles(accepted_shares), _doubles(rejected_shares)
    return _ratio(_not_negative(rejected), accepted + rejected)


def board_ratio(boards_alive: Numbers, rated_boards: Numbers) -> Floats:
    """Give the share of its boards that hash, 1 being all of them."""
    return _ratio(_not_negative(floats(boards_alive)), floats(rated_boards))


def floats(numbers: Numbers) -> Floats:
    """Turn a column as it travels into float32, its missing values into NaN.

    A missing integer travels as its type's smallest value, an unsigned one as the largest
    (`lode_wire.columns.Scalar.missing`).
    """
    values = np.asarray(numbers)
    return (values if values.dtype.kind == "f" else _doubles(values)).astype(np.float32)


def _doubles(numbers: Numbers) -> npt.NDArray[np.float64]:
    values = np.asarray(numbers)
    if values.dtype.kind not in "iu":
        return values.astype(np.float64)
    info = np.iinfo(values.dtype.str)
    missing = info.min if values.dtype.kind == "i" else info.max
    return np.where(values == missing, np.nan, values.astype(np.float64))


def _not_negative(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.where(values >= 0, values, np.nan)


def _ratio(part: npt.NDArray[np.floating], whole: npt.NDArray[np.floating]) -> Floats:
    whole = np.where(whole > 0, whole, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = (part / whole).astype(np.float32)
    return np.where(np.isfinite(ratio), ratio, np.float32(np.nan))
