"""Features: golden rigs, missing values, and properties over all floats."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lode_models import features
from lode_wire.columns import F32, I16, I64, U32


def f4(*values: float) -> features.Floats:
    return np.array(values, np.float32)


def test_a_healthy_s19_is_what_its_sheet_says() -> None:
    seen = features.rig_features(
        {
            "power_w": f4(3250.0),
            "hashrate_ths": f4(110.0),
            "chip_temp_c": f4(75.0),
            "board_temp_c": f4(60.0),
            "accepted_shares": np.array([990], np.int64),
            "rejected_shares": np.array([10], np.int64),
            "boards_alive": np.array([2], np.int16),
        },
        {
            "rated_hashrate_ths": f4(110.0),
            "chip_temp_max_c": f4(95.0),
            "board_temp_max_c": f4(80.0),
            "rated_boards": f4(3.0),
        },
    )
    assert seen.efficiency_jth[0] == pytest.approx(29.545, abs=0.001)
    assert seen.hash_ratio[0] == 1.0
    assert (seen.chip_margin_c[0], seen.board_margin_c[0]) == (20.0, 20.0)
    assert seen.reject_ratio[0] == pytest.approx(0.01)
    assert seen.board_ratio[0] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("power_w", "hashrate_ths"),
    [(math.nan, 100.0), (3000.0, math.nan), (3000.0, 0.0), (3000.0, -1.0), (-5.0, 100.0)],
)
def test_an_efficiency_that_cannot_be_said_is_nan(power_w: float, hashrate_ths: float) -> None:
    assert math.isnan(features.efficiency_jth(f4(power_w), f4(hashrate_ths))[0])


def test_a_rig_that_makes_nothing_has_ratio_zero_not_nan() -> None:
    assert features.hash_ratio(f4(0.0), f4(100.0))[0] == 0.0


def test_missing_integers_become_nan_as_the_wire_writes_them() -> None:
    assert F32.__metadata__[0].code == "f4"
    for kind in (I16, I64, U32):
        scalar = kind.__metadata__[0]
        column = np.array([scalar.missing, 7], scalar.code)
        assert math.isnan(features.floats(column)[0])
        assert features.floats(column)[1] == 7.0


def test_share_counters_beyond_float32_keep_their_ratio() -> None:
    accepted, rejected = np.array([2**40], np.int64), np.array([2**30], np.int64)
    assert features.reject_ratio(accepted, rejected)[0] == pytest.approx(1 / 1025)


def test_no_share_yet_is_no_ratio() -> None:
    zero = np.array([0], np.int64)
    assert math.isnan(features.reject_ratio(zero, zero)[0])


any_floats = hnp.arrays(np.float32, 5, elements=st.floats(width=32))


@given(any_floats, any_floats)
def test_no_input_gives_infinity_or_a_negative_ratio(
    a: features.Floats, b: features.Floats
) -> None:
    for feature in (features.efficiency_jth(a, b), features.hash_ratio(a, b)):
        assert feature.dtype == np.float32
        assert not np.isinf(feature).any()
        assert not (feature < 0).any()


@given(any_floats, any_floats)
def test_rows_do_not_see_each_other(a: features.Floats, b: features.Floats) -> None:
    whole = features.hash_ratio(a, b)
    single = np.concatenate([features.hash_ratio(a[i : i + 1], b[i : i + 1]) for i in range(5)])
    np.testing.assert_array_equal(whole, single)
