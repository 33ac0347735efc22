"""The modes of a rig by name, and the wish that brings each about.

`full` is as its owner has set it: no wish. Of others only those are used whose power and hashrate
the rig's description knows, as shares of full, and which its agent offers.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, Protocol, cast

from lode_profiles.library import find_rig
from lode_profiles.schema import ProfileError, RigProfile
from lode_wire import orders
from lode_wire.orders import Wish

FULL, SLEEP = "full", "sleep"
MOST_SHARE = 0.97
"""A mode that draws nearly as much as full is not worth an order."""

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


def modes_of(rig: Offering) -> tuple[Share, ...]:
    """Give the modes below full that a rig can be told to run in, by rising power."""
    offered = tuple(rig.offers or ())
    return _shares(rig.model, offered, tuple(rig.presets))


def wish_of(mode: str) -> Wish | None:
    """Give the wish that brings a mode about; None for full."""
    kind, _, name = mode.partition(":")
    if kind == SLEEP:
        return orders.Sleep()
    if kind == orders.Preset.action:
        return orders.Preset(name=name)
    if kind == orders.PowerMode.action:
        return orders.PowerMode(mode=cast(Literal["low", "normal", "high"], name))
    return None


def mode_of(wish: Wish) -> str:
    """Give the mode that a wish of a plan brings about."""
    if isinstance(wish, orders.Preset):
        return f"{orders.Preset.action}:{wish.name}"
    if isinstance(wish, orders.PowerMode):
        return f"{orders.PowerMode.action}:{wish.mode}"
    return SLEEP


@lru_cache(maxsize=4096)
def _shares(model: str, offers: tuple[str, ...], presets: tuple[str, ...]) -> tuple[Share, ...]:
    profile = _profile(model)
    if profile is None:
        return ()
    actions, power_modes = orders.offered(offers)
    full_w, full_ths = profile.power_w, profile.hashrate_ths
    for mode in profile.modes:
        if mode.name in {"default", "normal"}:
            full_w, full_ths = mode.power_w, mode.hashrate_ths
    found = []
    for mode in profile.modes:
        share = (mode.power_w / full_w, mode.hashrate_ths / full_ths)
        if share[0] > MOST_SHARE:
            continue
        if orders.Preset.action in actions and mode.name in presets:
            found.append((f"{orders.Preset.action}:{mode.name}", *share))
        elif orders.PowerMode.action in actions and mode.name in power_modes:
            found.append((f"{orders.PowerMode.action}:{mode.name}", *share))
    return tuple(found)


def _profile(model: str) -> RigProfile | None:
    try:
        return find_rig(model)
    except ProfileError:
        return None
