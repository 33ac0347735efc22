"""Energy in words and figures: money, prices, calls, sources, what has to be set up."""

import datetime
import math
from collections.abc import Sequence
from typing import Any

from lode_hub.queries.energy_nouns import (
    AccountRow,
    CallRow,
    CallState,
    DocumentKind,
    HashpriceNow,
    HourRow,
    PriceNow,
    ProgrammeRow,
    ReportRow,
    ReportState,
    SourceRow,
)
from lode_ui import figures
from lode_ui.figures import MINUS, MISSING, Figure
from lode_ui.states import Look

TH_PER_PH = 1000.0
EARNED_DAYS = 30

CALL: dict[CallState, Look] = {
    "to come": Look(word="To come", tone="info", shape="ring", meaning="it has not begun"),
    "holds": Look(word="Holds now", tone="warn", shape="down", meaning="load has to be down"),
    "over": Look(word="Over", tone="idle", shape="check", meaning="its account can be made"),
    "cancelled": Look(word="Cancelled", tone="idle", shape="cross", meaning="it does not count"),
}
EARNS = Look(word="Earns", tone="good", shape="check", meaning="worth more than its power now")
LOSES = Look(word="Loses money", tone="bad", shape="down", meaning="costs more than it earns now")
UNKNOWN = Look(word="Not known", tone="idle", shape="query", meaning="a price is missing")
FRESH = Look(word="Fresh", tone="good", shape="check", meaning="its values reach far enough")
STALE = Look(word="Stale", tone="bad", shape="alert", meaning="its values do not reach to now")
FAILING = Look(word="Failing", tone="warn", shape="diamond", meaning="it was not reached last time")
FED = Look(word="No value yet", tone="idle", shape="query", meaning="nothing has come of it")
HEARD = Look(word="Heard", tone="good", shape="check", meaning="calls can come this way")
DEAF = Look(word="Deaf", tone="bad", shape="alert", meaning="no call can come this way now")
REFUSED = Look(word="Refused", tone="warn", shape="diamond", meaning="the last call was no good")
UNHEARD = Look(word="Not heard yet", tone="idle", shape="query", meaning="it has not spoken yet")
BY_HAND = Look(word="By hand", tone="idle", shape="ring", meaning="calls come by page and API")
REPORT: dict[ReportState, Look] = {
    "waits": Look(word="Waits", tone="info", shape="ring", meaning="for its time, or a counter"),
    "failing": Look(word="Failing", tone="bad", shape="alert", meaning="the VTN has not taken it"),
    "sent": Look(word="Taken", tone="good", shape="check", meaning="the VTN has it"),
    "given up": Look(word="Given up", tone="bad", shape="cross", meaning="not taken for a week"),
}

WAYS = {"openadr": "polled by OpenADR", "mqtt": "heard by MQTT", "webhook": "signed webhook"}

BASES = {
    "measured": "from its source",
    "formula": "by difficulty, fees and coin price",
    "last": "the last one known, held on to",
    "assumed": "assumed, as the economics say",
    "none": "not known: nothing is planned by it",
}
KINDS: dict[DocumentKind, str] = {
    "tariff": "Tariff",
    "source": "Source",
    "economics": "Economics",
    "programme": "Programme",
    "limits": "Limits",
}
WHAT: dict[DocumentKind, str] = {
    "tariff": "what a MWh costs beside its market price, and which market price counts",
    "source": "where prices, hashprice, difficulty or weather come from: polled or uploaded",
    "economics": "pool fee, billed meters, cooling, and what holds when the hashprice is old",
    "programme": "a demand-response programme: what a call asks, pays and counts by",
    "limits": "what site and feeders bear, and what starting a rig takes and costs",
}


def money(usd: float | None, digits: int = 0) -> str:
    """Show an amount of dollars: `$1,204`, with its sign before the dollar."""
    if usd is None or not math.isfinite(usd):
        return MISSING
    shown = f"{abs(usd):,.{digits}f}"
    is_negative = usd < 0 and shown.strip("0.,")
    return f"{MINUS if is_negative else ''}${shown}"


def price(usd_mwh: float | None) -> Figure:
    """Show a price of energy with cents."""
    shown = money(usd_mwh, 2)
    return Figure(MISSING) if shown == MISSING else Figure(shown.replace("$", ""), "$/MWh")


def hashprice(found: HashpriceNow) -> Figure:
    """Show what a PH/s earns in a day."""
    usd = found.usd_th_day
    return Figure(MISSING) if usd is None else Figure(f"{usd * TH_PER_PH:,.2f}", "$/PH/day")


def hashprice_remark(found: HashpriceNow) -> str:
    """Say how old it is, on what it rests, and what is doubtful about it."""
    age = f", {figures.age(found.age_s)}" if found.age_s is not None else ""
    stale = "stale: " if found.is_stale else ""
    return f"{stale}{BASES[found.basis]}{age}"


def less_adders(found: PriceNow) -> float | None:
    """Give what a MWh costs now without its adders, as a break-even price is compared with it."""
    if found.usd_mwh is None:
        return None
    return found.usd_mwh - sum(part.usd_mwh or 0.0 for part in found.parts if part.kind == "adders")


def profit(hours: Sequence[HourRow]) -> tuple[str, str]:
    """Add up the hours whose profit is known, and say of how many that is."""
    known = [hour.profit_usd for hour in hours if hour.profit_usd is not None]
    if not known:
        return MISSING, "no hour of the last day has counter, price and hashprice"
    of = f"of {len(known)} hours; {len(hours) - len(known)} are not known"
    return money(sum(known)), of if len(known) < len(hours) else "hash less power"


def asked(call: CallRow) -> str:
    """Say what a call asks."""
    return reduction(call.reduce, call.power_kw)


def told(call: CallRow) -> str:
    """Say that a call holds, what it asks and until when."""
    test = "The test call" if call.is_test else "The call"
    until = span(call.from_ms, call.until_ms).split(" to ")[1]
    return f"{test} of {call.programme} holds until {until}: {asked(call)}."


def reduction(reduce: str, power_kw: float | None) -> str:
    """Say what is to be reduced, and how far."""
    if reduce == "all" or power_kw is None:
        return "reduce as far as possible"
    return f"reduce {reduce} {figures.power(power_kw * 1000)}"


def pays(credit_usd_mwh: float | None, penalty_usd_mwh: float | None) -> str:
    """Say what a call pays and what missing it costs."""
    credit = f"pays {price(credit_usd_mwh)}" if credit_usd_mwh else "pays nothing of its own"
    penalty = f"missed {price(penalty_usd_mwh)}" if penalty_usd_mwh else "no penalty"
    return f"{credit}, {penalty}"


def ways(row: ProgrammeRow) -> str:
    """Say by which ways a programme's calls come, besides by hand."""
    return ", ".join(WAYS[way] for way in row.ways) or "by page and API only"


def programme(row: ProgrammeRow, now_ms: int) -> tuple[Look, str]:
    """Tell whether a programme's calls can come, since when not, and why."""
    if row.is_deaf:
        return DEAF, f"{since(row.deaf_ms, now_ms)}: {row.trouble}"
    if not row.ways:
        return BY_HAND, ""
    if row.trouble:
        return REFUSED, row.trouble
    return (UNHEARD if row.ok_ms is None else HEARD), ""


def deaf(rows: Sequence[ProgrammeRow], now_ms: int) -> str:
    """Say which programmes no call can come to; empty when there is none."""
    return " ".join(
        f"No call of {row.name} can come, {since(row.deaf_ms, now_ms)}: {row.trouble}."
        for row in rows
        if row.is_deaf
    )


def since(at_ms: int | None, now_ms: int) -> str:
    """Say for how long something has been so."""
    return "now" if at_ms is None else f"for {figures.duration(max(0, now_ms - at_ms) / 1000)}"


def report(row: ReportRow) -> str:
    """Say what keeps a report from being taken."""
    if row.state == "failing":
        return f"{figures.plural(row.failures, 'failure')} in a row: {row.trouble}"
    return row.trouble


def source(row: SourceRow, now_ms: int) -> tuple[Look, str]:
    """Tell how a source fares, since when not well, and why."""
    first, nothing_new = "upload a file", "upload a newer file"
    if row.is_polled:
        first, nothing_new = "waits for its first poll", "poll brings nothing new"
    elif row.is_heard:
        first, nothing_new = "waits for its first message", "its topic says nothing new"
    fails = ""
    if row.failures:
        times = f"{figures.plural(row.failures, 'failure')} in a row, " if row.is_polled else ""
        fails = f"{times}{since(row.failing_ms, now_ms)}: {row.trouble}"
    if row.is_stale:
        return STALE, fails or row.trouble or nothing_new
    if fails:
        return FAILING, fails
    if row.reaches_ms is None:
        return FED, first
    said = [f"{row.refused:,} rows of the last answer could not be read"] if row.refused else []
    said += [f"nothing of {span(*row.hole_ms)}"] if row.hole_ms else []
    return FRESH, "; ".join(said)


def reaches(row: SourceRow, now_ms: int) -> str:
    """Say until when a source has values."""
    if row.reaches_ms is None:
        return MISSING
    off_s = (row.reaches_ms - now_ms) / 1000
    if off_s > EARNED_DAYS * figures.DAY:
        return "for good"
    return f"{figures.duration(off_s)} ahead" if off_s >= 0 else f"ended {figures.age(-off_s)}"


def span(from_ms: int, until_ms: int) -> str:
    """Say a span in UTC, its day once."""
    begin, end = (datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC) for ms in
                  (from_ms, until_ms))  # fmt: skip
    last = f"{end:%H:%M}" if begin.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{begin:%Y-%m-%d %H:%M} to {last} UTC"


def newest(accounts: Sequence[AccountRow]) -> list[AccountRow]:
    """Keep the account made last of each subject."""
    kept: dict[tuple[str, str, int], AccountRow] = {}
    for row in accounts:
        key = (row.kind, row.subject, row.from_ms)
        if key not in kept or row.made_ms > kept[key].made_ms:
            kept[key] = row
    return list(kept.values())


def earned(accounts: Sequence[AccountRow], now_ms: int) -> tuple[float | None, int, int]:
    """Add up what curtailing earned in the last days: the sum, accounts in it, and not in it."""
    begin_ms = now_ms - EARNED_DAYS * figures.DAY * 1000
    events = [
        row
        for row in newest(accounts)
        if row.kind in {"call", "curtailment"} and row.until_ms > begin_ms
    ]
    known = [usd for row in events if (usd := result(row)) is not None]
    return (sum(known) if known else None), len(known), len(events) - len(known)


def result(row: AccountRow) -> float | None:
    """Give what an account comes to: what an event earned, what a day or month left."""
    body: dict[str, Any] = row.body
    found = body.get("profit_usd" if row.kind in {"day", "month"} else "earned_usd")
    return float(found) if found is not None else None
