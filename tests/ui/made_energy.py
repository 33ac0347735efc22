"""Energy made up: a dear hour, a day of prices, calls, sources of each kind, accounts."""

import itertools
import math
import time

from lode_hub.energy.live.nouns import LeftOutRig, PlanClass, PlanPeriod, PlanReason
from lode_hub.queries.energy_nouns import (
    AccountRow,
    BillLine,
    BillRow,
    BreakEven,
    CallRow,
    DocumentRow,
    HashpriceNow,
    HourRow,
    PriceNow,
    PricePart,
    PriceSeries,
    ProgrammeRow,
    ReportRow,
    SourceRow,
)
from lode_hub.queries.planner import LimitRow, LoopRow, PlanRow
from lode_hub.queries.simulations import Simulated, SimulatedPeriod, SimulatedPolicy

HOUR, QUARTER = 3_600_000, 900_000
PROGRAMME = """
reduce = "by"
power_kw = 40
notice_s = 600
credit_usd_mwh = 100
penalty_usd_mwh = 1000
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def price(site: str = "north", **values: object) -> PriceNow:
    shown: dict[str, object] = {
        "site": site, "at_ms": now_ms(), "usd_mwh": 312.0, "tariff": "West Texas 2026",
        "notes": (),
        "parts": (
            PricePart(kind="energy", name="energy, real-time HB_WEST", usd_mwh=283.0,
                      is_expected=False),
            PricePart(kind="losses", name="losses", usd_mwh=5.66, is_expected=False),
            PricePart(kind="adders", name="summer peak", usd_mwh=14.0, is_expected=False),
            PricePart(kind="peaks", name="4CP", usd_mwh=3.6, is_expected=True),
            PricePart(kind="tax", name="gross receipts", usd_mwh=5.74, is_expected=False),
        ),
    }  # fmt: skip
    return PriceNow(**(shown | values))


def series(from_ms: int, until_ms: int) -> PriceSeries:
    """Make prices: real-time until now with two hours missing, day-ahead for 18 h ahead."""
    begins = tuple(range(from_ms, until_ms, QUARTER))
    now = now_ms()

    def wave(at: int) -> float:
        return 45 + 25 * math.sin(at / HOUR / 24 * 6.28) + (230 if abs(at - now) < HOUR else 0)

    real = [wave(at) if at < now and not now - 9 * HOUR < at < now - 7 * HOUR else None
            for at in begins]  # fmt: skip
    ahead = [wave(at - HOUR) * 0.8 if at < now + 18 * HOUR else None for at in begins]
    total = [r + 29 if r is not None else a + 29 if a is not None and at >= now else None
             for at, r, a in zip(begins, real, ahead, strict=True)]  # fmt: skip
    peaks = [3.6 if now + 5 * HOUR < at < now + 8 * HOUR else 0.0 for at in begins]
    return PriceSeries(
        site="north", from_ms=begins, step_s=900.0, known_ms=None, usd_mwh=tuple(total),
        day_ahead_usd_mwh=tuple(ahead), real_time_usd_mwh=tuple(real), peaks_usd_mwh=tuple(peaks),
    )  # fmt: skip


def hashprice(**values: object) -> HashpriceNow:
    shown: dict[str, object] = {
        "usd_th_day": 0.0514, "basis": "measured", "at_ms": now_ms() - 1_260_000, "age_s": 1260.0,
        "is_stale": False, "says": "hashprice 0.0514 USD/TH/day, 21 min old",
        "doubt": "the series says 0.0514, the formula 0.0398: a fifth apart; look at both",
        "pool_fee_ratio": 0.02,
    }  # fmt: skip
    return HashpriceNow(**(shown | values))


def call(call_id: int, **values: object) -> CallRow:
    now = now_ms() // QUARTER * QUARTER
    shown: dict[str, object] = {
        "call_id": call_id, "site": "north", "programme": "ERS-30", "event": f"e{call_id}",
        "modification": 0, "state": "over", "is_test": False, "from_ms": now - 20 * HOUR,
        "until_ms": now - 19 * HOUR, "random_s": 0.0, "reduce": "by", "power_kw": 40.0,
        "notice_s": 600.0, "penalty_usd_mwh": 1000.0, "credit_usd_mwh": 100.0, "way": "openadr",
        "person": "", "received_ms": now - 21 * HOUR,
    }  # fmt: skip
    return CallRow(**(shown | values))


def calls() -> list[CallRow]:
    now = now_ms() // QUARTER * QUARTER
    return [
        call(3, state="to come", from_ms=now + 5 * HOUR, until_ms=now + 7 * HOUR, way="page",
             person="mira"),
        call(2),
        call(1, from_ms=now - 400 * HOUR, until_ms=now - 399 * HOUR),
    ]  # fmt: skip


def hours(from_ms: int, until_ms: int) -> list[HourRow]:
    """Make hours: some left, some lost, two not known."""
    found = []
    for n, at in enumerate(range(from_ms, until_ms, HOUR)):
        usd = 3.2 * math.sin(n / 3) + 1.4 if n not in (6, 7) else None
        found.append(
            HourRow(from_ms=at, energy_kwh=130.0, power_usd=6.0, hashed_thh=4200.0, hash_usd=9.0,
                    profit_usd=usd)
        )  # fmt: skip
    return found


def break_even() -> list[BreakEven]:
    return [
        BreakEven(model="S19j Pro", rigs=24, efficiency_jth=29.5, usd_mwh=67.3),
        BreakEven(model="S21", rigs=14, efficiency_jth=17.5, usd_mwh=302.9),
        BreakEven(model="S21 XP Hyd", rigs=2, efficiency_jth=12.0, usd_mwh=341.0),
    ]


def source(name: str, **values: object) -> SourceRow:
    now = now_ms()
    shown: dict[str, object] = {
        "site": "north", "name": name, "quantity": "real-time", "node": "HB_WEST",
        "unit": "USD/MWh", "is_polled": True, "ok_ms": now - 240_000, "due_ms": now + 60_000,
        "failures": 0, "trouble": "", "refused": 0, "reaches_ms": now + 600_000, "is_stale": False,
    }  # fmt: skip
    return SourceRow(**(shown | values))


def sources() -> list[SourceRow]:
    now = now_ms()
    return [
        source("ercot-rt"),
        source("ercot-da", quantity="day-ahead", reaches_ms=now + 18 * HOUR, refused=2),
        source("hashprice", quantity="hashprice", node="", unit="USD/TH/day", is_polled=False,
               reaches_ms=now - 30 * HOUR, is_stale=True, ok_ms=None),
        source("weather", quantity="ambient", node="", unit="C", site=None, failures=3,
               failing_ms=now - 2 * HOUR - 600_000, trouble="it does not answer within 10 s"),
    ]  # fmt: skip


def report(event: str, **values: object) -> ReportRow:
    now = now_ms()
    shown: dict[str, object] = {
        "event": event, "state": "sent", "first_due_ms": now - 30 * HOUR,
        "due_ms": now - 30 * HOUR, "sent_ms": now - 30 * HOUR + 40_000, "failures": 0,
        "trouble": "",
    }  # fmt: skip
    return ReportRow(**(shown | values))


def programme(**values: object) -> ProgrammeRow:
    now = now_ms()
    refused = "openadr vtn.example: /reports answered 503; see there"
    shown: dict[str, object] = {
        "site": "north", "name": "ERS-30", "ways": ("openadr",), "ok_ms": now - 20_000,
        "is_deaf": False, "deaf_ms": None, "trouble": "", "messages": 0, "bad": 0, "refused": 0,
        "reports": (
            report("e2", state="failing", sent_ms=None, failures=4, trouble=refused,
                   first_due_ms=now - 19 * HOUR),
            report("e1"),
        ),
    }  # fmt: skip
    return ProgrammeRow(**(shown | values))


def deaf() -> ProgrammeRow:
    now, said = now_ms(), "openadr vtn.example: ConnectError; check its url and that it runs"
    return programme(is_deaf=True, ok_ms=now - 2_825_000, deaf_ms=now - 2_790_000, trouble=said)


def documents(kind: str) -> list[DocumentRow]:
    names = {"tariff": ["West Texas 2026"], "economics": ["site"], "programme": ["ERS-30"],
             "source": ["ercot-rt", "ercot-da", "hashprice"]}  # fmt: skip
    return [
        DocumentRow(site="north", kind=kind, name=name, revision=2, person="tom",
                    body=PROGRAMME if kind == "programme" else 'quantity = "x"\n',
                    saved_ms=now_ms() - 40 * HOUR)
        for name in names.get(kind, [])
    ]  # fmt: skip


def account(account_id: int, **values: object) -> AccountRow:
    begin = now_ms() // QUARTER * QUARTER - 400 * HOUR
    periods = [
        {"from_ms": begin + n * QUARTER, "until_ms": begin + (n + 1) * QUARTER,
         "metered_kwh": 22.0 if n != 2 else None, "baseline_kwh": 32.5,
         "delivered_kwh": 10.5 if n != 2 else None, "asked_kwh": 10.0, "price_usd_mwh": 312.0,
         "hashprice_usd_th_day": 0.0514}
        for n in range(4)
    ]  # fmt: skip
    rigs = [
        {"rig": f"rig-{n:03d}", "model": "S21", "before_ths": 200.0, "during_ths": 0.0,
         "lost_thh": 200.0, "lost_usd": 0.42 if n != 3 else None, "reported_kwh": 0.4}
        for n in range(1, 8)
    ]  # fmt: skip
    body = {
        "method": "10-of-10", "baseline": "10-of-10, times 1.04 for the morning of the day",
        "baseline_days": ["2026-10-02", "2026-10-05"], "metered_kwh": 66.0, "baseline_kwh": 130.0,
        "delivered_kwh": 31.5, "asked_kwh": 30.0, "shortfall_kwh": 0.0, "compliance_ratio": 1.05,
        "is_compliant": True, "energy_usd": 20.6, "avoided_usd": 9.83, "hash_lost_usd": 2.52,
        "credit_usd": 3.0, "penalty_usd": 0.0, "earned_usd": 10.31, "missing_h": 0.25,
        "periods": periods, "rigs": rigs,
        "notes": ["no counter for 0.25 h; no sum has them"],
    }  # fmt: skip
    shown: dict[str, object] = {
        "account_id": account_id, "site": "north", "kind": "call", "subject": "ERS-30/e1",
        "from_ms": begin, "until_ms": begin + HOUR, "as_of_ms": begin + 2 * HOUR,
        "made_ms": begin + 2 * HOUR, "person": "tom", "digest": "9f31c2d4a81b" * 5 + "77e0",
        "body": body,
    }  # fmt: skip
    return AccountRow(**(shown | values))


def curtailed() -> dict[str, object]:
    """Make what two calls came to, of one of which nothing is known, and the peak they avoided."""
    begin = now_ms() // QUARTER * QUARTER - 40 * HOUR
    known = {
        "subject": "ERS-30/e1", "from_ms": begin, "until_ms": begin + HOUR, "is_test": False,
        "method": "10-of-10", "delivered_kwh": 31.5, "avoided_usd": 9.83, "credit_usd": 3.0,
        "penalty_usd": 0.0, "hash_lost_usd": 2.52, "earned_usd": 10.31,
        "says": "10-of-10, times 1.04 for the morning of the day",
    }  # fmt: skip
    figures = ("delivered", "avoided", "credit", "penalty", "hash_lost", "earned")
    unknown = {f"{name}_{'kwh' if name == 'delivered' else 'usd'}": None for name in figures}
    peak = {
        "month": "2026-11", "kind": "demand", "name": "distribution demand", "metered_kw": 101.0,
        "baseline_kw": 131.0, "metered_usd": 424.2, "baseline_usd": 550.2, "avoided_usd": 126.0,
        "avoided_ratio": 0.229, "note": "",
    }  # fmt: skip
    return {
        "calls": [known, {**known, **unknown, "subject": "ERS-30/e2", "is_test": True,
                          "says": "no meter; name its meters in the economics"}],
        "avoided_usd": 9.83, "credit_usd": 3.0, "penalty_usd": 0.0, "hash_lost_usd": 2.52,
        "earned_usd": 10.31, "peaks": [peak],
        "notes": ["baselines: 10-of-10",
                  "not known in all, and only in part in the sums: ERS-30/e2"],
    }  # fmt: skip


def accounts() -> list[AccountRow]:
    day = {
        "bill": {"energy_kwh": 3100.0, "missing_h": 0.0, "unplaced_kwh": 0.0, "unpriced_kwh": 0.0,
                 "notes": [], "lines": [
                     {"month": "2026-11", "kind": "energy", "name": "energy", "quantity": 3.1,
                      "unit": "MWh", "usd": 148.2, "note": ""}]},
        "usd": 148.2, "hash_usd": 214.4, "hashed_thh": 100_100.0, "profit_usd": 66.2, "rigs": [],
        "notes": [], "curtailed": curtailed(), "so_far": [
            {"month": "2026-11", "kind": "demand", "name": "distribution demand",
             "quantity": 101.0, "unit": "kW", "usd": 424.2, "note": "window of 2026-11-09T14:15Z"}],
    }  # fmt: skip
    return [account(2, kind="day", subject="2026-11-20", body=day), account(1)]


OLD, NEW = "S19j Pro 29.5 J/TH north-a rig-001", "S21 17.5 J/TH north-b rig-025"

LOW = {OLD: {"sleep": 24}, NEW: {"preset:2800W": 13, "sleep": 0}}
HIGH = {OLD: {"power_mode:low": 4, "full": 18, "sleep": 2}, NEW: {"full": 13, "sleep": 0}}


def plan(**values: object) -> PlanRow:
    """Make a plan of 24 h: quarters at first, then hours; a setpoint in the call to come."""
    now = now_ms() // QUARTER * QUARTER
    edges = [now + n * QUARTER for n in range(8)] + [now + n * HOUR for n in range(2, 25)]
    called = (now + 5 * HOUR, now + 7 * HOUR)
    periods = tuple(
        PlanPeriod(
            from_ms=begin, until_ms=end, hashrate_ths=4000.0,
            power_w=18_000.0 if called[0] <= begin < called[1] else 38_500.0,
            price_usd_mwh=60.0 + n, cap_w=45_000.0,
            rigs=LOW if called[0] <= begin < called[1] else HIGH,
            setpoint_w=20_000.0 if called[0] <= begin < called[1] else None,
        )
        for n, (begin, end) in enumerate(itertools.pairwise(edges))
    )  # fmt: skip
    shown: dict[str, object] = {
        "site": "north", "mode": "advise", "made_ms": now_ms() - 140_000, "cause": "every 5 min",
        "is_sent": False, "decision": "only advised", "periods": periods,
        "classes": (
            PlanClass(name=OLD, model="S19j Pro", feeder="north-a", rigs=24, efficiency_jth=29.5,
                      modes=("power_mode:low", "full")),
            PlanClass(name=NEW, model="S21", feeder="north-b", rigs=13, efficiency_jth=17.5,
                      modes=("preset:2800W", "full")),
        ),
        "left_out": left_out(3), "left_out_by_reason": {"unreachable": 2, "in maintenance": 1},
        "notes": ("no real-time price for the next 15 min; the last one is taken",),
        "reasons": (PlanReason(kind="ramp", where="site", from_ms=now, amount=12.0, unit="kW"),),
        "profit_usd": 41.2, "bound_usd": 41.3, "gain_usd": 2.2, "fixed_w": 900.0,
        "unexplained_w": 0.0, "baseline_w": 40_000.0, "hashprice": "hashprice 0.0514",
        "documents": (),
    }  # fmt: skip
    return PlanRow(**(shown | values))


def left_out(n: int) -> tuple[LeftOutRig, ...]:
    """Make rigs that no plan moves: every third is in maintenance."""
    return tuple(
        LeftOutRig(device_id=38 + number, name=f"rig-{38 + number:03d}", reason=reason, detail=more)
        for number in range(n)
        for reason, more in [("unreachable", "") if number % 3 else ("in maintenance", "tom: fans")]
    )


def bill(share: float = 1.0) -> BillRow:
    lines = (
        BillLine(month="2026-11", kind="energy", name="energy, real-time HB_WEST", quantity=940.2,
                 unit="kWh", usd=52.4 * share, note=""),
        BillLine(month="2026-11", kind="adders", name="delivery", quantity=940.2, unit="kWh",
                 usd=9.4, note=""),
        BillLine(month="2026-11", kind="demand", name="monthly peak", quantity=41.2, unit="kW",
                 usd=86.5, note="at 2026-11-20 17:15"),
    )  # fmt: skip
    return BillRow(
        usd=sum(line.usd for line in lines), energy_kwh=940.2, missing_h=0.25, unplaced_kwh=0.0,
        unpriced_kwh=20.0, lines=lines, notes=("no price for 20.0 kWh",),
    )  # fmt: skip


def simulated(from_ms: int, until_ms: int) -> Simulated:
    """Simulate: the plan sleeps through two dear hours of each day."""
    begins = range(from_ms, until_ms, HOUR)
    dear = [at for at in begins if 17 <= at // HOUR % 24 < 19]
    periods = tuple(
        SimulatedPeriod(from_ms=at, price_usd_mwh=310.0 if at in dear else 42.0 + at // HOUR % 24,
                        plan_w=2_400.0 if at in dear else 40_000.0, always_on_w=40_000.0)
        for at in begins
    )  # fmt: skip
    days = len(begins) / 24

    def policy(name: str, energy_usd: float, starts: int) -> SimulatedPolicy:
        starts_usd, hash_usd = 0.02 * starts, (80.0 - starts / 20) * days
        return SimulatedPolicy(
            name=name, profit_usd=hash_usd - energy_usd * days - starts_usd, hash_usd=hash_usd,
            energy_usd=energy_usd * days, starts_usd=starts_usd, demand_usd=0.0, penalty_usd=0.0,
            energy_kwh=960.0 * days, hashed_thh=99_000.0, starts=starts,
        )  # fmt: skip

    ways = (policy("plan", 38.0, 37), policy("greedy", 39.5, 74), policy("always on", 61.0, 0))
    return Simulated(
        site="north", from_ms=from_ms, until_ms=until_ms, step_s=3600.0, known_h=len(begins) - 2.0,
        rigs=37, left_out=3, periods=periods, broken={"ramp of site": 2},
        policies=ways,
        notes=("2 h without a price are left out",),
    )  # fmt: skip


def loop() -> LoopRow:
    return LoopRow(
        site="north", at_ms=now_ms() - 900, is_active=True, measured_w=40_410.0, source="meters",
        setpoint_w=40_000.0, error_w=410.0, disobeying=("rig-007", "rig-019"),
    )  # fmt: skip


def limits() -> tuple[LimitRow, ...]:
    """The site is typed looser than its agents allow; of the feeders one word each is known."""

    def row(where: str, typed: float | None, own: float | None, holds: str) -> LimitRow:
        is_looser = typed is not None and holds == "own"
        return LimitRow(where=where, what="power", unit="kW", typed=typed, own=own, holds=holds,
                        is_looser=is_looser)  # fmt: skip

    return (
        row("site", 45.0, 42.0, "own"),
        row("feeder main", None, 43.5, "own"),
        row("feeder east", 20.0, None, "typed"),
        LimitRow(
            where="model Antminer S21",
            what="least time awake",
            unit="s",
            typed=1800.0,
            own=None,
            holds="typed",
            is_looser=False,
            is_default=True,
        ),
    )
