"""What a record tells the people on the site: its figures, and whether the device is there."""

import pytest

from lode_edge.publish.figures import Figure, point, said
from lode_wire.records import (
    CommandState,
    MeterReading,
    PointReading,
    Quality,
    RigReading,
    Stage,
    State,
)


@pytest.mark.parametrize("state", State)
def test_a_rig_is_there_unless_it_cannot_be_reached(state: State) -> None:
    found = said(RigReading(at_ms=5, rig=3, state=state, power_w=0.0))
    assert found is not None
    assert (found.number, found.at_ms) == (3, 5)
    assert found.is_there is (state is not State.UNREACHABLE)
    values = {figure.name: value for figure, value in found.values.items()}
    assert values["state"] == state.name.lower()
    assert values["power_w"] == 0.0  # zero is a figure,
    assert values["hashrate_ths"] is None  # and missing is missing
    assert len(values) == 13


@pytest.mark.parametrize(
    ("power_w", "quality", "is_there"),
    [
        (1000.0, Quality.GOOD, True),
        (None, Quality.TIMED_OUT, False),
        (None, Quality.REFUSED, False),
        (None, Quality.BAD_ANSWER, True),  # something answers there
        (None, Quality.OUT_OF_RANGE, True),
        (1000.0, Quality.TIMED_OUT, True),  # a part of it did not come
        (0.0, Quality.TIMED_OUT, True),
        (None, Quality.TIMED_OUT | Quality.PARTIAL, False),
    ],
)
def test_a_meter_is_away_only_when_nothing_of_it_came(
    power_w: float | None, quality: Quality, is_there: bool
) -> None:
    found = said(MeterReading(at_ms=1, meter=2, power_w=power_w, quality=int(quality)))
    assert found is not None
    assert found.is_there is is_there


@pytest.mark.parametrize(
    ("value", "quality", "is_there"),
    [
        (21.5, Quality.GOOD, True),
        (None, Quality.TIMED_OUT, False),
        (None, Quality.OUT_OF_RANGE, None),  # of the device, this tells nothing
        (None, Quality.GOOD, None),
    ],
)
def test_one_point_without_a_value_does_not_make_its_device_away(
    value: float | None, quality: Quality, is_there: bool | None
) -> None:
    record = PointReading(
        at_ms=1, device=4, point="inlet", value=value, unit="°C", quality=int(quality)
    )
    found = said(record)
    assert found is not None
    assert found.is_there is is_there
    assert found.values == {Figure("inlet", "°C", sort="temperature"): value}


@pytest.mark.parametrize(
    ("unit", "sort", "is_counter"),
    [
        ("W", "power", False),
        ("kWh", "energy", True),
        ("°C", "temperature", False),
        ("VA", "apparent_power", False),
        ("TH/s", "", False),
        ("", "", False),
    ],
)
def test_a_points_unit_says_what_sort_it_is(unit: str, sort: str, is_counter: bool) -> None:
    assert point("x", unit) == Figure("x", unit, sort=sort, is_counter=is_counter)


def test_what_is_no_reading_is_not_published() -> None:
    assert said(CommandState(at_ms=1, id="c", sequence=1, stage=Stage.ACCEPTED)) is None
