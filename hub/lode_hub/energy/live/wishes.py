"""The modes of a rig by name, and the wish that brings each about.

`full` is as its owner has set it: no wish. Of others only those are used whose power and hashrate
the rig's description knows, as shares of full, and which its agent offers. A rig that offers none
of them by name but can be limited in watts is limited at points of that curve.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, Protocol, cast

from lode_profiles.library import find_rig
from lode_profiles.schema import Mode, ProfileError, RigProfile
from lode_wire import orders
from lode_wire.orders import Wish

FULL, SLEEP = "full", "sleep"
MOST_SHARE = 0.97
"""A mode that draws nearly as much as full is not worth an order."""

LIMIT_SHARES = (0.6, 0.7, 0.8, 0.9)
"""Of full: near them are the points of a curve at which a rig tuned by watts alone is limited."""

Share = tuple[str, float, float]
"""A mode's name, and its power and hashrate as shares of full."""


class Offering(Protocol):
    """A rig, with what its agent offers of it."""

    @property
    def model(self) -> str:
        """As it says itself."""

    @property
    def offers(self) -> Sequence[str] | None:
        """Names of actions."""

    @property
    def presets(self) -> Sequence[str]:
        """Names of presets."""

    @property
    def power_min_w(self) -> float | None:
        """The lowest limit that may be asked."""

    @property
    def power_max_w(self) -> float | None:
        """The highest."""


def modes_of(rig: Offering) -> tuple[Share, ...]:
    """Give the modes below full that a rig can be told to run in, by rising power."""
    actions, power_modes = orders.offered(rig.offers or ())
    named = _shares(rig.model, actions, power_modes, tuple(rig.presets))
    if named or orders.PowerLimit.action not in actions:
        return named
    least_w, most_w = rig.power_min_w or 0.0, rig.power_max_w or math.inf
    limits = _limits(rig.model)
    return tuple(one for one in limits if least_w <= (limit_w(one[0]) or 0.0) <= most_w)


def power_share(rig: Offering, mode: str) -> float:
    """Give the share of full power that a mode draws; 1 of full, and of one that is not known."""
    return next((power for name, power, _ in modes_of(rig) if name == mode), 1.0)


def limit_w(mode: str) -> float | None:
    """Give the watts of a mode that is a limit; None for others."""
    kind, _, watts = mode.partition(":")
    return float(watts) if kind == orders.PowerLimit.action else None


def wish_of(mode: str) -> Wish | None:
    """Give the wish that brings a mode about; None for full."""
    kind, _, name = mode.partition(":")
    if kind == SLEEP:
        return orders.Sleep()
    if kind == orders.Preset.action:
        return orders.Preset(name=name)
    if kind == orders.PowerMode.action:
        return orders.PowerMode(mode=cast(Literal["low", "normal", "high"], name))
    watts = limit_w(mode)
    return None if watts is None else orders.PowerLimit(power_w=watts)


def mode_of(wish: Wish) -> str:
    """Give the mode that a wish of a plan brings about."""
    if isinstance(wish, orders.Preset):
        return f"{orders.Preset.action}:{wish.name}"
    if isinstance(wish, orders.PowerMode):
        return f"{orders.PowerMode.action}:{wish.mode}"
    if isinstance(wish, orders.PowerLimit):
        return f"{orders.PowerLimit.action}:{wish.power_w:g}"
    return SLEEP


@lru_cache(maxsize=4096)
def _shares(
    model: str, actions: tuple[str, ...], power_modes: tuple[str, ...], presets: tuple[str, ...]
) -> tuple[Share, ...]:
    found = []
    for mode, power, hashrate in _curve(model):
        if orders.Preset.action in actions and mode.name in presets:
            found.append((f"{orders.Preset.action}:{mode.name}", power, hashrate))
        elif orders.PowerMode.action in actions and mode.name in power_modes:
            found.append((f"{orders.PowerMode.action}:{mode.name}", power, hashrate))
    return tuple(found)


@lru_cache(maxsize=256)
def _limits(model: str) -> tuple[Share, ...]:
    """Give limits in watts at points of a model's curve."""
    points = _curve(model)
    near = {min(points, key=lambda one: abs(one[1] - share)) for share in LIMIT_SHARES if points}
    return tuple(
        (f"{orders.PowerLimit.action}:{mode.power_w:g}", power, hashrate)
        for mode, power, hashrate in sorted(near, key=lambda one: one[1])
    )


def _curve(model: str) -> tuple[tuple[Mode, float, float], ...]:
    """Give the modes below full that a model's description knows, and their shares of full."""
    profile = _profile(model)
    if profile is None:
        return ()
    full_w, full_ths = profile.power_w, profile.hashrate_ths
    for mode in profile.modes:
        if mode.name in {"default", "normal"}:
            full_w, full_ths = mode.power_w, mode.hashrate_ths
    shares = ((m, m.power_w / full_w, m.hashrate_ths / full_ths) for m in profile.modes)
    return tuple(one for one in shares if one[1] <= MOST_SHARE)


def _profile(model: str) -> RigProfile | None:
    try:
        return find_rig(model)
    except ProfileError:
        return None
