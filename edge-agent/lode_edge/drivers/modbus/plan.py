"""Merge registers into as few requests as a device allows, and take each value from its own.

Every value knows its request and its place in it, so a request that fails takes its own values
with it and no others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lode_profiles import MeterProfile, Register, decode, span


@dataclass(frozen=True, slots=True)
class Request:
    """One range of registers, and the values that lie in it."""

    register: int
    count: int
    names: tuple[str, ...]


def plan(profile: MeterProfile, names: Iterable[str]) -> tuple[Request, ...]:
    """Plan the requests that read these fields and points."""
    registers = profile.registers()
    requests: list[Request] = []
    start, stop = 0, 0
    taken: list[str] = []
    for name in sorted(names, key=lambda name: (registers[name].register, name)):
        first = registers[name].register
        last = first + span(registers[name].type)
        is_far = first - stop > profile.gap_limit
        if taken and (is_far or max(last, stop) - start > profile.max_registers):
            requests.append(Request(start, stop - start, tuple(taken)))
            taken = []
        if not taken:
            start, stop = first, last
        taken.append(name)
        stop = max(stop, last)
    if taken:
        requests.append(Request(start, stop - start, tuple(taken)))
    return tuple(requests)


def values(
    profile: MeterProfile, answers: Sequence[tuple[Request, bytes]]
) -> dict[str, float | None]:
    """Read every value that the answered requests hold."""
    registers: Mapping[str, Register] = profile.registers()
    found: dict[str, float | None] = {}
    for request, raw in answers:
        for name in request.names:
            register = registers[name]
            place = 2 * (register.register - request.register)
            own = raw[place : place + 2 * span(register.type)]
            found[name] = decode(profile, register, own)
    return found
