"""What the calls of a span earned together, and what of its peaks they avoided.

account of each call ─┬─► sums of credit, penalty, energy not bought, hash revenue lost
                      └─► meter + what was delivered ─► bill without the calls ─► peaks avoided
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lode_hub.energy.account.bill import Bill, LineKind
from lode_hub.energy.account.event import EventAccount
from lode_hub.energy.account.metered import Metered
from lode_hub.energy.prices import Figures


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """A call and its account; without one, why there is none."""

    subject: str
    from_ms: int
    until_ms: int
    is_test: bool
    account: EventAccount | None
    trouble: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallSum:
    """What a call came to; None is not known."""

    subject: str
    from_ms: int
    until_ms: int
    is_test: bool
    method: str
    delivered_kwh: float | None
    avoided_usd: float | None
    credit_usd: float | None
    penalty_usd: float | None
    hash_lost_usd: float | None
    earned_usd: float | None
    says: str  # the baseline in words, or why there is no account


@dataclass(frozen=True, kw_only=True, slots=True)
class PeakAvoided:
    """A line of demand or peaks of the bill, and what it would have been by the baselines."""

    month: str
    kind: LineKind
    name: str
    metered_kw: float
    baseline_kw: float
    metered_usd: float
    baseline_usd: float
    avoided_usd: float
    avoided_ratio: float | None  # of what it would have been
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Curtailed:
    """Sums are over the calls that have the figure, see `notes`; None: no call has it.

    `earned_usd` has no peaks in it: they are of all calls together, and before taxes.
    """

    calls: tuple[CallSum, ...]
    avoided_usd: float | None
    credit_usd: float | None
    penalty_usd: float | None
    hash_lost_usd: float | None
    earned_usd: float | None
    peaks: tuple[PeakAvoided, ...]
    notes: tuple[str, ...]


def curtailed(
    calls: Sequence[Called], metered: Metered, paid: Bill, bill_of: Callable[[Metered], Bill]
) -> Curtailed:
    """Add up what calls came to.

    Args:
        calls: by their begins.
        metered: what the bill is of.
        paid: the bill.
        bill_of: makes one.
    """
    rows = [_row(call) for call in calls]
    alone = [row for row, is_alone in zip(rows, _alone(calls), strict=True) if is_alone]
    usual = _without_calls(calls, metered)
    is_known = not (np.isnan(usual) & ~np.isnan(metered.energy_kwh)).any()
    peaks: tuple[PeakAvoided, ...] = ()
    if is_known and calls:
        peaks = _peaks(paid, bill_of(replace(metered, energy_kwh=usual)))
    together = [row for row in rows if row not in alone]
    earned = [row.earned_usd for row in alone]
    earned += [(row.credit_usd or 0.0) - (row.penalty_usd or 0.0) for row in together]
    return Curtailed(
        calls=tuple(rows),
        avoided_usd=_sum([row.avoided_usd for row in alone]),
        credit_usd=_sum([row.credit_usd for row in rows]),
        penalty_usd=_sum([row.penalty_usd for row in rows]),
        hash_lost_usd=_sum([row.hash_lost_usd for row in alone]),
        earned_usd=_sum(earned),
        peaks=peaks,
        notes=tuple(_notes(rows, together, is_known=is_known)),
    )


def _row(call: Called) -> CallSum:
    found = call.account
    is_known = found is not None and found.delivered_kwh is not None
    return CallSum(
        subject=call.subject,
        from_ms=call.from_ms,
        until_ms=call.until_ms,
        is_test=call.is_test,
        method=found.method if found else "",
        delivered_kwh=found.delivered_kwh if found else None,
        avoided_usd=found.avoided_usd if found else None,
        credit_usd=found.credit_usd if found and is_known else None,
        penalty_usd=found.penalty_usd if found and is_known else None,
        hash_lost_usd=found.hash_lost_usd if found else None,
        earned_usd=found.earned_usd if found else None,
        says=found.baseline if found else call.trouble,
    )


def _alone(calls: Sequence[Called]) -> list[bool]:
    """Tell which calls do not overlap one before: load that is moved for two is moved once."""
    found, reached_ms = [], 0
    for call in calls:
        found.append(call.from_ms >= reached_ms)
        reached_ms = max(reached_ms, call.until_ms)
    return found


def _without_calls(calls: Sequence[Called], metered: Metered) -> Figures:
    """Give what would have been drawn, by period of the bill; NaN where that is not known."""
    moved = np.zeros(len(metered.from_ms))
    is_touched = np.zeros(len(moved), bool)
    for call in calls:
        here = (metered.until_ms > call.from_ms) & (metered.from_ms < call.until_ms)
        mine = np.where(here, np.nan if call.account is None else 0.0, 0.0)
        for row in call.account.periods if call.account else ():
            at = int(np.searchsorted(metered.from_ms, row.from_ms, side="right")) - 1
            if 0 <= at < len(mine) and row.from_ms < metered.until_ms[at]:
                mine[at] += np.nan if row.delivered_kwh is None else row.delivered_kwh
        moved[here] = np.where(is_touched, np.maximum(moved, mine), mine)[here]
        is_touched |= here
    return metered.energy_kwh + moved


def _peaks(paid: Bill, usual: Bill) -> tuple[PeakAvoided, ...]:
    was = {(x.month, x.kind, x.name): x for x in paid.lines}
    found = []
    for line in usual.lines:
        if line.kind in {"demand", "peaks"}:
            mine = was.get((line.month, line.kind, line.name))
            kw, usd = (mine.quantity, mine.usd) if mine else (0.0, 0.0)
            found.append(
                PeakAvoided(
                    month=line.month,
                    kind=line.kind,
                    name=line.name,
                    metered_kw=kw,
                    baseline_kw=line.quantity,
                    metered_usd=usd,
                    baseline_usd=line.usd,
                    avoided_usd=line.usd - usd,
                    avoided_ratio=(line.usd - usd) / line.usd if line.usd else None,
                    note=line.note,
                )
            )
    return tuple(found)


def _notes(rows: Sequence[CallSum], together: Sequence[CallSum], *, is_known: bool) -> list[str]:
    found = []
    methods = sorted({row.method for row in rows if row.method})
    if methods:
        found.append(f"baselines: {', '.join(methods)}")
    unknown = [row.subject for row in rows if row.earned_usd is None]
    if unknown:
        found.append(f"not known in all, and only in part in the sums: {', '.join(unknown)}")
    if together:
        names = ", ".join(row.subject for row in together)
        found.append(f"overlap one before, so only credit and penalty are added: {names}")
    if not is_known:
        found.append(
            "what was delivered is not known of every call, so nor what peaks were avoided"
        )
    return found


def _sum(figures: Sequence[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return float(sum(known)) if known else None
