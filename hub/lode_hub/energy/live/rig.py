"""A rig for the planner: as it is now, and what is known of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

ASLEEP_STATES = frozenset({"sleeping", "curtailed"})
UNHEARD = frozenset({"silent", "unreachable", "unknown"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Rig:
    """A rig as it is now, and what is known of it; `full_*` is how its owner has set it."""

    device_id: int
    name: str
    agent_id: int
    agent: str
    feeder: str
    model: str
    firmware: str
    state: str
    age_s: float | None
    power_w: float | None
    power_source: str
    hashrate_ths: float | None
    rated_power_w: float | None
    rated_hashrate_ths: float | None
    offers: Sequence[str] | None
    presets: Sequence[str]
    power_min_w: float | None
    power_max_w: float | None
    blocked: str
    starts_left: int | None
    lease: str | None
    maintenance: str | None
    full_w: float | None
    full_ths: float | None
    is_awake: bool | None  # as it was last seen
    turned_ms: int | None
    is_ours: bool
    site_limit_kw: float | None = None  # this and below: its agent's envelope, signed by the owner
    site_ramp_up_kw_per_min: float | None = None
    site_ramp_down_kw_per_min: float | None = None
    feeder_limit_kw: float | None = None
    feeder_ramp_up_kw_per_min: float | None = None
    feeder_ramp_down_kw_per_min: float | None = None
    starts_per_day: int | None = None
    min_up_s: float | None = None
    min_down_s: float | None = None

    @property
    def is_asleep(self) -> bool:
        """Tell whether it sleeps now."""
        return self.state in ASLEEP_STATES

    @property
    def draw_w(self) -> float | None:
        """What it draws now: by its reading, else by its rating and how much of it it hashes."""
        if self.power_w is not None:
            return self.power_w
        if self.hashrate_ths is None or not self.rated_hashrate_ths or not self.rated_power_w:
            return None
        return self.rated_power_w * min(1.0, self.hashrate_ths / self.rated_hashrate_ths)

    @property
    def full_power_w(self) -> float | None:
        """What it draws when nothing holds it down: as seen, else as rated."""
        return self.full_w or self.rated_power_w

    @property
    def full_hashrate_ths(self) -> float | None:
        """What it hashes when nothing holds it down."""
        return self.full_ths or self.rated_hashrate_ths

    @property
    def efficiency_jth(self) -> float:
        """Watts by TH/s in full; infinite when that is not known."""
        watts, ths = self.full_power_w, self.full_hashrate_ths
        return watts / ths if watts and ths else math.inf

    @property
    def most_w(self) -> float:
        """What has to be reckoned with: silent rigs may draw as much as ever."""
        drawn = None if self.state in UNHEARD else self.draw_w
        return self.full_power_w or 0.0 if drawn is None else drawn
