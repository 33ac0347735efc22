"""One rig: what it does now, how it went, what it is, and what is wrong with it."""

import asyncio
from collections.abc import Sequence

from lode_hub.queries.nouns import AlertRow, RigRow, Series, Span
from lode_ui import figures
from lode_ui.acts import alert_handlers
from lode_ui.desk import Desk
from lode_ui.figures import Figure, Scale
from lode_ui.life import now_ms
from lode_ui.pages.rig_act import RigAct
from lode_ui.widgets.alerts import AlertItem
from lode_ui.widgets.choice import Choice
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, Facts, card, columns
from lode_ui.widgets.points import Parts
from lode_ui.widgets.reading import Reading
from lode_ui.widgets.rig_head import RigHead
from lode_ui.widgets.trend import Limit, Line, Trend

SPANS: dict[Span, str] = {"hour": "1 hour", "day": "1 day", "week": "1 week"}
FACTS = (
    "Site",
    "Rack",
    "Vendor",
    "Model",
    "Firmware",
    "Serial",
    "MAC",
    "Address",
    "Profile",
    "Agent",
    "Rated hashrate",
    "Rated power",
)
READINGS = (
    "Hashrate",
    "Power",
    "Efficiency",
    "Chip",
    "Board",
    "Inlet",
    "Fan",
    "Boards",
    "Shares rejected",
    "Uptime",
)
GROUP = "rig"


class RigPage:
    """One rig by its id."""

    title = "Rig"

    def __init__(self, desk: Desk, device_id: int) -> None:
        self._desk = desk
        self._device_id = device_id
        self._span: Span = "hour"
        self._head = RigHead()
        self._missing = Empty(
            "There is no rig of this number.", "It may have been removed; see the fleet."
        )
        self._missing.show(False)
        with columns("readings") as self._values:
            self._readings = {name: Reading(name) for name in READINGS}
        with columns("wide-narrow") as self._columns:
            with columns("stack"):
                self._choice = Choice("Span of the charts", SPANS, "hour", self._choose)
                self._charts = _Charts()
            with columns("stack"):
                with card("Alerts", comes_first=True):
                    self._quiet = Empty("No alert for this rig.")
                    handlers = alert_handlers(desk)
                    self._alerts = Keyed[AlertRow](
                        columns("stack"),
                        lambda alert: alert.alert_id,
                        lambda alert: AlertItem(alert, handlers, is_full=True),
                    )
                self._act = RigAct(desk, device_id)
                with card("Facts"):
                    self._facts = Facts(FACTS)
                self._points = Parts()

    async def refresh(self) -> None:
        """Ask for the rig, its points, its alerts and its past."""
        answers = self._desk.answers
        rig = await answers.rig(self._device_id)
        for part in (self._values, self._columns):
            part.set_visibility(rig is not None)
        self._missing.show(rig is None)
        self._head.show(rig)
        if rig is None:
            return
        self.title = rig.name
        self._show_values(rig)
        points, alerts = await asyncio.gather(
            answers.points(self._device_id), answers.alerts_of(self._device_id)
        )
        self._points.show(points)
        self._show_alerts(alerts)
        await self._act.refresh()
        await self._draw(rig)

    def _show_values(self, rig: RigRow) -> None:
        for name, (figure, remark, tone) in _readings(rig).items():
            self._readings[name].show(figure, remark, tone)
        self._facts.show(_facts(rig))

    def _show_alerts(self, alerts: Sequence[AlertRow]) -> None:
        ordered = sorted(alerts, key=lambda each: (each.state == "resolved", -each.opened_ms))
        self._alerts.show(ordered[:12])
        self._quiet.show(not alerts)

    async def _draw(self, rig: RigRow) -> None:
        span = self._span
        asked = (
            self._desk.answers.series(self._device_id, metric, span) for metric in _Charts.METRICS
        )
        series = await asyncio.gather(*asked)
        if span == self._span:  # else another span was chosen meanwhile
            self._charts.show(series, rig, span)

    async def _choose(self, span: Span) -> None:
        self._span = span
        await self.refresh()


class _Charts:
    METRICS = ("hashrate_ths", "power_w", "chip_temp_c", "fan_rpm")

    def __init__(self) -> None:
        self._trends = {}
        for metric, name in zip(
            self.METRICS, ("Hashrate", "Power", "Chip temperature", "Fan"), strict=True
        ):
            with card(name, aside="mean, with lowest to highest"):
                is_heat = metric == "chip_temp_c"
                self._trends[metric] = Trend(name, from_zero=not is_heat, group=GROUP)

    def show(self, series: Sequence[Series], rig: RigRow, span: Span) -> None:
        for metric, each in zip(self.METRICS, series, strict=True):
            limits = []
            if metric == "chip_temp_c" and rig.chip_temp_max_c is not None:
                limits.append(
                    Limit(name=f"limit {rig.chip_temp_max_c:g} °C", value=rig.chip_temp_max_c)
                )
            line = Line(
                name="Mean",
                series=each,
                scale=_scale(metric, each),
                digits=0 if metric == "fan_rpm" else 1,
                has_band=True,
            )
            self._trends[metric].show([line], span, now_ms(), limits)


def _scale(metric: str, series: Series) -> Scale:
    peak = figures.peak(series.high)
    if metric == "hashrate_ths":
        return figures.hashrate_scale(peak)
    if metric == "power_w":
        return figures.power_scale(peak)
    return Scale(1.0, "°C" if metric == "chip_temp_c" else "rpm")


def _readings(rig: RigRow) -> dict[str, tuple[Figure | str, str, str]]:
    return {
        "Hashrate": (
            figures.hashrate(rig.hashrate_ths),
            _of_rated(rig.hashrate_ths, rig.rated_hashrate_ths),
            "",
        ),
        "Power": (figures.power(rig.power_w), _power_remark(rig), ""),
        "Efficiency": (figures.efficiency(rig.efficiency_jth), "", ""),
        "Chip": _heat(rig.chip_temp_c, rig.chip_temp_max_c),
        "Board": _heat(rig.board_temp_c, rig.board_temp_max_c),
        "Inlet": (figures.temperature(rig.inlet_temp_c), "", ""),
        "Fan": (figures.fan(rig.fan_rpm), *_of_whole(rig.fans_alive, rig.rated_fans, "fans")),
        "Boards": (_of(rig.boards_alive, rig.rated_boards), *_alive(rig)),
        "Shares rejected": (figures.percent(_rejected(rig), 2), _shares(rig), ""),
        "Uptime": (figures.duration(rig.uptime_s), "", ""),
    }


def _of_rated(value: float | None, rated: float | None) -> str:
    if value is None or not rated:
        return ""
    return f"{figures.percent(value / rated, 0)} of {figures.hashrate(rated)}"


def _power_remark(rig: RigRow) -> str:
    source = "" if rig.power_w is None or rig.power_source == "unknown" else rig.power_source
    rated = f"rated {figures.power(rig.rated_power_w)}" if rig.rated_power_w else ""
    return ", ".join(part for part in (source, rated) if part)


def _heat(value: float | None, limit: float | None) -> tuple[Figure, str, str]:
    shown = figures.temperature(value)
    if limit is None:
        return shown, "", ""
    if value is None:
        return shown, f"limit {limit:g} °C", ""
    if value >= limit:
        return shown, f"over its limit of {limit:g} °C", "bad"
    near = value >= limit - 5
    return shown, f"limit {limit:g} °C", "warn" if near else ""


def _of_whole(alive: int | None, rated: int | None, noun: str) -> tuple[str, str]:
    if alive is None or not rated:
        return "", ""
    return f"{alive} of {rated} {noun} alive", "bad" if alive < rated else ""


def _of(alive: int | None, rated: int | None) -> Figure:
    return figures.count(alive, f"of {rated}" if rated and alive is not None else "")


def _alive(rig: RigRow) -> tuple[str, str]:
    if rig.boards_alive is None:
        return "", ""
    chips = "" if rig.chips_alive is None else f"{rig.chips_alive:,} chips alive"
    return chips, "bad" if rig.boards_alive < (rig.rated_boards or 0) else ""


def _rejected(rig: RigRow) -> float | None:
    if rig.accepted_shares is None or rig.rejected_shares is None:
        return None
    whole = rig.accepted_shares + rig.rejected_shares
    return rig.rejected_shares / whole if whole else None


def _shares(rig: RigRow) -> str:
    return f"{rig.accepted_shares:,} accepted" if rig.accepted_shares is not None else ""


def _facts(rig: RigRow) -> dict[str, str]:
    return {
        "Site": rig.site,
        "Rack": rig.rack,
        "Vendor": rig.vendor,
        "Model": rig.model,
        "Firmware": rig.firmware,
        "Serial": rig.serial,
        "MAC": rig.mac,
        "Address": rig.address,
        "Profile": rig.profile,
        "Agent": rig.agent,
        "Rated hashrate": str(figures.hashrate(rig.rated_hashrate_ths)),
        "Rated power": str(figures.power(rig.rated_power_w)),
    }
