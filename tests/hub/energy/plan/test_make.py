"""The plan: what it earns, and every limit kept by every single rig."""

from dataclasses import replace

import numpy as np
import pytest

from lode_hub.energy.nouns import (
    Commitment,
    DemandCharge,
    Feeder,
    Mode,
    Part,
    RigClass,
    Site,
    Standing,
)
from lode_hub.energy.plan import whole
from lode_hub.energy.plan.alike import alike
from lode_hub.energy.plan.earnings import earnings
from lode_hub.energy.plan.make import make
from lode_hub.energy.plan.relax import relax
from tests.hub.energy.plan.cases import Case, broken, market, random_case, rested

LOW = Mode(name="low", power_w=2000.0, hashrate_ths=130.0)
HIGH = Mode(name="high", power_w=3500.0, hashrate_ths=200.0)


def site(count=1000, **given) -> Site:
    """One class on one feeder, with nothing in its way."""
    ours = {name: given.pop(name) for name in list(given) if name in RigClass.__slots__}
    kind = RigClass(**({"name": "s21", "count": count, "modes": (LOW, HIGH), "feeder": "a"} | ours))
    line = Feeder(name="a", limit_w=1e9, ramp_kw_min=given.pop("feeder_ramp", None))
    usual = {"name": "one", "classes": (kind,), "feeders": (line,), "limit_w": 1e9, "step_s": 3600}
    return Site(**(usual | given))


def counts(plan) -> list[list[int]]:
    return plan.rigs[0].tolist()


def test_throttles_before_it_sleeps():
    # Break-even at 50 $/PH/day: high over low 97, low 135, high alone 119 $/MWh.
    plan = make(site(), market([90, 110, 125, 150]), rested(site(), 1))
    assert counts(plan) == [[0, 1000, 1000, 0], [1000, 0, 0, 0]]


def test_a_start_is_made_only_when_it_pays():
    dear, cheap = site(start_cost_usd=1.0), site(start_cost_usd=0.01)
    told = market([150, 130, 150])
    assert make(dear, told, rested(dear, -1)).starts.sum() == 0
    assert make(cheap, told, rested(cheap, -1)).starts.tolist() == [[0, 1000, 0]]


def test_a_warm_up_costs_hash_and_draws_power():
    warm = site(warm_up_s=1800.0)
    plan = make(warm, market([50, 50]), rested(warm, -1))
    assert plan.power_w.tolist() == [3.5e6, 3.5e6]
    assert plan.hashrate_ths.tolist() == [100_000.0, 200_000.0]
    assert make(warm, market([115]), rested(warm, -1)).starts.sum() == 0


def test_stays_awake_through_a_short_dear_spell():
    careful = site(min_down_s=4 * 3600.0)
    plan = make(careful, market([20, 150, 20, 20, 20]), rested(careful, 1))
    assert counts(plan)[0] == [0, 1000, 0, 0, 0]
    assert plan.starts.sum() == 0


def test_a_cap_is_kept_at_the_meter():
    told = market([20, 20, 20], pue=np.full(3, 1.25), cap_w=np.array([np.inf, 2e6, np.inf]))
    plan = make(site(), told, rested(site(), 1))
    assert (plan.power_w * 1.25 <= [1e9, 2e6, 1e9]).all()
    assert plan.power_w[1] * 1.25 > 2e6 - 2 * 3500 * 1.25
    assert not plan.reasons


def test_a_ramp_is_begun_before_the_cap():
    slow = site(ramp_kw_min=10.0)
    told = market([20] * 6, cap_w=np.array([np.inf] * 4 + [2.0e6] * 2))
    plan = make(slow, told, rested(slow, 1))
    assert (np.abs(np.diff(plan.power_w)) <= 600_000.01).all()
    assert plan.power_w[4] <= 2.0e6
    assert not plan.reasons


def test_what_cannot_be_kept_is_told_and_the_cap_comes_first():
    slow = site(ramp_kw_min=1.0, min_up_s=7200.0, modes=(HIGH,))
    just_started = (
        Standing(mode=np.zeros(1000, int), since_s=np.zeros(1000), starts=np.ones(1000, int)),
    )
    plan = make(slow, market([20, 20], cap_w=np.full(2, 1e6)), just_started)
    assert (plan.power_w <= 1e6).all()
    assert {(reason.kind, reason.period) for reason in plan.reasons} == {("ramp", 0), ("min_up", 0)}
    (early,) = (reason for reason in plan.reasons if reason.kind == "min_up")
    assert (early.where, early.amount, early.unit) == ("class s21", 715.0, "rigs")


@pytest.mark.parametrize(
    ("kind", "given", "most_w"),
    [
        ("reduce_to", {"watts": 1.5e6}, 1.5e6),
        ("reduce_by", {"watts": 2e6, "baseline_w": 3.5e6}, 1.5e6),
        ("all", {}, 10_000.0),
    ],
)
def test_a_commitment_is_kept_when_breaking_it_costs_more(kind, given, most_w):
    here = site(sleep_w=10.0)
    counts_ = np.array([False, True, False])

    def planned(penalty):
        call = Commitment(name="call", kind=kind, counts=counts_, penalty_usd_mwh=penalty, **given)
        return make(here, market([20] * 3, commitments=(call,)), rested(here, 1))

    kept, missed = planned(1000.0), planned(1.0)
    assert most_w - 3500 < kept.power_w[1] <= most_w + 0.01
    assert not kept.reasons
    assert missed.power_w[1] == 3.5e6
    (reason,) = missed.reasons
    assert (reason.kind, reason.where, reason.period) == ("commitment", "call", 1)
    assert reason.amount == pytest.approx((3.5e6 - most_w) / 1000)


def test_a_demand_charge_holds_the_peak_where_it_was():
    charge = DemandCharge(name="4CP", usd_kw=50.0, counts=np.array([False, True]), peak_w=2.0e6)
    plan = make(site(), market([20, 20], demand_charges=(charge,)), rested(site(), 1))
    assert plan.power_w.tolist() == [3.5e6, 2.0e6]
    assert plan.objective_usd == pytest.approx(plan.bound_usd)


def test_starts_a_day_are_counted_by_the_rig():
    twice = site(count=10, starts_per_day=1, modes=(HIGH,))
    used = (Standing(mode=np.full(10, -1), since_s=np.full(10, np.inf), starts=np.arange(10) % 2),)
    plan = make(twice, market([10, 300, 20, 20], day=np.array([0, 0, 0, 1])), used)
    assert counts(plan) == [[5, 0, 0, 10]]


@pytest.fixture
def hasty(monkeypatch):
    """Whole rigs as far as they are found at once; limits are to be kept however far that is."""
    monkeypatch.setattr(whole, "DEADLINE_S", 0.1)


@pytest.fixture
def patient(monkeypatch):
    """Time enough for whole rigs on a machine that is busy with other tests."""
    monkeypatch.setattr(whole, "DEADLINE_S", 60.0)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("seed", range(40))
def test_no_rig_breaks_a_limit(seed):
    _holds(random_case(seed), seed)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("seed", [2, 3, 4, 5, 8, 10, 14, 17])
def test_no_part_of_a_site_draws_more_than_it_bears(seed):
    given, told, standings = random_case(seed, most=20)
    chance = np.random.default_rng(seed)
    names = [feeder.name for feeder in given.feeders]
    whole_w = {
        name: sum(kind.count * kind.full.power_w for kind in given.classes if kind.feeder == name)
        for name in names
    }
    parts = tuple(
        Part(
            name=f"agent {n}",
            feeders=tuple(inside),
            limit_w=sum(whole_w[name] for name in inside) * chance.uniform(0.4, 0.9),
        )
        for n, inside in enumerate((names[:2], names[-1:]))
    )
    held = replace(given, parts=parts)
    free = broken((held, told, standings), make(given, told, standings))
    assert any("agent" in where for where in free.get("cap", ()))  # they bind
    _holds((held, told, standings), seed)


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("most", [6, 60])
def test_no_rig_breaks_a_limit_in_many_cases(most):
    for seed in range(1000, 1300):
        _holds(random_case(seed, most=most), seed)


def _holds(case: Case, seed: int) -> None:
    plan = make(*case)
    found = broken(case, plan)
    bound = relax(*case)  # a cap below what may not stop yet, or that no ramp reaches in time
    lost = {"cap", "ramp"} & {reason.kind for reason in bound.reasons}
    can_be_kept = not (lost or bound.free_min_up)
    assert not (found and can_be_kept), f"case {seed}: {found}"
    assert found.keys() <= {reason.kind for reason in plan.reasons}, f"case {seed}: untold"
    if can_be_kept:
        assert plan.objective_usd <= plan.bound_usd + 1e-6 * abs(plan.bound_usd) + 1e-6


def test_who_has_no_start_left_is_put_to_sleep_only_when_that_pays_for_the_day():
    # Ten starts are left, but they are of five rigs: the others would not be back.
    twice = site(count=10, starts_per_day=2, modes=(HIGH,))
    used = (
        Standing(mode=np.zeros(10, int), since_s=np.full(10, 9e9), starts=np.arange(10) % 2 * 2),
    )
    plan = make(twice, market([20, 200, 20, 20], day=np.zeros(4, int)), used)
    assert counts(plan) == [[10, 5, 10, 10]]
    assert plan.objective_usd == pytest.approx(plan.bound_usd)
    dear = make(twice, market([20, 200, 150, 150], day=np.zeros(4, int)), used)
    assert counts(dear) == [[10, 0, 0, 0]]


@pytest.mark.parametrize(
    ("classes", "left"), [(20, [0, 1, 2, 3, 4]), (33, [0, 1, 2]), (50, [0, 1])]
)
def test_the_more_classes_the_fewer_parts(classes, left):
    one = site(count=10, starts_per_day=9)
    many = replace(one, classes=one.classes * classes)
    used = Standing(mode=np.zeros(10, int), since_s=np.full(10, np.inf), starts=np.arange(10))
    parts = alike(many, (used,) * classes)
    assert np.bincount(parts.of).tolist() == [len(left)] * classes
    most = [9 - int(rigs.starts.min()) for rigs in parts.standings[: len(left)]]
    assert most == [*left[:-1], 9]
    assert sum(kind.count for kind in parts.site.classes) == 10 * classes


BEST = {1: 50.19}
"""What whole rigs can earn at most in a case that earns next to nothing: 1.5 % of its turnover.

An integer programme over all of it says so, not only near its bound; that is 0.18 % below it.
"""


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), 2, 3, 4, 5])
def test_earns_what_the_bound_allows(seed):
    case = random_case(seed, most=2000)
    plan = make(*case)
    assert sum(kind.count for kind in case[0].classes) >= 1000
    turnover = float(earnings(case[0], case[1], plan.rigs, plan.starts).revenue_usd.sum())
    assert plan.objective_usd >= plan.bound_usd - 0.001 * turnover
    best_usd = BEST.get(seed, plan.bound_usd)
    assert plan.objective_usd >= best_usd - 0.001 * (abs(best_usd) + 1)
