"""What can be wrong with a rig, what usually causes it, and which trouble explains which."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lode_models.peers.sample import Mask

VERSION = 2
"""Raise it whenever the same readings could be judged otherwise than before."""

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of trouble.

    `hold_s` is how long it must last beside `MATURE_SAMPLES`, `off_s` how long it must be gone.
    """

    name: str
    severity: Severity
    cause: str
    common: str  # the kind's name when a group has it
    common_cause: str
    explains: tuple[str, ...]  # troubles of the same rig that follow from it
    hold_s: float
    off_s: float


_SLOW = ("hash_decay", "hash_loss", "power_up")
_HEAT = ("overheating", "offset")

_CAUSES = {
    "offline": "no power, a dead control board, or its cable: look at the rig's lights",
    "board_loss": "a hash board does not hash: reseat its cables, then replace it",
    "fan_failure": "a fan stands or turns too slowly: replace it before the rig stops itself",
    "chip_loss": "chips fail: watch whether it becomes more, then replace their hash board",
    "overheating": "dust, a blocked inlet, dried paste or a weak fan: hotter than its peers are",
    "restarting": "a weak power supply, heat, or a firmware that crashes: see the rig's log",
    "hash_loss": "a board, the rig's own way to the pool, or a restart that does not end",
    "power_up": "a worn power supply, too high a voltage or a firmware's tuning gone wrong",
    "hash_decay": "chips that fail one by one, throttling by heat, or a weak power supply",
    "offset": "so when first seen: placement, dust, paste, or a part that was weak from new",
    "rejected_shares": "chips with errors, an unstable overclock, or a slow way to the pool",
    "flatline": "a sensor or interface that repeats itself: restart the control board",
}

_DIP = "a voltage dip on the feeder or a firmware update"
_COMMON_CAUSES = {
    "offline": "a feeder, a switch or the site's link: see what else there still answers",
    "board_loss": _DIP,
    "fan_failure": "fans turned down by a setting or a firmware update",
    "chip_loss": _DIP,
    "overheating": "cooling: fans of the room, the water or oil circuit, or warm air let in",
    "restarting": "dips of the feeder's voltage, or a firmware update that crashes",
    "hash_loss": "the pool or the way to it: the rigs answer and have no work",
    "power_up": "a power target or firmware that was changed on all of them",
    "hash_decay": "heat, low voltage or a pool that gives too little work",
    "offset": "a place that was hot, or a setting that was wrong, from the start",
    "rejected_shares": "the pool or the way to it: work comes late",
    "flatline": "an agent or a proxy that repeats old answers",
}

_NAMED = {"overheating": "cooling_failure", "hash_loss": "pool_outage"}


def _kind(
    name: str, severity: Severity, hold_s: float, off_s: float, explains: tuple[str, ...]
) -> Kind:
    return Kind(
        name=name,
        severity=severity,
        cause=_CAUSES[name],
        common=_NAMED.get(name, f"common_{name}"),
        common_cause=_COMMON_CAUSES[name],
        explains=explains,
        hold_s=hold_s,
        off_s=off_s,
    )


KINDS: tuple[Kind, ...] = (
    _kind("offline", "critical", 0, 0, ()),
    _kind("board_loss", "critical", 0, 60, ("chip_loss", "offset", "rejected_shares", *_SLOW)),
    _kind("fan_failure", "critical", 0, 60, _HEAT),
    _kind("chip_loss", "warning", 0, 60, ("offset", *_SLOW)),
    _kind("overheating", "critical", 30, 120, ("offset", *_SLOW)),
    _kind("restarting", "warning", 0, 0, ("hash_loss", "hash_decay")),
    _kind("hash_loss", "critical", 18, 120,
          ("hash_decay", "offset", "power_up", "rejected_shares", "chip_loss", "flatline")),
    _kind("power_up", "warning", 0, 120, ("hash_decay", *_HEAT)),
    _kind("hash_decay", "warning", 60, 600, ("offset", "power_up", "hash_loss")),
    _kind("offset", "warning", 0, 1800, ()),
    # A pool's trouble shows at some rigs a little sooner: it is held until it is known as that.
    _kind("rejected_shares", "warning", 120, 600, ()),
    _kind("flatline", "info", 0, 0, (*_HEAT, *_SLOW)),
)  # fmt: skip
"""All kinds, with the seconds each must last and be gone, and what it explains.

The first that fits a rig best explains the others.
"""

NUMBER = {kind.name: number for number, kind in enumerate(KINDS)}

MATURE_SAMPLES = 2
"""How many samples in a row must show a trouble before it is one."""

EXPLAINS: Mask = np.array([[other.name in kind.explains for other in KINDS] for kind in KINDS])
"""By (kind, other): the one explains the other."""
