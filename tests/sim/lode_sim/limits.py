"""The limits of a simulated site, signed by an owner whose key is made beside them."""

from dataclasses import dataclass
from pathlib import Path

from lode_edge.control import envelope, keys

ENVELOPE, OWNER = "envelope.toml", "owner.key"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What the owner of a simulated site allows; enough for every model of `lode_sim.models`."""

    ramp_down_kw_per_min: float = 120.0
    ramp_up_kw_per_min: float = 60.0
    start_spacing_s: float = 0.0
    power_max_w: float = 4000.0
    starts_per_day: int = 50
    chip_temp_max_c: float = 100.0
    cool_for_s: float = 30.0


def write(folder: Path, agent: str, limits: Limits) -> None:
    """Write and sign an agent's envelope, with the key of an owner who is made when missing."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / OWNER).exists():
        keys.write_pair(folder / OWNER)
    path = folder / ENVELOPE
    path.write_text(_text(agent, limits), encoding="utf-8")
    envelope.sign(path, keys.private_key(folder / OWNER))


def _text(agent: str, limits: Limits) -> str:
    return f"""agent = "{agent}"

[site]
ramp_down_kw_per_min = {limits.ramp_down_kw_per_min}
ramp_up_kw_per_min = {limits.ramp_up_kw_per_min}
start_spacing_s = {limits.start_spacing_s}

[models."*"]
power_max_w = {limits.power_max_w}
sleep_w = 150.0
chip_temp_max_c = {limits.chip_temp_max_c}
cool_for_s = {limits.cool_for_s}
starts_per_day = {limits.starts_per_day}
"""
