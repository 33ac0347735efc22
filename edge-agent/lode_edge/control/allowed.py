"""Whether a wish may be asked of a device at all: what it offers, what the envelope allows."""

from typing import Literal

from lode_edge.control.book import Book
from lode_edge.control.site import Device, Site
from lode_edge.drivers.acting import Abilities
from lode_wire.orders import (
    DryRun,
    FaultLight,
    Intent,
    PowerLimit,
    PowerMode,
    Preset,
    ReadRegisters,
    Reason,
    Sleep,
    Wake,
    Wish,
)

_MODES: tuple[Literal["low", "normal", "high"], ...] = ("low", "normal", "high")


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


_HARMLESS = (Sleep, FaultLight, ReadRegisters)


def harmless(book: Book, device: Device) -> tuple[type[Intent], ...]:
    """List what may be asked of a device, whatever the envelope says or does not say of its model.

    What we put to sleep we may wake: nobody else at the hub can.
    """
    return (*_HARMLESS, Wake) if book.has_put_to_sleep(device.name) else _HARMLESS


def wish_refusal(book: Book, site: Site, device: Device, wish: Intent) -> str:
    """Say why a wish may not be asked of a device; empty when it may."""
    refused = offer_refusal(device, wish)
    if refused or isinstance(wish, harmless(book, device)):
        return refused
    model = site.model(device)
    if model is None:
        if device.facts is None:
            return ""  # not identified yet; it is before anything is sent
        return f"{Reason.ENVELOPE}: it says nothing of model {device.facts.model!r}"
    if isinstance(wish, PowerMode) and wish.mode not in modes(site, device):
        return f"{Reason.ENVELOPE}: mode {wish.mode} of {device.name} may draw more than it allows"
    if isinstance(wish, PowerLimit):
        least_w, most_w = limits_w(site, device)
        if not least_w <= wish.power_w <= most_w:
            return (
                f"{Reason.ENVELOPE}: {wish.power_w:.0f} W for {device.name} is outside"
                f" {least_w:.0f} to {most_w:.0f} W"
            )
    return ""


def allowed_now(site: Site, name: str, wish: Wish) -> Wish:
    """Give as much of a wish as the envelope allows, which may be another than when it came.

    A wish with nothing allowed in its place stays as it is, and is refused where it is sent.
    """
    device = site.devices.get(name)
    model = None if device is None else site.model(device)
    if device is None or model is None:
        return wish
    if isinstance(wish, PowerLimit) and wish.power_w > model.power_max_w:
        return PowerLimit(power_w=model.power_max_w)
    if isinstance(wish, PowerMode):
        allowed = modes(site, device)
        below = [mode for mode in _MODES[: _MODES.index(wish.mode)] if mode in allowed]
        return PowerMode(mode=below[-1]) if below and wish.mode not in allowed else wish
    return wish


def limits_w(site: Site, device: Device) -> tuple[float, float]:
    """Give the least and the most power that may be asked: the envelope's and the device's own."""
    model, offered = site.model(device), device.abilities
    least_w, most_w = (0.0, 0.0) if model is None else (model.power_min_w, model.power_max_w)
    if offered is not None and offered.power_min_w is not None:
        least_w = max(least_w, offered.power_min_w)
    if offered is not None and offered.power_max_w is not None:
        most_w = min(most_w, offered.power_max_w)
    return least_w, most_w


def modes(site: Site, device: Device) -> tuple[str, ...]:
    """List the power modes that may be asked for: those it has that draw no more than allowed."""
    model, offered = site.model(device), device.abilities
    had = _MODES if offered is None or not offered.modes else offered.modes
    most_w = 0.0 if model is None else max(model.power_max_w, site.awake_w(device))
    wishes = [PowerMode(mode=mode) for mode in _MODES if mode in had]
    return tuple(wish.mode for wish in wishes if site.expected_w(device.name, wish) <= most_w)


def offered_actions(book: Book, site: Site, device: Device) -> frozenset[str]:
    """List the actions that a device offers and the envelope does not forbid altogether."""
    offered = frozenset(() if device.abilities is None else device.abilities.actions)
    if site.model(device) is None:
        return offered & {intent.action for intent in harmless(book, device)}
    least_w, most_w = limits_w(site, device)
    if least_w > most_w:
        offered -= {PowerLimit.action}
    return offered
