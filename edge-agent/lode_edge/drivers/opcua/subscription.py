"""One subscription: the nodes of one device, as a server publishes them."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from lode_edge.drivers.opcua.server import Session, Troubles
from lode_edge.drivers.opcua.values import Told, told
from lode_edge.errors import Refused
from lode_profiles.nodes import Node

KEEP_ALIVE_MAX_S = 5.0  # a server that has nothing to say says so after this at the latest
PATIENCE = 2.5  # keep-alives that may be missed before the subscription counts as lost
_ITEMS_AT_ONCE = 100
_HELD = 64  # publishings kept while the history is read
_RATE_SLACK = 2.0

Publish = Callable[[Sequence[Told], bool], None]  # values, and whether they are the first


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is subscribed to: nodes with their ids in this session, and how often."""

    nodes: Mapping[str, tuple[Node, ua.NodeId]]
    publish_ms: int
    keep_alive_s: float

    @property
    def rate(self) -> float:
        """Give how many values a second the server may send; more is more than was asked for."""
        values = sum(node.queue for node, _ in self.nodes.values())
        return max(_RATE_SLACK * values * 1000 / self.publish_ms, 10.0)


@dataclass(slots=True)
class _Pace:
    """An allowance that fills up by `rate` a second."""

    rate: float
    left: float
    at_s: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    def wait_s(self, count: int) -> float:
        """Take an allowance for `count`, and say for how long that is too early."""
        now = asyncio.get_running_loop().time()
        self.left = min(self.left + (now - self.at_s) * self.rate, 2 * self.rate)
        self.at_s = now
        self.left -= count
        return max(0.0, -self.left / self.rate)


class Subscription:
    """What a server publishes of a device; `heard_s` is when it last said anything at all."""

    def __init__(self, session: Session, plan: Plan, publish: Publish, interval_s: float) -> None:
        self.refused: dict[str, ua.StatusCode] = {}
        self.patience_s = PATIENCE * plan.keep_alive_s  # then it counts as lost
        self.may_be_silent_s = interval_s  # then what it said no longer holds
        self.heard_s = asyncio.get_running_loop().time()
        self.has_spoken = False
        self.ended = asyncio.Event()  # the server has said that it is over
        self._session, self._plan, self._publish = session, plan, publish
        self._names = list(plan.nodes)
        self._first = set(self._names)  # nodes whose first value is still to come
        self._held: deque[ua.PublishResult] | None = deque(maxlen=_HELD)
        self._pace = _Pace(plan.rate, 2 * plan.rate)
        self._id: int | None = None

    async def start(self) -> None:
        """Subscribe; what is published is held back until `release`.

        Raises:
            UaError: the server refused it; OSError and TimeoutError: it is gone.
        """
        asked = ua.CreateSubscriptionParameters()
        asked.RequestedPublishingInterval = float(self._plan.publish_ms)
        asked.RequestedMaxKeepAliveCount = self._keep_alives(self._plan.publish_ms)
        asked.RequestedLifetimeCount = 20 * asked.RequestedMaxKeepAliveCount
        asked.MaxNotificationsPerPublish = 1000
        asked.PublishingEnabled = True
        made = await self._session.services.create_subscription(asked, self._published)
        self._id = made.SubscriptionId
        # The server may have chosen a longer silence than we asked for.
        silence_s = made.RevisedPublishingInterval / 1000 * made.RevisedMaxKeepAliveCount
        self.patience_s = PATIENCE * max(silence_s, self._plan.keep_alive_s)
        self.may_be_silent_s = max(self.may_be_silent_s, 1.5 * silence_s)
        for start in range(0, len(self._names), _ITEMS_AT_ONCE):
            await self._watch(self._names[start : start + _ITEMS_AT_ONCE], start)

    def release(self) -> None:
        """Hand on what was held back, and everything from now on."""
        held, self._held = self._held, None
        for result in held or ():
            self._take(result)

    async def stop(self) -> None:
        """End it, if the server still knows it."""
        if self._id is None or self._session.lost.is_set():
            return
        with contextlib.suppress(*Troubles):
            async with asyncio.timeout(2.0):
                await self._session.services.delete_subscriptions([self._id])
        # asyncua forgets only what the server says it has deleted.
        self._session.services._subscription_callbacks.pop(self._id, None)  # noqa: SLF001

    async def _watch(self, names: Sequence[str], start: int) -> None:
        asked = ua.CreateMonitoredItemsParameters()
        asked.SubscriptionId = self._id
        asked.TimestampsToReturn = ua.TimestampsToReturn.Both
        asked.ItemsToCreate = [self._item(name, start + n) for n, name in enumerate(names)]
        results = await self._session.services.create_monitored_items(asked)
        if len(results) != len(names):
            raise Refused(f"{len(results)} answers for {len(names)} monitored items")
        for name, result in zip(names, results, strict=True):
            if not result.StatusCode.is_good():
                self.refused[name] = result.StatusCode

    def _item(self, name: str, handle: int) -> ua.MonitoredItemCreateRequest:
        node, node_id = self._plan.nodes[name]
        item = ua.MonitoredItemCreateRequest()
        item.ItemToMonitor.NodeId = node_id
        item.ItemToMonitor.AttributeId = AttributeIds.Value
        item.MonitoringMode = ua.MonitoringMode.Reporting
        wanted = item.RequestedParameters
        wanted.ClientHandle = handle
        wanted.SamplingInterval = self._plan.publish_ms / node.queue
        wanted.QueueSize = node.queue
        wanted.DiscardOldest = True
        if node.deadband:
            wanted.Filter = ua.DataChangeFilter(
                Trigger=ua.DataChangeTrigger.StatusValue,
                DeadbandType=1,  # absolute
                DeadbandValue=node.deadband,
            )
        return item

    async def _published(self, result: ua.PublishResult) -> None:
        """Take in what the server published; too much of it is made to wait at the server."""
        self.heard_s = asyncio.get_running_loop().time()
        self.has_spoken = True
        if self._held is not None:
            self._held.append(result)
            return
        wait_s = self._pace.wait_s(self._take(result))
        if wait_s:
            await asyncio.sleep(min(wait_s, self.patience_s / 4))

    def _take(self, result: ua.PublishResult) -> int:
        count = 0
        newest: dict[str, deque[ua.DataValue]] = {}
        for part in result.NotificationMessage.NotificationData or ():
            if isinstance(part, ua.StatusChangeNotification):
                self.ended.set()
            if not isinstance(part, ua.DataChangeNotification):
                continue
            for item in part.MonitoredItems:
                count += 1
                if 0 <= item.ClientHandle < len(self._names) and item.Value is not None:
                    name = self._names[item.ClientHandle]
                    # More than was asked for of a node gives way to its newest.
                    kept = newest.setdefault(name, deque(maxlen=self._plan.nodes[name][0].queue))
                    kept.append(item.Value)
        self._tell(newest)
        return count

    def _tell(self, newest: Mapping[str, Iterable[ua.DataValue]]) -> None:
        rows = {
            name: [told(name, self._plan.nodes[name][0], value) for value in values]
            for name, values in newest.items()
        }
        first = [row for name, values in rows.items() if name in self._first for row in values]
        live = [row for name, values in rows.items() if name not in self._first for row in values]
        self._first -= set(rows)
        if first:
            self._publish(first, True)
        if live:
            self._publish(live, False)

    def _keep_alives(self, publish_ms: int) -> int:
        return max(1, round(self._plan.keep_alive_s * 1000 / publish_ms))
