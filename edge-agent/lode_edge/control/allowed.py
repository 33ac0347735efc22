"""Whether a wish may be asked of a device at all: what it offers, what the envelope allows."""

from lode_edge.control.site import Device, Site
from lode_edge.drivers.acting import Abilities
from lode_wire.orders import (
    DryRun,
    Intent,
    PowerLimit,
    PowerMode,
    Preset,
    ReadRegisters,
    Reason,
    Sleep,
)


def offer_refusal(device: Device, intent: Intent) -> str:
    """Say that a device does not offer an intent, by its name; empty when it does.

    What a device has not said yet is not refused here: it is asked before anything is sent.
    """
    action = intent.wish.action if isinstance(intent, DryRun) else intent.action
    if isinstance(intent, ReadRegisters):
        named = f"{Reason.UNSUPPORTED}: {action}: {device.name} has no registers"
        return "" if device.registers is not None else named
    if device.hands is None:
        return f"{Reason.UNSUPPORTED}: {action}: {device.name} can only be read"
    offered = device.abilities
    if offered is None:
        return ""
    if action not in offered.actions:
        why = f": {offered.blocked}" if offered.blocked else ""
        return f"{Reason.UNSUPPORTED}: {action} is not offered by {device.name}{why}"
    return _choice_refusal(device, offered, intent)


def _choice_refusal(device: Device, offered: Abilities, intent: Intent) -> str:
    """Say that a device has no such preset or mode, as far as it lists them."""
    listed: tuple[str, ...] = ()
    wanted = ""
    if isinstance(intent, Preset):
        listed, wanted = offered.presets, intent.name
    elif isinstance(intent, PowerMode):
        listed, wanted = offered.modes, intent.mode
    if listed and wanted not in listed:
        return f"{Reason.UNSUPPORTED}: {device.name} has no {intent.action} {wanted!r}"
    return ""


def wish_refusal(site: Site, device: Device, wish: Intent) -> str:
    """Say why a wish may not be asked of a device; empty when it may."""
    refused = offer_refusal(device, wish)
    if refused or isinstance(wish, Sleep):
        return refused
    model = site.model(device)
    if model is None:
        if device.facts is None:
            return ""  # not identified yet; it is before anything is sent
        return f"{Reason.ENVELOPE}: it says nothing of model {device.facts.model!r}"
    if isinstance(wish, PowerLimit):
        least_w, most_w = limits_w(site, device)
        if not least_w <= wish.power_w <= most_w:
            return (
                f"{Reason.ENVELOPE}: {wish.power_w:.0f} W for {device.name} is outside"
                f" {least_w:.0f} to {most_w:.0f} W"
            )
    return ""


def limits_w(site: Site, device: Device) -> tuple[float, float]:
    """Give the least and the most power that may be asked: the envelope's and the device's own."""
    model, offered = site.model(device), device.abilities
    least_w, most_w = (0.0, 0.0) if model is None else (model.power_min_w, model.power_max_w)
    if offered is not None and offered.power_min_w is not None:
        least_w = max(least_w, offered.power_min_w)
    if offered is not None and offered.power_max_w is not None:
        most_w = min(most_w, offered.power_max_w)
    return least_w, most_w
