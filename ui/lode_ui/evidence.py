"""An alert's evidence in words: each key's suffix tells the unit, as everywhere in Lode."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from lode_ui import figures
from lode_ui.figures import MISSING, Figure

LONGEST = 160
YEAR_2000_MS = 946_684_800_000
YEAR_10000_MS = 253_402_300_800_000

_BY_SUFFIX: tuple[tuple[str, Callable[[float], Figure]], ...] = (
    ("_hashrate_ths", figures.hashrate),
    ("_ths", figures.hashrate),
    ("_temp_c", figures.temperature),
    ("_c", figures.temperature),
    ("_power_w", figures.power),
    ("_w", figures.power),
    ("_kwh", figures.energy),
    ("_jth", figures.efficiency),
    ("_rpm", figures.fan),
    ("_bytes", figures.size),
    ("_ratio", figures.percent),
    ("_v", lambda value: figures.number(value, "V")),
    ("_a", lambda value: figures.number(value, "A")),
    ("_hz", lambda value: figures.number(value, "Hz")),
)


def readable(evidence: dict[str, object]) -> list[tuple[str, str]]:
    """Give (name, value with unit) for each piece of evidence, in its order."""
    return [(_name(key), _value(key, value)) for key, value in evidence.items()]


def _name(key: str) -> str:
    stem = key
    for suffix in (*(suffix for suffix, _ in _BY_SUFFIX), "_s", "_ms"):
        if key.endswith(suffix) and len(key) > len(suffix):
            stem = key.removesuffix("_" + suffix.rsplit("_", 1)[1])
            break
    return _cut(stem.replace("_", " ").strip().capitalize()) or MISSING


def _value(key: str, value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _cut(_measured(key, value))
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return _cut(", ".join(value).replace("_", " ")) or MISSING
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _measured(key: str, value: float) -> str:
    if key.endswith("_ms") and YEAR_2000_MS <= value < YEAR_10000_MS:
        return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if key.endswith("_s"):
        return figures.duration(value)
    if key.endswith("_ms"):
        return str(figures.milliseconds(value))
    for suffix, shown in _BY_SUFFIX:
        if f"_{key}".endswith(suffix):
            return str(shown(value))
    return str(figures.number(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
