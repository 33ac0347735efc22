"""Whether an order makes sense for a device, as its controls say, before anything is written down.

The site's agent judges again, by what it alone knows; what is refused here never leaves the hub.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from lode_hub.errors import ConflictError, InvalidError
from lode_hub.store.commands import Target
from lode_wire import orders
from lode_wire.errors import DecodeError
from lode_wire.orders import AnyIntent, Intent, Order, Precondition, Terms

MAX_HELD_MS = 400 * 86_400_000
DEED_VALID_S = 60.0
LEASE_VALID_S = 300.0
VALID_S = (5.0, 3600.0)
"""How long an order may wait to be accepted, at least and at most."""

_LEASES: tuple[type[Intent], ...] = (
    *orders.WISHES,
    *(orders.Curtail, orders.Release, orders.StandingPlan, orders.StopAll, orders.EndStop),
)


def read_intent(given: object) -> AnyIntent:
    """Make an intent of JSON's values, such as {"action": "power_limit", "power_w": 2500}.

    Raises:
        InvalidError: it is none.
    """
    try:
        intent: AnyIntent = msgspec.convert(given, AnyIntent, strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidError(f"intent: {_say(error)}; see the actions in openapi.json") from None
    return intent


def read_terms(given: object) -> Terms | None:
    """Make terms of JSON's values; None stays None.

    Raises:
        InvalidError: they are none.
    """
    try:
        return msgspec.convert(given, Terms | None, strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidError(f"terms: {_say(error)}; see openapi.json") from None


def valid_s(intent: Intent, given: float | None) -> float:
    """Say how long an order may wait to be accepted.

    Raises:
        InvalidError: the given time is too short or too long.
    """
    if given is None:
        return LEASE_VALID_S if isinstance(intent, _LEASES) else DEED_VALID_S
    low, high = VALID_S
    if not low <= given <= high:
        raise InvalidError(f"valid_s: {given:g}, expected {low:g} to {high:g}")
    return given


def check_whole(intent: AnyIntent, terms: Terms | None, now_ms: int) -> None:
    """Check what does not depend on a device.

    Raises:
        InvalidError: the order contradicts itself.
    """
    if terms is not None and not isinstance(intent, orders.WISHES):
        raise InvalidError(f"terms: {intent.action} holds nothing; leave them out")
    held = intent.terms if isinstance(intent, orders.Curtail) else terms
    until_ms = None if held is None else held.until_ms
    if until_ms is not None and not now_ms < until_ms <= now_ms + MAX_HELD_MS:
        raise InvalidError(f"terms.until_ms: {until_ms} is past, or too far away")
    if isinstance(intent, orders.StandingPlan):
        _check_periods(intent.periods)
    try:
        size = len(orders.encode_order(Order(intent=intent, terms=terms)))
    except OverflowError:
        raise InvalidError("order: a number is too large; give times in Unix ms") from None
    if size > orders.MAX_BODY_BYTES:
        raise InvalidError(f"order: {size} bytes, more than {orders.MAX_BODY_BYTES}; divide it")


def check_scope(intent: Intent, device_id: int | None, agent: str | None) -> None:
    """Check that an order names whom it is for, and nobody else.

    Raises:
        InvalidError: it does not.
    """
    is_for_site = isinstance(intent, orders.OF_THE_SITE)
    if is_for_site is (agent is None) or is_for_site is not (device_id is None):
        whom = "the site: name its agent" if is_for_site else "a device: name it"
        raise InvalidError(f"order: {intent.action} is for {whom}, and nothing else")


def check_device(intent: Intent, target: Target) -> None:
    """Check an order against what a device offers, as its agent said last.

    Raises:
        ConflictError: the device does not offer it now.
        InvalidError: it is outside of the device's limits.
    """
    name = target.name
    if isinstance(intent, orders.ReadRegisters):
        if target.driver != "modbus":
            raise ConflictError(f"{name}: has no registers; its driver is {target.driver}")
        return
    wish: Intent = intent.wish if isinstance(intent, orders.DryRun) else intent
    if target.offers is None:
        raise ConflictError(f"{name}: its agent has not said what can be asked of it; wait for it")
    actions, modes = orders.offered(target.offers)
    if wish.action not in actions:
        offered = ", ".join(actions) or "nothing"
        why = f"; {target.blocked}" if target.blocked else ""
        raise ConflictError(f"{name}: does not offer {wish.action}, but {offered}{why}")
    if isinstance(wish, orders.PowerMode) and modes and wish.mode not in modes:
        raise InvalidError(f"{name}: has no mode {wish.mode}; it has {', '.join(modes)}")
    if isinstance(wish, orders.PowerLimit):
        _check_power(wish.power_w, target)
    if isinstance(wish, orders.Preset) and wish.name not in (target.presets or ()):
        known = ", ".join(target.presets or ()) or "none"
        raise InvalidError(f"{name}: has no preset {wish.name!r}; it has {known}")


def check_steps(intent: Intent, targets: Mapping[str, Target]) -> None:
    """Check every wish of a lease or plan against every device it names.

    Raises:
        ConflictError: a device is not known to the agent, or does not offer it.
        InvalidError: a wish is outside of a device's limits, or a device is named twice.
    """
    for steps in _programmes(intent):
        seen: set[str] = set()
        for step in steps:
            for name in step.devices:
                if name not in targets:
                    raise ConflictError(f"{name}: the agent has no such device; see its rigs")
                if name in seen:
                    raise InvalidError(f"{name}: named twice at one time; name it once")
                seen.add(name)
                check_device(step.wish, targets[name])


def named_devices(intent: Intent) -> list[str]:
    """List the devices that a lease or plan names, each once, in order."""
    named = (n for steps in _programmes(intent) for step in steps for n in step.devices)
    return list(dict.fromkeys(named))


def precondition(target: Target) -> Precondition | None:
    """Say how the device is known, so that another one at its address is left alone.

    The model is asked only where nothing better is known: a firmware may change its name.
    """
    mac, serial = target.mac or None, target.serial or None
    model = None if mac or serial else target.model or None
    if mac is serial is model is None:
        return None
    return Precondition(mac=mac, serial=serial, model=model)


def approved(body: bytes, people: Iterable[str]) -> Order:
    """Give the order of a proposal with those who approved it."""
    try:
        order = orders.decode_order(body)
    except DecodeError as error:
        raise ConflictError(f"command: {error}; decline it and order it again") from None
    return msgspec.structs.replace(order, approved_by=tuple(people))


def shown(order: Order) -> dict[str, Any]:
    """Give an order as people may see it: without passwords, and without a lease's long lists."""
    said: dict[str, Any] = msgspec.to_builtins(order)
    for pool in said["intent"].get("pools", ()):
        pool["password"] = ""
    periods = said["intent"].get("periods", [])
    for step in [*said["intent"].get("steps", []), *(s for p in periods for s in p["steps"])]:
        step["devices"] = len(step["devices"])
    return said


def _programmes(intent: Intent) -> list[tuple[orders.Step, ...]]:
    if isinstance(intent, orders.Curtail):
        return [intent.steps]
    if isinstance(intent, orders.StandingPlan):
        return [period.steps for period in intent.periods]
    return []


def _check_periods(periods: tuple[orders.Period, ...]) -> None:
    end_ms = 0
    for period in periods:
        if not end_ms <= period.from_ms < period.to_ms:
            raise InvalidError(
                f"plan: the period from {period.from_ms} to {period.to_ms} is empty, or begins "
                "before the one before it ends; put them in order"
            )
        end_ms = period.to_ms


def _check_power(power_w: float, target: Target) -> None:
    low, high = target.power_min_w, target.power_max_w
    if (low is not None and power_w < low) or (high is not None and power_w > high):
        raise InvalidError(
            f"{target.name}: {power_w:g} W is outside of its limits, "
            f"{_watts(low)} to {_watts(high)} W"
        )


def _watts(limit: float | None) -> str:
    return "?" if limit is None else f"{limit:g}"


def _say(error: Exception) -> str:
    return str(error) or type(error).__name__
