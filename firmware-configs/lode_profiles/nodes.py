"""The shape of a node map: which nodes of an OPC UA server are which figures of a device.

`node` is a node id, `s=Meter1.Power` or `nsu=urn:plant;i=1001`; `path` is the other way to say
it, browse names below Objects. Without `nsu=URI;` both are in the map's namespace; an index is
never written, because a server may number its namespaces anew. `{name}` and `{unit}` stand for the
device's own, so that one map serves many devices of one server.
"""

import math
from collections.abc import Mapping
from typing import Annotated

import msgspec

from lode_profiles.modbus import Percent, Scale
from lode_profiles.schema import MeterField, Text

FIELD_UNITS: dict[MeterField, str] = {
    "power_w": "W",
    "energy_in_kwh": "kWh",
    "energy_out_kwh": "kWh",
    "voltage_v": "V",
    "current_a": "A",
    "freq_hz": "Hz",
    "power_factor": "",
}


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one value is: value = raw * scale + offset, in `unit`."""

    node: str = ""
    path: tuple[Text, ...] = ()
    unit: str
    scale: float = 1.0
    offset: float = 0.0
    deadband: Annotated[float, msgspec.Meta(ge=0)] = 0.0  # of the raw value; less is no change
    queue: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1  # values kept between two publishings

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        _check_place(self.node, self.path)


class NodeOutlet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an outlet or relay is switched: a Boolean node."""

    node: str = ""
    path: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        _check_place(self.node, self.path)


class NodeSpeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a fan's speed is set: percent = raw * scale, within its limits."""

    node: str = ""
    path: tuple[Text, ...] = ()
    scale: Scale = 1.0
    min_percent: Percent = 0
    max_percent: Percent = 100

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        _check_place(self.node, self.path)
        if self.min_percent >= self.max_percent:
            raise ValueError("min_percent is not below max_percent")


class NodeControls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be written; outlets are counted from 1. A node is written as the server types it."""

    speed: NodeSpeed | None = None
    outlets: dict[Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,3}$")], NodeOutlet] = {}

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        if self.speed is None and not self.outlets:
            raise ValueError("controls hold neither a speed nor outlets; remove the table")


Place = Node | NodeOutlet | NodeSpeed
"""What names a node."""


class NodeVector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Proof of a map: these raw values are these values."""

    note: Text
    raw: dict[str, float]
    values: dict[str, float]


class NodeMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device behind an OPC UA server: its nodes, and how often the server publishes them.

    `fields` fill a meter reading, `points` are everything else it measures.
    """

    name: str = ""  # the file's, set when it is loaded
    vendor: Text
    model: Text
    aliases: tuple[Text, ...] = ()
    source: Text
    verified: bool
    namespace: str  # the URI that nodes are in where they do not say
    publish_ms: Annotated[int, msgspec.Meta(ge=50, le=60_000)] = 1000
    fields: dict[MeterField, Node] = {}
    points: dict[Text, Node] = {}
    controls: NodeControls | None = None
    vectors: tuple[NodeVector, ...] = ()

    def nodes(self) -> dict[str, Node]:
        """List every node by the name of its field or point."""
        return {**{str(name): node for name, node in self.fields.items()}, **self.points}

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        nodes = self.nodes()
        if not 1 <= len(nodes) <= 1000:  # noqa: PLR2004 -- of one device
            raise ValueError("name 1 to 1000 nodes under fields and points")
        both = set(self.fields) & set(self.points)
        if both:
            raise ValueError(f"{min(both)} is both a field and a point; keep one")
        for field, node in self.fields.items():
            if node.unit != FIELD_UNITS[field]:
                raise ValueError(f"fields.{field}.unit is {node.unit!r}; scale it to its own")
        for vector in self.vectors:
            _check(vector, nodes)


def _check_place(node: str, path: tuple[str, ...]) -> None:
    if bool(node) == bool(path):
        raise ValueError("write either node or path")
    if "ns=" in (part.split("=")[0] + "=" for part in node.split(";")):
        raise ValueError("node names its namespace by an index; write nsu=URI; instead")


def _check(vector: NodeVector, nodes: Mapping[str, Node]) -> None:
    """Refuse a vector that does not hold."""
    for name in (*vector.raw, *vector.values):
        if name not in nodes:
            raise ValueError(f"vectors names {name!r}, which is no field and no point")
    for name, value in vector.values.items():
        found = vector.raw.get(name, math.nan) * nodes[name].scale + nodes[name].offset
        if not math.isclose(found, value, rel_tol=1e-9):
            raise ValueError(f"vectors ({vector.note}): {name} is {found}, not {value}")
