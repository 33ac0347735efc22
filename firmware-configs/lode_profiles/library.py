"""Find a description by its name, or a rig's by the model it says it is.

A description's name is its file's: `lode_profiles/meters/eastron-sdm630.toml` is `eastron-sdm630`.
One of your own is named by the path of its file, which ends in `.toml`.
"""

import functools
import re
import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

import msgspec

from lode_profiles.faults import explained
from lode_profiles.modbus import MeterProfile
from lode_profiles.nodes import NodeMap
from lode_profiles.pdus import PduProfile
from lode_profiles.schema import ProfileError, RigProfile
from lode_profiles.topics import TopicProfile

Profile = RigProfile | MeterProfile | NodeMap | TopicProfile | PduProfile

_MAX_BYTES = 1 << 20


class _Kind(NamedTuple):
    """What a folder's descriptions are; `mark` is a key that only they have."""

    shape: type[Profile]
    mark: str


_KINDS = {
    "rigs": _Kind(RigProfile, "hashrate_ths"),
    "meters": _Kind(MeterProfile, "function"),
    "fans": _Kind(MeterProfile, "function"),
    "opcua": _Kind(NodeMap, "namespace"),
    "pdus": _Kind(PduProfile, "figures"),
    "topics": _Kind(TopicProfile, "protocol"),
}


def load(name: str) -> Profile:
    """Load a description: one that ships by its name, one of your own by its file's path.

    Raises:
        ProfileError: there is none of this name, or it is malformed.
    """
    if name.endswith(".toml"):
        return _load_file(Path(name))
    if name not in _paths():
        known = ", ".join(names())
        raise ProfileError(f"profile {name!r}: unknown; use a path to a .toml, or one of {known}")
    return _load(name)


def names() -> list[str]:
    """List the names of all descriptions."""
    return sorted(_paths())


def text_of(name: str) -> str:
    """Give the text of a description that ships.

    Raises:
        ProfileError: there is none of this name.
    """
    load(name)
    return _paths()[name][1].read_text(encoding="utf-8")


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


def parse(text: str, place: str) -> Profile:
    """Read a description from TOML; what it describes is seen from its keys.

    Raises:
        ProfileError: it is malformed; the message begins with `place` and names the key.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{place}: no valid TOML: {error}") from None
    shape = next((kind.shape for kind in _KINDS.values() if kind.mark in data), None)
    if shape is None:
        marks = " or ".join(sorted({kind.mark for kind in _KINDS.values()}))
        raise ProfileError(f"{place}: describes no known device; it needs the key {marks}")
    try:
        profile = msgspec.convert(_unmarked(data), shape)
    except msgspec.ValidationError as error:
        raise ProfileError(f"{place}: {explained(text, data, shape, error)}") from None
    if profile.name:
        raise ProfileError(f"{place}: name is the file's name; remove the key")
    return profile


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
    folder, path = _paths()[name]
    profile = parse(path.read_text(encoding="utf-8"), f"{folder}/{path.name}")
    return msgspec.structs.replace(profile, name=name)


@functools.cache
def _load_file(path: Path) -> Profile:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ProfileError(f"{path}: larger than {_MAX_BYTES} bytes, so no description")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ProfileError(f"{path}: cannot be read: {reason}") from None
    return msgspec.structs.replace(parse(text, str(path)), name=path.stem)


@functools.cache
def _paths() -> dict[str, tuple[str, Traversable]]:
    """Find every description's folder and file by its name."""
    return {
        path.name[:-5]: (folder, path)
        for folder in _KINDS
        for path in (files("lode_profiles") / folder).iterdir()
        if path.name.endswith(".toml")
    }


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
