"""A meter's figures made into its reading, whatever protocol they came by."""

from collections.abc import Mapping

from lode_wire.records import MeterReading, Quality

# What a meter's figure can be at all: beyond it the word order or the scale is wrong.
LIMITS: dict[str, tuple[float, float]] = {
    "power_w": (-2e9, 2e9),
    "energy_in_kwh": (0.0, 1e12),
    "energy_out_kwh": (0.0, 1e12),
    "voltage_v": (0.0, 1e6),
    "current_a": (-1e6, 1e6),
    "freq_hz": (0.0, 500.0),
    "power_factor": (-1.01, 1.01),
}


def reading(
    meter: int, at_ms: int, found: Mapping[str, float | None], quality: Quality
) -> MeterReading:
    """Make the reading of a meter; a figure that cannot be is left out and flagged."""
    figures: dict[str, float] = {}
    for name, (low, high) in LIMITS.items():
        value = found.get(name)
        if value is None:
            continue
        if low <= value <= high:
            figures[name] = value
        else:
            quality |= Quality.OUT_OF_RANGE
    return MeterReading(
        at_ms=at_ms,
        meter=meter,
        power_w=figures.get("power_w"),
        energy_in_kwh=figures.get("energy_in_kwh"),
        energy_out_kwh=figures.get("energy_out_kwh"),
        voltage_v=figures.get("voltage_v"),
        current_a=figures.get("current_a"),
        freq_hz=figures.get("freq_hz"),
        power_factor=figures.get("power_factor"),
        quality=int(quality),
    )
