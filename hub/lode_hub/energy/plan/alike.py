"""Rigs that are alike to the programme: of one class, and with as many starts left today."""

from dataclasses import dataclass, replace

import numpy as np

from lode_hub.energy.nouns import Floats, Ints, Site, Standing

ENOUGH = (4, 2, 1)
"""Rigs with so many starts left or more are alike: the finest division that gives few parts."""

MOST_PARTS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Alike:
    """A site whose classes are divided further, how their rigs stand, and `of` which class each is.

    A rig without starts left cannot use another's: once put to sleep, it sleeps till tomorrow.
    """

    site: Site
    standings: tuple[Standing, ...]
    of: Ints

    def joined(self, steps: tuple[Floats, ...]) -> tuple[Floats, ...]:
        """Add up by class what is given by its parts."""
        classes = range(int(self.of[-1]) + 1)
        return tuple(np.sum([steps[at] for at in np.flatnonzero(self.of == c)], 0) for c in classes)


def alike(site: Site, standings: tuple[Standing, ...]) -> Alike:
    """Divide the classes of a site by the starts that their rigs have left today."""
    found = _divided(site, standings, ENOUGH[0])
    for enough in ENOUGH[1:]:
        if len(found.of) <= MOST_PARTS:
            break
        found = _divided(site, standings, enough)
    return found


def _divided(site: Site, standings: tuple[Standing, ...], enough: int) -> Alike:
    parts, theirs, of = [], [], []
    for at, (kind, rigs) in enumerate(zip(site.classes, standings, strict=True)):
        left = np.zeros(kind.count, dtype=np.int64)
        if kind.starts_per_day is not None:
            left = np.clip(kind.starts_per_day - rigs.starts, 0, enough)
        for some in (left == few for few in np.unique(left)):
            parts.append(replace(kind, count=int(some.sum())))
            theirs.append(
                Standing(mode=rigs.mode[some], since_s=rigs.since_s[some], starts=rigs.starts[some])
            )
            of.append(at)
    divided = replace(site, classes=tuple(parts))
    return Alike(site=divided, standings=tuple(theirs), of=np.array(of))
