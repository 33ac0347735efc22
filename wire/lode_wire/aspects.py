"""What an order is about: of two about the same thing the later one counts."""

from lode_wire.orders import (
    DEEDS,
    EndStop,
    FanSpeed,
    Intent,
    PowerLimit,
    PowerMode,
    Preset,
    Release,
    Sleep,
    StandingPlan,
    StopAll,
    SwitchOutlet,
    Wake,
    Wish,
)


def aspect(wish: Wish) -> str:
    """Name the aspect of a device that a wish is about."""
    match wish:
        case Sleep() | Wake():
            return "sleep"
        case PowerLimit() | PowerMode() | Preset():
            return "power"
        case FanSpeed():
            return "fan"
        case SwitchOutlet(outlet=outlet):
            return f"outlet.{outlet}"


def about(intent: Intent, target: str) -> str:
    """Name what an order is about; empty for a question, and for a lease, which adds to others.

    Args:
        intent: what is ordered.
        target: the device that it is for; empty: the site.
    """
    match intent:
        case StopAll() | EndStop():
            return "stop"
        case StandingPlan():
            return "plan"
        case Release(lease=lease):
            return f"lease {lease}"
        case Sleep() | Wake() | PowerLimit() | PowerMode() | Preset() | FanSpeed() | SwitchOutlet():
            return f"{aspect(intent)} {target}"
    return f"{intent.action} {target}" if isinstance(intent, DEEDS) else ""
