"""What a rig's figures prove, and what of them cannot be: the limits, the state, the parts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.meter import LIMITS, reading
from lode_wire.records import PowerSource, Quality, State

ANY = st.none() | st.floats(allow_nan=True, allow_infinity=True, width=64)
BOARDS = st.lists(
    st.builds(Board, temp_c=ANY, chip_temp_c=ANY, hashrate_ths=ANY, chips=ANY), max_size=5
)
FIGURES = st.builds(
    Figures,
    hashrate_ths=ANY,
    power_w=ANY,
    inlet_temp_c=ANY,
    board_temp_c=ANY,
    chip_temp_c=ANY,
    boards_alive=ANY,
    boards=BOARDS,
    fans_rpm=st.lists(ANY, max_size=5),
    accepted=ANY,
    rejected=ANY,
    uptime_s=ANY,
    ideal_ths=ANY,
    is_asleep=st.booleans(),
    is_tuning=st.booleans(),
    is_faulted=st.booleans(),
)


@pytest.mark.parametrize(
    ("figures", "state"),
    [
        (Figures(), State.UNKNOWN),
        (Figures(hashrate_ths=0.0), State.UNKNOWN),  # no hashrate proves no sleep
        (Figures(hashrate_ths=100.0), State.MINING),
        (Figures(hashrate_ths=100.0, is_asleep=True), State.SLEEPING),
        (Figures(hashrate_ths=100.0, is_tuning=True), State.TUNING),
        (Figures(hashrate_ths=100.0, is_faulted=True), State.FAULTED),
        (Figures(is_tuning=True, is_faulted=True), State.TUNING),
        (Figures(is_asleep=True, is_faulted=True), State.SLEEPING),
        (Figures(hashrate_ths=1e9), State.UNKNOWN),  # a sum that cannot be proves nothing
        (Figures(hashrate_ths=-1.0), State.UNKNOWN),
        (Figures(hashrate_ths=math.nan), State.UNKNOWN),
        # The boards stand in where the rig gives no sum, or none that can be.
        (Figures(boards=[Board(hashrate_ths=30.0), Board()]), State.MINING),
        (Figures(hashrate_ths=1e9, boards=[Board(hashrate_ths=30.0)]), State.MINING),
        (Figures(boards=[Board(hashrate_ths=0.0)]), State.UNKNOWN),
        # A sum of nothing stands above boards that still tell their last rate.
        (Figures(hashrate_ths=0.0, boards=[Board(hashrate_ths=30.0)]), State.UNKNOWN),
    ],
)
def test_the_state_is_what_the_figures_prove(figures: Figures, state: State) -> None:
    assert figures.state is state
    assert figures.reading(1, 0).state is state


@pytest.mark.parametrize(
    ("figures", "makes_nothing"),
    [
        (Figures(hashrate_ths=0.0), True),
        (Figures(boards=[Board(hashrate_ths=0.0), Board(hashrate_ths=0.0)]), True),
        (Figures(hashrate_ths=0.0, boards=[Board(hashrate_ths=30.0)]), True),
        (Figures(), False),
        (Figures(hashrate_ths=100.0), False),
        (Figures(hashrate_ths=math.nan), False),
        (Figures(boards=[Board(hashrate_ths=0.0), Board()]), False),  # unknown is not zero
    ],
)
def test_only_known_rates_show_that_a_rig_makes_nothing(
    figures: Figures, makes_nothing: bool
) -> None:
    assert figures.makes_nothing is makes_nothing


@pytest.mark.parametrize(
    ("figures", "is_empty"),
    [
        (Figures(), True),
        (Figures(boards=[Board(), Board()]), True),
        (Figures(fans_rpm=[None, None]), True),
        (Figures(fans_rpm=[0.0]), False),
        (Figures(boards=[Board(), Board(temp_c=40.0)]), False),
        (Figures(power_w=0.0), False),  # zero is a figure
        (Figures(is_asleep=True), False),
        (Figures(ideal_ths=100.0), True),  # a name plate is no measurement
    ],
)
def test_no_figure_at_all_is_no_answer(figures: Figures, is_empty: bool) -> None:
    assert figures.is_empty is is_empty


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("hashrate_ths", 0.0, 3000.0),
        ("power_w", 0.0, 25_000.0),
        ("inlet_temp_c", -40.0, 90.0),
        ("board_temp_c", -40.0, 150.0),
        ("chip_temp_c", -40.0, 150.0),
    ],
)
def test_what_a_rig_cannot_be_is_missing_and_flagged(name: str, least: float, most: float) -> None:
    for value in (least, most, (least + most) / 2):
        found = Figures(**{name: value}).reading(1, 0)
        assert (getattr(found, name), found.quality) == (value, Quality.GOOD)
    for value in (math.nextafter(least, -1e9), math.nextafter(most, 1e9), math.inf, math.nan):
        found = Figures(**{name: value}).reading(1, 0)
        assert (getattr(found, name), found.quality) == (None, Quality.OUT_OF_RANGE)


def test_the_hottest_counts_and_the_slowest_fan_and_one_bad_sensor_takes_no_other_with_it() -> None:
    figures = Figures(
        power_w=3250.0,
        chip_temp_c=70.0,
        boards=[
            Board(temp_c=60.0, chip_temp_c=300.0, hashrate_ths=33.0, chips=76),
            Board(temp_c=64.0, chip_temp_c=84.0, hashrate_ths=0.0, chips=0),
            Board(),
        ],
        fans_rpm=[6000.0, 0.0, None, 5800.0],
    )
    found = figures.reading(7, 5, Quality.REPAIRED)
    assert (found.rig, found.at_ms) == (7, 5)
    assert (found.board_temp_c, found.chip_temp_c) == (64.0, 84.0)
    assert (found.fan_rpm, found.fans_alive) == (0.0, 3 - 1)
    assert (found.boards_alive, found.chips_alive) == (1, 76)
    assert found.power_source is PowerSource.RIG
    assert found.quality == Quality.REPAIRED | Quality.OUT_OF_RANGE


def test_what_is_not_known_is_missing_and_never_zero() -> None:
    found = Figures(hashrate_ths=100.0).reading(1, 0)
    assert found.power_source is PowerSource.NONE
    for name in ("power_w", "chip_temp_c", "board_temp_c", "inlet_temp_c", "fan_rpm", "uptime_s"):
        assert getattr(found, name) is None
    for name in ("fans_alive", "boards_alive", "chips_alive", "accepted_shares"):
        assert getattr(found, name) is None


def test_parts_keep_their_places_when_one_before_them_says_nothing() -> None:
    boards = [Board(), Board(temp_c=61.0), Board(temp_c=999.0, chips=76)]
    figures = Figures(boards=boards, fans_rpm=[None, 6000.0], ideal_ths=110.0)
    found = {point.point: (point.value, point.quality) for point in figures.points(3, 9)}
    assert found == {
        "board.2.temp": (61.0, Quality.GOOD),
        "board.3.temp": (None, Quality.OUT_OF_RANGE),
        "board.3.chips": (76, Quality.GOOD),  # its own flag, not its neighbour's
        "fan.2": (6000.0, Quality.GOOD),
        "hashrate.ideal": (110.0, Quality.GOOD),
    }


@given(FIGURES)
def test_whatever_a_rig_says_the_records_are_finite_and_within_limits(figures: Figures) -> None:
    found = figures.reading(1, 0)
    assert found.power_w is None or 0 <= found.power_w <= 25_000
    assert found.hashrate_ths is None or 0 <= found.hashrate_ths <= 3000
    assert found.chip_temp_c is None or -40 <= found.chip_temp_c <= 150
    assert found.fans_alive is None or 0 <= found.fans_alive <= len(figures.fans_rpm)
    assert found.chips_alive is None or 0 <= found.chips_alive <= 20_000 * len(figures.boards)
    for point in figures.points(1, 0):
        assert point.value is None or math.isfinite(point.value)
        assert (point.value is None) == bool(point.quality & Quality.OUT_OF_RANGE)


@given(st.dictionaries(st.sampled_from([*LIMITS, "thd"]), ANY))
def test_a_meters_figure_is_as_it_was_said_or_missing_and_flagged(
    found: dict[str, float | None],
) -> None:
    record = reading(2, 0, found, Quality.GOOD)
    is_flagged = False
    for name, (least, most) in LIMITS.items():
        said, kept = found.get(name), getattr(record, name)
        can_be = said is not None and least <= said <= most
        assert kept == (said if can_be else None)
        is_flagged |= said is not None and not can_be
    assert record.quality == (Quality.OUT_OF_RANGE if is_flagged else Quality.GOOD)
