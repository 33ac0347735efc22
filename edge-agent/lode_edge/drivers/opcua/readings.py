"""What a device's nodes say, made into records.

A server tells changes only. A value that has not changed still holds while the subscription lives,
so it is repeated once an interval, at our own time; a reading carries all that is known at its
moment, not only what has just changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lode_edge.drivers import meter
from lode_edge.drivers.opcua.values import Told, moment
from lode_edge.errors import DriverError
from lode_profiles.nodes import NodeMap
from lode_wire.records import PointReading, Quality, Record

# The first value after subscribing, which may be an old one; one from the server's history; or a
# change as it happens.
Kind = Literal["first", "past", "live"]


@dataclass(slots=True)
class _Known:
    """The last that is known of a node."""

    value: float | None = None
    quality: Quality = Quality.GOOD
    source: datetime | None = None  # by the server's clock; survives the loss of the connection
    is_known: bool = False
    told_ms: int = 0  # when a record last said so


class Readings:
    """A device's values, and the records made of them."""

    def __init__(
        self,
        number: int,
        nodes: NodeMap,
        interval_ms: int,
        before: Mapping[str, datetime] | None = None,
    ) -> None:
        self._before = before or {}  # up to when nodes may have been told by an earlier life
        self._number, self._map, self._interval_ms = number, nodes, interval_ms
        self._known = {name: _Known() for name in nodes.nodes()}
        self._read_ms = 0  # when the last meter reading was made

    def last(self, name: str) -> datetime | None:
        """Give the moment, by the server's clock, of the last value of a node that was told."""
        return self._known[name].source or self._before.get(name)

    def moments(self) -> dict[str, datetime]:
        """Give these moments of all nodes that have one."""
        found = {name: self.last(name) for name in self._known}
        return {name: moment for name, moment in found.items() if moment is not None}

    def take(self, news: Iterable[Told], now_ms: int, ahead_ms: int, *, kind: Kind) -> list[Record]:
        """Make records of what has changed; what was told before makes none."""
        rows = [self._timed(told, now_ms, ahead_ms, kind) for told in news]
        records: list[Record] = []
        in_reading: set[str] = set()
        read_ms = 0
        for at_ms, clock, told in sorted(rows, key=lambda row: row[0]):
            if not self._is_news(told, kind):
                continue
            if told.name in in_reading:  # its second value belongs to a reading of its own
                records.append(self._reading(read_ms))
                in_reading.clear()
            self._note(told, clock)
            if told.name in self._map.points:
                records.append(self._point(told.name, at_ms))
            else:
                in_reading.add(told.name)
                read_ms = at_ms
        if in_reading:
            records.append(self._reading(read_ms))
            self._read_ms = read_ms
        return records

    def hold(self, heard_ms: int) -> list[Record]:
        """Say again what held when the server last spoke and has not been said for an interval."""
        records: list[Record] = []
        # Half an interval of grace: what changes in the device's own rhythm is not said twice.
        before_ms = heard_ms - self._interval_ms // 2
        if self._read_ms <= before_ms and any(
            self._known[name].is_known for name in self._map.fields
        ):
            records.append(self._reading(heard_ms))
            self._read_ms = heard_ms
        silent = [
            name
            for name in self._map.points
            if self._known[name].is_known and self._known[name].told_ms <= before_ms
        ]
        return records + [self._point(name, heard_ms) for name in silent]

    def renew(self) -> None:
        """Forget what holds: a new subscription tells it. When it was told is remembered."""
        for known in self._known.values():
            known.is_known, known.value = False, None

    def missed(self, now_ms: int, error: DriverError) -> Sequence[Record]:
        """Say that nothing is known now, and why."""
        if self._map.fields:
            return [meter.reading(self._number, now_ms, {}, error.quality)]
        return [
            PointReading(
                at_ms=now_ms,
                device=self._number,
                point=name,
                value=None,
                unit=node.unit,
                quality=int(error.quality),
            )
            for name, node in self._map.points.items()
        ]

    def _timed(
        self, told: Told, now_ms: int, ahead_ms: int, kind: Kind
    ) -> tuple[int, Quality, Told]:
        at_ms, clock = moment(told.source, now_ms, ahead_ms)
        is_new_here = kind == "first" and self.last(told.name) is None
        if is_new_here and at_ms < now_ms - self._interval_ms:
            at_ms = now_ms  # it may have been so for months; what we know is that it is so now
        return at_ms, clock, told

    def _is_news(self, told: Told, kind: Kind) -> bool:
        """Tell it from what a history or a new subscription says again."""
        known, before = self._known[told.name], self._before.get(told.name)
        is_first = kind == "first" and known.source is None
        if is_first and before and told.source and told.source <= before:
            # It still holds; the next beat says so, at its own time.
            known.value, known.quality, known.is_known = told.value, told.quality, True
            known.source = told.source
            return False
        if known.source is None or told.source is None or told.source > known.source:
            return True
        is_same = (known.value, known.quality) == (told.value, told.quality)
        if kind == "live":  # a clock that was set back must not make us deaf
            return told.source < known.source or not is_same
        if kind == "first" and told.source == known.source:
            # It still holds; the next beat says so, at its own time.
            known.value, known.quality, known.is_known = told.value, told.quality, True
        return False

    def _note(self, told: Told, clock: Quality) -> None:
        known = self._known[told.name]
        known.value, known.quality, known.is_known = told.value, told.quality, True
        if told.value is not None:  # what is missing has no time that could be wrong
            known.quality |= clock
        known.source = told.source or known.source

    def _reading(self, at_ms: int) -> Record:
        quality = Quality.GOOD
        for name in self._map.fields:
            known = self._known[name]
            quality |= known.quality
            if not known.is_known or (known.value is None and known.quality):
                quality |= Quality.PARTIAL
        found = {name: self._known[name].value for name in self._map.fields}
        return meter.reading(self._number, at_ms, {str(n): v for n, v in found.items()}, quality)

    def _point(self, name: str, at_ms: int) -> Record:
        known = self._known[name]
        known.told_ms = at_ms
        return PointReading(
            at_ms=at_ms,
            device=self._number,
            point=name,
            value=known.value,
            unit=self._map.points[name].unit,
            quality=int(known.quality),
        )
