"""Compare what was found with what the agent is told to read, and write what to review.

A device is known again by its MAC or serial, wherever it is; by its address only when it says
neither. So a rig that was given another address is `moved`, and another rig at a known address is
`replaced`: never silently taken for the one that was there.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lode_edge.drivers.driver import Facts
from lode_edge.inventory import is_same, marks
from lode_edge.probe import Found
from lode_edge.settings import DeviceEntry, checked_mac
from lode_profiles import meters

_USUAL_PORTS = {"asic": ":4028", "modbus": ":502"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A configured device, and what it said it is when it was last identified."""

    entry: DeviceEntry
    facts: Facts


@dataclass(slots=True)
class Survey:
    """What a search showed, against the settings."""

    same: list[Known] = field(default_factory=list)
    moved: list[tuple[Known, Found]] = field(default_factory=list)
    replaced: list[tuple[Known, Found]] = field(default_factory=list)
    new: list[Found] = field(default_factory=list)
    missing: list[Known] = field(default_factory=list)  # asked where it was, and not found

    def toml(self) -> str:
        """Write a site file to review; what needs a decision stands above as a comment."""
        return "\n".join(_lines(self)) + "\n"


def survey(known: Sequence[Known], found: Sequence[Found], asked: Iterable[str]) -> Survey:
    """Compare; `asked` are the hosts that were asked what they are."""
    result = Survey()
    by_mark = {mark: each for each in known for mark in marks(each.facts).items()}
    by_place = {
        _place(each.entry.driver, each.entry.address, each.entry.unit): each for each in known
    }
    seen: set[str] = set()
    taken: dict[str, Found] = {}
    pairs = [(_known_by(by_mark, each), each) for each in found]
    for again, each in sorted(pairs, key=lambda pair: pair[0] is None):
        there = by_place.get(_place(each.driver, each.address, each.unit))
        if again is not None:
            seen.add(again.entry.name)
            is_there = again is there
            result.same.append(again) if is_there else result.moved.append((again, each))
        elif there is None:
            result.new.append(each)
        elif there.entry.name in seen or is_same(there.facts, each.facts) is False:
            taken[there.entry.name] = each
        else:
            seen.add(there.entry.name)
            result.same.append(there)
    _settle_replaced(result, by_place, taken, seen)
    hosts = set(asked)
    result.missing = [
        each
        for each in known
        if each.entry.name not in seen
        and each.entry.name not in taken
        and _bare(each.entry.driver, each.entry.address) in hosts
        and _is_looked_for(each.entry)
    ]
    return result


def _known_by(by_mark: Mapping[tuple[str, str], Known], found: Found) -> Known | None:
    return next((by_mark[mark] for mark in marks(found.facts).items() if mark in by_mark), None)


def _settle_replaced(
    result: Survey, by_place: Mapping[str, Known], taken: Mapping[str, Found], seen: set[str]
) -> None:
    """A stranger at a known device's address replaced it, unless that device has only moved."""
    known = {each.entry.name: each for each in by_place.values()}
    for name, stranger in taken.items():
        if name in seen:
            result.new.append(stranger)
        else:
            result.replaced.append((known[name], stranger))


def _place(driver: str, address: str, unit: int | None) -> str:
    return f"{driver} {_bare(driver, address)} {unit if driver == 'modbus' else ''}"


def _bare(driver: str, address: str) -> str:
    """Leave out the port where it is the usual one, which alone is searched."""
    return address.removesuffix(_USUAL_PORTS.get(driver, ""))


def _is_looked_for(entry: DeviceEntry) -> bool:
    """Tell whether a search would know such a device; of any other it can say nothing."""
    if entry.driver != "modbus":
        return entry.driver == "asic"
    profile = meters().get(entry.profile)
    return profile is not None and profile.probe is not None and entry.unit == profile.probe.unit


def _lines(result: Survey) -> Iterator[str]:
    yield "# Found by `lode-edge discover`. Review it; copy what is right into the agent's file."
    yield f"# {len(result.same)} devices are where they were."
    for known, found in result.moved:
        yield f"# MOVED: {known.entry.name} was at {known.entry.address}, is at {found.address}"
        yield f"#   {_said(found.facts)}"
    for known, found in result.replaced:
        yield f"# REPLACED: at {known.entry.address} {known.entry.name} was; there is now"
        yield f"#   {_said(found.facts)}"
        if mac := _mac(found.facts):
            yield f"#   where that is to be {known.entry.name} from now on, its entry needs"
            yield f"#   mac = {_text(mac)}"
    for known in result.missing:
        yield f"# MISSING: {known.entry.name} was not found at {known.entry.address}"
    for known, found in result.moved:
        yield from _device(known.entry.name, found, known.entry)
    for n, found in enumerate(sorted(result.new, key=lambda found: found.address), 1):
        yield from _device(_name(found, n), found, None)


def _device(name: str, found: Found, before: DeviceEntry | None) -> Iterator[str]:
    """Write a device's keys: what it had, and over that where and who it is now."""
    kind = {"asic": "rig"}.get(found.driver, "meter")
    keys: dict[str, Any] = {"name": name, "driver": found.driver, "address": "", "kind": kind}
    if found.facts.profile and found.driver != "asic":
        keys["profile"] = found.facts.profile
    if before:
        keys |= _given(before)
    keys["address"] = _bare(found.driver, found.address)
    if found.unit not in (None, 1):
        keys["unit"] = found.unit
    if mac := _mac(found.facts):
        keys["mac"] = mac
    yield ""
    yield f"# {_said(found.facts)}"
    yield "[[devices]]"
    yield from (f"{key} = {_text(value)}" for key, value in keys.items())


def _given(entry: DeviceEntry) -> dict[str, Any]:
    """Give the keys of an entry that are not at their defaults."""
    every = {field.name: field.default for field in dataclasses.fields(entry)}
    told = {name: getattr(entry, name) for name in every}
    return {name: value for name, value in told.items() if value != every[name]}


def _mac(facts: Facts) -> str:
    """Give its MAC as settings have it; empty where what it says is none."""
    try:
        return checked_mac(facts.mac)
    except ValueError:
        return ""


def _said(facts: Facts) -> str:
    parts = (facts.vendor, facts.model, facts.firmware)
    marks = (
        f"MAC {facts.mac}" if facts.mac else "",
        f"serial {facts.serial}" if facts.serial else "",
    )
    said = ", ".join(part for part in (*parts, *marks) if part)
    return "".join(c if c.isprintable() else "?" for c in said) or "says nothing of itself"


def _name(found: Found, n: int) -> str:
    if found.facts.mac:
        return f"rig-{found.facts.mac.replace(':', '')[-6:]}"
    return f"{found.driver}-{n:03d}"


def _text(value: str | float) -> str:
    return json.dumps(value, ensure_ascii=False)  # JSON's strings and numbers are TOML's, too
