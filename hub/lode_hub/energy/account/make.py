"""Make an account: gather what it rests on, reckon, and say by a digest what that was.

documents, calls, counters, prices, hashrates (as received up to `as_of`) ─► Made ─► body, digest
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from lode_hub.energy.account.baseline import Expected, expected, planned
from lode_hub.energy.account.bill import Bill, Line
from lode_hub.energy.account.curtailed import Curtailed
from lode_hub.energy.account.event import EventAccount, RigHashing, Terms, event_account, hashing
from lode_hub.energy.account.metered import Metered, metered, part, together
from lode_hub.energy.prices import Figures
from lode_hub.energy.signals.economics import Economics, earned_usd_th_day
from lode_hub.energy.signals.economics import described as economics_of
from lode_hub.energy.signals.programme import Baseline, Programme
from lode_hub.energy.signals.programme import described as programme_of
from lode_hub.energy.sources.keep import HASHING, needed, rates
from lode_hub.energy.tariff import Rates, Tariff, priced
from lode_hub.energy.tariff import described as tariff_of
from lode_hub.energy.tariff.price import valid
from lode_hub.errors import InvalidError
from lode_hub.store import energy_calls, energy_documents, energy_live, energy_meters
from lode_hub.store.connection import Connection

VERSION = 2
"""Of the way accounts are reckoned; in every digest."""

HOUR_S, QUARTER_S, MINUTE_S = 3600, 900, 60
LONGEST_MS = 8 * 86_400_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A site's documents, as they were at a moment."""

    site: str
    site_id: int
    tariffs: tuple[Tariff, ...]
    economics: Economics
    programmes: dict[str, Programme]
    revisions: tuple[tuple[str, str, int], ...]  # kind, name, revision

    def tariff_at(self, at_ms: int) -> Tariff | None:
        """Give the tariff that counts at a moment; None when none is valid then."""
        (number,) = valid(self.tariffs, np.array([at_ms], np.int64))
        return self.tariffs[number] if number >= 0 else None

    def zone_at(self, at_ms: int) -> ZoneInfo:
        """Give the zone of the site's days, by its tariff; without a valid one by the last."""
        tariff = self.tariff_at(at_ms) or (self.tariffs[-1] if self.tariffs else None)
        return tariff.zone if tariff else ZoneInfo("UTC")


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """What an account is about."""

    kind: Literal["call", "curtailment", "plan", "day", "month"]
    subject: str
    from_ms: int
    until_ms: int
    programme: str = ""
    terms: Terms = field(default_factory=lambda: Terms(reduce=None))


@dataclass(frozen=True, kw_only=True, slots=True)
class BillAccount:
    """The account of a day or month: what was used, what it cost, what was hashed for it."""

    bill: Bill
    usd: float
    hash_usd: float | None
    hashed_thh: float | None
    profit_usd: float | None
    rigs: tuple[RigHashing, ...]
    notes: tuple[str, ...]
    curtailed: Curtailed | None = None  # what the calls earned that began in it; None: no call
    so_far: tuple[Line, ...] = ()  # of a day: demand charges of its month up to its end, in no sum


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """An account and the digest of all it rests on."""

    body: EventAccount | BillAccount
    digest: str


async def told(conn: Connection, site: str, site_id: int, as_of_ms: int | None = None) -> Told:
    """Read a site's documents.

    Raises:
        InvalidError: one cannot be read.
    """
    rows = [
        row
        for kind in ("tariff", "economics", "programme")
        for row in await energy_documents.documents(conn, kind, site_id, as_of_ms=as_of_ms)
    ]
    of = {kind: [row for row in rows if row["kind"] == kind] for kind in
          ("tariff", "economics", "programme")}  # fmt: skip
    economics = [economics_of(row["body"], row["name"]) for row in of["economics"]]
    return Told(
        site=site,
        site_id=site_id,
        tariffs=tuple(tariff_of(row["body"], f"tariff {row['name']}") for row in of["tariff"]),
        economics=economics[-1] if economics else Economics(),
        programmes={row["name"]: programme_of(row["body"], row["name"]) for row in of["programme"]},
        revisions=tuple((row["kind"], row["name"], row["revision"]) for row in rows),
    )


async def of_event(conn: Connection, told: Told, span: Span, as_of_ms: int) -> Made:
    """Reckon an event.

    Raises:
        InvalidError: it is too long, or the site has no meter.
    """
    if not 0 < span.until_ms - span.from_ms <= LONGEST_MS:
        raise InvalidError(f"account of {span.subject}: longer than 8 days; ask for a month")
    programme = told.programmes.get(span.programme, Programme())
    method = programme.baseline if span.programme else Baseline(method="before-after")
    step_s = QUARTER_S if not span.from_ms % 900_000 and not span.until_ms % 900_000 else MINUTE_S
    begin_ms = span.from_ms // 60_000 * 60_000 if step_s == MINUTE_S else span.from_ms
    end_ms = -(-span.until_ms // 60_000) * 60_000 if step_s == MINUTE_S else span.until_ms
    event_ms = (begin_ms, end_ms)
    beyond_ms = method.before_min * 60_000
    whole = await site_meter(
        conn, told, (begin_ms - _back_ms(method) - _DAY_MS, end_ms + beyond_ms), step_s
    )
    event = part(whole, *event_ms)
    baseline = await _baseline(conn, told, span, method, whole, event_ms, as_of_ms)
    known = await known_rates(conn, told, event_ms, as_of_ms)
    prices = priced(told.tariffs, known, event.from_ms, event.until_ms)
    fee = 1 - told.economics.pool_fee_ratio
    earned = earned_usd_th_day(told.economics.hashprice, known, event.from_ms, event.until_ms) * fee
    before_ms = begin_ms - beyond_ms // (step_s * 1000) * step_s * 1000
    rows = await energy_meters.hashing(conn, told.site, (before_ms, end_ms), step_s)
    rigs = _rigs(rows, event, begin_ms, earned)
    usd_mwh = prices.usd_mwh("energy", "losses", "adders", "tax")
    usd_mwh = np.where([bool(name) for name in prices.tariff], usd_mwh, np.nan)
    terms = replace(span.terms, tolerance_ratio=programme.tolerance_ratio)
    body = event_account(terms, event, baseline, usd_mwh, earned, rigs)
    rests_on = [whole.from_ms, whole.energy_kwh, usd_mwh, earned, baseline.energy_kwh]
    return Made(body=body, digest=digest(told, span, as_of_ms, rests_on, rows))


def span_of(call: Mapping[str, Any]) -> Span:
    """Give what the account of a call is about."""
    return Span(
        kind="call",
        subject=f"{call['programme']}/{call['event']}",
        from_ms=call["from_ms"],
        until_ms=call["until_ms"],
        programme=call["programme"],
        terms=Terms(
            reduce=call["reduce"],
            power_kw=call["power_kw"],
            credit_usd_mwh=call["credit_usd_mwh"],
            penalty_usd_mwh=call["penalty_usd_mwh"],
        ),
    )


async def _baseline(  # noqa: PLR0913, PLR0917 -- by which method, of what, as known when
    conn: Connection, told: Told, span: Span, method: Baseline, whole: Metered,
    event_ms: tuple[int, int], as_of_ms: int,
) -> Expected:  # fmt: skip
    if method.method == "plan":
        return await _planned(conn, told, span, part(whole, *event_ms))
    programme = told.programmes.get(span.programme)
    zone = ZoneInfo(programme.time_zone) if programme else told.zone_at(event_ms[0])
    before_ms = (event_ms[0] - _back_ms(method), event_ms[0])
    eventful = await _eventful(conn, told, before_ms, zone, as_of_ms)
    holidays = [day for tariff in told.tariffs for day in tariff.holidays]
    return expected(method, whole, event_ms, zone=zone, eventful=eventful, holidays=holidays)


def _back_ms(method: Baseline) -> int:
    return method.look_back_days * _DAY_MS if method.method == "10-of-10" else _DAY_MS


async def _planned(conn: Connection, told: Told, span: Span, event: Metered) -> Expected:
    """Give what the plan that stood before a call said the site would draw in it.

    Raises:
        InvalidError: none stood, or it does not reach over the whole event.
    """
    where = f"account of {span.subject}: baseline by the plan"
    name = span.subject.removeprefix(f"{span.programme}/")
    found = await energy_live.plan_before_call(conn, told.site_id, span.programme, name)
    plan = (found or {}).get("body", {}).get("periods")
    if found is None or not plan:
        raise InvalidError(f"{where}: none stood when the call came; use another method")
    baseline = planned(event, plan, found["made_ms"])
    if np.isnan(baseline.energy_kwh).any():
        raise InvalidError(
            f"{where}: the one that stood when the call came says nothing of all of it; use another"
        )
    return baseline


def step_of(span_ms: tuple[int, int], where: str) -> int:
    """Give the longest step, s, in which a span of local days can be read from hours of UTC.

    Raises:
        InvalidError: it does not begin and end on a quarter of an hour.
    """
    if any(edge % (QUARTER_S * 1000) for edge in span_ms):
        raise InvalidError(f"{where}: begins or ends within a quarter of an hour; round it")
    return QUARTER_S if any(edge % (HOUR_S * 1000) for edge in span_ms) else HOUR_S


async def site_meter(
    conn: Connection, told: Told, span_ms: tuple[int, int], step_s: int
) -> Metered:
    """Give what a site drew over a span by its meters' counters.

    Raises:
        InvalidError: it has no meter that is billed.
    """
    listed = await energy_meters.meters(conn, told.site, told.economics.meters)
    if not listed:
        raise InvalidError(
            f"account of {told.site}: no meter; name its meters in the site's economics"
        )
    return await counted(conn, listed, span_ms, step_s)


async def counted(
    conn: Connection, meters: Sequence[tuple[int, str]], span_ms: tuple[int, int], step_s: int
) -> Metered:
    """Give what ran through some meters together over a span, by their counters."""
    n = (span_ms[1] - span_ms[0]) // (step_s * 1000)
    read_ms = (span_ms[0] - step_s * 1000, span_ms[1])
    found = []
    for device_id, name in meters:
        readings = await energy_meters.counters(conn, device_id, read_ms, step_s)
        peak_w = await energy_meters.highest_w(conn, device_id, read_ms, step_s)
        found.append(metered(name, readings, span_ms[0], n, step_s, peak_w))
    return together(found)


def digest(
    told: Told, span: Span, as_of_ms: int, arrays: Sequence[Any], rows: Sequence[dict[str, Any]]
) -> str:
    """Give the SHA-256 of all that an account rests on."""
    made = hashlib.sha256()
    head = [VERSION, told.site, told.revisions, span, as_of_ms]
    made.update(msgspec.json.encode(head))
    for array in arrays:
        made.update(np.ascontiguousarray(array).tobytes())
    made.update(msgspec.json.encode(list(rows)))
    return made.hexdigest()


async def known_rates(
    conn: Connection, told: Told, span_ms: tuple[int, int], as_of_ms: int
) -> Rates:
    """Give the series that a site's tariffs and hashprice need, as received up to a moment."""
    wanted = needed(told.tariffs) | {(name, "") for name in HASHING}
    return await rates(conn, told.site_id, wanted, span_ms, known_ms=as_of_ms, clock="received")


async def _eventful(
    conn: Connection, told: Told, span_ms: tuple[int, int], zone: ZoneInfo, as_of_ms: int
) -> set[dt.date]:
    """Give the days of other calls; tests count, too: load was moved."""
    calls = await energy_calls.calls(conn, told.site, span_ms, as_of_ms=as_of_ms)
    days = set()
    for call in calls:
        if not call["is_cancelled"]:
            for at_ms in range(call["from_ms"], call["until_ms"], 3_600_000):
                days.add(dt.datetime.fromtimestamp(at_ms / 1000, zone).date())
            days.add(dt.datetime.fromtimestamp((call["until_ms"] - 1) / 1000, zone).date())
    return days


def _rigs(
    rows: Sequence[dict[str, Any]], event: Metered, begin_ms: int, usd_th_day: Figures
) -> tuple[RigHashing, ...]:
    place = {int(at_ms): n for n, at_ms in enumerate(event.from_ms)}
    hours = (event.until_ms - event.from_ms) / 3_600_000
    by_rig: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_rig.setdefault((row["rig"], row["model"]), []).append(row)
    found = []
    for rig, mine in by_rig.items():
        during, power = np.full((2, len(hours)), np.nan)
        before = [number(row["hashrate_ths"]) for row in mine if row["from_ms"] < begin_ms]
        for row in mine:
            if row["from_ms"] in place:
                during[place[row["from_ms"]]] = number(row["hashrate_ths"])
                power[place[row["from_ms"]]] = number(row["power_w"])
        given = np.array(before or [np.nan])
        found.append(hashing(rig, given, during, power, hours, usd_th_day))
    return tuple(found)


def number(value: float | None) -> float:
    """Give a figure of the database; NaN where it is missing."""
    return float("nan") if value is None else float(value)
