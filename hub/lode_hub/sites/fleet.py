"""The rigs there are: a slot each, their facts and last readings as arrays by slot."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lode_hub.sites.tables import (
    FACTS,
    MEASURED,
    RATED,
    READING,
    THRESHOLDS,
    Mask,
    Slots,
    Table,
    grown,
)
from lode_hub.store import inventory

Counts: TypeAlias = npt.NDArray[np.int64]


class Fleet:
    """Rigs by slot; a slot belongs to its rig as long as the hub runs."""

    def __init__(self) -> None:
        self.rows: list[inventory.Rig] = []
        self.agent_names: dict[int, str] = {}
        self.facts: Table = np.zeros(0, FACTS)
        self.last: Table = np.zeros(0, READING)  # received_ms is 0 of a rig never heard
        self.is_configured: Mask = np.zeros(0, bool)
        self.agents: list[int] = []  # the ids of all rigs' agents
        self.agent_places: npt.NDArray[np.intp] = np.zeros(0, np.intp)  # in `agents`, by slot
        self.racks: npt.NDArray[np.intp] = np.zeros(0, np.intp)  # a number for (agent, rack)
        self._slot_of: npt.NDArray[np.intp] = np.zeros(0, np.intp)  # by device id; -1 is none

    def __len__(self) -> int:
        return len(self.rows)

    def load(self, rows: Sequence[inventory.Rig], agent_names: Mapping[int, str]) -> None:
        """Take the rigs' facts as they are now; rigs that were there keep their slots."""
        found = {row.device_id: row for row in rows}
        known = [found.pop(old.device_id, old) for old in self.rows]
        self.rows = [*known, *found.values()]
        n = len(self.rows)
        self.last, self.facts = grown(self.last, n), np.zeros(n, FACTS)
        for name in RATED:
            values = [getattr(row, name) for row in self.rows]
            self.facts[name] = [np.nan if value is None else value for value in values]
        for name, value in THRESHOLDS.items():
            self.facts[name] = value
        self.is_configured = np.array([row.is_configured for row in self.rows], bool)
        self.agent_names = dict(agent_names)
        agent_ids = np.array([row.agent_id for row in self.rows], np.intp)
        agents, self.agent_places = np.unique(agent_ids, return_inverse=True)
        self.agents = agents.tolist()
        racks: dict[tuple[int, str], int] = {}
        numbers = [racks.setdefault((row.agent_id, row.rack), len(racks)) for row in self.rows]
        self.racks = np.array(numbers, np.intp)
        ids = np.array([row.device_id for row in self.rows], np.intp)
        self._slot_of = np.full(int(ids.max(initial=-1)) + 1, -1, np.intp)
        self._slot_of[ids] = np.arange(n)

    def judge_by(self, thresholds: Mapping[int, Mapping[str, float]]) -> None:
        """Judge each agent's rigs by these thresholds, where they say other than is shipped."""
        for place, agent_id in enumerate(self.agents):
            for name, value in thresholds.get(agent_id, {}).items():
                if name in THRESHOLDS:
                    self.facts[name][self.agent_places == place] = value

    def restore(self, rows: Sequence[inventory.LastReading]) -> None:
        """Take each rig's last reading."""
        slots = self.slots(np.array([row.device_id for row in rows], np.int64))
        table = np.zeros(len(rows), READING)
        for name in ("at_ms", "received_ms", "state", "quality"):
            table[name] = [getattr(row, name) for row in rows]
        for name in MEASURED:
            values = [getattr(row, name) for row in rows]
            table[name] = [np.nan if value is None else value for value in values]
        self.last[slots[slots >= 0]] = table[slots >= 0]

    def hear(self, device_ids: npt.NDArray[np.int32], received_ms: npt.NDArray[np.int64]) -> None:
        """Take note of rigs that were read, though what was read is not used."""
        slots = self.slots(device_ids)
        self.last["received_ms"][slots[slots >= 0]] = received_ms[slots >= 0]

    def slots(self, device_ids: npt.NDArray[np.integer]) -> Slots:
        """Give each device's slot, -1 for one that is unknown or no rig."""
        inside = (device_ids >= 0) & (device_ids < len(self._slot_of))
        if not len(self._slot_of):
            return np.full(len(device_ids), -1, np.intp)
        slots: Slots = np.where(inside, self._slot_of[np.where(inside, device_ids, 0)], -1)
        return slots

    def in_racks(self, is_troubled: Mask) -> tuple[Counts, Counts]:
        """Count the configured rigs of each rig's rack, and those of them that are in trouble."""
        weights = is_troubled & self.is_configured
        rigs = np.bincount(self.racks, weights=self.is_configured).astype(np.int64)
        troubled = np.bincount(self.racks, weights=weights).astype(np.int64)
        return rigs[self.racks], troubled[self.racks]

    def rigs_of(self, agent_id: int) -> int:
        """Count an agent's configured rigs."""
        if agent_id not in self.agents:
            return 0
        place = self.agents.index(agent_id)
        return int(((self.agent_places == place) & self.is_configured).sum())

    def lacking(self) -> tuple[int, int]:
        """Count the configured rigs without any temperature limit, and those without a rating."""
        facts = self.facts[self.is_configured]
        limitless = np.isnan(facts["chip_temp_max_c"]) & np.isnan(facts["board_temp_max_c"])
        return int(limitless.sum()), int(np.isnan(facts["rated_hashrate_ths"]).sum())
