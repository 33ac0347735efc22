"""Ask every device in its own time; a device that hangs costs only itself.

heap of (due, device) ─► is its last cycle still running? skip ─► task:
    lock of its address ─► a place among the running ─► time limit ─► emit
"""

import asyncio
import contextlib
import heapq
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import structlog

from lode_edge.breaker import Breaker
from lode_edge.clock import SYSTEM, Clock
from lode_edge.drivers.driver import Driver, Facts
from lode_edge.errors import BadAnswer, DriverError, TimedOut
from lode_wire.records import Quality, Record

IDENTIFY_EVERY_S = 3600.0
IDENTIFY_PER_S = 25.0  # so that a big site's first minute goes to readings, not introductions
_GRACE_S = 1.0  # a driver keeps its own time limit; this one is for a driver that fails to

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Polled:
    """A device to be polled: its driver, how often, and how long one reading may take."""

    name: str
    driver: Driver
    interval_s: float
    timeout_s: float = 2.0


@dataclass(slots=True)
class Counters:
    """What has happened since the start."""

    done: int = 0  # readings that came
    late: int = 0  # began more than one interval after they were due
    skipped: int = 0  # left out because the cycle before had not ended
    failed: int = 0  # no reading came
    bad_answers: int = 0  # of the failed: something came and made no sense
    held: int = 0  # not asked, because it had failed too often


class Poller:
    """Polls devices until it is stopped.

    Every due cycle gives records: the device's own, or the one that says why there is none.
    `identified` is called with what a device says it is, at first and every hour; a big site's
    devices are read before all of them have been asked that.
    """

    def __init__(
        self,
        devices: Sequence[Polled],
        emit: Callable[[Sequence[Record]], None],
        *,
        identified: Callable[[Polled, Facts], None] | None = None,
        at_once: int = 256,
        seed: int | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.counters = Counters()
        self._emit = emit
        self._identified = identified
        self._now_ms = clock.now_ms
        self._places = asyncio.Semaphore(at_once)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._random = random.Random(seed)  # noqa: S311 -- spreads the load, keeps no secret
        self._slots = [_Slot(device) for device in devices]
        self._stopping = asyncio.Event()
        self._identify_free_s = 0.0

    def identify_soon(self, name: str) -> None:
        """Ask a device anew what it is when it is read next, for it has become another."""
        for slot in self._slots:
            if slot.device.name == name:
                slot.identify_due_s = 0.0

    def stop(self) -> None:
        """Begin no further cycle; `run` ends when the running ones have."""
        self._stopping.set()

    async def run(self) -> None:
        """Poll until stopped, or cancelled in the middle; then close the drivers.

        Raises:
            ExceptionGroup: emitting a record failed, which is not the devices' fault.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._schedule(tasks)
        finally:
            for slot in self._slots:
                await slot.device.driver.close()

    async def _schedule(self, tasks: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        order = itertools.count()  # breaks ties, so that slots are never compared
        heap = [
            (start + self._random.random() * slot.device.interval_s, next(order), slot)
            for slot in self._slots
        ]
        heapq.heapify(heap)
        while not await self._stopped_within(heap[0][0] - loop.time() if heap else 3600.0):
            while heap and heap[0][0] <= loop.time():
                due, _, slot = heap[0]
                self._start(slot, due, tasks)
                heapq.heapreplace(heap, (self._next(slot, due, loop.time()), next(order), slot))

    async def _stopped_within(self, time_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, time_s)):
                await self._stopping.wait()
        return self._stopping.is_set()

    def _start(self, slot: "_Slot", due: float, tasks: asyncio.TaskGroup) -> None:
        if slot.is_busy:
            self.counters.skipped += 1
            return
        slot.is_busy = True
        # The task is not kept: ten thousand that have ended would take a few MB.
        tasks.create_task(self._cycle(slot, due)).add_done_callback(slot.ended)

    def _next(self, slot: "_Slot", due: float, now: float) -> float:
        """Keep the device's own rhythm; what has passed meanwhile is skipped, not made up for."""
        interval = slot.device.interval_s
        missed = int((now - due) / interval)
        self.counters.skipped += missed
        return due + (missed + 1) * interval

    async def _cycle(self, slot: "_Slot", due: float) -> None:
        loop = asyncio.get_running_loop()
        if not slot.breaker.allows(loop.time()):
            self.counters.held += 1
            self._emit(slot.device.driver.missed(self._now_ms(), slot.error))
            return
        async with self._locks[slot.device.driver.address], self._places:
            is_late = loop.time() - due > slot.device.interval_s
            self.counters.late += is_late
            records = await self._read(slot)
        self._emit(_late(records) if is_late else records)

    async def _read(self, slot: "_Slot") -> Sequence[Record]:
        """Read a device; whatever goes wrong with it becomes the record that says so."""
        at_ms = self._now_ms()
        driver = slot.device.driver
        loop = asyncio.get_running_loop()
        try:
            await self._identify(slot)
            async with asyncio.timeout(slot.device.timeout_s + _GRACE_S):
                records = await driver.read(at_ms)
        except DriverError as error:
            slot.error = error
        except TimeoutError:
            slot.error = TimedOut(f"{slot.device.name}: the driver did not end in time")
        except Exception:
            # The supervisor's catch: one device's driver must not stop the others.
            if not slot.has_crashed:
                log.exception("driver crashed", device=slot.device.name)
            slot.has_crashed = True  # said once, not at every poll
            slot.error = BadAnswer(f"{slot.device.name}: the driver crashed; see the log")
        else:
            self.counters.done += 1
            slot.breaker.succeeded()
            return records
        self.counters.failed += 1
        self.counters.bad_answers += isinstance(slot.error, BadAnswer)
        slot.breaker.failed(loop.time())
        return driver.missed(at_ms, slot.error)

    async def _identify(self, slot: "_Slot") -> None:
        now = asyncio.get_running_loop().time()
        if self._identified is None or now < max(slot.identify_due_s, self._identify_free_s):
            return
        # A second's worth may come at once.
        self._identify_free_s = max(self._identify_free_s, now - 1.0) + 1.0 / IDENTIFY_PER_S
        async with asyncio.timeout(slot.device.timeout_s + _GRACE_S):
            facts = await slot.device.driver.identify()
        slot.identify_due_s = now + IDENTIFY_EVERY_S
        self._identified(slot.device, facts)


_NEVER_ASKED = TimedOut("never asked")


class _Slot:
    """A device and what the poller remembers of it."""

    __slots__ = ("breaker", "device", "error", "has_crashed", "identify_due_s", "is_busy")

    def __init__(self, device: Polled) -> None:
        self.device = device
        self.breaker = Breaker()
        self.is_busy = False
        self.error: DriverError = _NEVER_ASKED
        self.identify_due_s = 0.0
        self.has_crashed = False

    def ended(self, _: "asyncio.Task[None]") -> None:
        """Let the next cycle begin."""
        self.is_busy = False


def _late(records: Sequence[Record]) -> list[Record]:
    return [
        msgspec.structs.replace(record, quality=record.quality | Quality.LATE)
        if hasattr(record, "quality")
        else record
        for record in records
    ]
