"""rig-low-hashrate: a rig that should mine makes less than it should.

Begins when it has made less than a part of its rating (85 %) for some time (3 min) and in some
readings, not while it warms up. Ends when it has made more than a larger part (92 %) for a while
(1 min). A rig that reports a fault and not its hashrate makes less than it should; one that sleeps,
is curtailed or tunes is not judged, and neither is one without a rating. A rig that answers and
does not say what it is doing is judged by the hashrate that it reports, if it reports one. The
figures are in the book of rules.
"""

import numpy as np

from lode_hub.sites.rules import Evidence, Judged, Rule, Sight, Trouble, Words, changes, in_rack
from lode_hub.sites.tables import Mask, Table
from lode_models.features import hash_ratio
from lode_wire.records import State

GAP_MS = 60_000
"""A run of readings that is interrupted for longer (or for 3 intervals) begins anew."""

STATE = np.dtype(
    [
        ("is_active", "?"),
        ("since_ms", "i8"),
        ("low", "u2"),
        ("low_ms", "i8"),  # the latest low reading
        ("high_since_ms", "i8"),
        ("high_ms", "i8"),  # the latest high reading
    ]
)


def judge(state: Table, reading: Table, facts: Table) -> Judged:
    """Follow runs of low and of high readings; say whose trouble began or ended."""
    ratio, at_ms = _ratio(reading, facts), reading["at_ms"]
    low, high = _is_low(reading, facts, ratio), _mines(reading) & (ratio > facts["high_ratio"])
    breaks = _breaks(reading, facts, ratio)
    gap_ms = np.fmax(3000 * facts["interval_s"], GAP_MS)
    goes_on = (state["low"] > 0) & _follows(at_ms, state["low_ms"], gap_ms)
    begins = low & ~goes_on & ~state["is_active"]
    state["since_ms"] = np.where(begins, at_ms, state["since_ms"])
    count = np.where(goes_on, np.minimum(state["low"], 60_000), 0) + 1
    state["low"] = np.where(low, count, state["low"] * ~breaks)
    state["low_ms"] = np.where(low, at_ms, state["low_ms"])
    is_long = at_ms - state["since_ms"] >= 1000 * facts["low_s"]
    fires = ~state["is_active"] & low & (state["low"] >= facts["low_readings"]) & is_long
    rises = _rises(state, high, at_ms, gap_ms)
    clears = state["is_active"] & high & (rises >= 1000 * facts["high_s"])
    state["is_active"] ^= fires | clears
    faulted, lacks = reading["state"] == State.FAULTED, _lacks_boards(reading, facts)
    found = changes(
        ("faulted", True, fires & faulted),
        ("boards-missing", True, fires & ~faulted & lacks),
        ("below-rating", True, fires & ~faulted & ~lacks),
        ("makes-enough-again", False, clears),
    )
    return Judged(changes=found, unjudged=int(np.isnan(facts["rated_hashrate_ths"]).sum()))


def holds(reading: Table, facts: Table) -> Mask:
    """Tell which readings are too low."""
    return _is_low(reading, facts, _ratio(reading, facts))


def explain(sight: Sight) -> Words:
    """Say how much it makes of how much, and why it may be."""
    made, rated = sight.reading["hashrate_ths"], sight.facts["rated_hashrate_ths"]
    evidence: Evidence = {
        "hashrate_ths": made,
        "expected_ths": rated,
        "limit_ratio": sight.facts["low_ratio"],
    }
    for name in ("boards_alive", "chips_alive", "uptime_s", "chip_temp_c"):
        evidence[name] = sight.reading[name]
    evidence["rated_boards"] = sight.facts["rated_boards"]
    title = f"{sight.rig.name} reports a fault and no hashrate"
    if made is not None and rated:
        evidence["ratio"] = round(made / rated, 3)
        title = f"{sight.rig.name} makes {made:.1f} of {rated:.0f} TH/s ({made / rated:.0%})"
    return Words(title=title, likely_cause=_cause(sight), evidence=evidence)


def _cause(sight: Sight) -> str:
    alive, rated = sight.reading["boards_alive"], sight.facts["rated_boards"]
    if alive is not None and rated is not None and alive < rated:
        return f"{rated - alive:.0f} of {rated:.0f} boards do not hash: reseat or replace them"
    if sight.reading["state"] == State.FAULTED:
        return "the rig reports a fault: read its own log"
    shared = in_rack(sight, "make too little: look at the pool and at the rack's supply")
    return shared or "chips that fail, heat that throttles, or a pool that gives too little work"


def _rises(state: Table, high: Mask, at_ms: np.ndarray, gap_ms: np.ndarray) -> np.ndarray:
    """Follow the runs of high readings; give how long they have lasted (ms)."""
    goes_on = (state["high_since_ms"] > 0) & _follows(at_ms, state["high_ms"], gap_ms)
    since_ms = np.where(goes_on, state["high_since_ms"], at_ms)
    state["high_since_ms"] = np.where(high, since_ms, 0)
    state["high_ms"] = np.where(high, at_ms, state["high_ms"])
    lasted_ms: np.ndarray = at_ms - since_ms
    return lasted_ms


def _follows(at_ms: np.ndarray, before_ms: np.ndarray, gap_ms: np.ndarray) -> Mask:
    mask: Mask = (at_ms >= before_ms) & (at_ms - before_ms <= gap_ms)
    return mask


def _ratio(reading: Table, facts: Table) -> np.ndarray:
    return hash_ratio(reading["hashrate_ths"], facts["rated_hashrate_ths"])


def _mines(reading: Table) -> Mask:
    # Unknown too: a rig that answers, says that it makes nothing and not why, earns nothing.
    mask: Mask = np.isin(reading["state"], (State.MINING, State.FAULTED, State.UNKNOWN))
    return mask


def _warms_up(reading: Table, facts: Table) -> Mask:
    mask: Mask = reading["uptime_s"] < facts["warm_up_s"]
    return mask


def _is_low(reading: Table, facts: Table, ratio: np.ndarray) -> Mask:
    says_nothing = (reading["state"] == State.FAULTED) & np.isnan(reading["hashrate_ths"])
    makes_nothing = says_nothing & (facts["rated_hashrate_ths"] > 0)
    mask: Mask = (
        _mines(reading)
        & ~_warms_up(reading, facts)
        & ((ratio < facts["low_ratio"]) | makes_nothing)
    )
    return mask


def _breaks(reading: Table, facts: Table, ratio: np.ndarray) -> Mask:
    """Tell which readings end a run of low ones: enough made, or nothing to be expected."""
    state = reading["state"]
    rests = (state == State.SLEEPING) | (state == State.CURTAILED) | (state == State.TUNING)
    mask: Mask = (
        rests | _warms_up(reading, facts) | (_mines(reading) & (ratio >= facts["low_ratio"]))
    )
    return mask


def _lacks_boards(reading: Table, facts: Table) -> Mask:
    mask: Mask = reading["boards_alive"] < facts["rated_boards"]
    return mask


TROUBLE = Trouble(
    name="rig-low-hashrate", version=1, severity="warning", state=STATE, explain=explain
)
RULE = Rule(trouble=TROUBLE, judge=judge, holds=holds)
