"""Every question the pages ask about energy, each shared through the feed."""

import datetime
from collections.abc import Callable, Sequence

from lode_hub.queries.energy_nouns import (
    AccountRow,
    BillRow,
    BreakEven,
    CallRow,
    DocumentKind,
    DocumentRow,
    HashpriceNow,
    HourRow,
    PriceNow,
    PriceSeries,
    ProgrammeRow,
    SourceRow,
)
from lode_hub.queries.planner import LimitRow, LoopRow, PlannerState, PlanRow
from lode_hub.queries.simulations import Simulated
from lode_ui.feed import Feed
from lode_ui.hub_energy import EnergyQueries

NOW_PERIOD_S = 5.0
PAST_PERIOD_S = 30.0
"""What looks at days or at every rig is asked for no oftener."""


class EnergyAnswers:
    """Answers about prices, calls, documents, money and accounts."""

    def __init__(self, queries: EnergyQueries, feed: Feed) -> None:
        self._queries = queries
        self._feed = feed

    async def documents(self, site: str, kind: DocumentKind) -> Sequence[DocumentRow]:
        """Give a site's documents of a kind."""
        return await self._feed.ask(
            ("documents", site, kind),
            lambda: self._queries.documents(site, kind),
            period_s=NOW_PERIOD_S,
        )

    async def sources(self, site: str) -> Sequence[SourceRow]:
        """Give how a site's sources fare."""
        return await self._feed.ask(
            ("sources", site), lambda: self._queries.sources(site), period_s=NOW_PERIOD_S
        )

    async def programmes(self, site: str) -> Sequence[ProgrammeRow]:
        """Give how the ways fare by which a site's calls come."""
        return await self._feed.ask(
            ("programmes", site), lambda: self._queries.programmes(site), period_s=NOW_PERIOD_S
        )

    async def price_now(self, site: str) -> PriceNow:
        """Give what a MWh costs now, by parts."""
        return await self._feed.ask(
            ("price", site), lambda: self._queries.price_now(site), period_s=NOW_PERIOD_S
        )

    async def price_series(self, site: str, from_ms: int, until_ms: int) -> PriceSeries:
        """Give prices over a span."""
        return await self._feed.ask(
            ("prices", site, from_ms, until_ms),
            lambda: self._queries.price_series(site, from_ms, until_ms),
            period_s=PAST_PERIOD_S,
        )

    async def hashprice(self, site: str) -> HashpriceNow:
        """Give what a TH/s earns in a day now."""
        return await self._feed.ask(
            ("hashprice", site), lambda: self._queries.hashprice(site), period_s=NOW_PERIOD_S
        )

    async def calls(self, site: str) -> Sequence[CallRow]:
        """Give the calls of the last month and those to come."""
        return await self._feed.ask(("calls", site), lambda: self._queries.calls(site))

    async def hours(self, site: str, from_ms: int, until_ms: int) -> Sequence[HourRow]:
        """Give what each hour of a span cost and brought."""
        return await self._feed.ask(
            ("hours", site, from_ms, until_ms),
            lambda: self._queries.hours(site, from_ms, until_ms),
            period_s=PAST_PERIOD_S,
        )

    async def break_even(self, site: str) -> Sequence[BreakEven]:
        """Give each model's break-even price."""
        return await self._feed.ask(
            ("break even", site), lambda: self._queries.break_even(site), period_s=PAST_PERIOD_S
        )

    async def accounts(
        self, site: str | None, *, limit: int, offset: int = 0
    ) -> Sequence[AccountRow]:
        """Give accounts, the latest time first."""
        return await self._feed.ask(
            ("accounts", site, limit, offset),
            lambda: self._queries.accounts(site, limit=limit, offset=offset),
            period_s=NOW_PERIOD_S,
        )

    async def account(self, account_id: int) -> AccountRow | None:
        """Give one account."""
        return await self._feed.ask(
            ("account", account_id),
            lambda: self._queries.account(account_id),
            period_s=NOW_PERIOD_S,
        )

    async def planner(self, site: str) -> PlannerState:
        """Give what a person lets the planner do."""
        return await self._feed.ask(("planner", site), lambda: self._queries.planner.state(site))

    async def plan(self, site: str) -> PlanRow | None:
        """Give the last plan that was made."""
        return await self._feed.ask(
            ("plan", site), lambda: self._queries.planner.plan(site), period_s=NOW_PERIOD_S
        )

    async def preview(self, site: str) -> PlanRow:
        """Make a plan of now that is not sent; nobody shares it."""
        return await self._queries.planner.preview(site)

    async def bill(
        self, site: str, from_ms: int, until_ms: int, tariff: str | None = None
    ) -> BillRow:
        """Give what a span would have cost; nobody shares it."""
        return await self._queries.simulated_bill(site, from_ms, until_ms, tariff)

    async def day_ms(self, site: str, day: datetime.date) -> tuple[int, int]:
        """Give when a day of a site begins and ends, by its own clocks; nobody shares it."""
        return await self._queries.day_ms(site, day)

    async def simulate(
        self,
        site: str,
        span_ms: tuple[int, int],
        tariff: str | None,
        progress: Callable[[float], None],
    ) -> Simulated:
        """Walk along a span that is over; nobody shares it."""
        return await self._queries.simulations.run(site, *span_ms, tariff, progress=progress)

    async def limits(self, site: str) -> Sequence[LimitRow]:
        """Give what bounds a site, and by whose word."""
        return await self._feed.ask(
            ("limits", site), lambda: self._queries.planner.limits(site), period_s=NOW_PERIOD_S
        )

    async def loop(self, site: str) -> LoopRow:
        """Give how the site follows its setpoint."""
        return await self._feed.ask(("loop", site), lambda: self._queries.planner.loop(site))
