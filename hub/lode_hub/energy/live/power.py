"""What a site draws at its meters; while those cannot be trusted, what it may draw by its rigs.

meters, all trusted ─► their sum ─► less (rigs · PUE): what the rigs do not explain
else (what heard rigs draw + what the others may, as ordered) · PUE + what was last unexplained
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lode_hub.energy.live.limits import Limits
from lode_hub.energy.live.lines import of_rig
from lode_hub.energy.live.rig import UNHEARD, Rig
from lode_hub.energy.live.wishes import FULL, SLEEP, power_share
from lode_hub.store import energy_live
from lode_hub.store.connection import Connection

METERS = "meters"
MOST_UNEXPLAINED = 0.3
"""Of what is measured: rigs and meters are not read at one moment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What a site draws; `source` says by what: meters, or what rigs and PDUs say.

    None is not known; then `source` says why.
    """

    power_w: float | None
    source: str

    @property
    def is_metered(self) -> bool:
        """Tell whether it is what meters show, and not reckoned."""
        return self.source == METERS


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """What rigs draw, at the rigs: those with a figure of now, and what the others may at most."""

    heard: int
    heard_w: float
    unheard: int
    unheard_w: float


def drawn(rigs: Sequence[Rig], told: Mapping[int, str], limits: Limits) -> Drawn:
    """Add up what rigs draw; `told` is the mode by name that each is ordered to be in."""
    figures = [None if rig.state in UNHEARD else rig.draw_w for rig in rigs]
    may_w = [
        _may_w(rig, told.get(rig.device_id, FULL), of_rig(rig, limits).sleep_w)
        for rig, watts in zip(rigs, figures, strict=True)
        if watts is None
    ]
    heard = [watts for watts in figures if watts is not None]
    return Drawn(heard=len(heard), heard_w=sum(heard), unheard=len(may_w), unheard_w=sum(may_w))


async def measure(conn: Connection, site: str, meters: Sequence[str]) -> Measured:
    """Say what a site's meters show, while all can be trusted."""
    found = await energy_live.metered(conn, site, meters)
    troubles = [trouble for row in found if (trouble := _trouble(row))]
    if found and not troubles:
        return Measured(power_w=float(sum(row["power_w"] for row in found)), source=METERS)
    return Measured(power_w=None, source=troubles[0] if troubles else "no meter")


def reckoned(meters: Measured, draws: Drawn, pue: float, unexplained_w: float) -> Measured:
    """Say what a site may draw at most, in place of meters that cannot be trusted."""
    why = meters.source
    if not draws.heard:
        return Measured(power_w=None, source=f"{why}, and no rig says what it draws")
    power_w = (draws.heard_w + draws.unheard_w) * pue + unexplained_w
    rigs = draws.heard + draws.unheard
    lacking = f", {draws.unheard} of {rigs} unheard" if draws.unheard else ""
    return Measured(power_w=power_w, source=f"rigs and PDUs ({why}{lacking})")


def unexplained_w(meters: Measured, draws: Drawn, pue: float, last_w: float) -> float:
    """Give what meters show beyond the rigs' own figures: fans, lights, the PUE's error.

    What rigs without a figure draw is not known. Of all that may be it is what is nearest to
    `last_w`, which was found before, and which holds on while the meters cannot be trusted.
    """
    if meters.power_w is None or not draws.heard:
        return last_w
    most_w = meters.power_w - draws.heard_w * pue
    found_w = min(max(last_w, most_w - draws.unheard_w * pue), most_w)
    bound_w = MOST_UNEXPLAINED * meters.power_w
    return max(-bound_w, min(bound_w, found_w))


def _may_w(rig: Rig, mode: str, sleep_w: float) -> float:
    """Give what a rig without a figure may draw: as ordered where it was last seen so, else all."""
    if rig.is_asleep or (mode == SLEEP and rig.is_awake is False):
        ordered_w = sleep_w
    elif mode not in {FULL, SLEEP} and rig.power_w is not None:
        ordered_w = power_share(rig, mode) * (rig.full_power_w or 0.0)
    else:
        return rig.most_w
    return max(ordered_w, rig.power_w or 0.0)


def _trouble(row: Mapping[str, object]) -> str:
    """Say why a meter's power is not to be built on; empty when it is."""
    if row["is_silent"] or row["power_w"] is None:
        return f"meter {row['name']} is silent"
    return f"meter {row['name']} seems to be in a wrong unit" if row["is_doubted"] else ""
