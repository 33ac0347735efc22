"""What an edge node says, as messages: births, data and deaths, in the order of their numbers."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from lode_edge.drivers.mqtt.link import Message
from lode_edge.drivers.sparkplug.payload import DataType, Metric, Payload, Value, encode, raw_of
from lode_edge.drivers.sparkplug.session import REBIRTH, Place
from lode_edge.inventory import VERSION
from lode_edge.publish.figures import Figure
from lode_edge.publish.site import Change, Known

SEQS = 256
_TYPES = {"float": DataType.DOUBLE, "int": DataType.INT64, "text": DataType.STRING}


class Certificates:
    """The voice of one edge node: every message but a death has the next number."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._seq = 0
        count = itertools.count(1)
        self._aliases: defaultdict[tuple[str, str], int] = defaultdict(lambda: next(count))

    def node_birth(self, bdseq: int, at_ms: int) -> Message:
        """Begin anew: what the node itself has to say."""
        self._seq = -1
        metrics = [
            self._said("", "bdSeq", DataType.INT64, bdseq, at_ms),
            self._said("", REBIRTH, DataType.BOOLEAN, False, at_ms),
            self._said("", "Properties/Software", DataType.STRING, f"Lode {VERSION}", at_ms),
        ]
        return self._next("NBIRTH", "", metrics, at_ms)

    def node_death(self, bdseq: int, at_ms: int) -> Message:
        """Say that the node is gone; registered as the will, too."""
        last = Metric(name="bdSeq", timestamp=at_ms, datatype=DataType.INT64, raw=bdseq)
        payload = encode(Payload(timestamp=at_ms, metrics=[last]))
        return Message(topic=self._place.topic("NDEATH"), payload=payload, qos=1)

    def device_birth(self, name: str, device: Known, at_ms: int) -> Message:
        """Say all that a device will say, with its present values."""
        facts = device.facts
        properties = {
            "Hardware Make": facts.vendor,
            "Hardware Model": facts.model,
            "FW": facts.firmware,
        }
        metrics = [
            self._said(name, f"Properties/{what}", DataType.STRING, value, at_ms)
            for what, value in properties.items()
            if value
        ]
        metrics += [
            self._said(name, figure.name, _TYPES[figure.kind], value, known_ms, unit=figure.unit)
            for figure, (value, known_ms) in device.values.items()
        ]
        return self._next("DBIRTH", name, metrics, at_ms)

    def device_data(self, name: str, changes: Iterable[Change], at_ms: int) -> Message:
        """Say what has changed; what is late is history."""
        metrics = [
            Metric(
                alias=self.alias(name, change.figure),
                timestamp=change.at_ms,
                datatype=_TYPES[change.figure.kind],
                is_historical=change.is_late,
                raw=raw_of(change.value, _TYPES[change.figure.kind]),
            )
            for change in sorted(changes, key=lambda change: change.at_ms)
        ]
        return self._next("DDATA", name, metrics, at_ms)

    def device_death(self, name: str, at_ms: int) -> Message:
        """Say that a device does not answer."""
        return self._next("DDEATH", name, (), at_ms)

    def alias(self, name: str, figure: Figure) -> int:
        """Give the number that stands for a figure of a device."""
        return self._aliases[name, figure.name]

    def is_rebirth(self, metric: Metric) -> bool:
        """Tell whether a command's metric asks for a rebirth, by name or by alias."""
        is_meant = metric.name == REBIRTH or (
            metric.name is None and metric.alias == self._aliases["", REBIRTH]
        )
        return is_meant and metric.raw is True

    def _said(
        self, device: str, name: str, kind: DataType, value: Value, at_ms: int, *, unit: str = ""
    ) -> Metric:
        return Metric(
            name=name,
            alias=self._aliases[device, name],
            timestamp=at_ms,
            datatype=kind,
            raw=raw_of(value, kind),
            unit=unit or None,
        )

    def _next(self, verb: str, device: str, metrics: Sequence[Metric], at_ms: int) -> Message:
        self._seq = (self._seq + 1) % SEQS
        payload = encode(Payload(timestamp=at_ms, seq=self._seq, metrics=metrics))
        place = Place(self._place.group, self._place.node, device)
        return Message(topic=place.topic(verb), payload=payload)
