"""What an OPC UA server has, as a tree, or as the beginning of a node map."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from lode_edge.drivers.opcua.server import (
    Access,
    Session,
    Troubles,
    connect,
    disconnect,
    translated,
)

_OBJECTS, _FORWARD = ua.NodeId.from_string("i=85"), ua.NodeId.from_string("i=33")
_SERVER = "i=2253"  # the server about itself: hundreds of nodes
_PAGE = 200
_SHOWN = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A node: where it is, and what it says when it has a value."""

    node: str  # with its namespace's URI, as a node map has it
    path: tuple[str, ...]  # browse names below Objects
    kind: str = ""  # the value's type; empty for what has none
    value: str = ""
    is_number: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """What was found, parents before their children, and whether that is all."""

    nodes: Sequence[Found]
    is_whole: bool


async def browse(access: Access, *, depth: int = 6, count: int = 1000) -> Tree:
    """Look through a server's objects, so deep and at so many of them.

    Raises:
        DriverError: the server cannot be reached, or refused.
    """
    client = await connect(access)
    try:
        walk = _Walk(Session(client), await client.get_namespace_array(), depth, count)
        await walk.below(_OBJECTS, ())
    except Troubles as error:
        raise translated(error, access.url) from error
    finally:
        await disconnect(client)
    return Tree(nodes=walk.found, is_whole=walk.is_whole)


class _Walk:
    """A walk through the tree; what is reached twice is looked at once."""

    def __init__(self, session: Session, uris: Sequence[str], depth: int, count: int) -> None:
        self.found: list[Found] = []
        self.is_whole = True
        self._session, self._uris, self._depth, self._count = session, uris, depth, count
        self._seen = {_SERVER}

    async def below(self, parent: ua.NodeId, path: tuple[str, ...]) -> None:
        """Look at what is below a node, and below that."""
        if len(path) == self._depth:
            self.is_whole = False
            return
        children = [
            c for c in await self._children(parent) if self._text(c.NodeId) not in self._seen
        ]
        room = self._count - len(self.found)
        if len(children) > room:
            self.is_whole = False
            children = children[:room]
        variables = [c.NodeId for c in children if c.NodeClass == ua.NodeClass.Variable]
        values = await self._values(variables)
        for child in children:
            if len(self.found) >= self._count:  # its siblings had more below them
                self.is_whole = False
                return
            text = self._text(child.NodeId)
            self._seen.add(text)
            here = (*path, child.BrowseName.Name or "")
            self.found.append(_found(text, here, values.get(child.NodeId)))
            await self.below(child.NodeId, here)

    async def _children(self, parent: ua.NodeId) -> list[ua.ReferenceDescription]:
        wanted = ua.BrowseDescription()
        wanted.NodeId = parent
        wanted.BrowseDirection = ua.BrowseDirection.Forward
        wanted.ReferenceTypeId = _FORWARD
        wanted.NodeClassMask = ua.NodeClass.Object | ua.NodeClass.Variable
        wanted.ResultMask = ua.BrowseResultMask.All
        asked = ua.BrowseParameters()
        asked.RequestedMaxReferencesPerNode = _PAGE
        asked.NodesToBrowse = [wanted]
        results = await self._session.services.browse(asked)
        found: list[ua.ReferenceDescription] = []
        while results and results[0].StatusCode.is_good():
            found += results[0].References or ()
            point = results[0].ContinuationPoint
            if not point or len(found) > self._count:
                break
            more = ua.BrowseNextParameters()
            more.ReleaseContinuationPoints = False
            more.ContinuationPoints = [point]
            results = await self._session.services.browse_next(more)
        return found

    async def _values(self, nodes: list[ua.NodeId]) -> dict[ua.NodeId, ua.DataValue]:
        found: dict[ua.NodeId, ua.DataValue] = {}
        for start in range(0, len(nodes), _PAGE):
            part = nodes[start : start + _PAGE]
            told = await self._session.services.read_attributes(part, AttributeIds.Value)
            found.update(zip(part, told, strict=False))
        return found

    def _text(self, node: ua.NodeId) -> str:
        index, text = node.NamespaceIndex, node.to_string()
        if index == 0 or index >= len(self._uris):
            return text
        return f"nsu={self._uris[index]};{text.partition(';')[2]}"


def _found(node: str, path: tuple[str, ...], told: ua.DataValue | None) -> Found:
    if told is None:
        return Found(node=node, path=path)
    if told.StatusCode is not None and not told.StatusCode.is_good():
        return Found(node=node, path=path, kind="?", value=told.StatusCode.name)
    raw = told.Value.Value if told.Value is not None else None
    kind = told.Value.VariantType.name if told.Value is not None else "?"
    text = "".join(char for char in str(raw)[:_SHOWN] if char.isprintable())
    is_number = isinstance(raw, bool | int | float)
    return Found(node=node, path=path, kind=kind, value=text, is_number=is_number)


def as_toml(tree: Tree) -> str:
    """Write the beginning of a node map: every number a point, for a person to choose from."""
    numbers = [node for node in tree.nodes if node.is_number]
    uris = Counter(_uri(node.node) for node in numbers)
    namespace = uris.most_common(1)[0][0] if uris else ""
    lines = [
        "# Keep what you need; move power_w, energy_in_kwh, voltage_v ... to [fields], scaled to",
        "# W, kWh, V. Write {name} where a device's own name stands, and one map serves many.",
        'vendor = ""',
        'model = ""',
        'source = ""',
        "verified = false",
        f"namespace = {json.dumps(namespace)}",
        "",
        "[points]",
    ]
    names: Counter[str] = Counter()
    for node in numbers:
        name = ".".join(re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_") for part in node.path)
        names[name] += 1
        unique = name if names[name] == 1 else f"{name}.{names[name]}"
        place = node.node.removeprefix(f"nsu={namespace};")
        lines.append(
            f'{json.dumps(unique)} = {{ node = {json.dumps(place)}, unit = "" }}'
            f"  # {node.kind} {node.value}"
        )
    return "\n".join(lines)


def _uri(node: str) -> str:
    return node[4:].partition(";")[0] if node.startswith("nsu=") else ""
