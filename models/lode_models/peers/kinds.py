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
    explains: tuple[str, ...] = ()  # troubles of the same rig that follow from it
    hold_s: float = 0.0
    off_s: float = 120.0


_SLOW = ("hash_decay", "hash_loss", "power_up")
_HEAT = ("overheating", "offset")

KINDS: tuple[Kind, ...] = (
    Kind(
        name="offline",
        severity="critical",
        cause="no power, a dead control board, or its cable: look at the rig's lights",
        common="common_offline",
        common_cause="a feeder, a switch or the site's link: see what else there still answers",
        off_s=0.0,
    ),
    Kind(
        name="board_loss",
        severity="critical",
        cause="a hash board does not hash: reseat its cables, then replace it",
        common="common_board_loss",
        common_cause="a voltage dip on the feeder or a firmware update",
        explains=("chip_loss", "offset", "rejected_shares", *_SLOW),
        off_s=60.0,
    ),
    Kind(
        name="fan_failure",
        severity="critical",
        cause="a fan does not turn or turns too slowly: replace it before the rig stops itself",
        common="common_fan_failure",
        common_cause="fans turned down by a setting or a firmware update",
        explains=_HEAT,
        off_s=60.0,
    ),
    Kind(
        name="chip_loss",
        severity="warning",
        cause="chips on a hash board fail: watch whether it becomes more, then replace the board",
        common="common_chip_loss",
        common_cause="a voltage dip on the feeder or a firmware update",
        explains=("offset", *_SLOW),
        off_s=60.0,
    ),
    Kind(
        name="overheating",
        severity="critical",
        cause="dust, a blocked inlet, dried paste or a weak fan: hotter than its peers have become",
        common="cooling_failure",
        common_cause="cooling: fans of the room, the water or the oil circuit, or warm air let in",
        explains=("offset", *_SLOW),
        hold_s=30.0,
    ),
    Kind(
        name="restarting",
        severity="warning",
        cause="a power supply at its limit, heat, or a firmware that crashes: see the rig's log",
        common="common_restarting",
        common_cause="dips of the feeder's voltage, or a firmware update that crashes",
        explains=("hash_loss", "hash_decay"),
        off_s=0.0,
    ),
    Kind(
        name="hash_loss",
        severity="critical",
        cause="a board, the rig's own pool connection, or a restart that does not come to an end",
        common="pool_outage",
        common_cause="the pool or the way to it: the rigs answer and have no work",
        explains=("hash_decay", "offset", "power_up", "rejected_shares", "chip_loss", "flatline"),
        hold_s=18.0,
    ),
    Kind(
        name="power_up",
        severity="warning",
        cause="a worn power supply, a voltage set too high or a firmware's tuning gone wrong",
        common="common_power_up",
        common_cause="a power target or firmware that was changed on all of them",
        explains=("hash_decay", "offset", "overheating"),
    ),
    Kind(
        name="hash_decay",
        severity="warning",
        cause="chips that fail one by one, throttling by heat, or a weak power supply",
        common="common_hash_decay",
        common_cause="heat, low voltage or a pool that gives too little work",
        explains=("offset", "power_up", "hash_loss"),
        hold_s=60.0,
        off_s=600.0,
    ),
    Kind(
        name="offset",
        severity="warning",
        cause="it was so when first seen: placement, dust, paste, or a part that was weak from new",
        common="common_offset",
        common_cause="a place that was hot, or a setting that was wrong, from the start",
        off_s=1800.0,
    ),
    Kind(
        name="rejected_shares",
        severity="warning",
        cause="chips with errors, an unstable overclock, or a slow way to the pool",
        common="common_rejected_shares",
        common_cause="the pool or the way to it: work comes late",
        hold_s=120.0,  # a pool's trouble shows at some rigs a little sooner
        off_s=600.0,
    ),
    Kind(
        name="flatline",
        severity="info",
        cause="a sensor or an interface that repeats its last value: restart its control board",
        common="common_flatline",
        common_cause="an agent or a proxy that repeats old answers",
        explains=(*_HEAT, *_SLOW),
        off_s=0.0,
    ),
)
"""All kinds; the first that fits a rig best explains the others."""

NUMBER = {kind.name: number for number, kind in enumerate(KINDS)}

MATURE_SAMPLES = 2
"""How many samples in a row must show a trouble before it is one."""

EXPLAINS: Mask = np.array([[other.name in kind.explains for other in KINDS] for kind in KINDS])
"""By (kind, other): the one explains the other."""
