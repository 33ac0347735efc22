"""Whether a wish holds: what the device reads back, and what its power shows.

Neither alone is proof. What an API answered to the order is none at all.
"""

from typing import NamedTuple

from lode_edge.control.allowed import MODES
from lode_edge.control.site import Device, Sample, Site
from lode_edge.control.wishes import Key
from lode_edge.drivers.acting import Posture
from lode_wire.aspects import aspect
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
_LOWERED, _RAISED = 0.5, 0.25  # of the change that is expected: an estimate, and heat holds back
_OFF_W = 10.0  # of an outlet that feeds nothing


class Shown(NamedTuple):
    """What power shows of a wish: yes, no, or None; by which source, and how much."""

    is_so: bool | None
    source: str = ""
    before_w: float | None = None
    after_w: float | None = None


class Draws(NamedTuple):
    """What a device drew before an order, draws hashing and asleep, and is to draw; in W."""

    before_w: float | None
    awake_w: float
    asleep_w: float
    wished_w: float | None


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


def settings(wish: Wish, device: Device, now_s: float) -> tuple[Wish, ...]:
    """List wishes that hold by what a device says, of the aspect that another wish is about."""
    said = device.posture or Posture()
    match wish:
        case Sleep() | Wake():
            # A rig that does not say is taken to hash: what we then put to sleep we wake.
            return (Sleep() if device.is_asleep(now_s) else Wake(),)
        case FanSpeed():
            return (FanSpeed(percent=said.fan_percent),)
        case SwitchOutlet(outlet=outlet):
            is_on = (said.outlets or {}).get(outlet)
            return () if is_on is None else (SwitchOutlet(outlet=outlet, is_on=is_on),)
    found: list[Wish] = [Preset(name=said.preset)] if said.preset else []
    found += [] if said.power_limit_w is None else [PowerLimit(power_w=said.power_limit_w)]
    found += [PowerMode(mode=mode) for mode in MODES if mode == said.mode]
    return tuple(found)


def _is_near(said_w: float, wished_w: float, lower_share: float) -> bool:
    near_w = max(_LIMIT_W, wished_w * _LIMIT_SHARE)
    return wished_w * (1 - lower_share) - near_w <= said_w <= wished_w + near_w


def measured(site: Site, device: Device, wish: Wish, since_s: float) -> tuple[str, Sample] | None:
    """Give what was measured after `since_s` of the one that a wish is for: by its PDU, by itself.

    Power shows nothing of a fan's speed, nor of an outlet's being on that nothing is known behind.
    """
    pdu, rig = site.outlet_w(device), site.own_w(device)
    match wish:
        case FanSpeed():
            return None
        case SwitchOutlet(outlet=outlet, is_on=is_on):
            fed = site.fed_by(Key(device.name, aspect(wish)))
            if is_on and fed is None:
                return None
            pdu = device.outlets_w.get(outlet)
            rig = None if fed is None else site.own_w(fed)
    for source, sample in (("pdu", pdu), ("rig", rig)):
        if sample is not None and sample.at_s >= since_s:
            return source, sample
    return None


def is_drawn(wish: Wish, power_w: float, draws: Draws) -> bool:
    """Tell whether a measured power fits a wish."""
    match wish:
        case Sleep():
            return power_w <= max(_ASLEEP_SHARE * draws.awake_w, draws.asleep_w)
        case Wake():
            return power_w >= _AWAKE_SHARE * draws.awake_w
        case PowerLimit(power_w=limit_w):
            return power_w <= limit_w * (1 + _OVER_SHARE) + _OVER_W
        case PowerMode() | Preset():
            return _has_changed(power_w, draws)
        case SwitchOutlet(is_on=is_on):
            return (power_w > _OFF_W) == is_on
    return True


def _has_changed(power_w: float, draws: Draws) -> bool:
    """Tell whether power went far enough to where it is expected, if it has to go at all.

    One that was set so before any order is compared with what it draws hashing.
    """
    if draws.wished_w is None:
        return True
    from_w = draws.awake_w if draws.before_w is None else draws.before_w
    change_w = draws.wished_w - from_w
    if abs(change_w) < max(_OVER_W, _OVER_SHARE * from_w):
        return True
    if change_w > 0:
        return draws.before_w is None or power_w - from_w >= _RAISED * change_w
    return from_w - power_w >= -_LOWERED * change_w
