"""Rules in words: what a number of theirs is called and measured in, what a version changed."""

from collections.abc import Mapping
from typing import Any

from lode_ui import figures

Body = Mapping[str, Any]

_UNITS = {
    "c": "°C", "s": "s", "ms": "ms", "w": "W", "kw": "kW", "ths": "TH/s", "rpm": "rpm",
    "kwh": "kWh", "v": "V", "a": "A", "hz": "Hz", "min": "min", "h": "h", "mwh": "MWh",
}  # fmt: skip
_NO_SPANS = {"uptime_s", "on_delay_s", "off_delay_s"}
_OF = {"rig": "rigs", "meter": "meters", "point": "points"}


def unit(key: str) -> str:
    """Give the unit that a key ends in: `far_above_c` is in °C, `low_ratio` a share of 1."""
    return _UNITS.get(key.rpartition("_")[2], "") if "_" in key else ""


def name(key: str) -> str:
    """Call a key in plain words, without its unit: `far_above_c` is `far above`."""
    stem = key.removesuffix(f"_{key.rpartition('_')[2]}") if unit(key) else key
    words = stem.replace("_", " ")
    return f"{words} for" if unit(key) == "s" and key not in _NO_SPANS else words


def amount(key: str, value: object) -> str:
    """Say a key's value with its unit."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "none" if value is None else str(value)
    if key.endswith("_ratio"):
        return str(figures.number(value * 100, "%", 4))
    if unit(key) == "s":
        is_whole = value == int(value)
        return figures.duration(value) if is_whole else f"{value:g}{figures.SPACE}s"
    return str(figures.number(value, unit(key), 4))


def judged(body: Body) -> str:
    """Say what a rule fires at."""
    if body.get("metric") is None:
        pairs = sorted((body.get("thresholds") or {}).items())
        return " · ".join(f"{name(key)} {amount(key, value)}" for key, value in pairs)
    metric = str(body["metric"])
    side = "above" if body.get("above") is not None else "below"
    # A point is called as its device has it: what its name ends in need not be its unit.
    key, called = ("", metric) if body["of"] == "point" else (metric, name(metric))
    words = f"{called} of {_OF[body['of']]} {side} {amount(key, body[side])}"
    if body.get("for_s"):
        words += f" for {figures.duration(body['for_s'])}"
    if body.get("clear_at") is not None:
        words += f", until {amount(key, body['clear_at'])}"
    scope = [f"{key} {fits}" for key, fits in (body.get("scope") or {}).items() if fits]
    return f"{words}; {', '.join(scope)}" if scope else words


def delays(body: Body) -> str:
    """Say how long it must be there, and be away."""
    on_s, off_s = body["on_delay_s"], body["off_delay_s"]
    on = f"on after {figures.duration(on_s)}" if on_s else "on at once"
    return f"{on}, off after {figures.duration(off_s)}" if off_s else f"{on}, off at once"


def changes(old: Body, new: Body) -> list[str]:
    """Say what a version changed, key by key."""
    found = []
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            found += [f"{key}: {line}" for line in changes(before, value)]
        elif value != before:
            found.append(f"{name(key)} {_said(key, before)} → {_said(key, value)}")
    return found


def _said(key: str, value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return amount(key, value)
