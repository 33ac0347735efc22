"""Find a description by its name, or a rig's by the model it says it is.

A description's name is its file's: `lode_profiles/meters/eastron-sdm630.toml` is `eastron-sdm630`.
"""

import functools
import re
import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from lode_profiles.registers import span
from lode_profiles.schema import MeterProfile, Profile, ProfileError, RigProfile

_KINDS: dict[str, type[Profile]] = {"rigs": RigProfile, "meters": MeterProfile}


def load(name: str) -> Profile:
    """Load a description.

    Raises:
        ProfileError: there is none of this name, or it is malformed.
    """
    path = _paths().get(name)
    if path is None:
        known = ", ".join(names())
        raise ProfileError(f"profile {name!r}: unknown; use one of {known}")
    return _load(name)


def names() -> list[str]:
    """List the names of all descriptions."""
    return sorted(_paths())


def rigs() -> dict[str, RigProfile]:
    """Load every rig model, by name."""
    loaded = {name: load(name) for name in names()}
    return {name: profile for name, profile in loaded.items() if isinstance(profile, RigProfile)}


def meters() -> dict[str, MeterProfile]:
    """Load every Modbus device, by name."""
    loaded = {name: load(name) for name in names()}
    return {name: profile for name, profile in loaded.items() if isinstance(profile, MeterProfile)}


def find_rig(model: str) -> RigProfile | None:
    """Find a rig's description by the model that the rig says it is.

    Spelling counts little: `ANTMINER S19 PRO` and `Antminer S19Pro` are the same. A variant
    without a description of its own, such as `M50_VH50`, is found as its base model.
    """
    index = _rig_index()
    name = index.get(_plain(model)) or index.get(_plain(model.partition("_")[0]))
    if name is None:
        return None
    profile = load(name)
    return profile if isinstance(profile, RigProfile) else None


def parse(text: str, kind: type[Profile], place: str) -> Profile:
    """Read a description from TOML.

    Raises:
        ProfileError: it is malformed; the message begins with `place` and names the key.
    """
    try:
        profile = msgspec.convert(_unmarked(tomllib.loads(text)), kind)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProfileError(f"{place}: {error}".replace("`", "").replace("$.", "")) from None
    if profile.name:
        raise ProfileError(f"{place}: name is the file's name; remove the key")
    if isinstance(profile, MeterProfile):
        _check(profile, place)
    return profile


def _check(profile: MeterProfile, place: str) -> None:
    """Refuse what the types cannot say."""
    both = set(profile.fields) & set(profile.points)
    if both:
        raise ProfileError(f"{place}: {min(both)} is both a field and a point; keep one")
    slow = [name for name, register in profile.fields.items() if register.poll == "slow"]
    if slow:
        raise ProfileError(f"{place}: fields.{slow[0]}.poll is slow; a reading has every field")
    registers = profile.registers()
    named = [("probe.within", name) for name in (profile.probe.within if profile.probe else ())]
    named += [("vectors.values", name) for vector in profile.vectors for name in vector.values]
    for key, name in named:
        if name not in registers:
            raise ProfileError(f"{place}: {key} names {name!r}, which is no field and no point")
    for name, register in registers.items():
        if span(register.type) > profile.max_registers:
            raise ProfileError(f"{place}: {name} is longer than max_registers allows")
        if register.register + span(register.type) > 1 << 16:
            raise ProfileError(f"{place}: {name} reaches beyond register 0xFFFF")


def _unmarked(data: dict[str, object]) -> dict[str, object]:
    """Put None for the text `missing` in vectors, because TOML has no null."""
    vectors = data.get("vectors")
    for vector in vectors if isinstance(vectors, list) else ():
        values = vector.get("values") if isinstance(vector, dict) else None
        for key, value in values.items() if isinstance(values, dict) else ():
            values[key] = None if value == "missing" else value  # type: ignore[index]
    return data


@functools.cache
def _load(name: str) -> Profile:
    path = _paths()[name]
    folder = "rigs" if name in _names_in("rigs") else "meters"
    profile = parse(path.read_text(encoding="utf-8"), _KINDS[folder], f"{folder}/{path.name}")
    return msgspec.structs.replace(profile, name=name)


@functools.cache
def _paths() -> dict[str, Traversable]:
    return {name: path for folder in _KINDS for name, path in _names_in(folder).items()}


@functools.cache
def _names_in(folder: str) -> dict[str, Traversable]:
    found = (files("lode_profiles") / folder).iterdir()
    return {path.name[:-5]: path for path in found if path.name.endswith(".toml")}


@functools.cache
def _rig_index() -> dict[str, str]:
    index: dict[str, str] = {}
    for name, profile in rigs().items():
        for spelling in (profile.model, *profile.aliases):
            if index.setdefault(_plain(spelling), name) != name:
                taken = index[_plain(spelling)]
                raise ProfileError(f"rigs/{name}.toml: alias {spelling!r} is {taken}'s already")
    return index


def _plain(model: str) -> str:
    return re.sub(r"[^a-z0-9+]", "", model.lower())
