"""Fit whole rigs into the limits of one period: take steps away, take steps more, fill up.

The programme keeps its ramps one step of one rig off the limit, and the rounding never draws more
than the programme does; so from each fitted period the next can be reached, too.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lode_hub.energy.nouns import Floats, Ints

LEAST_W = 1e-3


@dataclass(kw_only=True, slots=True)
class Fit:
    """One period: steps `taken` by (class, step), to be brought between the limits.

    `worth` is dollars per watt of each step; `low` and `high` how many of a class may be awake.
    `through` (place, class) says whose power counts in which bounded part of the site. By place,
    too, are `asleep_w` and `floor_w`, `guide_w`, `loose_w` and `most_w`: what the ramp asks for,
    what the programme draws, from what it can still be followed, and what cap and ramp allow.
    """

    taken: Ints
    step_w: Floats
    worth: Floats
    low: Ints
    high: Ints
    through: npt.NDArray[np.bool_]
    asleep_w: Floats
    floor_w: Floats
    guide_w: Floats
    loose_w: Floats
    most_w: Floats

    def power_w(self) -> Floats:
        """Give the power by place."""
        return drawn_w(self.taken, self.step_w, self.through, self.asleep_w)

    def settle(self, wanted: Floats) -> None:
        """Get below the limits, above the ramp's floor, then up to what the programme wanted."""
        places = len(self.asleep_w)
        for place in range(places):
            self._take_away(place, self.guide_w[place])
        for limit_w in (np.maximum(self.guide_w, self.floor_w), self.most_w):
            for place in range(places):
                self._take_more(place, self.floor_w[place], self._room(), limit_w)
        whole = np.ceil(wanted - 1e-6).astype(np.int64)
        worth = self.worth > 0
        room = np.minimum(self._room(), (whole - self.taken) * worth)
        self._take_more(places - 1, np.inf, room, self.guide_w)
        # Less than a step of what it wanted is left: one of another rig awake may fit, also on a
        # feeder that wanted less, but no more at the site.
        room = self._room() * worth
        room[:, 0] = 0
        wanted_w = drawn_w(wanted, self.step_w, self.through, self.asleep_w)
        site_w = min(self.guide_w[-1], wanted_w[-1])
        self._take_more(places - 1, np.inf, room, np.append(self.loose_w[:-1], site_w))

    def force(self, caps_w: Floats) -> None:
        """Get below caps with rigs that may not stop yet; nothing else is left."""
        self.low = np.zeros_like(self.low)
        self.floor_w = np.full_like(self.floor_w, -np.inf)
        for place, cap_w in enumerate(caps_w):
            self._take_away(place, cap_w)

    def _take_away(self, place: int, limit_w: float) -> None:
        while (over_w := self.power_w()[place] - limit_w) > LEAST_W:
            fewer = self.taken - np.roll(np.pad(self.taken, ((0, 0), (0, 1))), -1, axis=1)[:, :-1]
            fewer[:, 0] = np.minimum(fewer[:, 0], self.taken[:, 0] - self.low)
            fewer = np.minimum(fewer, self._down_to_floor(place))
            able = (fewer > 0) & self._inside(place)
            if not able.any():
                return
            at = np.unravel_index(np.argmin(np.where(able, self.worth, np.inf)), able.shape)
            self.taken[at] -= min(int(fewer[at]), int(np.ceil(over_w / self.step_w[at])))

    def _take_more(self, place: int, floor_w: float, room: Ints, limit_w: Floats) -> None:
        while (under_w := floor_w - self.power_w()[place]) > LEAST_W:
            more = np.minimum(np.minimum(room, self._room()), self._up_to(limit_w))
            able = (more > 0) & self._inside(place)
            if not able.any():
                return
            at = np.unravel_index(np.argmax(np.where(able, self.worth, -np.inf)), able.shape)
            count = int(more[at])
            if np.isfinite(under_w):
                count = min(count, int(np.ceil(under_w / self.step_w[at])))
            self.taken[at] += count
            room = room.copy()
            room[at] -= count

    def _room(self) -> Ints:
        above = np.column_stack([self.high, self.taken[:, :-1]])
        return (above - self.taken) * (self.step_w > 0)

    def _inside(self, place: int) -> npt.NDArray[np.bool_]:
        return np.asarray(self.through[place][:, None] & (self.step_w > 0))

    def _up_to(self, limit_w: Floats) -> Ints:
        return self._steps(self._least(limit_w - self.power_w()))

    def _down_to_floor(self, place: int) -> Ints:
        """Count the steps that another place's ramp lets go, when this place asks for them."""
        spare_w = self.power_w() - self.floor_w
        spare_w = np.where(np.arange(len(spare_w)) == place, np.inf, spare_w)
        return self._steps(self._least(spare_w))

    def _least(self, watts: Floats) -> Floats:
        """Give by class the least of all places that its power counts in."""
        return np.asarray(np.where(self.through, watts[:, None], np.inf).min(axis=0) + LEAST_W)

    def _steps(self, watts: Floats) -> Ints:
        step_w = np.where(self.step_w > 0, self.step_w, 1.0)
        return np.clip(np.floor(watts[:, None] / step_w), 0, 1 << 30).astype(np.int64)


def drawn_w(
    taken: Ints | Floats, step_w: Floats, through: npt.NDArray[np.bool_], asleep_w: Floats
) -> Floats:
    """Give the power by place of steps taken by (class, step)."""
    return np.asarray(asleep_w + through @ (taken * step_w).sum(axis=1))
