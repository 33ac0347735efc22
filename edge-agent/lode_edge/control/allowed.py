"""Whether a wish may be asked of a device at all: what it offers, what the envelope allows."""

from collections.abc import Collection, Mapping
from typing import Literal

from lode_edge.control.book import Book
from lode_edge.control.envelope import Model
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

MODES: tuple[Literal["low", "normal", "high"], ...] = ("low", "normal", "high")


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
    listed: Collection[str] = ()
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
    return _power_refusal(site, device, model, wish)


def _power_refusal(site: Site, device: Device, model: Model, wish: Intent) -> str:
    if isinstance(wish, PowerMode) and wish.mode not in modes(site, device):
        return f"{Reason.ENVELOPE}: mode {wish.mode} of {device.name} may draw more than it allows"
    if isinstance(wish, PowerLimit):
        return _watts_refusal(device, wish.power_w, *limits_w(site, device))
    if isinstance(wish, Preset) and device.abilities is not None:
        preset_w = site.preset_w(device, wish.name)
        if preset_w is None:
            return (
                f"{Reason.ENVELOPE}: what preset {wish.name!r} of {device.name} draws is not known"
            )
        return _watts_refusal(device, preset_w, model.power_min_w, model.power_max_w)
    return ""


def _watts_refusal(device: Device, power_w: float, least_w: float, most_w: float) -> str:
    if least_w <= power_w <= most_w:
        return ""
    outside = f"is outside {least_w:.0f} to {most_w:.0f} W"
    return f"{Reason.ENVELOPE}: {power_w:.0f} W for {device.name} {outside}"


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
    if isinstance(wish, Preset):
        return _allowed_preset(site, device, model, wish)
    if isinstance(wish, PowerMode):
        allowed = modes(site, device)
        below = [mode for mode in MODES[: MODES.index(wish.mode)] if mode in allowed]
        return PowerMode(mode=below[-1]) if below and wish.mode not in allowed else wish
    return wish


def _allowed_preset(site: Site, device: Device, model: Model, wish: Preset) -> Wish:
    """Lower a preset that draws too much: by a limit, for which a rig picks one that is tuned."""
    preset_w = site.preset_w(device, wish.name)
    if preset_w is None or preset_w <= model.power_max_w or device.abilities is None:
        return wish
    if PowerLimit.action in device.abilities.actions:
        return PowerLimit(power_w=model.power_max_w)
    below = presets(site, device)
    return Preset(name=max(below, key=lambda name: below[name])) if below else wish


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
    had = MODES if offered is None or not offered.modes else offered.modes
    most_w = 0.0 if model is None else max(model.power_max_w, site.awake_w(device))
    wishes = [PowerMode(mode=mode) for mode in MODES if mode in had]
    return tuple(wish.mode for wish in wishes if site.expected_w(device.name, wish) <= most_w)


def presets(site: Site, device: Device) -> Mapping[str, float]:
    """List the presets that may be asked for, with what they draw: that must be known."""
    model, offered = site.model(device), device.abilities
    if model is None or offered is None:
        return {}
    known = {name: watts for name, watts in offered.presets.items() if watts is not None}
    return {n: w for n, w in known.items() if model.power_min_w <= w <= model.power_max_w}


def offered_actions(book: Book, site: Site, device: Device) -> frozenset[str]:
    """List the actions that a device offers and the envelope does not forbid altogether."""
    offered = frozenset(() if device.abilities is None else device.abilities.actions)
    if site.model(device) is None:
        return offered & {intent.action for intent in harmless(book, device)}
    least_w, most_w = limits_w(site, device)
    if least_w > most_w:
        offered -= {PowerLimit.action}
    return offered if presets(site, device) else offered - {Preset.action}
