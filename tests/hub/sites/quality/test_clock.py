"""Times by a wrong clock: marked, shown corrected, kept and not used; a backlog is none of it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.ingest.check import check, correction_ms
from lode_hub.store import quality, readings
from lode_wire.records import Quality
from tests.hub.ingest.agents import NOW_MS, Agent
from tests.hub.ingest.test_check import rig
from tests.hub.store.rows import rows

CLOCK, HELD = int(Quality.CLOCK), int(Quality.HELD)
HOUR_MS = 3_600_000
offsets = st.one_of(st.none(), st.floats(-HOUR_MS, HOUR_MS))


def marks(ages_ms: list[int], offset_ms: float | None) -> list[int]:
    """What readings so old at their receipt are marked with."""
    records = [record for age_ms in ages_ms for record in rig(at_ms=NOW_MS - age_ms)]
    content = check(Agent().incoming(records), clock_offset_ms=offset_ms).content
    return content.values["quality"].tolist()


def test_the_backlog_of_an_outage_is_no_skew():
    assert marks([HOUR_MS, 24 * HOUR_MS, 0], 120.0) == [0, 0, 0]


@given(st.lists(st.integers(-HOUR_MS, 30 * HOUR_MS), min_size=1, max_size=20), offsets)
def test_each_reading_is_marked_by_its_clock_and_by_the_future_only(ages_ms, offset_ms):
    off_ms = abs(offset_ms or 0)
    for age_ms, mark in zip(ages_ms, marks(ages_ms, offset_ms), strict=True):
        assert bool(mark & CLOCK) == (off_ms > 2_000 or -age_ms > 2_000)
        assert bool(mark & HELD) == (off_ms > 300_000 or -age_ms > 60_000)


@given(offsets)
def test_what_is_near_is_shown_as_it_came(offset_ms):
    assert (
        correction_ms(offset_ms)
        == (round(offset_ms) if offset_ms is not None and abs(offset_ms) > 30_000.5 else 0)
        or abs(abs(offset_ms) - 30_000) < 1
    )


def test_what_is_held_is_left_out_and_the_rest_is_put_right():
    given_rows = rows(readings.RIG, [1, 2, 3], [10, 20, 30], quality=[0, HELD | CLOCK, CLOCK])
    used = quality.usable(given_rows)
    assert used.at_ms.tolist() == [10, 30]
    assert used.keys["device_id"].tolist() == [1, 3]
    shifted = quality.usable(
        readings.Rows(
            **{name: getattr(given_rows, name) for name in readings.Rows.__dataclass_fields__}
            | {"offset_ms": np.array([40_000, 40_000, 0])}
        )
    )
    assert shifted.at_ms.tolist() == [10 - 40_000, 30]
    everything = rows(readings.RIG, [1], [10], quality=[HELD])
    assert quality.usable(everything) is None


def test_an_agent_may_not_say_what_the_hub_decides():
    unfit = check(Agent().incoming(rig(quality=Quality.HELD)))
    assert "without a meaning" in unfit.reason
