"""What a host knows of one Sparkplug edge node: born or not, names, order; no I/O.

- Nothing is believed before a birth, and nothing after a gap: a message that did not come might
  have been one that gave the aliases other names.
- A death counts only for the birth it belongs to (bdSeq).
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from lode_edge.drivers.sparkplug.payload import (
    MAX_METRICS,
    NUMBERS,
    Metric,
    Payload,
    Value,
    value_of,
)

NAMESPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
REORDER_S = 2.0  # for messages that overtook each other
_SEQS = 256
_MAX_AHEAD = 64  # messages that may overtake one
_REBIRTH_S = (5.0, 300.0)  # between two requests to one node: the first, and at most


class Verb(enum.StrEnum):
    """What a message of an edge node is."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    NDATA = "NDATA"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    DDATA = "DDATA"


_VERBS = {verb.value: verb for verb in Verb}


@dataclass(frozen=True, slots=True)
class Place:
    """Who speaks: an edge node, or a device of one."""

    group: str
    node: str
    device: str = ""  # empty: the node itself

    @property
    def edge(self) -> "Place":
        """The edge node that speaks for it."""
        return Place(self.group, self.node)

    def topic(self, verb: str) -> str:
        """Name the topic of a message of this kind."""
        tail = f"/{self.device}" if self.device else ""
        return f"{NAMESPACE}/{self.group}/{verb}/{self.node}{tail}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One value of one metric; None is null, of a number or of something else."""

    name: str
    value: Value
    is_number: bool
    at_ms: int | None
    is_historical: bool
    unit: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What a message says of the node or a device.

    A birth of one that is not alive is its node's: the device's own is about to come.
    """

    device: str
    is_alive: bool
    is_birth: bool = False
    readings: Sequence[Reading] = ()


@dataclass(slots=True)
class Counters:
    """What has happened since the start."""

    births: int = 0
    gaps: int = 0  # messages that never came
    unborn: int = 0  # messages of which the birth is not known
    strange_deaths: int = 0  # of an earlier birth
    bad_metrics: int = 0  # without a known name, or with a value that is not of its type


@dataclass(slots=True)
class _Known:
    """A metric as its birth described it."""

    device: str
    name: str
    datatype: int
    unit: str | None


@dataclass(slots=True)
class _Life:
    """A node from one birth to its death."""

    bdseq: int | None
    after: Payload | None  # the birth, if it ended another life of which something may yet come
    expected: int = 1
    aliases: dict[int, _Known] = field(default_factory=dict)
    names: dict[tuple[str, str], _Known] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    held: dict[int, tuple[Verb, str, Payload]] = field(default_factory=dict)
    gap_s: float = 0.0  # since when the message `expected` is missing; 0: it is not


class Session:
    """One edge node, seen by a host."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._life: _Life | None = None
        self._asked_s: float | None = None
        self._pause_s = _REBIRTH_S[0]

    @property
    def is_born(self) -> bool:
        """Tell whether what the node says can be understood."""
        return self._life is not None

    def take(self, verb: Verb, device: str, payload: Payload, now_s: float) -> list[News]:
        """Take a message, in whatever order it comes."""
        if verb is Verb.NBIRTH:
            return self._nbirth(payload)
        if verb is Verb.NDEATH:
            return self._ndeath(payload)
        life = self._life
        is_numbered = payload.seq is not None and 0 <= payload.seq < _SEQS
        is_of_before = life is not None and life.after and _is_before(payload, life.after)
        if life is None or not is_numbered or is_of_before:
            self.counters.unborn += 1
            return []
        return self._numbered(life, verb, device, payload, now_s)

    def _numbered(
        self, life: _Life, verb: Verb, device: str, payload: Payload, now_s: float
    ) -> list[News]:
        seq = payload.seq or 0
        if seq != life.expected:
            life.held[seq] = (verb, device, payload)
            life.gap_s = life.gap_s or now_s
            # Too far ahead to have overtaken: a birth was lost, and the count began anew.
            return self._lose() if (seq - life.expected) % _SEQS > _MAX_AHEAD else []
        if any(_is_before(held, payload) for _, _, held in life.held.values()):
            return self._lose()  # what was missing was not this: it is of a later birth
        news = self._in_order(life, verb, device, payload)
        while (held := life.held.pop(life.expected, None)) is not None:
            news += self._in_order(life, *held)
        life.gap_s = now_s if life.held else 0.0
        return news

    def tick(self, now_s: float) -> list[News]:
        """Give up on a message that has not come in time; all that was said is stale then."""
        life = self._life
        if life is None or not life.gap_s or now_s < life.gap_s + REORDER_S:
            return []
        return self._lose()

    def wants_rebirth(self, now_s: float) -> bool:
        """Tell whether to ask for a rebirth now: less and less often while none comes."""
        if self._life is not None:
            return False
        if self._asked_s is not None:
            if now_s < self._asked_s + self._pause_s:
                return False
            self._pause_s = min(self._pause_s * 2, _REBIRTH_S[1])
        self._asked_s = now_s
        return True

    def forget(self) -> list[News]:
        """Believe nothing any more, because the broker is gone."""
        self._asked_s = None
        return self._end()

    def _lose(self) -> list[News]:
        self.counters.gaps += 1
        return self._end()

    def _end(self) -> list[News]:
        life, self._life = self._life, None
        if life is None:
            return []
        return [News(device=device, is_alive=False) for device in ("", *sorted(life.devices))]

    def _nbirth(self, payload: Payload) -> list[News]:
        if payload.seq != 0:
            self.counters.bad_metrics += 1
            return []
        waiting = sorted(self._life.devices) if self._life else []
        bdseq = next((m.raw for m in payload.metrics if m.name == "bdSeq"), None)
        life = self._life = _Life(
            bdseq if isinstance(bdseq, int) else None, payload if self._life else None
        )
        self.counters.births += 1
        self._pause_s = _REBIRTH_S[0]
        readings = self._births(life, "", payload)
        born = News(device="", is_alive=True, is_birth=True, readings=readings)
        return [born, *(News(device=one, is_alive=False, is_birth=True) for one in waiting)]

    def _ndeath(self, payload: Payload) -> list[News]:
        life = self._life
        if life is None:
            return []
        died = next((m.raw for m in payload.metrics if m.name == "bdSeq"), None)
        if died != life.bdseq:
            self.counters.strange_deaths += 1
            return []
        return self._end()

    def _in_order(self, life: _Life, verb: Verb, device: str, payload: Payload) -> list[News]:
        life.expected = (life.expected + 1) % _SEQS
        match verb:
            case Verb.DBIRTH:
                life.devices.add(device)
                readings = self._births(life, device, payload)
                return [News(device=device, is_alive=True, is_birth=True, readings=readings)]
            case Verb.DDEATH:
                life.devices.discard(device)
                return [News(device=device, is_alive=False)]
        if device and device not in life.devices:
            self.counters.unborn += 1
            return []
        said = [self._said(life, device, metric, payload) for metric in payload.metrics]
        readings = [reading for reading in said if reading is not None]
        return [News(device=device, is_alive=True, readings=readings)]

    def _births(self, life: _Life, device: str, payload: Payload) -> list[Reading]:
        life.names = {key: known for key, known in life.names.items() if key[0] != device}
        life.aliases = {a: known for a, known in life.aliases.items() if known.device != device}
        for metric in payload.metrics:
            if metric.name is None or len(life.names) >= MAX_METRICS:
                continue
            known = _Known(device, metric.name, metric.datatype, metric.unit)
            life.names[device, metric.name] = known
            if metric.alias is not None:
                life.aliases[metric.alias] = known
        said = [self._said(life, device, metric, payload) for metric in payload.metrics]
        return [reading for reading in said if reading is not None]

    def _said(self, life: _Life, device: str, metric: Metric, payload: Payload) -> Reading | None:
        """Understand a metric by its birth."""
        if metric.name is not None:
            known = life.names.get((device, metric.name))
        else:
            known = life.aliases.get(-1 if metric.alias is None else metric.alias)
        if known is None or known.device != device:
            self.counters.bad_metrics += 1
            return None
        datatype = metric.datatype or known.datatype
        try:
            value = None if metric.raw is None else value_of(metric.raw, datatype)
        except ValueError:
            self.counters.bad_metrics += 1
            return None
        return Reading(
            name=known.name,
            value=value,
            is_number=datatype in NUMBERS,
            at_ms=payload.timestamp if metric.timestamp is None else metric.timestamp,
            is_historical=metric.is_historical,
            unit=known.unit,
        )


def _is_before(one: Payload, other: Payload) -> bool:
    """Tell whether one message was sent before the other, by the node's clock."""
    return (one.timestamp or 0) < (other.timestamp or 0)


def parse(topic: str) -> tuple[Verb, Place] | None:
    """Take the topic of an edge node's message apart; None when it is no such topic."""
    namespace, *parts = topic.split("/")
    if namespace != NAMESPACE or len(parts) not in {3, 4} or not all(parts):
        return None
    group, verb, node, *device = parts
    known = _VERBS.get(verb)
    if known is None or known.startswith("D") != bool(device):
        return None
    return known, Place(group, node, *device)
