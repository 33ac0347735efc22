"""Which past is drawn for which alert, and what it is held against."""

import pytest

from lode_ui.evidence_chart import charted
from tests.ui import made
from tests.ui.made_alarms import HEAT, PEERS


@pytest.mark.parametrize(
    ("evidence", "metric", "levels"),
    [
        (HEAT, "chip_temp_c", [("limit", 90.0)]),
        ({"metric": "inlet_temp_c", "limit": 35, "clear_at": 33}, "inlet_temp_c",
         [("limit", 35.0), ("ends at", 33.0)]),
        ({"hashrate_ths": 60.0, "expected_ths": 100.0, "limit_ratio": 0.85}, "hashrate_ths",
         [("expected", 100.0), ("limit", 85.0)]),
        ({"hashrate_ths": 60.0, "expected_ths": None, "limit_ratio": 0.85}, "hashrate_ths", []),
        (PEERS, "hashrate_ths", [("its own level", 104.3), ("its peers", 103.8)]),
        ({"fan_rpm_rpm": {"value": 1, "own_level": 5800, "peer_median": None}}, "fan_rpm",
         [("its own level", 5800.0)]),
        ({"silent_s": 40}, "chip_temp_c", []),  # by its cause, heat
    ],
)  # fmt: skip
def test_a_rigs_metric_and_levels(evidence, metric, levels):
    shown = charted(made.alert(1, evidence=evidence))
    assert shown is not None
    assert (shown.metric, shown.device_id) == (metric, 17)
    assert [(level.name, level.value) for level in shown.levels] == levels


@pytest.mark.parametrize(
    ("cause", "metric"),
    [("pool", "hashrate_ths"), ("power", "meter_power_w"), ("link", "hashrate_ths")],
)
def test_what_is_of_a_site_is_drawn_for_the_site(cause, metric):
    shown = charted(made.alert(1, device_id=None, cause=cause, evidence={}))
    assert shown is not None
    assert (shown.metric, shown.device_id) == (metric, None)


@pytest.mark.parametrize(
    "values",
    [
        {"device_id": None, "cause": "quality"},
        {"device_id": None, "site": None, "cause": "link"},
        {"evidence": {"metric": "no_such"}},
        {"evidence": {}, "cause": "money"},
    ],
)
def test_without_a_past_nothing_is_drawn(values):
    assert charted(made.alert(1, **values)) is None


def test_levels_are_in_the_scale_of_the_chart():
    shown = charted(made.alert(1, evidence={"metric": "power_w", "limit": 3500.0}))
    assert shown is not None
    scale = shown.scale(made.series("power_w", "hour", 3068.0))
    (limit,) = shown.limits(scale)
    assert (limit.name, limit.value) == ("limit 3.5 kW", 3.5)
