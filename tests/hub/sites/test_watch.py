"""The watch as pure arrays: order, repetition and grouping of readings change nothing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.sites.fleet import Fleet
from lode_hub.sites.tables import MAX_PER_GROUP, rounds
from lode_hub.sites.watch import Counters, Watch
from lode_hub.store.inventory import Rig
from tests.hub.sites.rigs import FACTS_OF_S19, T0, committed, reading, table

S = 1000


def test_a_backlog_of_one_rig_is_judged_by_its_newest():
    rows = np.concatenate([reading(i) for i in range(MAX_PER_GROUP + 50)])
    dealt = [turn["at_ms"][0] for _, turn in rounds(np.zeros(len(rows), np.intp), rows)]
    assert dealt == rows["at_ms"][50:].tolist()


moments = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 300), st.sampled_from([70.0, 96.0, 101.0])),
    max_size=60,
    unique_by=lambda moment: moment[:2],
)


@given(moments, st.randoms(), st.integers(1, 5))
@settings(max_examples=60)
def test_neither_order_nor_repetition_in_a_group_matters(moments, random, times):
    shuffled = moments * times
    random.shuffle(shuffled)
    assert found_in([shuffled]) == found_in([moments])


@given(moments)
@settings(max_examples=60)
def test_how_readings_are_grouped_does_not_matter(moments):
    in_time = sorted(moments, key=lambda moment: moment[1])
    assert found_in([[moment] for moment in in_time]) == found_in([in_time])


def found_in(groups):
    watch, fleet = watched(3)
    found = []
    for group in groups:
        if group:
            rigs, seconds, temps = (list(column) for column in zip(*group, strict=True))
            at_ms = [T0 + second * S for second in seconds]
            rows = committed([1 + rig for rig in rigs], at_ms, chip_temp_c=temps)
            found += watch.judge_group(fleet.slots(rows.device_id), table(rows))
    return sorted((f.subject, f.at_ms, f.is_active, f.evidence["reason"]) for f in found)


def watched(rigs):
    """A watch over some rigs with ids from 1, without a database."""
    fleet, facts = Fleet(), {**FACTS_OF_S19, "rack": "A1", "is_configured": True}
    rows = [Rig(device_id=i + 1, agent_id=1, name=f"r{i}", **facts) for i in range(rigs)]
    fleet.load(rows, {1: "north-1"})
    watch = Watch(fleet, Counters())
    watch.fit()
    return watch, fleet
