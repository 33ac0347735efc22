"""What the dashboard asks of the hub: its queries, its actions, its changes, and who is asking."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from lode_hub.actions import Ask, Stage
from lode_hub.queries.command_nouns import (
    CommandDetail,
    CommandRow,
    CommandStage,
    ControlsRow,
    CurtailmentRow,
    UnorderedRow,
)
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
    Severity,
    SiteTotals,
    Span,
)
from lode_hub.queries.quality import QualitySpan, SiteQuality
from lode_ui.hub_alarms import AlarmActions, AlarmQueries
from lode_ui.hub_energy import EnergyActions, EnergyQueries
from lode_ui.hub_learned import LearnedQueries
from lode_ui.hub_telling import Telling, TellingQueries, TryOuts
from lode_wire.orders import AnyIntent, Terms


class Person(Protocol):
    """Who is logged in, as the hub's guard has put it into the request."""

    @property
    def name(self) -> str:
        """The login name."""

    @property
    def role(self) -> str:
        """What the person may do."""


class CommandQueries(Protocol):
    """Everything the pages may ask about commands."""

    async def commands(
        self,
        *,
        site: str | None = None,
        stages: Sequence[CommandStage] | None = None,
        device_id: int | None = None,
        is_open: bool = False,
        limit: int,
        offset: int = 0,
    ) -> Sequence[CommandRow]:
        """Give commands, newest first."""

    async def count(
        self,
        *,
        site: str | None = None,
        stages: Sequence[CommandStage] | None = None,
        is_open: bool = False,
    ) -> int:
        """Count the commands that `commands` would give without a limit."""

    async def command(self, command_id: str) -> CommandDetail | None:
        """Give one command with its devices, steps and approvals."""

    async def strange(self, limit: int) -> Sequence[UnorderedRow]:
        """Give what agents tell of commands that are not this hub's, newest first."""

    async def local(self, limit: int) -> Sequence[UnorderedRow]:
        """Give what the sites began by themselves, newest first."""

    async def controls(self, device_id: int) -> ControlsRow | None:
        """Give what can be asked of a device; None when its agent has not said."""

    async def curtailment(self, curtailment_id: str) -> CurtailmentRow | None:
        """Give one curtailment: a preview, or one that was begun."""


class QualityQueries(Protocol):
    """What the pages may ask about data quality."""

    async def of_site(self, site: str, span: QualitySpan) -> SiteQuality:
        """Say how good a site's data was over a span."""


class Queries(Protocol):
    """Everything the pages may ask."""

    @property
    def quality(self) -> QualityQueries:
        """What may be asked about data quality."""

    @property
    def commands(self) -> CommandQueries:
        """What may be asked about commands."""

    @property
    def energy(self) -> EnergyQueries:
        """What may be asked about energy."""

    @property
    def telling(self) -> TellingQueries:
        """What may be asked about who is told how."""

    @property
    def alarms(self) -> AlarmQueries:
        """What may be asked about alerts and their rules."""

    @property
    def learned(self) -> LearnedQueries:
        """What may be asked about the learned opinion."""

    @property
    def tryouts(self) -> TryOuts:
        """What rules would have done."""

    async def sites(self) -> Sequence[SiteTotals]:
        """Give the totals of every site."""

    async def rigs(
        self, *, site: str | None = None, search: str | None = None, limit: int
    ) -> Sequence[RigRow]:
        """Give rigs with their last reading: all, of a site, or what a text fits."""

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

    async def alerts(  # noqa: PLR0913 -- each is one way to look at an inbox
        self,
        *,
        states: Sequence[AlertState],
        severities: Sequence[Severity] = (),
        causes: Sequence[str] = (),
        site: str | None = None,
        device_id: int | None = None,
        search: str = "",
        is_untold: bool | None = None,
        is_gravest_first: bool = False,
        limit: int,
        offset: int = 0,
    ) -> Sequence[AlertRow]:
        """Give alerts in the given states, newest or gravest first."""


class Orders(Protocol):
    """What may be ordered; `request` makes the same request, sent again, be done once."""

    async def order(
        self,
        person: Person,
        intent: AnyIntent,
        *,
        device_id: int | None = None,
        agent: str | None = None,
        terms: Terms | None = None,
        request: str = "",
    ) -> str:
        """Order something of a device, or at an agent's site; give the command's id."""

    async def release(self, person: Person, command_id: str, *, request: str = "") -> str:
        """End what a command holds; give the command that does."""

    async def approve(self, person: Person, command_id: str) -> object:
        """Approve what another person proposed."""

    async def decline(self, person: Person, command_id: str) -> object:
        """Decline a proposal, or take one's own back."""

    async def stop_all(
        self, person: Person, site: str, *, reason: str = "", request: str = ""
    ) -> Sequence[str]:
        """Put every rig of a site to sleep at once; give the commands."""

    async def end_stop(self, person: Person, site: str, *, request: str = "") -> Sequence[str]:
        """End a stop of all rigs; give the commands."""

    async def maintain(
        self, person: Person, device_id: int, *, is_on: bool, note: str = ""
    ) -> object:
        """Put a device in maintenance, or out of it."""


class Curtailments(Protocol):
    """What may be done with curtailments."""

    async def preview(self, person: Person, ask: Ask, terms: Terms | None = None) -> str:
        """Choose rigs and do nothing; give the preview's id."""

    async def start(
        self, person: Person, curtailment_id: str, *, request: str = ""
    ) -> Sequence[str]:
        """Begin a preview with the rigs it showed; give its commands."""

    async def release(
        self, person: Person, curtailment_id: str, *, request: str = ""
    ) -> Sequence[str]:
        """End a curtailment now; give the commands that do."""


class Actions(Protocol):
    """Everything the pages may do; each call checks the person's role again."""

    @property
    def commands(self) -> Orders:
        """What may be ordered."""

    @property
    def curtailments(self) -> Curtailments:
        """What may be done with curtailments."""

    @property
    def energy(self) -> EnergyActions:
        """What may be done about energy."""

    @property
    def telling(self) -> Telling:
        """What may be done about who is told how."""

    @property
    def alarms(self) -> AlarmActions:
        """What may be done about alerts and their rules."""

    async def acknowledge(self, alert_id: int, person: Person, note: str = "") -> object:
        """Take an open alert on."""

    async def resolve(self, alert_id: int, person: Person, note: str = "") -> object:
        """Say that an alert's trouble is over."""

    async def let_model(self, site: str, stage: Stage, person: Person) -> object:
        """Let the learned opinion advise at a site, or only count in shadow."""


class Live(Protocol):
    """Tells when committed data or alerts have changed."""

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[object]]:
        """Give the changes from now on."""
