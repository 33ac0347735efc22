"""The samples of the rigs on their way to the detectors: by the hub's clock, newest last.

committed rows ─► the hub's time, the commanded mode ─► waiting ─► rounds, one a rig in each
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from lode_hub.committed import Committed
from lode_hub.sites.tables import MAX_PER_GROUP, Slots, Table, Times, grown, put, rounds
from lode_models.peers import SAMPLE, samples

ROUNDS = 16
"""How many samples of one rig are taken at a time; of a longer backlog, the newest."""

TREMBLE_MS = 1_000
"""A correction of a clock that changes by less is left as it is: intervals would tremble."""

MAX_WAITING = 200_000
"""Rows that may wait for the next tick; beyond it the oldest are given up."""


class Latest:
    """Each rig's newest sample by slot, and those that wait to be judged."""

    def __init__(self) -> None:
        self.rows: Table = np.zeros(0, SAMPLE)  # at_ms is 0 of a rig never heard
        self.modes: npt.NDArray[np.int16] = np.zeros(0, np.int16)
        self.held_ms: Times = np.zeros(0, np.int64)  # when what is not used was last heard
        self.given_up = 0
        self._offset_ms: Times = np.zeros(1, np.int64)  # by agent id
        self._waiting: list[tuple[Slots, Table]] = []

    def fit(self, rigs: int) -> None:
        """Make room."""
        if rigs > len(self.modes):
            self.rows = grown(self.rows, rigs)
            more = rigs - len(self.modes)
            self.modes = np.concatenate([self.modes, np.zeros(more, np.int16)])
            self.held_ms = np.concatenate([self.held_ms, np.zeros(more, np.int64)])

    def correct(self, offset_ms: Mapping[int, float]) -> None:
        """Take how far agents' clocks are ahead; what is not there is right."""
        size = max(offset_ms, default=0) + 1
        offsets = np.zeros(max(size, len(self._offset_ms)), np.int64)
        for agent_id, offset in offset_ms.items():
            offsets[agent_id] = round(offset)
        before = np.zeros(len(offsets), np.int64)
        before[: len(self._offset_ms)] = self._offset_ms
        self._offset_ms = np.where(np.abs(offsets - before) > TREMBLE_MS, offsets, before)

    def hold(self, slots: Slots, received_ms: Times) -> None:
        """Take note of rigs that were read, though what was read is not used."""
        self.held_ms[slots[slots >= 0]] = received_ms[slots >= 0]

    def take(self, group: Committed, slots: Slots) -> None:
        """Take committed readings of rigs; a slot of -1 is no rig of ours."""
        known = np.flatnonzero(slots >= 0)
        if not len(known):
            return
        agents = np.minimum(group.agent_id, len(self._offset_ms) - 1)
        is_known = group.agent_id < len(self._offset_ms)
        at_ms = group.at_ms - np.where(is_known, self._offset_ms[agents], 0)
        rows = samples(at_ms, {**group.columns, "mode": self.modes[slots]})
        if len(known) < len(slots):
            slots, rows = slots[known], rows.take(known)
        self._waiting.append((slots, rows))
        while sum(len(rows) for _, rows in self._waiting) > MAX_WAITING:
            self.given_up += len(self._waiting.pop(0)[1])

    def turns(self) -> Iterator[tuple[Slots, Table]]:
        """Give what waited in order of time, at most one a rig in each turn; nothing is late."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        slots = np.concatenate([slots for slots, _ in waiting])
        rows = np.concatenate([rows for _, rows in waiting])
        fresh = np.flatnonzero(rows["at_ms"] > self.rows["at_ms"][slots])
        slots, rows = slots[fresh], rows.take(fresh)
        dealt = list(rounds(slots, rows))
        # A rig's newest is in its last round, so the oldest of longer backlogs are left out.
        counts = np.minimum(np.bincount(slots, minlength=len(self.modes)), MAX_PER_GROUP)
        for number, (all_here, turn) in enumerate(dealt):
            kept = np.flatnonzero(counts[all_here] - number <= ROUNDS)
            here, newest = all_here[kept], turn.take(kept)
            put(self.rows, here, newest)
            if len(here):
                yield here, newest
