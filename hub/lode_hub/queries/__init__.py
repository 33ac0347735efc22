"""Everything that may be asked of the hub; pages and API ask nothing elsewhere.

Each question is one statement, and its answer is made of `lode_hub.queries.nouns`.
"""

from collections.abc import Sequence

from lode_hub.errors import InvalidError
from lode_hub.notify.senders import Senders
from lode_hub.queries import fleet, health
from lode_hub.queries.alerts import AlertQueries
from lode_hub.queries.commands import CommandQueries
from lode_hub.queries.energy import EnergyQueries
from lode_hub.queries.learned import LearnedQueries
from lode_hub.queries.nouns import (
    AgentRow,
    AlertRow,
    AlertState,
    GapRow,
    HubHealth,
    MeterRow,
    PointRow,
    QuarantineRow,
    RigPulse,
    RigRow,
    RigState,
    Series,
    Severity,
    SiteTotals,
    Span,
)
from lode_hub.queries.quality import QualityQueries
from lode_hub.queries.telling import TellingQueries
from lode_hub.queries.tryouts import TryOuts
from lode_hub.store import Store, queries_agents, queries_alerts, queries_fleet, queries_series
from lode_hub.store.asking import asking
from lode_hub.store.queries_series import EFFICIENCY, METER_METRICS, METERED, RIG_METRICS, Window

WINDOWS: dict[Span, Window] = {
    "hour": Window(suffix="1m", bucket_s=60, buckets=60),
    "day": Window(suffix="15m", bucket_s=900, buckets=96),
    "week": Window(suffix="1h", bucket_s=3600, buckets=168),
}
"""Which rollup answers for which span."""

RIG_SORTS = tuple(sorted(queries_fleet.RIG_SORTS))
DEVICE_METRICS = tuple(dict.fromkeys((*RIG_METRICS, EFFICIENCY, *METER_METRICS)))
SITE_METRICS = (*RIG_METRICS, EFFICIENCY, METERED)
ALL = 100_000


class Queries:
    """Answers from the database; each call raises UnavailableError when that is away.

    `commands` answers about commands, curtailments and what devices offer, `alarms` about what
    belongs to alerts: their history, counts, silences, maintenance, rules, EEMUA 191's figures;
    `tryouts` what a rule would have done.
    """

    def __init__(self, store: Store, senders: Senders | None = None) -> None:
        self._store = store
        self.telling = TellingQueries(store, senders or Senders(()))
        self.commands = CommandQueries(store)
        self.quality = QualityQueries(store)
        self.alarms = AlertQueries(store)
        self.tryouts = TryOuts(store)
        self.energy = EnergyQueries(store)
        self.learned = LearnedQueries(store)

    async def sites(self) -> list[SiteTotals]:
        """Give the totals of every site."""
        async with asking(self._store) as conn:
            return [fleet.site(row) for row in await queries_fleet.sites(conn)]

    async def rigs(  # noqa: PLR0913 -- each is one way to look at a fleet
        self,
        *,
        site: str | None = None,
        states: Sequence[RigState] | None = None,
        search: str | None = None,
        sort: str = "name",
        is_descending: bool = False,
        limit: int = ALL,
        offset: int = 0,
    ) -> list[RigRow]:
        """Give rigs with their last reading.

        Args:
            site: of this site only.
            states: in these states only.
            search: whose name, model, serial, address, rack or agent contains this.
            sort: one of RIG_SORTS; who has no value comes last.
            is_descending: the largest first.
            limit: at most so many.
            offset: after so many.

        Raises:
            InvalidError: rigs cannot be sorted by that.
        """
        if sort not in queries_fleet.RIG_SORTS:
            raise InvalidError(f"rigs: cannot sort by {sort!r}; use one of {', '.join(RIG_SORTS)}")
        chosen = queries_fleet.choose(site, states, search)
        async with asking(self._store) as conn:
            rows = await queries_fleet.rigs(
                conn, chosen, sort=sort, is_descending=is_descending, limit=limit, offset=offset
            )
        return [fleet.rig(row) for row in rows]

    async def count_rigs(
        self,
        *,
        site: str | None = None,
        states: Sequence[RigState] | None = None,
        search: str | None = None,
    ) -> int:
        """Count the rigs that `rigs` would give without a limit."""
        async with asking(self._store) as conn:
            return await queries_fleet.count_rigs(conn, queries_fleet.choose(site, states, search))

    async def rig(self, device_id: int) -> RigRow | None:
        """Give one rig, also one that is configured no more."""
        async with asking(self._store) as conn:
            row = await queries_fleet.rig(conn, device_id)
        return fleet.rig(row) if row else None

    async def pulse(self) -> list[RigPulse]:
        """Give the few figures of every rig that a live view shows."""
        async with asking(self._store) as conn:
            rows = await queries_fleet.pulse(conn)
        return [fleet.pulse(row) for row in rows]

    async def meters(self, site: str | None = None) -> list[MeterRow]:
        """Give meters with their last reading."""
        async with asking(self._store) as conn:
            return [fleet.meter(row) for row in await queries_fleet.meters(conn, site)]

    async def points(self, device_id: int) -> list[PointRow]:
        """Give the last values of a device's further points."""
        async with asking(self._store) as conn:
            return [fleet.point(row) for row in await queries_fleet.points(conn, device_id)]

    async def series(self, device_id: int, metric: str, span: Span) -> Series:
        """Give the rollups of one metric of one device.

        Raises:
            InvalidError: there is no such metric.
        """
        if metric not in DEVICE_METRICS:
            raise InvalidError(f"series: no metric {metric!r}; use one of {DEVICE_METRICS}")
        window = WINDOWS[span]
        async with asking(self._store) as conn:
            points = await queries_series.of_device(conn, device_id, metric, window)
        return fleet.series(device_id, metric, window.bucket_s, points)

    async def site_series(self, site: str, metric: str, span: Span) -> Series:
        """Give the rollups of one metric over a site's rigs, or of its meters; `device_id` is 0.

        Raises:
            InvalidError: there is no such metric.
        """
        if metric not in SITE_METRICS:
            raise InvalidError(f"series: no metric {metric!r}; use one of {SITE_METRICS}")
        window = WINDOWS[span]
        async with asking(self._store) as conn:
            points = await queries_series.of_site(conn, site, metric, window)
        return fleet.series(0, metric, window.bucket_s, points)

    async def agents(self) -> list[AgentRow]:
        """Give every agent's health."""
        async with asking(self._store) as conn:
            return [health.agent(row) for row in await queries_agents.agents(conn)]

    async def gaps(
        self, agent: str | None = None, *, limit: int = 100, offset: int = 0
    ) -> list[GapRow]:
        """Give gaps, newest first."""
        async with asking(self._store) as conn:
            rows = await queries_agents.gaps(conn, agent, limit, offset)
        return [GapRow(**row) for row in rows]

    async def quarantine(
        self, agent: str | None = None, *, limit: int = 100, offset: int = 0
    ) -> list[QuarantineRow]:
        """Give payloads that could not be taken, newest first."""
        async with asking(self._store) as conn:
            rows = await queries_agents.quarantine(conn, agent, limit, offset)
        return [QuarantineRow(**row) for row in rows]

    async def alerts(  # noqa: PLR0913 -- each is one way to look at an inbox
        self,
        *,
        states: Sequence[AlertState] | None = None,
        severities: Sequence[Severity] | None = None,
        causes: Sequence[str] | None = None,
        site: str | None = None,
        rule: str | None = None,
        device_id: int | None = None,
        search: str = "",
        is_untold: bool | None = None,
        is_gravest_first: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> list[AlertRow]:
        """Give alerts, newest first; without states, all but the pending ones.

        `is_gravest_first` orders them by severity, money at stake and age instead.
        """
        chosen = queries_alerts.Chosen(
            states=states or (),
            severities=severities or (),
            causes=causes or (),
            site=site,
            rule=rule,
            device_id=device_id,
            search=search,
            is_untold=is_untold,
        )
        async with asking(self._store) as conn:
            rows = await queries_alerts.alerts(
                conn, chosen, is_gravest_first=is_gravest_first, limit=limit, offset=offset
            )
        return [AlertRow(**row) for row in rows]

    async def alert(self, alert_id: int) -> AlertRow | None:
        """Give one alert."""
        async with asking(self._store) as conn:
            row = await queries_alerts.alert(conn, alert_id)
        return AlertRow(**row) if row else None

    async def workers(self) -> int:
        """Count the ingest workers that are at work, wherever they run."""
        async with asking(self._store) as conn:
            return await queries_agents.workers(conn)

    async def health(self) -> HubHealth:
        """Give the hub's own figures."""
        async with asking(self._store) as conn:
            return HubHealth(**await queries_agents.health(conn))


__all__ = [
    "ALL",
    "DEVICE_METRICS",
    "RIG_SORTS",
    "SITE_METRICS",
    "WINDOWS",
    "Queries",
]
