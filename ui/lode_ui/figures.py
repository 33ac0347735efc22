"""Numbers as people read them: scaled, with their unit; a missing value is an en dash.

raw value in its stored unit ─► Figure(value, unit) ─► "4.180 PH/s"
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

MISSING = "\N{EN DASH}"
SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"

_STEP = 1000
_MWH_FROM_KWH = 10_000
_WHOLE_WH_FROM_KWH = 0.01

SECOND, MINUTE, HOUR, DAY = 1, 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and its unit, apart, so that a page can set them in different sizes."""

    value: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.value}{SPACE}{self.unit}" if self.unit else self.value


@dataclass(frozen=True, slots=True)
class Scale:
    """How a whole chart shows one quantity: raw value by `factor`, in `unit`."""

    factor: float
    unit: str


_HASHRATE = (Scale(1.0, "TH/s"), Scale(1e3, "PH/s"), Scale(1e6, "EH/s"), Scale(1e9, "ZH/s"))
_POWER = (Scale(1.0, "W"), Scale(1e3, "kW"), Scale(1e6, "MW"), Scale(1e9, "GW"))
_BYTES = (Scale(1.0, "B"), Scale(1e3, "kB"), Scale(1e6, "MB"), Scale(1e9, "GB"), Scale(1e12, "TB"))


def hashrate(ths: float | None) -> Figure:
    """Scale a hashrate given in TH/s to TH/s, PH/s, EH/s or ZH/s, four significant digits."""
    return _scaled(ths, _HASHRATE)


def power(watts: float | None) -> Figure:
    """Scale a power given in W to W, kW, MW or GW, four significant digits."""
    return _scaled(watts, _POWER)


def size(n_bytes: float | None) -> Figure:
    """Scale a size given in bytes by thousands, three significant digits."""
    return _scaled(n_bytes, _BYTES, digits=3)


def efficiency(jth: float | None) -> Figure:
    """Show joules per terahash with one decimal."""
    return _fixed(jth, 1, "J/TH")


def temperature(temp_c: float | None) -> Figure:
    """Show degrees Celsius with one decimal."""
    return _fixed(temp_c, 1, "°C")


def fan(rpm: float | None) -> Figure:
    """Show revolutions per minute as a whole number."""
    return _fixed(rpm, 0, "rpm")


def energy(kwh: float | None) -> Figure:
    """Show an energy given in kWh, as MWh from 10,000 kWh on, and as Wh below 1 kWh."""
    if _is_real(kwh) and abs(kwh) >= _MWH_FROM_KWH:
        return _fixed(kwh / 1e3, 1, "MWh")
    if _is_real(kwh) and 0 < abs(kwh) < 1:
        return _fixed(kwh * 1e3, 0 if abs(kwh) >= _WHOLE_WH_FROM_KWH else 1, "Wh")
    return _fixed(kwh, 1, "kWh")


def percent(ratio: float | None, digits: int = 1) -> Figure:
    """Show a ratio of 0 to 1 in per cent; what is not all is never `100 %`, some is never `0 %`."""
    least = 10.0**-digits
    if _is_real(ratio) and 0 < ratio < 1:
        shown = round(ratio * 100, digits)
        if shown in (0, 100):
            edge, sign = (least, "<") if shown == 0 else (100 - least, ">")
            return Figure(f"{sign}{edge:.{digits}f}", "%")
    return _fixed(None if ratio is None else ratio * 100, digits, "%")


def count(number: float | None, noun: str = "") -> Figure:
    """Show a whole number with thousands apart."""
    return _fixed(number, 0, noun)


def number(value: float | None, unit: str = "", digits: int = 2) -> Figure:
    """Show any other measured value with at most `digits` decimals."""
    shown = _fixed(value, digits, unit)
    if "." not in shown.value:
        return shown
    return Figure(shown.value.rstrip("0").rstrip("."), unit)


def milliseconds(ms: float | None, *, signed: bool = False) -> Figure:
    """Show a short time given in ms, as seconds from 1,000 ms on; signed when it is an offset."""
    if not _is_real(ms):
        return Figure(MISSING)
    shown = _fixed(ms, 0, "ms") if abs(round(ms)) < _STEP else _fixed(ms / 1e3, 1, "s")
    if signed and not shown.value.startswith((MINUS, "0")):
        return Figure(f"+{shown.value}", shown.unit)
    return shown


def duration(seconds: float | None) -> str:
    """Show a length of time in its two largest units: `12 s`, `3 min 20 s`, `4 h 12 min`."""
    if not _is_real(seconds):
        return MISSING
    whole = max(0, int(seconds))
    for length, name, next_length, next_name in _DURATIONS:
        if whole >= length:
            large, rest = divmod(whole, length)
            small = rest // next_length
            shown = f"{large:,}{SPACE}{name}"
            return f"{shown} {small}{SPACE}{next_name}" if small else shown
    return f"{whole}{SPACE}s"


_DURATIONS = (
    (DAY, "d", HOUR, "h"),
    (HOUR, "h", MINUTE, "min"),
    (MINUTE, "min", SECOND, "s"),
)


def age(seconds: float | None) -> str:
    """Show how long ago something was observed."""
    return "never" if seconds is None else f"{duration(seconds)} ago"


def hashrate_scale(peak: float | None) -> Scale:
    """Choose the scale for a chart whose highest hashrate is `peak` TH/s."""
    return _step(peak or 0.0, _HASHRATE, 4)


def power_scale(peak: float | None) -> Scale:
    """Choose the scale for a chart whose highest power is `peak` W."""
    return _step(peak or 0.0, _POWER, 4)


def peak(values: Sequence[float | None]) -> float | None:
    """Find the largest real value, None when there is none."""
    return max((value for value in values if _is_real(value)), default=None)


def plural(number_of: int, noun: str, nouns: str = "") -> str:
    """Count a noun: `1 rig`, `2 rigs`."""
    return f"{number_of:,}{SPACE}{noun if number_of == 1 else nouns or noun + 's'}"


def _scaled(value: float | None, steps: Sequence[Scale], digits: int = 4) -> Figure:
    if not _is_real(value):
        return Figure(MISSING)
    step = _step(abs(value), steps, digits)
    scaled = value / step.factor
    whole_digits = max(1, len(str(int(abs(scaled)))))
    decimals = 0 if step is steps[0] and value == int(value) else max(0, digits - whole_digits)
    return _fixed(scaled, decimals, step.unit)


def _step(value: float, steps: Sequence[Scale], digits: int) -> Scale:
    # 999.96 TH/s shows as 1.000 PH/s, so the step is chosen by what is left after rounding.
    for step in steps:
        if float(f"{value / step.factor:.{digits}g}") < _STEP:
            return step
    return steps[-1]


def _fixed(value: float | None, decimals: int, unit: str) -> Figure:
    if not _is_real(value):
        return Figure(MISSING)
    shown = f"{value:,.{decimals}f}"
    if shown.startswith("-"):
        shown = shown[1:] if not shown.strip("-0.,") else MINUS + shown[1:]
    return Figure(shown, unit)


def _is_real(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
