"""The account of a day or a month: its bill, what was hashed, what its calls earned.

A month has its demand charges. A day has none: they are paid for once, for the highest window of
the month. It says what that was up to its end, and what that costs.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np

from lode_hub.energy.account.bill import Bill, Line, bill
from lode_hub.energy.account.curtailed import Called, curtailed
from lode_hub.energy.account.event import EventAccount, RigHashing
from lode_hub.energy.account.make import (
    HOUR_S,
    QUARTER_S,
    BillAccount,
    Made,
    Span,
    Told,
    digest,
    known_rates,
    number,
    of_event,
    site_meter,
    span_of,
    step_of,
)
from lode_hub.energy.account.metered import Metered, part
from lode_hub.energy.account.peaks import before_kw, month_begin_ms, month_of
from lode_hub.energy.prices import Figures, Times, periods
from lode_hub.energy.signals.economics import earned_usd_th_day
from lode_hub.energy.tariff import Rates
from lode_hub.errors import InvalidError
from lode_hub.store import energy_calls, energy_meters
from lode_hub.store.connection import Connection

LONGEST_MS = 370 * 86_400_000
MOST_CALLS = 300
_DAY_MS = 86_400_000


async def of_bill(conn: Connection, told: Told, span: Span, as_of_ms: int) -> Made:
    """Reckon a day or a month.

    Raises:
        InvalidError: it is too long, or the site has no meter.
    """
    span_ms = (span.from_ms, span.until_ms)
    if not 0 < span.until_ms - span.from_ms <= LONGEST_MS:
        raise InvalidError(f"account of {span.subject}: at most {LONGEST_MS // _DAY_MS} days")
    step_s = step_of(span_ms, f"account of {span.subject}")
    billed_ms = (_begin_ms(told, span), span.until_ms)
    whole = await site_meter(conn, told, billed_ms, QUARTER_S)
    known = await known_rates(conn, told, billed_ms, as_of_ms)
    before = await before_kw(conn, told, told.tariffs, billed_ms, as_of_ms)
    bill_of = partial(bill, tariffs=told.tariffs, rates=known, before_kw=before)
    paid = full = bill_of(whole)
    if span.kind == "day":
        paid = _without_demand(part(whole, *span_ms), told, known)
    begins, earned = _earned(told, known, span, step_s)
    rows = await energy_meters.hashed(conn, told.site, span_ms, step_s)
    by_rig = await energy_meters.hashed_by_rig(conn, told.site, span_ms, step_s)
    hashed, usd = _hashed(rows, begins, earned, step_s / HOUR_S)
    known_usd = usd is not None and not paid.unpriced_kwh
    calls, digests = await _called(conn, told, span_ms, as_of_ms)
    body = BillAccount(
        bill=paid,
        usd=paid.usd,
        hash_usd=usd,
        hashed_thh=hashed,
        profit_usd=(usd or 0.0) - paid.usd if known_usd else None,
        rigs=tuple(RigHashing(**row, before_ths=None, lost_thh=None, lost_usd=None)
                   for row in by_rig),
        notes=tuple(_notes(paid, earned, step_s / HOUR_S)),
        curtailed=curtailed(calls, whole, full, bill_of) if calls else None,
        so_far=_demand_of(full) if span.kind == "day" else (),
    )  # fmt: skip
    rests_on = [whole.from_ms, whole.energy_kwh, earned]
    all_rows = [*rows, *by_rig, *digests, *({str(key): kw} for key, kw in sorted(before.items()))]
    return Made(body=body, digest=digest(told, span, as_of_ms, rests_on, all_rows))


def _begin_ms(told: Told, span: Span) -> int:
    """Give from when on a bill counts: a day's peak is that of its billing month so far."""
    tariff = told.tariff_at(span.from_ms) if span.kind == "day" else None
    return month_begin_ms(tariff, month_of(tariff, span.from_ms)) if tariff else span.from_ms


def _earned(told: Told, known: Rates, span: Span, step_s: int) -> tuple[Times, Figures]:
    """Give the hashprice after the pool's fee, and the begins of the periods that it is of."""
    n = (span.until_ms - span.from_ms) // (step_s * 1000)
    begins, ends = periods(span.from_ms, n, step_s)
    fee = 1 - told.economics.pool_fee_ratio
    return begins, earned_usd_th_day(told.economics.hashprice, known, begins, ends) * fee


def _without_demand(day: Metered, told: Told, known: Rates) -> Bill:
    tariffs = [msgspec.structs.replace(tariff, demand=()) for tariff in told.tariffs]
    return bill(day, tariffs, known)


def _demand_of(full: Bill) -> tuple[Line, ...]:
    return tuple(line for line in full.lines if line.kind == "demand")


async def _called(
    conn: Connection, told: Told, span_ms: tuple[int, int], as_of_ms: int
) -> tuple[list[Called], list[dict[str, str]]]:
    """Reckon the calls that began in a span and are over; give also the digests of that.

    Raises:
        InvalidError: there are too many.
    """
    rows = await energy_calls.calls(conn, told.site, span_ms, as_of_ms=as_of_ms)
    mine = [
        row for row in rows
        if not row["is_cancelled"]
        and span_ms[0] <= row["from_ms"] < span_ms[1] and row["until_ms"] <= as_of_ms
    ]  # fmt: skip
    if len(mine) > MOST_CALLS:
        raise InvalidError(f"account of {told.site}: {len(mine)} calls; ask for a shorter span")
    found, digests = [], []
    for row in sorted(mine, key=lambda row: (row["from_ms"], row["call_id"])):
        span = span_of(row)
        account, trouble = None, ""
        try:
            made = await of_event(conn, told, span, as_of_ms)
            digests.append({span.subject: made.digest})
            account = made.body if isinstance(made.body, EventAccount) else None
        except InvalidError as error:
            trouble = str(error)
        found.append(
            Called(subject=span.subject, from_ms=span.from_ms, until_ms=span.until_ms,
                   is_test=row["is_test"], account=account, trouble=trouble)
        )  # fmt: skip
    return found, digests


def _hashed(
    rows: Sequence[dict[str, Any]],
    begins: Times,
    usd_th_day: Figures,
    hours: float,
) -> tuple[float | None, float | None]:
    """Give what was hashed, TH/s by h, and what that earned; rows and arrays by period."""
    ths = {row["from_ms"]: number(row["hashrate_ths"]) for row in rows}
    thh = np.array([ths.get(int(begin), np.nan) for begin in begins]) * hours
    seen = ~np.isnan(thh)
    if not seen.any():
        return None, None
    usd = thh[seen] * usd_th_day[seen] / 24
    return float(thh[seen].sum()), float(usd.sum()) if not np.isnan(usd).any() else None


def _notes(paid: Bill, earned: Figures, hours: float) -> list[str]:
    found = list(paid.notes)
    if paid.missing_h:
        found.append(f"no counter for {paid.missing_h:g} h; no line has them")
    if paid.unplaced_kwh:
        found.append(f"{paid.unplaced_kwh:.1f} kWh ran through meanwhile; when is not known")
    if paid.unpriced_kwh:
        found.append(f"no price for {paid.unpriced_kwh:.1f} kWh")
    if np.isnan(earned).any():
        found.append(f"no hashprice for {np.isnan(earned).sum() * hours:g} h")
    return found
