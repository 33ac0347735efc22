"""A threshold of somebody's own, judged over arrays: one value a device, all devices at once.

    value, time ─► beyond the limit? ─► for long enough? ─► fires
                   back over clear_at? ──────────────────► clears

A value between the limit and clear_at (the deadband) ends a run that has not fired yet, and keeps
one that has. A missing value says nothing.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lode_hub.rules.schema import Rule

Mask: TypeAlias = npt.NDArray[np.bool_]
Table: TypeAlias = npt.NDArray[np.void]

STATE = np.dtype(
    [
        ("is_active", "?"),
        ("since_ms", "i8"),  # since when it is beyond; 0: it is not
        ("at_ms", "i8"),  # of the newest value, and when it was received
        ("received_ms", "i8"),
        ("value", "f8"),
    ]
)
VALUES = np.dtype([("at_ms", "i8"), ("received_ms", "i8"), ("low", "f8"), ("high", "f8")])
"""Of one reading low and high are equal; of a minute they are its lowest and highest."""

LEAST_GAP_MS = 60_000
FUTURE_MS = 60_000


def gaps_ms(interval_s: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Give how long a run may be interrupted, by the devices' intervals (s, NaN: unknown)."""
    gaps: npt.NDArray[np.int64] = np.fmax(3000 * interval_s, LEAST_GAP_MS).astype(np.int64)
    return gaps


def judge(
    rule: Rule, state: Table, values: Table, gap_ms: npt.NDArray[np.int64]
) -> tuple[Mask, Mask]:
    """Follow each device's value, changing the state in place; give who fires and who clears.

    The values are at most one a device, each newer than its last; see `fresh`.
    """
    at_ms = values["at_ms"]
    beyond, back = _sides(rule, values)
    goes_on = (state["since_ms"] > 0) & (at_ms - state["at_ms"] <= gap_ms)
    goes_on &= at_ms >= state["since_ms"]
    is_known = ~np.isnan(values["low"])
    since_ms = np.where(beyond, np.where(goes_on, state["since_ms"], at_ms), 0)
    keeps = state["is_active"] | ~is_known
    state["since_ms"] = np.where(keeps, state["since_ms"], since_ms)
    is_long = at_ms - since_ms >= rule.for_s * 1000
    fires: Mask = beyond & ~state["is_active"] & is_long
    clears: Mask = back & state["is_active"]
    state["is_active"] ^= fires | clears
    state["since_ms"] = np.where(clears, 0, state["since_ms"])
    for name in ("at_ms", "received_ms"):  # a run goes on from value to value
        state[name] = np.where(is_known, values[name], state[name])
    worst = values["high" if rule.above is not None else "low"]
    state["value"] = np.where(is_known, worst, state["value"])
    return fires, clears


def fresh(state: Table, values: Table) -> Mask:
    """Tell which values are newer than their device's last; a clock set back begins anew."""
    is_ahead = state["at_ms"] > values["received_ms"] + FUTURE_MS
    was_set_back = values["received_ms"] - state["received_ms"] > LEAST_GAP_MS
    mask: Mask = (values["at_ms"] > state["at_ms"]) | is_ahead
    mask |= (values["at_ms"] < state["at_ms"]) & was_set_back & (state["at_ms"] > 0)
    return mask


def _sides(rule: Rule, values: Table) -> tuple[Mask, Mask]:
    # All of a minute must be beyond where a run is wanted, and any of it where one value is enough.
    is_run = rule.for_s > 0
    if rule.above is not None:
        beyond: Mask = values["low" if is_run else "high"] > rule.limit
        back: Mask = values["low"] <= rule.clear
    else:
        beyond = values["high" if is_run else "low"] < rule.limit
        back = values["high"] >= rule.clear
    return beyond, back & ~beyond
