"""Whole rigs near a relaxed plan: an integer programme, small because every count is nearly fixed.

Where little is earned, what the rounding of single rigs loses is much of it.
"""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from lode_hub.energy.nouns import Floats
from lode_hub.energy.plan.programme import Programme

REACH = 1
"""So many rigs further than the integers beside it a count may go."""

NEAR = 1e-4
NODES = 200
DEADLINE_S = 1.0
LITTLE = 1e-6


def whole(made: Programme, relaxed: Floats) -> Floats:
    """Give a programme's variables in whole rigs, no limit broken that the relaxed ones keep.

    They are given as they are when none are found in time.
    """
    low, high = np.concatenate(made.low), np.concatenate(made.high)
    steps = np.concatenate([np.concatenate(taken) for taken in made.steps])
    low[steps] = np.maximum(low[steps], np.floor(relaxed[steps] + LITTLE) - REACH)
    high[steps] = np.minimum(high[steps], np.ceil(relaxed[steps] - LITTLE) + REACH)
    over = np.concatenate([*made.over_cap, *made.over_ramp, *made.over_promise])
    high[over[relaxed[over] < LITTLE]] = 0.0
    is_whole = np.zeros(made.variables)
    is_whole[steps] = 1
    equal = made.equal.limits
    answer = milp(
        np.concatenate(made.cost),
        integrality=is_whole,
        bounds=Bounds(low, high),
        constraints=[
            LinearConstraint(made.rows.matrix(made.variables), ub=made.rows.limits),
            LinearConstraint(made.equal.matrix(made.variables), equal, equal),
        ],
        options={"mip_rel_gap": NEAR, "node_limit": NODES, "time_limit": DEADLINE_S},
    )
    if answer.x is None:
        return relaxed
    found = np.asarray(answer.x, dtype=np.float64)
    found[steps] = np.round(found[steps])
    return found
