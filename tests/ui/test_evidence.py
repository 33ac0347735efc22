"""Evidence in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_ui.evidence import LONGEST, readable
from lode_ui.figures import MISSING


@pytest.mark.parametrize(
    ("key", "value", "name", "shown"),
    [
        ("chip_temp_c", 92.4, "Chip temp", "92.4 °C"),
        ("temp_c", 92.4, "Temp", "92.4 °C"),
        ("limit_c", 90.0, "Limit", "90.0 °C"),
        ("hashrate_ths", 66.2, "Hashrate", "66.20 TH/s"),
        ("expected_ths", 104, "Expected", "104 TH/s"),
        ("power_w", 3247.0, "Power", "3.247 kW"),
        ("limit_ratio", 0.8, "Limit", "80.0 %"),
        ("ratio", 0.637, "Ratio", "63.7 %"),
        ("silent_s", 184, "Silent", "3 min 4 s"),
        ("clock_offset_ms", 2310.0, "Clock offset", "2.3 s"),
        ("last_at_ms", 1_700_000_000_000, "Last at", "2023-11-14 22:13:20 UTC"),
        ("fan_rpm", None, "Fan", MISSING),
        ("rated_boards", 3, "Rated boards", "3"),
        ("is_stuck", True, "Is stuck", "yes"),
        ("since_ms", 1_700_000_000_000, "Since", "2023-11-14 22:13:20 UTC"),
        ("quality", ["timed_out", "late"], "Quality", "timed out, late"),
        ("parts", [1, {"a": None}], "Parts", '[1, {"a": null}]'),
        ("sensor", "chip", "Sensor", "chip"),
        ("", "x", MISSING, "x"),
    ],
)
def test_a_suffix_gives_the_unit(key, value, name, shown):
    ((told, text),) = readable({key: value})
    assert told == name
    assert text.replace("\N{NO-BREAK SPACE}", " ") == shown


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**30), 10**30) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text() | st.sampled_from(["at_ms", "x_s", "x_w", "x_ms"]), ANYTHING))
def test_whatever_the_evidence_is_it_can_be_read(evidence):
    told = readable(evidence)
    assert len(told) == len(evidence)
    assert all(len(name) <= LONGEST and len(text) <= LONGEST for name, text in told)
