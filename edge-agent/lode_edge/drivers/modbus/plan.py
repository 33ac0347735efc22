"""Merge registers into as few requests as a device allows, and take each value from its own.

Every value knows its request and its place in it, so a request that fails takes its own values
with it and no others. A device that lacks some of its description's registers refuses every range
that covers them: what it refused once is not covered again.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from lode_profiles import MeterProfile, Reader, Register, reader, span, width

_COILS = (1, 2)
_BITS_PER_REGISTER = 16

Range = tuple[int, int, int]
"""A function, its first register, and the one after its last."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a request's answer a value lies, in bytes; of coils, each makes a byte."""

    name: str
    start: int
    stop: int
    read: Reader


@dataclass(frozen=True, slots=True)
class Request:
    """One range of registers or coils, and the values that lie in it."""

    function: int
    register: int
    count: int
    places: tuple[Place, ...]

    @property
    def range(self) -> Range:
        """Give what it covers."""
        return self.function, self.register, self.register + self.count


def plan(
    profile: MeterProfile, names: Iterable[str], refused: Collection[Range] = ()
) -> tuple[Request, ...]:
    """Plan the requests that read these fields and points, but those that cover what is refused."""
    registers = profile.registers()
    wanted = [(profile.function_of(registers[name]), registers[name], name) for name in names]
    requests: list[Request] = []
    group: dict[str, Register] = {}
    function, start, stop = 0, 0, 0
    for kind, register, name in sorted(wanted, key=lambda one: (one[0], one[1].register, one[2])):
        first, last = register.register, register.register + span(register.type)
        if _covers((kind, first, last), refused):
            continue
        fits = (
            kind == function
            and _fits(profile, kind, (start, stop), (first, last))
            and not _covers((kind, start, max(stop, last)), refused)
        )
        if group and not fits:
            requests.append(_request(profile, function, (start, stop), group))
            group = {}
        if not group:
            function, start, stop = kind, first, last
        group[name] = register
        stop = max(stop, last)
    if group:
        requests.append(_request(profile, function, (start, stop), group))
    return tuple(requests)


def singly(profile: MeterProfile, request: Request) -> tuple[Request, ...]:
    """Plan a request for each of its values alone; none where it has but one."""
    names = [place.name for place in request.places]
    return tuple(plan(profile, [name])[0] for name in names) if len(names) > 1 else ()


def values(answers: Sequence[tuple[Request, bytes]]) -> dict[str, float | None]:
    """Read every value that the answered requests hold."""
    found: dict[str, float | None] = {}
    for request, answer in answers:
        raw = bits(answer, request.count) if request.function in _COILS else answer
        for place in request.places:
            found[place.name] = place.read(raw, place.start)
    return found


def bits(answer: bytes, count: int) -> bytes:
    """Make a byte, 0 or 1, of each coil of an answer."""
    return bytes(answer[n // 8] >> n % 8 & 1 for n in range(count))


def _covers(whole: Range, refused: Collection[Range]) -> bool:
    """Tell whether some range that is refused lies in this one."""
    function, start, stop = whole
    return any(kind == function and start <= a and b <= stop for kind, a, b in refused)


def _fits(
    profile: MeterProfile, function: int, so_far: tuple[int, int], more: tuple[int, int]
) -> bool:
    """Tell whether a range can be asked for together with what lies before it."""
    (start, stop), (first, last) = so_far, more
    most = profile.max_registers * (_BITS_PER_REGISTER if function in _COILS else 1)
    is_near = first - stop <= profile.gap_limit
    return is_near and max(last, stop) - start <= most and not profile.is_hole(stop, first)


def _request(
    profile: MeterProfile, function: int, place: tuple[int, int], group: dict[str, Register]
) -> Request:
    start, stop = place
    size = 1 if function in _COILS else 2
    places = []
    for name, register in group.items():
        at = size * (register.register - start)
        places.append(Place(name, at, at + width(register.type), reader(profile, register)))
    return Request(function, start, stop - start, tuple(places))
