"""The rigs that are compared: a slot each, their classes of peers, and the groups they are in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lode_models.peers.sample import Mask, Slots
from lode_models.peers.split import Split

LEAST_PEERS = 8
"""Fewer rigs than this have no median worth comparing with: then a wider class, or itself alone."""

LEAST_NEIGHBOURS = 6
"""Fewer rigs of a rack than this do not tell how warm it is."""

LEVELS = ("rack", "site", "model", "fleet")
"""What may be hit as a whole; of groups that are the same rigs, the first is named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rig:
    """What is known of a rig beforehand; `interval_s` NaN is learned from its readings."""

    name: str
    model: str = ""
    site: str = ""
    rack: str = ""
    rated_hashrate_ths: float = float("nan")
    rated_power_w: float = float("nan")
    interval_s: float = float("nan")
    is_watched: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Rigs that share something: a rack or a model at a site, a site, or the whole fleet."""

    level: str
    site: str = ""
    name: str = ""

    def __str__(self) -> str:
        if self.level == "fleet":
            return "fleet"
        return f"site:{self.site}" + (f":{self.level}:{self.name}" if self.name else "")


class Rigs:
    """Rigs by slot, with the number of each one's class and groups as arrays by slot.

    A class is (site, model, rated hashrate), so that peers breathe the same air; where a site has
    too few of them it is (model, rated hashrate) of all sites, and below that none (-1).
    """

    def __init__(self, rigs: Sequence[Rig]) -> None:
        self.rows = tuple(rigs)
        self.is_watched = np.array([rig.is_watched for rig in rigs], bool)
        self.interval_s = np.array([rig.interval_s for rig in rigs], np.float32)
        near = _numbers([(rig.site, rig.model, _rating(rig)) for rig in rigs])
        wide = _numbers([("", rig.model, _rating(rig)) for rig in rigs])
        wide = np.where(self._size(wide) >= LEAST_PEERS, wide + len(rigs), -1)
        is_near = self._size(near) >= LEAST_PEERS
        numbers = np.where(is_near, near, wide)
        self.classes = _dense(numbers)
        self.groups: list[list[Group]] = []
        self.group_of = np.zeros((len(LEVELS), len(rigs)), np.intp)
        for level, name in enumerate(LEVELS):
            self._name(level, [_group(name, rig) for rig in rigs])
        self.sizes = [
            count(of, len(groups)) for of, groups in zip(self.group_of, self.groups, strict=True)
        ]
        racks = self.group_of[LEVELS.index("rack")]
        self.racked = Split.by(racks, LEAST_NEIGHBOURS)
        self.knows_air = _knows_air(self.classes, racks, is_near)
        self.sort(np.zeros(len(rigs), np.int16))

    def sort(self, modes: Slots) -> None:
        """Take rigs as peers only where they are commanded alike."""
        keys = np.where(self.classes >= 0, self.classes * 65_536 + modes.astype(np.intp), -1)
        self.classed = Split.by(keys, LEAST_PEERS)

    def __len__(self) -> int:
        return len(self.rows)

    def _name(self, level: int, groups: list[Group | None]) -> None:
        found = list(dict.fromkeys(group for group in groups if group))
        numbers = {group: number for number, group in enumerate(found)}
        self.group_of[level] = [numbers[group] if group else -1 for group in groups]
        self.groups.append(found)

    def _size(self, numbers: Slots) -> Slots:
        sizes = np.bincount(numbers, weights=self.is_watched, minlength=1).astype(np.intp)
        return sizes[numbers]

    def peers(self, slot: int) -> Slots:
        """Give the slots of a rig's class, its own among them; none where it has no class."""
        number = int(self.classed.place[slot])
        if number < 0:
            return np.zeros(0, np.intp)
        return self.classed.order[self.classed.starts[number] : self.classed.ends[number]]


def count(groups: Slots, n: int) -> Slots:
    """Count rigs by group; those without one are -1 and not counted."""
    return np.bincount(groups + 1, minlength=n + 1)[1:]


def _knows_air(classes: Slots, racks: Slots, is_near: Mask) -> Mask:
    """Tell of which rigs a warm place can be told from a warm rig.

    Either most of its class breathe the same air, or most rigs of its rack are of classes that are
    mostly elsewhere: then their median says how warm the rack is. Without racks its class must be
    of its site.
    """
    in_class, in_rack = np.bincount(classes + 1)[classes + 1], np.bincount(racks + 1)[racks + 1]
    pairs = _numbers(list(zip(classes.tolist(), racks.tolist(), strict=True)))
    here = np.bincount(pairs)[pairs]
    is_guest = (classes >= 0) & (2 * here <= in_class)
    guests = np.bincount(racks + 1, weights=is_guest)[racks + 1]
    tells = (guests >= LEAST_NEIGHBOURS) & (2 * guests >= in_rack)
    return np.where(racks >= 0, (2 * here > in_class) | tells, is_near)


def _rating(rig: Rig) -> float:
    rated = rig.rated_hashrate_ths
    return rated if rated == rated else 0.0  # noqa: PLR0124 -- NaN is not itself


def _group(level: str, rig: Rig) -> Group | None:
    if level == "fleet":
        return Group(level=level)
    name = {"rack": rig.rack, "model": rig.model, "site": ""}[level]
    return Group(level=level, site=rig.site, name=name) if name or level == "site" else None


def _numbers(keys: Sequence[tuple[object, ...]]) -> Slots:
    found: dict[tuple[object, ...], int] = {}
    return np.array([found.setdefault(key, len(found)) for key in keys], np.intp)


def _dense(numbers: Slots) -> Slots:
    """Number classes from 0 without holes; -1 stays."""
    found, places = np.unique(numbers, return_inverse=True)
    return (places - int(bool(len(found)) and found[0] < 0)).astype(np.intp)
