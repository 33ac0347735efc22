"""rig-over-temperature: a chip or a board is hotter than the device's profile allows.

Begins at once far above the limit (5 °C), else with some consecutive readings above it (2). Ends
after some consecutive readings (3) that are well below every limit (3 °C). A rig whose profile
gives no limit is not judged, and without the sensor that began the trouble a reading says nothing.
The figures are in the book of rules.
"""

import numpy as np

from lode_hub.sites.rules import Evidence, Judged, Rule, Sight, Trouble, Words, changes, in_rack
from lode_hub.sites.tables import Mask, Table
from lode_models.features import margin_c

WARM_INLET_C = 35.0
"""Air that most rigs' sheets no longer allow at full power begins at 35 to 40 °C."""

SENSORS = {"chip": 1, "board": 2}
STATE = np.dtype(
    [("is_active", "?"), ("since_ms", "i8"), ("hot", "u1"), ("cool", "u1"), ("sensors", "u1")]
)


def judge(state: Table, reading: Table, facts: Table) -> Judged:
    """Count hot and cool readings; say whose trouble began or ended."""
    chip, board = _margins(reading, facts)
    margin, at_ms = np.fmin(chip, board), reading["at_ms"]
    hot, far = margin < 0, margin <= -facts["far_above_c"]
    is_known = ~np.isnan(margin) & (hot | ~_lost(state["sensors"], chip, board))
    begins = hot & (state["hot"] == 0) & ~state["is_active"]
    begins |= state["since_ms"] > at_ms  # the clock was set back: begin to count anew
    state["since_ms"] = np.where(begins, at_ms, state["since_ms"])
    cool = (margin > facts["below_c"]) & is_known
    # A reading without a verdict leaves the counts as they are.
    state["hot"] = np.where(hot, np.minimum(state["hot"], 200) + 1, state["hot"] * ~is_known)
    state["cool"] = np.where(cool, np.minimum(state["cool"], 200) + 1, state["cool"] * ~is_known)
    fires = ~state["is_active"] & hot & (far | (state["hot"] >= facts["hot_readings"]))
    clears = state["is_active"] & cool & (state["cool"] >= facts["cool_readings"])
    state["is_active"] ^= fires | clears
    above = SENSORS["chip"] * (chip < 0) + SENSORS["board"] * (board < 0)
    is_warm = state["is_active"] | (state["hot"] > 0)
    state["sensors"] = np.where(is_warm, state["sensors"] | above, 0)
    found = changes(
        ("far-above-limit", True, fires & far),
        ("above-limit-twice", True, fires & ~far),
        ("below-limit-again", False, clears),
    )
    return Judged(changes=found, unjudged=int(_has_no_limit(facts).sum()))


def holds(reading: Table, facts: Table) -> Mask:
    """Tell which readings are above a limit."""
    mask: Mask = np.fmin(*_margins(reading, facts)) < 0
    return mask


def explain(sight: Sight) -> Words:
    """Say what is how hot, and what may cool it."""
    reading, facts = sight.reading, sight.facts
    hottest = [
        (float(temp) - float(limit), sensor, float(temp), float(limit))
        for sensor in SENSORS
        if (temp := reading[f"{sensor}_temp_c"]) is not None
        and (limit := facts[f"{sensor}_temp_max_c"]) is not None
    ]
    if not hottest:
        return Words(title=f"{sight.rig.name} is too hot", likely_cause=_cause(sight))
    _, sensor, temp_c, limit_c = max(hottest)
    evidence: Evidence = {"sensor": sensor, "temp_c": temp_c, "limit_c": limit_c}
    evidence |= {f"{other}_temp_c": temp for _, other, temp, _ in hottest}
    for name in ("inlet_temp_c", "fan_rpm", "fans_alive"):
        evidence[name] = reading[name]
    title = f"{sight.rig.name} is too hot: {sensor} {temp_c:.1f} °C, limit {limit_c:.0f} °C"
    return Words(title=title, likely_cause=_cause(sight), evidence=evidence)


def _cause(sight: Sight) -> str:
    alive, rated = sight.reading["fans_alive"], sight.facts["rated_fans"]
    inlet_c = sight.reading["inlet_temp_c"]
    if alive is not None and rated is not None and alive < rated:
        return f"{rated - alive:.0f} of {rated:.0f} fans do not turn: replace them"
    if inlet_c is not None and inlet_c > WARM_INLET_C:
        return f"the air coming in has {inlet_c:.1f} °C: look at the site's cooling"
    shared = in_rack(sight, "are too hot: look at the air around it")
    return shared or "dust, a blocked air path, or a heat sink that came loose: look inside"


def _margins(reading: Table, facts: Table) -> tuple[np.ndarray, np.ndarray]:
    chip = margin_c(reading["chip_temp_c"], facts["chip_temp_max_c"])
    return chip, margin_c(reading["board_temp_c"], facts["board_temp_max_c"])


def _lost(sensors: np.ndarray, chip: np.ndarray, board: np.ndarray) -> Mask:
    mask: Mask = ((sensors & SENSORS["chip"] != 0) & np.isnan(chip)) | (
        (sensors & SENSORS["board"] != 0) & np.isnan(board)
    )
    return mask


def _has_no_limit(facts: Table) -> Mask:
    mask: Mask = np.isnan(facts["chip_temp_max_c"]) & np.isnan(facts["board_temp_max_c"])
    return mask


TROUBLE = Trouble(
    name="rig-over-temperature", version=1, severity="critical", state=STATE, explain=explain
)
RULE = Rule(trouble=TROUBLE, judge=judge, holds=holds)
