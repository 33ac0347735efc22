"""What the dashboard asks of the hub: its queries, its actions, its changes, and who is asking."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from lode_hub.queries.nouns import (
    AgentRow,
    AlertRow,
    AlertState,
    GapRow,
    MeterRow,
    PointRow,
    QuarantineRow,
    RigRow,
    Series,
    SiteTotals,
    Span,
)


class Person(Protocol):
    """Who is logged in, as the hub's guard has put it into the request."""

    @property
    def name(self) -> str:
        """The login name."""

    @property
    def role(self) -> str:
        """What the person may do."""


class Queries(Protocol):
    """Everything the pages may ask."""

    async def sites(self) -> Sequence[SiteTotals]:
        """Give the totals of every site."""

    async def rigs(self, *, limit: int) -> Sequence[RigRow]:
        """Give all rigs with their last reading."""

    async def rig(self, device_id: int) -> RigRow | None:
        """Give one rig."""

    async def meters(self) -> Sequence[MeterRow]:
        """Give all meters with their last reading."""

    async def points(self, device_id: int) -> Sequence[PointRow]:
        """Give the last values of a device's further points."""

    async def series(self, device_id: int, metric: str, span: Span) -> Series:
        """Give the rollups of one metric of one device."""

    async def site_series(self, site: str, metric: str, span: Span) -> Series:
        """Give the rollups of one metric summed over a site."""

    async def agents(self) -> Sequence[AgentRow]:
        """Give every agent's health."""

    async def gaps(self, *, limit: int) -> Sequence[GapRow]:
        """Give the newest gaps of all agents."""

    async def quarantine(self, *, limit: int) -> Sequence[QuarantineRow]:
        """Give the newest payloads that could not be taken."""

    async def alerts(
        self, *, states: Sequence[AlertState], device_id: int | None = None, limit: int
    ) -> Sequence[AlertRow]:
        """Give alerts in the given states, newest first."""


class Actions(Protocol):
    """Everything the pages may do; each call checks the person's role again."""

    async def acknowledge(self, alert_id: int, person: Person) -> object:
        """Take an open alert on."""

    async def resolve(self, alert_id: int, person: Person) -> object:
        """Say that an alert's trouble is over."""


class Live(Protocol):
    """Tells when committed data or alerts have changed."""

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[object]]:
        """Give the changes from now on."""
