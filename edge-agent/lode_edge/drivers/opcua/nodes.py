"""Find a map's nodes in a server, whatever it numbers its namespaces."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from asyncua import ua
from asyncua.ua.uaerrors import UaError

from lode_edge.drivers.described import described
from lode_edge.drivers.driver import DeviceEntry
from lode_edge.drivers.opcua.server import Session
from lode_edge.errors import BadAnswer, EdgeError
from lode_profiles.nodes import NodeMap, Place

_OBJECTS = ua.NodeId.from_string("i=85")
_FORWARD = ua.NodeId.from_string("i=33")
_Place = TypeVar("_Place", bound=Place)


def node_map(entry: DeviceEntry) -> NodeMap:
    """Load a device's map, with the device's own name and unit in the places left for them.

    Raises:
        EdgeError: it has none, or one that is malformed.
    """
    if not entry.profile:
        raise EdgeError(f"device {entry.name}: an opcua device needs a profile; name a node map")
    profile = described(entry, NodeMap, "is no node map")

    def own(text: str) -> str:
        return text.replace("{name}", entry.name).replace("{unit}", str(entry.unit))

    def made_own(node: _Place) -> _Place:
        path = tuple(own(part) for part in node.path)
        return msgspec.structs.replace(node, node=own(node.node), path=path)

    controls = profile.controls
    if controls is not None:
        controls = msgspec.structs.replace(
            controls,
            speed=None if controls.speed is None else made_own(controls.speed),
            outlets={number: made_own(outlet) for number, outlet in controls.outlets.items()},
        )
    return msgspec.structs.replace(
        profile,
        fields={name: made_own(node) for name, node in profile.fields.items()},
        points={name: made_own(node) for name, node in profile.points.items()},
        controls=controls,
    )


async def find(
    session: Session, namespace: str, places: Mapping[str, Place]
) -> dict[str, ua.NodeId | None]:
    """Give each node's id in this session; None where a path leads nowhere.

    `namespace` is the URI of those that name none.

    Raises:
        BadAnswer: the server has no such namespace, or a node id is malformed.
    """
    uris = await session.client.get_namespace_array()
    found: dict[str, ua.NodeId | None] = {}
    paths: dict[str, ua.BrowsePath] = {}
    for name, node in places.items():
        if node.node:
            uri, text = _split(node.node, namespace)
            found[name] = _node_id(name, text, _index(uris, uri))
        else:
            found[name] = None
            paths[name] = _browse_path(node.path, namespace, uris)
    return {**found, **await _walked(session, paths)}


async def _walked(
    session: Session, paths: Mapping[str, ua.BrowsePath]
) -> dict[str, ua.NodeId | None]:
    if not paths:
        return {}
    answers = await session.client.uaclient.translate_browsepaths_to_nodeids(list(paths.values()))
    if len(answers) != len(paths):
        raise BadAnswer(f"{len(answers)} answers for {len(paths)} browse paths")
    return {
        name: answer.Targets[0].TargetId if answer.StatusCode.is_good() and answer.Targets else None
        for name, answer in zip(paths, answers, strict=True)
    }


def _browse_path(path: Sequence[str], namespace: str, uris: Sequence[str]) -> ua.BrowsePath:
    elements = []
    for part in path:
        uri, name = _split(part, namespace)
        element = ua.RelativePathElement()
        element.ReferenceTypeId = _FORWARD
        element.IsInverse = False  # type: ignore[assignment]
        element.TargetName = ua.QualifiedName(name, _index(uris, uri))
        elements.append(element)
    whole = ua.BrowsePath()
    whole.StartingNode = _OBJECTS
    whole.RelativePath.Elements = elements
    return whole


def _split(text: str, namespace: str) -> tuple[str, str]:
    """Take the namespace off a name that bears one."""
    if text.startswith("nsu="):
        uri, _, rest = text[4:].partition(";")
        return uri, rest
    return namespace, text


def _index(uris: Sequence[str], uri: str) -> int:
    if not uri:
        return 0
    if uri not in uris:
        raise BadAnswer(f"the server has no namespace {uri!r}; it has {', '.join(uris[:10])}")
    return list(uris).index(uri)


def _node_id(name: str, text: str, index: int) -> ua.NodeId:
    try:
        return ua.NodeId.from_string(f"ns={index};{text}")
    except (UaError, ValueError) as error:
        raise BadAnswer(f"{name}: {text!r} is no node id; write i=, s=, g= or b=") from error
