"""The site as it is now: its devices, their figures, and what each record changes; no I/O."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from lode_edge.publish.figures import Figure, Said, Value, said
from lode_wire.records import Device, MeterReading, Record, RigReading

MAX_QUEUED = 20_000  # records that wait for the site's broker; then the oldest are dropped
_AT_ONCE = 200  # records; between two such lots others get their turn
MAX_FIGURES = 500  # of one device; further points are not published


@dataclass(frozen=True, slots=True)
class Change:
    """A figure that has another value; a late one is older than what is already known."""

    device: "Known"
    figure: Figure
    value: Value
    at_ms: int
    is_late: bool


@dataclass(slots=True)
class Known:
    """A device and its figures as they are now."""

    facts: Device
    values: dict[Figure, tuple[Value, int]] = field(default_factory=dict)  # with when
    is_there: bool = False
    has_main: bool = False  # its readings as a whole tell whether it is there; its points do not


class Site:
    """The devices that are configured, and the records that wait to be told."""

    def __init__(self, born: Sequence[Record]) -> None:
        self.devices = {d.number: Known(d) for d in born if isinstance(d, Device)}
        self.dropped = 0
        self.touched: set[int] = set()  # devices of which something was read or learned
        self._queue: deque[Record] = deque(maxlen=MAX_QUEUED)

    def take(self, records: Sequence[Record]) -> None:
        """Keep records until they are told; never waits."""
        self.dropped += max(0, len(self._queue) + len(records) - MAX_QUEUED)
        self._queue.extend(records)

    @property
    def is_behind(self) -> bool:
        """Tell whether there is more to take in."""
        return bool(self._queue)

    def changes(self) -> list[Change]:
        """Take in some of what waits, oldest first; `touched` is then of what was taken in."""
        self.touched.clear()
        found: list[Change] = []
        for _ in range(min(len(self._queue), _AT_ONCE)):
            record = self._queue.popleft()
            if isinstance(record, Device) and record.number in self.devices:
                self.devices[record.number].facts = record
                self.touched.add(record.number)
            elif (one := said(record)) is not None and one.number in self.devices:
                device = self.devices[one.number]
                self.touched.add(one.number)
                device.has_main |= isinstance(record, (RigReading, MeterReading))
                found += _changes(device, one, is_point=device.has_main and len(one.values) == 1)
        return found


def _changes(device: Known, one: Said, *, is_point: bool) -> list[Change]:
    if one.is_there is not None and not is_point:
        device.is_there = one.is_there
    found: list[Change] = []
    for figure, value in one.values.items():
        known = device.values.get(figure)
        if known is None and len(device.values) >= MAX_FIGURES:
            continue
        is_late = known is not None and one.at_ms < known[1]
        if not is_late:
            device.values[figure] = (value, one.at_ms)
        if is_late or known is None or known[0] != value:
            found.append(Change(device, figure, value, one.at_ms, is_late))
    return found
