"""Which past shows an alert's evidence: the metric its rule looks at, and what it is held against.

alert ─► metric of the rig or the site ─► levels: limit, expected, its own level, its peers
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lode_hub.queries import DEVICE_METRICS, SITE_METRICS
from lode_hub.queries.nouns import AlertRow, Series
from lode_ui import figures
from lode_ui.figures import Scale
from lode_ui.widgets.trend import Limit

NAMES: dict[str, str] = {
    "hashrate_ths": "Hashrate",
    "power_w": "Power",
    "efficiency_jth": "Efficiency",
    "chip_temp_c": "Chip temperature",
    "board_temp_c": "Board temperature",
    "inlet_temp_c": "Inlet temperature",
    "fan_rpm": "Fan speed",
    "voltage_v": "Voltage",
    "current_a": "Current",
    "freq_hz": "Frequency",
    "power_factor": "Power factor",
    "meter_power_w": "Power by the meters",
}
UNITS = {"c": "°C", "rpm": "rpm", "jth": "J/TH", "v": "V", "a": "A", "hz": "Hz"}
BY_CAUSE = {
    "heat": "chip_temp_c",
    "cooling": "chip_temp_c",
    "hash": "hashrate_ths",
    "pool": "hashrate_ths",
    "power": "power_w",
    "link": "hashrate_ths",
    "control": "power_w",
}
WHOLE_FROM = 1000.0
FROM_ZERO = frozenset({"hashrate_ths", "power_w", "meter_power_w", "fan_rpm", "current_a"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """A value to compare with, in the metric's stored unit."""

    name: str
    value: float
    color: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Charted:
    """What is drawn for an alert; without a device it is the site's."""

    metric: str
    device_id: int | None
    levels: tuple[Level, ...]

    @property
    def name(self) -> str:
        """What the metric is called."""
        return NAMES.get(self.metric, self.metric)

    @property
    def has_zero(self) -> bool:
        """Whether its axis begins at zero."""
        return self.metric in FROM_ZERO

    def scale(self, series: Series) -> Scale:
        """Choose a scale that fits the past and the levels."""
        peak = figures.peak([*series.high, *series.mean, *(level.value for level in self.levels)])
        if self.metric == "hashrate_ths":
            return figures.hashrate_scale(peak)
        if self.metric in ("power_w", "meter_power_w"):
            return figures.power_scale(peak)
        return Scale(1.0, UNITS.get(self.metric.rsplit("_", 1)[-1], ""))

    def limits(self, scale: Scale) -> list[Limit]:
        """Give the levels as the chart draws them."""
        return [
            Limit(
                name=f"{level.name} {_digits(level.value / scale.factor)} {scale.unit}".rstrip(),
                value=level.value / scale.factor,
                color=level.color,
            )
            for level in self.levels
        ]


def charted(alert: AlertRow) -> Charted | None:
    """Choose what shows an alert; None when no past is kept that would."""
    if alert.device_id is not None:
        metric, levels = _of_rule(alert.evidence)
        metric = metric or BY_CAUSE.get(alert.cause, "")
        if metric not in DEVICE_METRICS:
            return None
        return Charted(metric=metric, device_id=alert.device_id, levels=levels)
    metric = BY_CAUSE.get(alert.cause, "")
    if alert.cause == "power":
        metric = "meter_power_w"
    if alert.site is None or metric not in SITE_METRICS:
        return None
    return Charted(metric=metric, device_id=None, levels=())


def _of_rule(evidence: Mapping[str, object]) -> tuple[str, tuple[Level, ...]]:
    """Find the metric and its levels: a threshold's, a limit's, a share's, or the peers'."""
    metric = evidence.get("metric")
    if isinstance(metric, str):
        return metric, _levels(
            ("limit", evidence.get("limit"), "--bad"),
            ("ends at", evidence.get("clear_at"), "--good"),
        )
    if evidence.get("sensor") in ("chip", "board"):
        return f"{evidence['sensor']}_temp_c", _levels(("limit", evidence.get("limit_c"), "--bad"))
    if "expected_ths" in evidence:
        expected, ratio = evidence["expected_ths"], evidence.get("limit_ratio")
        both = _is_number(expected) and _is_number(ratio)
        return "hashrate_ths", _levels(
            ("expected", expected, "--good"),
            ("limit", float(f"{expected}") * float(f"{ratio}") if both else None, "--bad"),
        )
    for key, compared in evidence.items():
        if isinstance(compared, Mapping) and "peer_median" in compared:
            return metric_of(key), _levels(
                ("its own level", compared.get("own_level"), "--good"),
                ("its peers", compared.get("peer_median"), "--info"),
            )
    return next((metric_of(key) for key in evidence if metric_of(key) in DEVICE_METRICS), ""), ()


def metric_of(key: str) -> str:
    """Name the metric of a piece of evidence: its unit may stand there twice."""
    stem, _, unit = key.rpartition("_")
    return stem if stem.endswith(f"_{unit}") else key


def _levels(*given: tuple[str, object, str]) -> tuple[Level, ...]:
    return tuple(
        Level(name=name, value=float(f"{value}"), color=color)
        for name, value, color in given
        if _is_number(value)
    )


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= WHOLE_FROM else f"{value:,.4g}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
