"""The first page: is everything well, what does it make and draw, what needs a person."""

import asyncio
from collections.abc import Sequence

from lode_hub.queries.nouns import AgentRow, AlertRow, Series, SiteTotals
from lode_ui import figures
from lode_ui.acts import alert_handlers
from lode_ui.desk import Desk
from lode_ui.figures import Figure
from lode_ui.life import now_ms
from lode_ui.states import RIG, RIG_ORDER, SEVERITY_ORDER
from lode_ui.summary import Totals, added, joined, total, verdict
from lode_ui.widgets.agents import AgentLine
from lode_ui.widgets.alerts import AlertItem
from lode_ui.widgets.floor import Floor
from lode_ui.widgets.headline import Headline
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns
from lode_ui.widgets.meters import MeterTable
from lode_ui.widgets.sign import Part, StateBar
from lode_ui.widgets.sites import SiteTable
from lode_ui.widgets.text import note
from lode_ui.widgets.tile import Tile
from lode_ui.widgets.trend import Line, Trend

SHOWN_ALERTS = 8
WHOLE = 0.98  # of the hashrate: below this, what rigs say they draw is not all they draw
GROUP = "overview"
METRICS = ("hashrate_ths", "power_w", "meter_power_w", "efficiency_jth")


class OverviewPage:
    """All sites, or the chosen one, at a glance."""

    title = "Overview"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._headline = Headline()
        self._nothing = Empty(
            "No agent has reported yet.", "Start one with", "lode-edge run --config FILE"
        )
        self._nothing.show(False)
        with columns("tiles") as self._tiles:
            self._hashrate = Tile("Hashrate", has_spark=True)
            self._power = Tile("Power", has_spark=True)
            self._efficiency = Tile("Efficiency", has_spark=True)
            self._mining = Tile("Rigs mining")
        with card("Rigs by state") as self._states:
            self._bar = StateBar([_part(desk, state) for state in RIG_ORDER])
            self._racks = columns("stack")
        self._floor: Floor | None = None
        self._beat = 0
        with columns("wide-narrow") as self._columns:
            with columns("stack"):
                with card("Hashrate", aside="last hour, 1 min means"):
                    self._made = Trend("Hashrate of the last hour", group=GROUP)
                with card("Power", aside="solid: rigs, dashed: meters"):
                    self._drawn = Trend("Power of the last hour", group=GROUP)
                self._sites = SiteTable()
                self._meters = MeterTable()
            with columns("stack"):
                self._alerts = _Alerts(desk)
                self._agents = _Agents()

    async def refresh(self) -> None:
        """Ask for totals, alerts, agents and the last hour."""
        answers = self._desk.answers
        all_sites, alerts, agents, meters = await asyncio.gather(
            answers.sites(), answers.active_alerts(), answers.agents(), answers.meters()
        )
        sites = self._desk.chosen(all_sites)
        name = self._desk.site_name(all_sites)
        alerts = [alert for alert in alerts if name in (None, alert.site)]
        agents = [agent for agent in agents if name in (None, agent.site)]
        self._show_totals(total(sites), alerts, has_any=bool(all_sites or agents))
        self._sites.show(sites if len(sites) > 1 else [])
        self._alerts.show(alerts)
        self._agents.show(agents)
        self._meters.show([meter for meter in meters if name in (None, meter.site)])
        self._show_floor(name)
        by_metric = await asyncio.gather(*(self._series(sites, metric) for metric in METRICS))
        hashrate, power, meter, efficiency = by_metric
        self._draw(added(hashrate), added(power), added(meter))
        self._spark(added(hashrate), added(meter) or added(power), joined(power, efficiency))

    def _show_floor(self, site: str | None) -> None:
        self._beat += 1
        if self._floor is None:
            with self._racks:
                self._floor = Floor(site)
        self._floor.show(self._beat)

    async def _series(self, sites: Sequence[SiteTotals], metric: str) -> Sequence[Series]:
        asked = [self._desk.answers.site_series(site.site, metric, "hour") for site in sites]
        return await asyncio.gather(*asked)

    def _show_totals(self, totals: Totals, alerts: Sequence[AlertRow], *, has_any: bool) -> None:
        for part in (self._tiles, self._states, self._columns):
            part.set_visibility(has_any)
        self._nothing.show(not has_any)
        waiting = [alert.severity for alert in alerts if alert.state == "open"]
        self._headline.show(verdict(totals, waiting), totals.newest_ms)
        self._hashrate.show(figures.hashrate(totals.hashrate_ths), _per_rig(totals))
        self._power.show(*_power(totals))
        remark = (
            "by what the rigs say they draw" if totals.efficiency_jth else "no rig reports power"
        )
        self._efficiency.show(figures.efficiency(totals.efficiency_jth), remark)
        mining = totals.by_state["mining"]
        share = figures.percent(mining / totals.rigs if totals.rigs else None)
        self._mining.show(figures.count(mining, f"of {totals.rigs:,}"), f"{share} of all rigs")
        self._bar.show([totals.by_state[state] for state in RIG_ORDER])

    def _draw(self, hashrate: Series | None, power: Series | None, meter: Series | None) -> None:
        if hashrate:
            scale = figures.hashrate_scale(figures.peak(hashrate.mean))
            line = Line(name="Hashrate", series=hashrate, scale=scale, digits=2, has_area=True)
            self._made.show([line], "hour", now_ms())
        scale = figures.power_scale(
            figures.peak([value for each in (power, meter) if each for value in each.mean])
        )
        lines = []
        if power:
            lines.append(Line(name="Rigs", series=power, scale=scale, has_area=True))
        if meter and meter.at_ms:
            dashed = Line(name="Meters", series=meter, scale=scale, color="--muted", is_dashed=True)
            lines.append(dashed)
        self._drawn.show(lines, "hour", now_ms())

    def _spark(self, *past: Series | None) -> None:
        for tile, series in zip((self._hashrate, self._power, self._efficiency), past, strict=True):
            tile.draw(_stepped(series))


class _Alerts:
    def __init__(self, desk: Desk) -> None:
        handlers = alert_handlers(desk)
        with card("Open alerts", comes_first=True):
            self._empty = Empty("Nothing is wrong.", "Alerts appear here the moment they open.")
            self._list = Keyed[AlertRow](
                columns("stack"),
                lambda alert: alert.alert_id,
                lambda alert: AlertItem(alert, handlers, is_full=False),
            )
            self._more = note("")

    def show(self, alerts: Sequence[AlertRow]) -> None:
        ordered = sorted(alerts, key=_urgency)
        self._list.show(ordered[:SHOWN_ALERTS])
        self._empty.show(not alerts)
        hidden = len(ordered) - SHOWN_ALERTS
        self._more.text = f"and {hidden:,} more on the alerts page" if hidden > 0 else ""


class _Agents:
    def __init__(self) -> None:
        with card("Agents"):
            self._empty = Empty("No agent here.", "Start one with", "lode-edge run --config FILE")
            self._list = Keyed[AgentRow](
                columns("stack"), lambda agent: agent.agent_id, lambda _: AgentLine()
            )

    def show(self, agents: Sequence[AgentRow]) -> None:
        ordered = sorted(agents, key=lambda agent: (agent.state in ("live", "stopped"), agent.name))
        self._list.show(ordered[:20])
        self._empty.show(not agents)


def _part(desk: Desk, state: str) -> Part:
    site = f"&site={desk.site_id:d}" if desk.site_id else ""
    look = next(look for name, look in RIG.items() if name == state)
    return Part(look=look, count=0, target=f"/fleet?state={state}{site}")


def _urgency(alert: AlertRow) -> tuple[bool, int, int]:
    return (alert.state != "open", SEVERITY_ORDER.index(alert.severity), -alert.opened_ms)


def _per_rig(totals: Totals) -> str:
    mining = totals.by_state["mining"]
    if totals.hashrate_ths is None or not mining:
        return "no rig reports a hashrate"
    return f"{figures.hashrate(totals.hashrate_ths / mining)} per mining rig"


def _power(totals: Totals) -> tuple[Figure, str]:
    """Show the meters' power where there is one, for rigs may say too little or nothing."""
    if totals.meter_power_w is None:
        is_known = totals.rig_power_w is not None
        return figures.power(totals.rig_power_w), "as the rigs say" if is_known else "nobody says"
    shown = figures.power(totals.meter_power_w)
    if totals.rig_power_w is None:
        return shown, "by meter; no rig says"
    told = f"by meter; rigs say {figures.power(totals.rig_power_w)}"
    overhead, covered = totals.overhead_ratio, totals.covered_ratio
    if covered is not None and covered < WHOLE:
        return shown, f"{told} for {figures.percent(covered, 0)} of the hashrate"
    return shown, f"{told}, overhead {figures.percent(overhead)}" if overhead else told


def _stepped(series: Series | None) -> list[float | None]:
    """Give one value a bucket, None where the bucket is missing."""
    if series is None or not series.at_ms:
        return []
    known = dict(zip(series.at_ms, series.mean, strict=True))
    step = series.bucket_s * 1000
    return [known.get(at) for at in range(series.at_ms[0], series.at_ms[-1] + 1, step)]
