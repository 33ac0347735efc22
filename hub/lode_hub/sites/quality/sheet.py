"""What is known of the devices of one kind, as arrays by slot: a few hundred bytes a device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lode_hub.sites.quality import counters, units
from lode_hub.sites.tables import Mask, Slots
from lode_hub.store.quality import Device
from lode_wire.records import DeviceKind

RING = 32
"""How many of a device's latest times are remembered, to know one that comes again."""

Source = tuple[int, int, str]  # agent, device kind, driver
Class = tuple[int, str]  # site, model: devices that may be compared


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of reading, and what is judged of it."""

    tag: str
    metrics: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    wraps: tuple[float, ...] = ()


RIG = Kind(
    tag="rig",
    metrics=("hashrate_ths", "power_w", "board_temp_c", "chip_temp_c", "inlet_temp_c", "fan_rpm"),
    counters=("accepted_shares", "rejected_shares"),
    wraps=counters.WHOLE_WRAPS,
)
METER = Kind(
    tag="meter",
    metrics=("power_w", "voltage_v", "current_a", "freq_hz"),
    counters=("energy_in_kwh", "energy_out_kwh"),
    wraps=counters.WRAPS,
)
POINT = Kind(tag="point")
KIND_OF = {int(DeviceKind.RIG): RIG, int(DeviceKind.METER): METER}
USUAL_INTERVAL_S = 10.0
PEERS_MS = 600_000
"""Who was heard within this is a peer."""


class Sheet:
    """The devices of one kind; a slot belongs to its device as long as the hub runs."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.rows: list[Device] = []
        self.sources: list[Source] = []
        self.classes: list[Class] = []
        self.is_configured: Mask = np.zeros(0, bool)
        self.source: Slots = np.zeros(0, np.intp)  # a place in `sources`, by slot
        self.cls: Slots = np.zeros(0, np.intp)  # a place in `classes`, by slot
        self.interval_s: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        self.rated: npt.NDArray[np.float32] = np.zeros((0, len(kind.metrics)), np.float32)
        self._slot_of: Slots = np.zeros(0, np.intp)
        wide, many = len(kind.metrics), len(kind.counters)
        empty: dict[str, npt.NDArray[Any]] = {
            "received_ms": np.zeros(0, np.int64),  # of the latest of all
            "at_ms": np.zeros(0, np.int64),  # of the newest by its own time
            "fresh_ms": np.zeros(0, np.int64),  # when that was received
            "ring": np.zeros((0, RING), np.uint32),  # of times, by their last 32 bits
            "seen": np.zeros(0, np.uint32),  # new readings so far
            "last": np.zeros((0, wide), np.float32),
            "expected": np.zeros((0, wide), np.float32),
            "run": np.zeros((0, wide), np.uint16),  # equal values in a row
            "longest": np.zeros((0, wide), np.float32),  # such run before, slowly forgotten
            "code": np.zeros((0, wide), np.uint8),  # of the unit it seems to be in
            "strikes": np.zeros((0, wide), np.uint8),  # readings in a row with that code
            "slid": np.zeros((0, wide), bool),  # it left its usual size by steps, not at once
            "doing": np.zeros(0, np.uint8),  # a rig's state
            "changed_ms": np.zeros(0, np.int64),  # when that changed, by its own time
            "peak_w": np.zeros(0, np.float32),
            "count": np.zeros((0, many), np.float64),
            "count_ms": np.zeros((0, many), np.int64),
            "event_ms": np.zeros(0, np.int64),  # the last time a counter fell or jumped
            "event": np.zeros((0, 4), np.float64),  # which counter, how, from, to
        }
        self.state = empty

    def __len__(self) -> int:
        return len(self.rows)

    def load(self, rows: Sequence[Device]) -> None:
        """Take the devices' facts as they are now; those that were there keep their slots."""
        found = {row.device_id: row for row in rows}
        self.rows = [*(found.pop(old.device_id, old) for old in self.rows), *found.values()]
        n = len(self.rows)
        for name, old in self.state.items():
            fill = np.nan if name in {"last", "expected", "count"} else 0
            # A column is what is worked on, so that is what lies together; but the ring is by row.
            order: Literal["C", "F"] = "C" if name == "ring" else "F"
            self.state[name] = np.full((n, *old.shape[1:]), fill, old.dtype, order=order)
            self.state[name][: len(old)] = old
        self.is_configured = np.array([row.is_configured for row in self.rows], bool)
        self.interval_s = _floats([row.interval_s for row in self.rows])
        self._number_groups()
        self.rated = np.full((n, len(self.kind.metrics)), np.nan, np.float32)
        for name, column in (("hashrate_ths", "rated_hashrate_ths"), ("power_w", "rated_power_w")):
            if self.kind is RIG:
                place = self.kind.metrics.index(name)
                self.rated[:, place] = _floats([getattr(row, column) for row in self.rows])
        ids = np.array([row.device_id for row in self.rows], np.intp)
        self._slot_of = np.full(int(ids.max(initial=-1)) + 1, -1, np.intp)
        self._slot_of[ids] = np.arange(n)

    def _number_groups(self) -> None:
        sources: dict[Source, int] = {}
        classes: dict[Class, int] = {}
        self.source = np.array(
            [
                sources.setdefault((row.agent_id, row.kind, row.driver), len(sources))
                for row in self.rows
            ],
            np.intp,
        )
        self.cls = np.array(
            [classes.setdefault((row.site_id or 0, row.model), len(classes)) for row in self.rows],
            np.intp,
        )
        self.sources, self.classes = list(sources), list(classes)

    def slots(self, device_ids: npt.NDArray[np.integer]) -> Slots:
        """Give each device's slot, -1 for one that is unknown or of another kind."""
        if not len(self._slot_of):
            return np.full(len(device_ids), -1, np.intp)
        inside = (device_ids >= 0) & (device_ids < len(self._slot_of))
        slots: Slots = np.where(inside, self._slot_of[np.where(inside, device_ids, 0)], -1)
        return slots

    def expect(self, now_ms: int) -> None:
        """Work out what each metric should be about: its rating, else the median of its class."""
        state = self.state
        heard = self.is_configured & (now_ms - state["received_ms"] < PEERS_MS)
        for place in range(len(self.kind.metrics)):
            good = heard & (state["code"][:, place] == 0)
            values = np.where(good, state["last"][:, place], np.nan)
            if self.kind.metrics[place] not in units.HEAT:
                values[values <= 0] = np.nan  # a rig that sleeps says nothing of its peers
            middle, count = units.medians(self.cls, len(self.classes), values)
            middle[count < units.LEAST_PEERS] = np.nan
            rated = self.rated[:, place]
            state["expected"][:, place] = np.where(rated > 0, rated, middle[self.cls])

    @property
    def expected_a_bucket(self) -> npt.NDArray[np.float32]:
        """How many readings each source should make in five minutes, by its devices' intervals."""
        interval_s = np.where(self.interval_s > 0, self.interval_s, USUAL_INTERVAL_S)
        wanted = np.where(self.is_configured, 300.0 / interval_s, 0.0)
        sums = np.bincount(self.source, weights=wanted, minlength=len(self.sources))
        return sums.astype(np.float32)

    @property
    def devices_a_source(self) -> npt.NDArray[np.intp]:
        """How many configured devices each source has."""
        counts = np.bincount(self.source, weights=self.is_configured, minlength=len(self.sources))
        return counts.astype(np.intp)


def _floats(values: Sequence[float | None]) -> npt.NDArray[np.float32]:
    return np.array([np.nan if value is None else value for value in values], np.float32)
