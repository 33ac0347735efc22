"""Merge registers into as few requests as a device allows, and take each value from its own.

Every value knows its request and its place in it, so a request that fails takes its own values
with it and no others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lode_profiles import MeterProfile, Register, decode, span


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a request's answer a value lies, in bytes."""

    name: str
    register: Register
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Request:
    """One range of registers, and the values that lie in it."""

    register: int
    count: int
    places: tuple[Place, ...]


def plan(profile: MeterProfile, names: Iterable[str]) -> tuple[Request, ...]:
    """Plan the requests that read these fields and points."""
    registers = profile.registers()
    requests: list[Request] = []
    group: dict[str, Register] = {}
    start, stop = 0, 0
    for name in sorted(names, key=lambda name: (registers[name].register, name)):
        first = registers[name].register
        last = first + span(registers[name].type)
        is_far = first - stop > profile.gap_limit
        if group and (is_far or max(last, stop) - start > profile.max_registers):
            requests.append(_request(start, stop, group))
            group = {}
        if not group:
            start, stop = first, last
        group[name] = registers[name]
        stop = max(stop, last)
    if group:
        requests.append(_request(start, stop, group))
    return tuple(requests)


def values(
    profile: MeterProfile, answers: Sequence[tuple[Request, bytes]]
) -> dict[str, float | None]:
    """Read every value that the answered requests hold."""
    return {
        place.name: decode(profile, place.register, raw[place.start : place.stop])
        for request, raw in answers
        for place in request.places
    }


def _request(start: int, stop: int, group: dict[str, Register]) -> Request:
    places = []
    for name, register in group.items():
        at = 2 * (register.register - start)
        places.append(Place(name, register, at, at + 2 * span(register.type)))
    return Request(start, stop - start, tuple(places))
