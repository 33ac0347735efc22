"""Whether a wish holds: what the device reads back, and what its power shows.

Neither alone is proof. What an API answered to the order is none at all.
"""

from typing import NamedTuple

from lode_edge.control.site import Device, Sample, Site
from lode_edge.drivers.acting import Posture
from lode_wire.orders import (
    FanSpeed,
    PowerLimit,
    PowerMode,
    Preset,
    Sleep,
    SwitchOutlet,
    Wake,
    Wish,
)

_LIMIT_SHARE, _LIMIT_W = 0.02, 20.0  # by which a limit read back may differ
_LOWER_SHARE = 0.2  # a firmware that knows steps only takes the highest one below
_ASLEEP_SHARE = 0.25  # of what it draws hashing; a rig that draws more does not sleep
_AWAKE_SHARE = 0.5  # a rig that draws less has not begun to hash
_OVER_SHARE, _OVER_W = 0.05, 50.0  # by which a rig may exceed its limit


class Shown(NamedTuple):
    """What power shows of a wish: yes, no, or None; by which source, and how much."""

    is_so: bool | None
    source: str = ""
    before_w: float | None = None
    after_w: float | None = None


def reads_back(
    wish: Wish, device: Device, now_s: float, since_s: float, *, is_exact: bool = False
) -> bool | None:
    """Tell whether a wish holds by what the device said after `since_s`; None: it did not say.

    A power limit may read back as the next step that the firmware knows, unless `is_exact`.
    """
    said = device.posture if device.posture_s >= since_s else None
    if isinstance(wish, Sleep | Wake):
        if max(device.posture_s, device.reading_s) < since_s:
            return None
        is_asleep = device.is_asleep(now_s)
        return None if is_asleep is None else is_asleep == isinstance(wish, Sleep)
    return None if said is None else _is_set(wish, said, 0.0 if is_exact else _LOWER_SHARE)


def _is_set(wish: Wish, said: Posture, lower_share: float) -> bool | None:
    match wish:
        case PowerLimit(power_w=power_w):
            said_w = said.power_limit_w
            return None if said_w is None else _is_near(said_w, power_w, lower_share)
        case PowerMode(mode=mode):
            return None if said.mode is None else said.mode == mode
        case Preset(name=name):
            return None if said.preset is None else said.preset == name
        case FanSpeed(percent=percent):
            return said.fan_percent == percent  # None is said while the device turns them itself
        case SwitchOutlet(outlet=outlet, is_on=is_on):
            found = (said.outlets or {}).get(outlet)
            return None if found is None else found == is_on
    return None


def _is_near(said_w: float, wished_w: float, lower_share: float) -> bool:
    near_w = max(_LIMIT_W, wished_w * _LIMIT_SHARE)
    return wished_w * (1 - lower_share) - near_w <= said_w <= wished_w + near_w


def needs_power(wish: Wish) -> bool:
    """Tell whether power can show a wish at all."""
    return not isinstance(wish, FanSpeed | SwitchOutlet)


def measured(site: Site, device: Device, since_s: float) -> tuple[str, Sample] | None:
    """Give what was measured of the device alone after `since_s`, at its outlet or by itself."""
    for source, sample in (("pdu", site.outlet_w(device)), ("rig", site.own_w(device))):
        if sample is not None and sample.at_s >= since_s:
            return source, sample
    return None


def is_drawn(wish: Wish, power_w: float, *, awake_w: float, asleep_w: float) -> bool:
    """Tell whether a measured power fits a wish, by what the device draws hashing and asleep."""
    match wish:
        case Sleep():
            return power_w <= max(_ASLEEP_SHARE * awake_w, asleep_w)
        case Wake():
            return power_w >= _AWAKE_SHARE * awake_w
        case PowerLimit(power_w=limit_w):
            return power_w <= limit_w * (1 + _OVER_SHARE) + _OVER_W
    return True
