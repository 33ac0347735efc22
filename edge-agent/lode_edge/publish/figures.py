"""What a record says to people on the site: figures by name, and whether the device is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lode_wire.records import MeterReading, PointReading, Quality, Record, RigReading, State

Value = int | float | str | None

_LOST = Quality.TIMED_OUT | Quality.REFUSED


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that is measured; `sort` is Home Assistant's device class."""

    name: str
    unit: str = ""
    kind: Literal["float", "int", "text"] = "float"
    sort: str = ""
    is_counter: bool = False  # it only rises, but for a reset


@dataclass(frozen=True, slots=True)
class Said:
    """A record taken apart; `is_there` is None when it does not tell."""

    number: int
    at_ms: int
    values: Mapping[Figure, Value]
    is_there: bool | None


_RIG = (
    Figure("hashrate_ths", "TH/s"),
    Figure("power_w", "W", sort="power"),
    Figure("board_temp_c", "°C", sort="temperature"),
    Figure("chip_temp_c", "°C", sort="temperature"),
    Figure("inlet_temp_c", "°C", sort="temperature"),
    Figure("fan_rpm", "rpm"),
    Figure("fans_alive", kind="int"),
    Figure("boards_alive", kind="int"),
    Figure("chips_alive", kind="int"),
    Figure("accepted_shares", kind="int", is_counter=True),
    Figure("rejected_shares", kind="int", is_counter=True),
    Figure("uptime_s", "s", kind="int", sort="duration"),
)
_METER = (
    Figure("power_w", "W", sort="power"),
    Figure("energy_in_kwh", "kWh", sort="energy", is_counter=True),
    Figure("energy_out_kwh", "kWh", sort="energy", is_counter=True),
    Figure("voltage_v", "V", sort="voltage"),
    Figure("current_a", "A", sort="current"),
    Figure("freq_hz", "Hz", sort="frequency"),
    Figure("power_factor", sort="power_factor"),
)
_STATE = Figure("state", kind="text")
_SORTS = {"W": "power", "kWh": "energy", "V": "voltage", "A": "current", "Hz": "frequency"}
_SORTS |= {"°C": "temperature", "hPa": "atmospheric_pressure", "VA": "apparent_power"}


def said(record: Record) -> Said | None:
    """Take a record apart; None when it is no reading."""
    if isinstance(record, RigReading):
        values = _values(_RIG, record) | {_STATE: record.state.name.lower()}
        is_there = record.state is not State.UNREACHABLE
        return Said(record.rig, record.at_ms, values, is_there)
    if isinstance(record, MeterReading):
        values = _values(_METER, record)
        is_lost = bool(record.quality & _LOST) and set(values.values()) == {None}
        return Said(record.meter, record.at_ms, values, not is_lost)
    if isinstance(record, PointReading):
        figure = point(record.point, record.unit)
        return Said(record.device, record.at_ms, {figure: record.value}, _is_there(record))
    return None


def _is_there(record: PointReading) -> bool | None:
    if record.value is not None:
        return True
    return False if record.quality & _LOST else None


def point(name: str, unit: str) -> Figure:
    """Give the figure of a point."""
    return Figure(name, unit, sort=_SORTS.get(unit, ""), is_counter=unit == "kWh")


def _values(figures: tuple[Figure, ...], record: Record) -> dict[Figure, Value]:
    return {figure: getattr(record, figure.name) for figure in figures}
