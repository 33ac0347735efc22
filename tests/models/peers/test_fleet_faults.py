"""A hostile fleet in accelerated time: what must be found, and how little may be made up."""

import pytest

from lode_sim.fleet_faults import STEPS, Fleet
from tests.bench import detect_score


@pytest.mark.slow
def test_faults_of_a_simulated_fleet_are_found_in_time():
    fleet = Fleet(seed=33, rigs=800, hours=3.0, quiet_h=1.0, per_kind=8)
    score = detect_score.run(fleet)
    lines = {line.kind: line for line in score.lines()}
    steps = [lines[kind] for kind in STEPS]
    assert (
        sum(line.in_time * line.faults for line in steps) / sum(line.faults for line in steps)
        >= 0.97
    )
    assert lines["hash_decay"].in_time >= 0.75  # of 8, two
    assert score.false_a_day <= 0.06, score.text()  # six findings
    acts = fleet.acts
    kinds = [kind for kind, _ in score.events()]
    assert (kinds.count("pool_outage"), kinds.count("common_rejected_shares")) == (1, 1)
    assert lines["restarting"].in_time == 1.0
    curtailed = score.during(acts.curtail_site, acts.curtail_s, acts.curtail_s + 2400)
    site_rigs = [f for f in curtailed if f.slot >= 0 and f.slot not in fleet.fault_of]
    assert not site_rigs, score.text()
