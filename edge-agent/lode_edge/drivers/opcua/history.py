"""What a server remembers of the time in which we did not hear it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from lode_edge.drivers.opcua.server import Session
from lode_edge.drivers.opcua.values import Told, told
from lode_profiles.nodes import Node

_MOST = ua.NodeId.from_string("i=12165")  # MaxNodesPerHistoryReadData
PAGE = 1000  # values per node and request
PAGES = 200
FILL_S = 60.0  # for the whole of it
_OLDEST = timedelta(days=7)


async def pages(
    session: Session,
    nodes: Mapping[str, tuple[Node, ua.NodeId]],
    since: Mapping[str, datetime],
) -> AsyncIterator[list[Told]]:
    """Read what came after `since`, in pages that follow one another in time.

    A node that the server keeps no history of is left out. Gives up silently when it takes too
    long: what is not read stays a gap, as it would without a history.
    """
    oldest = datetime.now(UTC) - _OLDEST
    after = {name: max(moment, oldest) for name, moment in since.items()}
    at_once = await _limit(session) or len(nodes)
    deadline = asyncio.get_running_loop().time() + FILL_S
    for _ in range(PAGES):
        if not after or asyncio.get_running_loop().time() > deadline:
            return
        answers: dict[str, list[ua.DataValue]] = {}
        names = list(after)
        for start in range(0, len(names), at_once):
            part = names[start : start + at_once]
            answers |= await _ask(session, {name: nodes[name][1] for name in part}, after)
        page: list[Told] = []
        full: list[datetime] = []  # where nodes with more to say have come to
        for name, values in answers.items():
            rows = [told(name, nodes[name][0], value) for value in values]
            page += [row for row in rows if row.source and row.source > after[name]]
            moments = [row.source for row in rows if row.source]
            if len(values) >= PAGE and moments:
                full.append(max(moments))
        # Beyond the slowest full node the others' values would run ahead of its own.
        horizon = min(full, default=None)
        if horizon is not None:
            page = [row for row in page if row.source is not None and row.source <= horizon]
        yield page
        if horizon is None or horizon <= min(after.values()):
            return
        after = {name: max(horizon, after[name]) for name in answers}


async def _limit(session: Session) -> int:
    """Ask of how many nodes the server gives the history at once; 0 where it does not say."""
    (told,) = await session.services.read_attributes([_MOST], AttributeIds.Value)
    most = told.Value.Value if told.Value is not None else None
    return most if isinstance(most, int) else 0


async def _ask(
    session: Session, nodes: Mapping[str, ua.NodeId], after: Mapping[str, datetime]
) -> dict[str, list[ua.DataValue]]:
    """Ask for one page of each node; only those that have a history are in the answer."""
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    details.StartTime = min(after.values())
    details.EndTime = datetime.now(UTC) + timedelta(days=1)  # its clock may be before ours
    details.NumValuesPerNode = PAGE
    details.ReturnBounds = False
    asked = ua.HistoryReadParameters()
    asked.HistoryReadDetails = details
    asked.TimestampsToReturn = ua.TimestampsToReturn.Both
    asked.ReleaseContinuationPoints = False
    for node in nodes.values():
        item = ua.HistoryReadValueId()
        item.NodeId = node
        asked.NodesToRead.append(item)
    results = await session.services.history_read(asked)
    await _release(session, asked, results)
    found: dict[str, list[ua.DataValue]] = {}
    for name, result in zip(nodes, results, strict=False):
        data = result.HistoryData
        if result.StatusCode.is_good() and isinstance(data, ua.HistoryData):
            found[name] = list(data.DataValues or ())
    return found


async def _release(
    session: Session, asked: ua.HistoryReadParameters, results: list[ua.HistoryReadResult]
) -> None:
    """Give back the continuation points: the next page is asked for by its time."""
    asked.NodesToRead = [
        ua.HistoryReadValueId(NodeId=item.NodeId, ContinuationPoint=result.ContinuationPoint)
        for item, result in zip(asked.NodesToRead, results, strict=False)
        if result.ContinuationPoint
    ]
    if asked.NodesToRead:
        asked.ReleaseContinuationPoints = True
        await session.services.history_read(asked)
