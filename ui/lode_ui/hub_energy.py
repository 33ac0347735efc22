"""What the dashboard asks of the hub about energy, and does to it."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

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
from lode_hub.queries.planner import LimitRow, LoopRow, PlannerMode, PlannerState, PlanRow
from lode_hub.queries.simulations import Simulated


class Who(Protocol):
    """Who does it."""

    @property
    def name(self) -> str:
        """The login name."""

    @property
    def role(self) -> str:
        """What the person may do."""


class PlannerQueries(Protocol):
    """What the pages may ask about the planner at work."""

    async def state(self, site: str) -> PlannerState:
        """Give what a person lets the planner do."""

    async def plan(self, site: str) -> PlanRow | None:
        """Give the last plan that was made."""

    async def preview(self, site: str) -> PlanRow:
        """Make a plan as the planner would now, and neither keep nor send it."""

    async def limits(self, site: str) -> Sequence[LimitRow]:
        """Give what bounds a site, and by whose word."""

    async def loop(self, site: str) -> LoopRow:
        """Give how the site follows its setpoint."""


class Simulations(Protocol):
    """Walks along past prices."""

    async def run(
        self,
        site: str,
        from_ms: int,
        until_ms: int,
        tariff: str | None = None,
        *,
        progress: Callable[[float], None],
    ) -> Simulated:
        """Simulate a span that is over, by the site's tariffs or by another's text."""


class EnergyQueries(Protocol):
    """What the pages may ask about energy."""

    @property
    def simulations(self) -> Simulations:
        """What may be asked about spans that are over."""

    @property
    def planner(self) -> PlannerQueries:
        """What may be asked about the planner at work."""

    async def documents(self, site: str, kind: DocumentKind) -> Sequence[DocumentRow]:
        """Give a site's documents of a kind, and those of all sites."""

    async def sources(self, site: str) -> Sequence[SourceRow]:
        """Give how a site's sources fare, and those of all sites."""

    async def programmes(self, site: str) -> Sequence[ProgrammeRow]:
        """Give how the ways fare by which a site's calls come."""

    async def price_now(self, site: str) -> PriceNow:
        """Give what a MWh costs now, by parts."""

    async def price_series(self, site: str, from_ms: int, until_ms: int) -> PriceSeries:
        """Give prices over a span, by quarters of an hour."""

    async def hashprice(self, site: str) -> HashpriceNow:
        """Give what a TH/s earns in a day now, and on what that rests."""

    async def calls(self, site: str) -> Sequence[CallRow]:
        """Give the calls of the last month and those to come."""

    async def hours(self, site: str, from_ms: int, until_ms: int) -> Sequence[HourRow]:
        """Give what each hour of a span cost and brought."""

    async def simulated_bill(
        self, site: str, from_ms: int, until_ms: int, tariff: str | None = None
    ) -> BillRow:
        """Give what a span would have cost, by the site's tariffs or by another's text."""

    async def break_even(self, site: str) -> Sequence[BreakEven]:
        """Give the market price up to which each model of rigs earns more than it costs."""

    async def day_ms(self, site: str, day: datetime.date) -> tuple[int, int]:
        """Give when a day of a site begins and ends, Unix ms, by the clocks of its tariff then."""

    async def accounts(
        self, site: str | None, *, limit: int, offset: int = 0
    ) -> Sequence[AccountRow]:
        """Give accounts, the latest time first."""

    async def account(self, account_id: int) -> AccountRow | None:
        """Give one account."""


class Refused(Protocol):
    """A row of an upload that could not be read."""

    @property
    def line(self) -> int:
        """Its line in the file."""

    @property
    def reason(self) -> str:
        """What is wrong with it."""


class Uploaded(Protocol):
    """What became of an upload."""

    @property
    def rows(self) -> int:
        """Rows that were read."""

    @property
    def fresh(self) -> int:
        """Values that say something new."""

    @property
    def refused_n(self) -> int:
        """Rows that could not be read."""

    @property
    def refused(self) -> Sequence[Refused]:
        """The first of these."""

    @property
    def gaps_ms(self) -> Sequence[tuple[int, int]]:
        """Spans for which it says nothing."""


class Proof(Protocol):
    """Whether an account comes out the same when it is made again."""

    @property
    def is_same(self) -> bool:
        """Whether it does."""

    @property
    def digest_now(self) -> str:
        """The digest of what it rests on, now."""


class EnergyActions(Protocol):
    """What may be done about energy; each call checks the person's role again."""

    async def save(
        self, person: Who, kind: DocumentKind, name: str, body: str, *, site: str | None
    ) -> int:
        """Keep a document, or a further revision of it."""

    async def upload(self, person: Who, source: str, data: bytes, *, site: str | None) -> Uploaded:
        """Take a file of a source; nothing is overwritten."""

    async def call(
        self, person: Who, programme_name: str, said: Mapping[str, Any], *, site: str
    ) -> int:
        """Take a call for demand response, or a later modification of one."""

    async def set_planner(self, person: Who, site: str, mode: PlannerMode) -> None:
        """Let the planner do nothing at a site, only advise, or act."""

    async def account_of_call(self, person: Who, call_id: int) -> int:
        """Make the account of a call that is over; give its number."""

    async def account(
        self,
        person: Who,
        site: str,
        kind: Literal["curtailment", "plan", "day", "month"],
        subject: str,
        span_ms: tuple[int, int],
    ) -> int:
        """Make the account of a span; give its number."""

    async def prove(self, person: Who, account_id: int) -> Proof:
        """Make an account again from what it rests on, and compare."""
