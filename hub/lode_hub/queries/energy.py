"""What may be asked about energy: prices and why, sources, calls, hashprice, bills, accounts."""

import csv
import datetime as dt
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lode_hub.energy.account import make
from lode_hub.energy.account.bill import bill
from lode_hub.energy.account.peaks import before_kw
from lode_hub.energy.plan.curve import break_even_usd_mwh
from lode_hub.energy.prices import PRICES, Quantity, Times, periods
from lode_hub.energy.signals.economics import doubt, earned_usd_th_day, hashprice
from lode_hub.energy.sources.keep import HASHING, needed, rates
from lode_hub.energy.tariff import Priced, Rates, Tariff, priced
from lode_hub.energy.tariff import described as tariff_of
from lode_hub.energy.tariff.price import market_usd_mwh, valid
from lode_hub.errors import InvalidError, NotFoundError
from lode_hub.queries.energy_nouns import (
    AccountRow,
    BillLine,
    BillRow,
    BreakEven,
    CallRow,
    CallState,
    DocumentKind,
    DocumentRow,
    HashpriceNow,
    HourRow,
    PriceNow,
    PricePart,
    PriceSeries,
    ProgrammeRow,
    SourceRow,
)
from lode_hub.queries.energy_sources import programmes_of, sources_of
from lode_hub.queries.planner import PlannerQueries
from lode_hub.queries.simulations import Simulations
from lode_hub.store import (
    Store,
    energy,
    energy_accounts,
    energy_calls,
    energy_documents,
    energy_meters,
    energy_models,
)
from lode_hub.store.asking import asking
from lode_hub.store.connection import Connection

MAX_PERIODS = 40_000
LONGEST_STEP_S = 86_400
_HOUR_S = 3600
_BACK_MS = 40 * 86_400_000
_TH_PER_PH = 1000.0
Floats = npt.NDArray[np.float64]


class EnergyQueries:
    """Answers from the database; each call raises UnavailableError when that is away.

    NotFoundError is raised when there is no such site. `planner` answers about the planner at work,
    `simulations` what it would have earned.
    """

    def __init__(
        self, store: Store, clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self.planner = PlannerQueries(store, clock_ms)
        self.simulations = Simulations(store, clock_ms)

    async def documents(self, site: str, kind: DocumentKind) -> list[DocumentRow]:
        """Give a site's documents of a kind, and those of all sites."""
        async with asking(self._store) as conn:
            number = await _site(conn, site)
            rows = await energy_documents.documents(conn, kind, number)
        return [DocumentRow(**_without(row, "site_id")) for row in rows]

    async def sources(self, site: str) -> list[SourceRow]:
        """Give how a site's sources fare, and those of all sites."""
        now_ms = self._clock_ms()
        async with asking(self._store) as conn:
            number = await _site(conn, site)
            return await sources_of(conn, number, now_ms)

    async def programmes(self, site: str) -> list[ProgrammeRow]:
        """Give how the ways fare by which calls come."""
        async with asking(self._store) as conn:
            return await programmes_of(conn, site, await _site(conn, site))

    async def price_now(self, site: str, at_ms: int | None = None) -> PriceNow:
        """Give what a MWh costs at a moment (now), by parts."""
        moment = self._clock_ms() if at_ms is None else at_ms
        told, known = await self._known(site, (moment, moment + 1))
        prices = priced(told.tariffs, known, *periods(moment, 1, 0.001))
        notes = [] if told.tariffs else [f"site {site} has no tariff; save one"]
        if np.isnan(prices.total_usd_mwh[0]) and told.tariffs:
            notes.append("a price or an exchange rate is missing; see the sources")
        return PriceNow(
            site=site,
            at_ms=moment,
            usd_mwh=_figure(prices.total_usd_mwh[0]),
            tariff=prices.tariff[0],
            parts=_parts(prices),
            notes=tuple(notes),
        )

    async def price_series(
        self, site: str, from_ms: int, until_ms: int, step_s: float = 900.0,
        known_ms: int | None = None,
    ) -> PriceSeries:  # fmt: skip
        """Give prices over a span, as known at a moment; without it, as known now.

        Raises:
            InvalidError: there would be too many periods.
        """
        n = _count(from_ms, until_ms, step_s)
        told, known = await self._known(site, (from_ms, until_ms), known_ms)
        span = periods(from_ms, n, step_s)
        prices = priced(told.tariffs, known, *span)
        return PriceSeries(
            site=site,
            from_ms=tuple(span[0].tolist()),
            step_s=step_s,
            known_ms=known_ms,
            usd_mwh=_figures(prices.total_usd_mwh),
            day_ahead_usd_mwh=_figures(_market("day-ahead", told, known, span)),
            real_time_usd_mwh=_figures(_market("real-time", told, known, span)),
            peaks_usd_mwh=_figures(prices.usd_mwh("peaks")),
        )

    async def hashprice(self, site: str) -> HashpriceNow:
        """Give what a TH/s earns in a day now, and on what that rests."""
        now_ms = self._clock_ms()
        told, known = await self._known(site, (now_ms - _BACK_MS, now_ms + 1))
        found = hashprice(told.economics.hashprice, known, now_ms)
        return HashpriceNow(
            usd_th_day=found.value,
            basis=found.basis,
            at_ms=found.at_ms,
            age_s=found.age_s,
            is_stale=found.is_stale,
            says=found.says,
            doubt=doubt(told.economics.hashprice, known, now_ms),
            pool_fee_ratio=told.economics.pool_fee_ratio,
        )

    async def calls(
        self, site: str | None = None, *, from_ms: int | None = None, until_ms: int | None = None
    ) -> list[CallRow]:
        """Give calls that touch a span; without one, those of the last month and to come."""
        now_ms = self._clock_ms()
        begin = now_ms - 31 * 86_400_000 if from_ms is None else from_ms
        end = now_ms + 400 * 86_400_000 if until_ms is None else until_ms
        async with asking(self._store) as conn:
            rows = await energy_calls.calls(conn, site, (begin, end))
        return [_call(row, now_ms) for row in rows]

    async def call(self, call_id: int) -> CallRow | None:
        """Give one call as it stands."""
        async with asking(self._store) as conn:
            row = await energy_calls.call(conn, call_id)
        return _call(row, self._clock_ms()) if row else None

    async def hours(self, site: str, from_ms: int, until_ms: int) -> list[HourRow]:
        """Give what each hour of a span cost and brought.

        Raises:
            InvalidError: it is too long, or the site has no meter.
        """
        n = _count(from_ms, until_ms, _HOUR_S)
        span = periods(from_ms, n, _HOUR_S)
        within_ms = (from_ms, int(span[1][-1]))
        step_s = make.step_of(within_ms, f"hours of {site}")
        told, known = await self._known(site, within_ms)
        async with asking(self._store) as conn:
            meter = await make.site_meter(conn, told, within_ms, step_s)
            rows = await energy_meters.hashed(conn, site, within_ms, step_s)
        prices = priced(told.tariffs, known, *span)
        usd_mwh = prices.total_usd_mwh - prices.usd_mwh("peaks")
        energy_kwh = meter.energy_kwh.reshape(n, -1).sum(axis=1)
        ths = {row["from_ms"]: row["hashrate_ths"] for row in rows}
        parts = np.array([ths.get(int(at_ms)) for at_ms in meter.from_ms], float).reshape(n, -1)
        heard = (~np.isnan(parts)).sum(axis=1)
        hashed = np.nansum(parts, axis=1) / np.where(heard, heard, np.nan)
        fee = 1 - told.economics.pool_fee_ratio
        earned = earned_usd_th_day(told.economics.hashprice, known, *span) * fee
        power_usd, hash_usd = energy_kwh * usd_mwh / 1000, hashed * earned / 24
        columns = (energy_kwh, power_usd, hashed, hash_usd, hash_usd - power_usd)
        return [
            HourRow(
                from_ms=int(begin),
                energy_kwh=_figure(row[0]),
                power_usd=_figure(row[1]),
                hashed_thh=_figure(row[2]),
                hash_usd=_figure(row[3]),
                profit_usd=_figure(row[4]),
            )
            for begin, row in zip(span[0], zip(*columns, strict=True), strict=True)
        ]

    async def day_ms(self, site: str, day: dt.date) -> tuple[int, int]:
        """Give when a day of a site begins and ends, Unix ms, by the clocks of its tariff then."""
        async with asking(self._store) as conn:
            told = await make.told(conn, site, await _site(conn, site))
        noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
        zone = told.zone_at(round(noon.timestamp() * 1000))
        edges = [dt.datetime.combine(one, dt.time(), zone) for one in (day, day + dt.timedelta(1))]
        return round(edges[0].timestamp() * 1000), round(edges[1].timestamp() * 1000)

    async def simulated_bill(
        self, site: str, from_ms: int, until_ms: int, tariff: str | None = None
    ) -> BillRow:
        """Give what a span would have cost, by the site's tariffs or by another's text.

        Raises:
            InvalidError: the tariff cannot be, the span is too long, or the site has no meter.
        """
        _count(from_ms, until_ms, 900)
        span_ms = (from_ms, until_ms)
        tried = (tariff_of(tariff, "tariff"),) if tariff is not None else None
        told, known = await self._known(site, span_ms, tariffs=tried)
        tariffs = tried or told.tariffs
        async with asking(self._store) as conn:
            meter = await make.site_meter(conn, told, span_ms, 900)
            before = await before_kw(conn, told, tariffs, span_ms, self._clock_ms())
        found = bill(meter, tariffs, known, before_kw=before)
        return BillRow(
            usd=found.usd,
            energy_kwh=found.energy_kwh,
            missing_h=found.missing_h,
            unplaced_kwh=found.unplaced_kwh,
            unpriced_kwh=found.unpriced_kwh,
            lines=tuple(
                BillLine(**{name: getattr(line, name) for name in line.__slots__})
                for line in found.lines
            ),
            notes=found.notes,
        )

    async def break_even(self, site: str) -> list[BreakEven]:
        """Give the market price up to which each model of rigs earns more than it costs."""
        now_ms = self._clock_ms()
        told, known = await self._known(site, (now_ms - _BACK_MS, now_ms + 1))
        found = hashprice(told.economics.hashprice, known, now_ms)
        prices = priced(told.tariffs, known, *periods(now_ms, 1, 0.001))
        adder = float(prices.usd_mwh("adders")[0]) if told.tariffs else 0.0
        pue = float(told.economics.pue_at(np.array([told.economics.ambient_assume_c]))[0])
        async with asking(self._store) as conn:
            rows = await energy_models.models(conn, site)
        if found.value is None:
            return [BreakEven(**row, usd_mwh=None) for row in rows]
        figures = {
            "hashprice_usd_phd": found.value * _TH_PER_PH,
            "fee_ratio": told.economics.pool_fee_ratio,
            "pue": pue,
            "adder_usd_mwh": adder,
        }
        return [
            BreakEven(**row, usd_mwh=break_even_usd_mwh(row["efficiency_jth"], **figures))
            for row in rows
        ]

    async def accounts(
        self, site: str | None = None, *, limit: int = 100, offset: int = 0
    ) -> list[AccountRow]:
        """Give accounts, the latest time first."""
        async with asking(self._store) as conn:
            rows = await energy_accounts.accounts(conn, site, limit, offset)
        return [_account(row) for row in rows]

    async def account(self, account_id: int) -> AccountRow | None:
        """Give one account."""
        async with asking(self._store) as conn:
            row = await energy_accounts.account(conn, account_id)
        return _account(row) if row else None

    async def account_csv(self, account_id: int) -> str | None:
        """Give an account as CSV: its figures, then its periods or lines, then its rigs."""
        found = await self.account(account_id)
        return None if found is None else _csv(found)

    async def _known(
        self, site: str, span_ms: tuple[int, int], known_ms: int | None = None, *,
        tariffs: tuple[Tariff, ...] | None = None,
    ) -> tuple[make.Told, Rates]:  # fmt: skip
        async with asking(self._store) as conn:
            number = await _site(conn, site)
            told = await make.told(conn, site, number)
            wanted = needed(tariffs or told.tariffs) | {(name, "") for name in HASHING}
            nodes = {tariff.energy.node for tariff in told.tariffs} - {""}
            wanted |= {(price, node) for node in nodes for price in PRICES}
            return told, await rates(conn, number, wanted, span_ms, known_ms=known_ms)


async def _site(conn: Connection, site: str) -> int:
    number = await energy.site_id(conn, site)
    if number is None:
        raise NotFoundError(f"site {site}: there is no such site; see /api/v1/sites")
    return number


def _market(quantity: Quantity, told: make.Told, known: Rates, span: tuple[Times, Times]) -> Floats:
    """Give a market's price at the node of each period's own tariff; NaN where none is valid."""
    which = valid(told.tariffs, span[0])
    found = np.full(len(which), np.nan)
    for number in np.unique(which[which >= 0]).tolist():
        mine, node = which == number, told.tariffs[number].energy.node
        found[mine] = market_usd_mwh(quantity, node, known, span[0][mine], span[1][mine])
    return found


def _count(from_ms: int, until_ms: int, step_s: float) -> int:
    if not 1 <= step_s <= LONGEST_STEP_S or until_ms <= from_ms:
        raise InvalidError("span: the end has to be after the begin, steps 1 s to 1 day")
    n = round((until_ms - from_ms) / (step_s * 1000))
    if not 1 <= n <= MAX_PERIODS:
        raise InvalidError(f"span: {n} periods, expected 1 to {MAX_PERIODS}; ask for longer steps")
    return n


def _parts(prices: Priced) -> tuple[PricePart, ...]:
    return tuple(
        PricePart(
            kind=part.kind,
            name=part.name,
            usd_mwh=_figure(part.usd_mwh[0]),
            is_expected=part.is_expected,
        )
        for part in prices.parts
    )


def _call(row: dict[str, Any], now_ms: int) -> CallRow:
    state: CallState = "holds"
    if row["is_cancelled"]:
        state = "cancelled"
    elif row["until_ms"] <= now_ms:
        state = "over"
    elif row["from_ms"] > now_ms:
        state = "to come"
    return CallRow(**_without(row, "is_cancelled", "heard_ms"), state=state)


def _account(row: dict[str, Any]) -> AccountRow:
    return AccountRow(**{**row, "body": row["body"]["account"]})


def _csv(found: AccountRow) -> str:
    made = io.StringIO()
    write = csv.writer(made, lineterminator="\n")
    write.writerow(["site", "kind", "subject", "from_ms", "until_ms", "as_of_ms", "digest"])
    head = (found.site, found.kind, found.subject, found.from_ms, found.until_ms, found.as_of_ms)
    write.writerow([_cell(value) for value in (*head, found.digest)])
    called = (found.body.get("curtailed") or {}).items()
    body = {**found.body, **found.body.get("bill", {}), **{f"calls_{k}": v for k, v in called}}
    write.writerow([])
    for name, value in body.items():
        if not isinstance(value, list | dict):
            write.writerow([name, _cell(value)])
    for name in [name for name, value in body.items() if isinstance(value, list)]:
        rows = body[name]
        write.writerow([])
        tables = rows and isinstance(rows[0], dict)
        write.writerows([rows[0]] if tables else [])
        write.writerows(
            [*map(_cell, row.values())] if tables else [name, _cell(row)] for row in rows
        )
    return made.getvalue()


def _cell(value: object) -> object:
    # A spreadsheet takes what begins so for a formula.
    is_formula = isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}
    return f"'{value}" if is_formula else value


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _figure(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _figures(values: Floats) -> tuple[float | None, ...]:
    return tuple(_figure(value) for value in values)
