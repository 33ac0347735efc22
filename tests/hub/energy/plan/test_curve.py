"""What a mode earns, where it breaks even, and which modes are worth having."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.energy.nouns import Mode, RigClass
from lode_hub.energy.plan.curve import break_even_usd_mwh, curve, marginal_j_th, profit_usd_h

TERMS = {"hashprice_usd_phd": 45.0, "fee_ratio": 0.01, "pue": 1.05}


def rigs(*modes: tuple[float, float], sleep_w: float = 0.0) -> RigClass:
    return RigClass(
        name="any", count=1, feeder="a", sleep_w=sleep_w,
        modes=tuple(Mode(name=f"{w:g}", power_w=w, hashrate_ths=h) for w, h in modes),
    )  # fmt: skip


@pytest.mark.parametrize(("j_th", "usd_mwh"), [(17.5, 101.0), (30.0, 58.9)])
def test_break_even_is_that_of_the_field(j_th, usd_mwh):
    assert break_even_usd_mwh(j_th, adder_usd_mwh=0.0, **TERMS) == pytest.approx(usd_mwh, abs=0.1)
    with_adder = break_even_usd_mwh(j_th, adder_usd_mwh=6.0, **TERMS)
    assert with_adder == pytest.approx(usd_mwh - 6.0, abs=0.1)


@given(power_w=st.floats(500, 9000), ths=st.floats(20, 500))
def test_a_mode_earns_nothing_at_its_break_even(power_w, ths):
    mode = Mode(name="m", power_w=power_w, hashrate_ths=ths)
    price = break_even_usd_mwh(power_w / ths, adder_usd_mwh=0.0, **TERMS)
    earned = profit_usd_h(mode, price_usd_mwh=price, **TERMS)
    assert earned == pytest.approx(0.0, abs=1e-9)
    assert profit_usd_h(mode, price_usd_mwh=price - 1, **TERMS) > 0


def test_steps_begin_asleep_and_cost_ever_more_a_hash():
    kind = rigs((3500, 200), (2000, 130), (4600, 232), sleep_w=20)
    steps = curve(kind)
    assert steps.mode.tolist() == [1, 0, 2]
    assert steps.step_w.tolist() == [1980, 1500, 1100]
    assert steps.step_ths.tolist() == [130, 70, 32]
    assert marginal_j_th(kind) == pytest.approx([1980 / 130, 1500 / 70, 1100 / 32])


def test_modes_that_a_mix_beats_are_left_out():
    kind = rigs((1000, 60), (2000, 90), (3000, 180), (3100, 170))
    assert curve(kind).mode.tolist() == [0, 2]


@given(
    st.lists(
        st.tuples(st.integers(100, 9000), st.integers(1, 500)),
        min_size=1, max_size=25, unique_by=lambda mode: mode[0],
    )
)  # fmt: skip
def test_the_curve_rises_and_bends_one_way_from_the_lowest_to_the_most(modes):
    kind = rigs(*modes)
    steps = curve(kind)
    assert (steps.step_w > 0).all()
    assert (steps.step_ths > 0).all()
    above = steps.step_ths[1:] / steps.step_w[1:]
    assert (np.diff(above) < 1e-12).all()
    assert kind.modes[steps.mode[0]].power_w == min(w for w, _ in modes)
    assert kind.modes[steps.mode[-1]].hashrate_ths == kind.full.hashrate_ths
