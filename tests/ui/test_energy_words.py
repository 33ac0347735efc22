"""Money, prices, calls, sources and spans as words; what is not known is never nothing."""

import math
from dataclasses import replace

import pytest

from lode_hub.energy.live.nouns import PlanPeriod
from lode_hub.queries.energy_nouns import HourRow, PriceSeries
from lode_hub.queries.planner import LoopRow
from lode_ui import energy_words as words
from lode_ui.figures import MINUS, MISSING, Scale
from lode_ui.widgets import energy_account, energy_planner, energy_price
from tests.ui import made_energy as made

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
NOON_MS = 1_700_049_600_000  # 2023-11-15 12:00 UTC


def plain(text: object) -> str:
    return str(text).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("usd", "digits", "shown"),
    [
        (None, 0, MISSING),
        (math.nan, 2, MISSING),
        (math.inf, 0, MISSING),
        (0.0, 0, "$0"),
        (-0.0, 2, "$0.00"),
        (-0.4, 0, "$0"),
        (-0.004, 2, "$0.00"),
        (-0.006, 2, f"{MINUS}$0.01"),
        (1_204_000.5, 0, "$1,204,000"),
        (-12.345, 2, f"{MINUS}$12.35"),
    ],
)
def test_money_has_its_sign_before_the_dollar_and_none_at_nothing(usd, digits, shown):
    assert words.money(usd, digits) == shown


@pytest.mark.parametrize(
    ("usd_mwh", "shown"),
    [
        (None, MISSING),
        (math.nan, MISSING),
        (0.0, "0.00 $/MWh"),
        (-0.001, "0.00 $/MWh"),
        (-38.5, f"{MINUS}38.50 $/MWh"),
        (9000.0, "9,000.00 $/MWh"),
    ],
)
def test_a_price_may_be_negative_or_missing(usd_mwh, shown):
    assert plain(words.price(usd_mwh)) == shown


@pytest.mark.parametrize(
    ("values", "figure", "remark"),
    [
        ({}, "51.40 $/PH/day", "from its source, 21 min ago"),
        ({"usd_th_day": None, "basis": "none", "age_s": None, "is_stale": True}, MISSING,
         "stale: not known: nothing is planned by it"),
        ({"basis": "last", "is_stale": True, "age_s": 90_000.0}, "51.40 $/PH/day",
         "stale: the last one known, held on to, 1 d 1 h ago"),
        ({"usd_th_day": 0.0, "basis": "assumed", "age_s": None}, "0.00 $/PH/day",
         "assumed, as the economics say"),
    ],
)  # fmt: skip
def test_a_hashprice_says_on_what_it_rests(values, figure, remark):
    found = made.hashprice(**values)
    assert plain(words.hashprice(found)) == figure
    assert plain(words.hashprice_remark(found)) == remark


@pytest.mark.parametrize(
    ("credit", "penalty", "said"),
    [
        (None, None, "pays nothing of its own, no penalty"),
        (0.0, 0.0, "pays nothing of its own, no penalty"),
        (100.0, 1000.0, "pays 100.00 $/MWh, missed 1,000.00 $/MWh"),
    ],
)
def test_a_call_says_what_it_pays(credit, penalty, said):
    assert plain(words.pays(credit, penalty)) == said


def test_a_call_that_holds_says_until_when_and_what_it_asks():
    holds = made.call(1, from_ms=NOON_MS, until_ms=NOON_MS + 90 * 60_000)
    assert plain(words.told(holds)) == (
        "The call of ERS-30 holds until 13:30 UTC: reduce by 40.00 kW."
    )
    test = replace(holds, is_test=True, reduce="all", power_kw=None)
    assert plain(words.told(test)) == (
        "The test call of ERS-30 holds until 13:30 UTC: reduce as far as possible."
    )
    over = replace(holds, until_ms=NOON_MS + 13 * HOUR_MS)  # ends on another day
    assert "until 2023-11-16 01:00 UTC" in words.told(over)


HEARD = {"is_polled": False, "is_heard": True}
FAILS = {"failures": 1, "trouble": "503", "failing_ms": NOON_MS - 720_000}


@pytest.mark.parametrize(
    ("values", "word", "why"),
    [
        ({}, "Fresh", ""),
        ({"refused": 1200}, "Fresh", "1,200 rows of the last answer could not be read"),
        (FAILS, "Failing", "1 failure in a row, for 12 min: 503"),
        ({**FAILS, "failures": 3}, "Failing", "3 failures in a row, for 12 min: 503"),
        ({**FAILS, **HEARD}, "Failing", "for 12 min: 503"),
        ({"reaches_ms": None}, "No value yet", "waits for its first poll"),
        ({"reaches_ms": None, "is_polled": False}, "No value yet", "upload a file"),
        ({**FAILS, "is_stale": True}, "Stale", "1 failure in a row, for 12 min: 503"),
        ({"is_stale": True}, "Stale", "poll brings nothing new"),
        ({"is_stale": True, "is_polled": False}, "Stale", "upload a newer file"),
        ({"reaches_ms": None, **HEARD}, "No value yet", "waits for its first message"),
        ({"is_stale": True, **HEARD}, "Stale", "its topic says nothing new"),
        (
            {"hole_ms": (NOON_MS, NOON_MS + HOUR_MS), "refused": 2},
            "Fresh",
            "2 rows of the last answer could not be read; nothing of 2023-11-15 12:00 to 13:00 UTC",
        ),
    ],
)
def test_a_source_says_how_it_fares_and_what_to_do(values, word, why):
    look, said = words.source(made.source("x", **values), NOON_MS)
    assert (look.word, plain(said)) == (word, why)


DEAF = {"is_deaf": True, "deaf_ms": NOON_MS - 90 * 60_000, "trouble": "503"}


@pytest.mark.parametrize(
    ("values", "word", "why"),
    [
        ({}, "Heard", ""),
        ({"ok_ms": None}, "Not heard yet", ""),
        ({"ways": ()}, "By hand", ""),
        (DEAF, "Deaf", "for 1 h 30 min: 503"),
        ({"trouble": "call 2: level 5", "bad": 1}, "Refused", "call 2: level 5"),
    ],
)
def test_a_programme_says_whether_its_calls_can_come(values, word, why):
    row = made.programme(**values)
    look, said = words.programme(row, NOON_MS)
    assert (look.word, plain(said)) == (word, why)
    told = "No call of ERS-30 can come, for 1 h 30 min: 503." if row.is_deaf else ""
    assert plain(words.deaf([row], NOON_MS)) == told


@pytest.mark.parametrize(
    ("reaches_ms", "said"),
    [
        (None, MISSING),
        (NOON_MS, "0 s ahead"),
        (NOON_MS + 5 * 60_000, "5 min ahead"),
        (NOON_MS + 31 * DAY_MS, "for good"),
        (NOON_MS - 30 * HOUR_MS, "ended 1 d 6 h ago"),
    ],
)
def test_a_source_says_how_far_its_values_reach(reaches_ms, said):
    assert plain(words.reaches(made.source("x", reaches_ms=reaches_ms), NOON_MS)) == said


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (1, "2023-11-15 12:00 to 13:00 UTC"),
        (12, "2023-11-15 12:00 to 2023-11-16 00:00 UTC"),
        (36, "2023-11-15 12:00 to 2023-11-17 00:00 UTC"),
    ],
)
def test_a_span_names_its_day_once(hours, said):
    assert words.span(NOON_MS, NOON_MS + hours * HOUR_MS) == said


def _hour(profit_usd: float | None) -> HourRow:
    return HourRow(from_ms=0, energy_kwh=None, power_usd=None, hashed_thh=None, hash_usd=None,
                   profit_usd=profit_usd)  # fmt: skip


@pytest.mark.parametrize(
    ("profits", "shown", "of"),
    [
        ([], MISSING, "no hour of the last day has counter, price and hashprice"),
        ([None, None], MISSING, "no hour of the last day has counter, price and hashprice"),
        ([-3.0, None, 1.0, None], f"{MINUS}$2", "of 2 hours; 2 are not known"),
        ([2.0, 1.0], "$3", "hash less power"),
    ],
)
def test_a_profit_adds_up_only_what_is_known(profits, shown, of):
    assert words.profit([_hour(usd) for usd in profits]) == (shown, of)


def test_what_curtailing_earned_leaves_out_days_and_what_is_long_over():
    now_ms = made.now_ms()
    event = made.account(1, until_ms=now_ms - HOUR_MS, body={"earned_usd": 4.0})
    stopped = replace(event, account_id=2, kind="curtailment", subject="c1")
    day = replace(event, account_id=3, kind="day", body={"earned_usd": 900.0, "profit_usd": 900.0})
    old = replace(event, account_id=4, subject="e0", until_ms=now_ms - 31 * DAY_MS)
    assert words.earned([event, stopped, day, old], now_ms) == (8.0, 2, 0)
    assert words.result(day) == 900.0
    assert words.result(replace(day, body={})) is None


def test_the_break_even_price_is_held_against_the_price_without_adders():
    assert words.less_adders(made.price()) == pytest.approx(298.0)
    assert words.less_adders(made.price(parts=())) == 312.0


def _series(known: list[float | None], step_s: float = 900.0, peaks: tuple[float, ...] = ()):
    begins = tuple(NOON_MS + n * round(step_s * 1000) for n in range(len(known)))
    none = (None,) * len(known)
    return PriceSeries(
        site="north", from_ms=begins, step_s=step_s, known_ms=None, usd_mwh=tuple(known),
        day_ahead_usd_mwh=none, real_time_usd_mwh=none,
        peaks_usd_mwh=peaks or (0.0,) * len(known),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("known", "now_step", "said"),
    [
        ([None] * 4, 2, ""),
        ([5.0, 5.0, None, None], 2, "No price is known from now on."),
        ([5.0, None, None, None], 2,
         "No price is known from now on; 15 min of the past day are missing."),
        ([5.0, 5.0, 5.0, None], 2, "Known for the next 15 min."),
        ([5.0, 5.0, 5.0, 5.0], 2, "Known for all of the next day."),
        ([5.0, 5.0, None, 5.0], 1,
         "Known for all of the next day, but for 15 min in between."),
        ([5.0, None, None, 5.0, None], 1,
         "Known for the next 45 min, but for 30 min in between."),
        ([None, 0.0, 0.0, None], 2,
         "Known for the next 15 min; 15 min of the past day are missing."),
    ],
)  # fmt: skip
def test_prices_say_how_far_they_reach_and_what_is_missing(known, now_step, said):
    found = energy_price.reach(_series(known), NOON_MS + now_step * 900_000)
    assert plain(found) == said


def test_marks_leave_out_cancelled_calls_and_join_a_peak_window():
    calls = [made.call(1), made.call(2, state="cancelled")]
    marks = energy_price.marks(calls, _series([1.0] * 5, peaks=(0.0, 3.6, 3.6, 0.0, 2.0)))
    windows = [(m.from_ms - NOON_MS, m.until_ms - NOON_MS) for m in marks if m.kind != "Call"]
    assert windows == [(900_000, 2_700_000), (3_600_000, 4_500_000)]
    assert [plain(m.name) for m in marks if m.kind == "Call"] == [
        "call of ERS-30: reduce by 40.00 kW"
    ]


def test_an_account_without_its_parts_shows_dashes_and_no_zero():
    facts = energy_account.event_facts({})
    assert {name for name, shown in facts.items() if "0" in shown} == set()
    assert (facts["Metered"], facts["Without a counter"]) == (MISSING, MISSING)
    assert facts["Kept"] == f"not known, {MISSING}"
    assert set(energy_account.bill_facts({}).values()) == {MISSING}
    assert all(usd is None for _, usd in energy_account.event_money({}))
    assert all(usd is None for _, usd in energy_account.bill_money({}))
    assert energy_account.energy_kwh(made.account(1, body={})) is None


def test_an_accounts_losses_count_against_it():
    body = {"penalty_usd": 8.0, "hash_lost_usd": 2.5, "earned_usd": -1.0, "missing_h": 1 / 3}
    money = dict(energy_account.event_money(body))
    assert (money["Penalty"], money["Hashing lost"], money["Earned"]) == (-8.0, -2.5, -1.0)
    assert plain(energy_account.event_facts(body)["Without a counter"]) == "0.33 h"
    assert dict(energy_account.bill_money({"usd": 148.2}))["Power"] == -148.2


LOOP = LoopRow(site="north", at_ms=1, is_active=True, measured_w=40_410.0, source="meters",
               setpoint_w=40_000.0, error_w=-410.0)  # fmt: skip


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({}, {"Off by": f"{MINUS}410 W (1.0 %)", "Disobeying": "none", "Setpoint": "40.00 kW"}),
        ({"error_w": None}, {"Off by": MISSING}),
        ({"setpoint_w": 0.0}, {"Off by": MISSING, "Setpoint": "0 W"}),
        ({"setpoint_w": None, "error_w": None}, {"Setpoint": "none", "Off by": MISSING}),
        ({"is_active": False, "setpoint_w": None, "measured_w": None},
         {"Setpoint": MISSING, "Disobeying": MISSING, "Measured": MISSING}),
        ({"disobeying": tuple("abcdefg")}, {"Disobeying": "a, b, c, d, e and 2 more"}),
    ],
)  # fmt: skip
def test_the_loop_tells_no_setpoint_from_an_unknown_one(values, shown):
    facts = energy_planner._facts(None, replace(LOOP, **values))
    assert {name: plain(facts[name]) for name in shown} == shown


def test_a_plan_of_unknown_profit_says_so():
    plan = made.plan()
    assert plain(energy_planner.profit(plan)) == "$41 in 24 h"
    assert energy_planner.profit(replace(plan, profit_usd=None)) == MISSING
    assert energy_planner.profit(replace(plan, periods=())) == MISSING
    many = replace(plan, notes=tuple(f"note {n}" for n in range(9)))
    assert energy_planner.warnings(many)[-1] == "and 4 more; the API has them all"


def _period(from_step: int, until_step: int, **values: object) -> PlanPeriod:
    shown: dict[str, object] = {"hashrate_ths": 1.0, "power_w": 2000.0, "price_usd_mwh": 60.0,
                                "cap_w": None, "rigs": {}, "setpoint_w": None} | values  # fmt: skip
    return PlanPeriod(from_ms=NOON_MS + from_step * 900_000,
                      until_ms=NOON_MS + until_step * 900_000, **shown)  # fmt: skip


def test_a_plans_lines_are_there_only_when_it_has_them():
    plan = replace(made.plan(), periods=(_period(0, 1), _period(1, 5, setpoint_w=500.0)))
    lines = {line.name: line for line in energy_planner.power_ahead(plan, Scale(1000.0, "kW"))}
    assert set(lines) == {"Plan", "Setpoint"}
    assert lines["Setpoint"].values == [None] * 3 + [0.5] * 12
    assert energy_planner.peak_w(plan) == 2000.0
    assert energy_planner.power_ahead(None, Scale(1.0, "W")) == []
    assert energy_planner.peak_w(None) is None


def test_a_forecast_is_drawn_only_where_the_market_has_not_spoken():
    plan = replace(made.plan(), periods=(_period(0, 2),))
    line = energy_planner.price_ahead(plan, _series([50.0, None]))
    assert line is not None
    assert line.values == [None] * 3 + [60.0] * 3


@pytest.mark.parametrize(
    ("quantity", "unit", "said"),
    [(0.004, "MWh", "4.0 kWh"), (0.00004, "MWh", "40 Wh"), (12.0, "MWh", "12.0 MWh"),
     (3.456, "kW", "3.46 kW"), (None, "MWh", MISSING)],
)  # fmt: skip
def test_a_little_energy_is_not_nothing_beside_its_cost(quantity, unit, said):
    assert plain(energy_account.quantity(quantity, unit)) == said
