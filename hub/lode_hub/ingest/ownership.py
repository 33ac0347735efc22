"""Which partitions this worker owns: its fair share of 64, by lease.

every second: beat ─► renew ─► lost? let go ─► too many? give back ─► too few? take what is free
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable

import structlog

from lode_hub.store import Connection, Store, leases, trouble
from lode_wire.topics import PARTITIONS

TICK_S = 1.0
_LIMIT_S = 4.0
_log = structlog.get_logger(__name__)


def lease_of(partition: int) -> str:
    """Name a partition's lease."""
    return f"partition-{partition:02d}"


class Ownership:
    """Holds leases on partitions; `on_change` hears of those gained and those lost.

    What is given back is first let go (`on_change`), then released, so that the next owner's
    session is not thrown out by ours.
    """

    def __init__(
        self, store: Store, worker: str, on_change: Callable[[set[int], set[int]], None]
    ) -> None:
        self._store = store
        self._worker = worker
        self._on_change = on_change
        self._until: dict[
            int, float
        ] = {}  # by our monotonic clock, which runs while we are stopped

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions owned, as far as we know."""
        return frozenset(self._until)

    def holds(self, partition: int) -> bool:
        """Tell whether a lease is certainly still ours."""
        return time.monotonic() < self._until.get(partition, 0.0)

    async def run(self) -> None:
        """Keep a fair share until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_LIMIT_S), self._store.pool.connection() as conn:
                    await self._turn(conn)
            except trouble.AWAY as error:
                # Nobody can take them either while the database is away; connections may stay.
                _log.info("leases not renewed", reason=str(error) or type(error).__name__)
            await asyncio.sleep(TICK_S)

    async def give_back(self) -> None:
        """Let everything go, so that others take over at once."""
        gone = set(self._until)
        self._until.clear()
        self._on_change(set(), gone)
        try:
            async with asyncio.timeout(_LIMIT_S), self._store.pool.connection() as conn:
                await leases.release(conn, self._worker, map(lease_of, gone))
        except trouble.AWAY:
            _log.info("leases not given back; they expire", leases=len(gone))

    async def _turn(self, conn: Connection) -> None:
        begun = time.monotonic()
        workers = await leases.beat(conn, self._worker)
        kept = await leases.renew(conn, self._worker, map(lease_of, self._until))
        lost = {p for p in self._until if lease_of(p) not in kept}
        self._until = {p: begun + leases.TTL_S for p in self._until if p not in lost}
        if lost:
            _log.warning("partitions lost", partitions=len(lost))
            self._on_change(set(), lost)
        share = math.ceil(PARTITIONS / max(1, workers))
        if len(self._until) > share:
            await self._shed(conn, sorted(self._until)[share:])
        elif len(self._until) < share:
            await self._gain(conn, share - len(self._until))

    async def _shed(self, conn: Connection, surplus: Iterable[int]) -> None:
        gone = set(surplus)
        for partition in gone:
            del self._until[partition]
        self._on_change(set(), gone)
        await leases.release(conn, self._worker, map(lease_of, gone))
        _log.info("partitions given back", partitions=len(gone))

    async def _gain(self, conn: Connection, limit: int) -> None:
        begun = time.monotonic()
        wanted = {lease_of(p): p for p in range(PARTITIONS) if p not in self._until}
        taken = await leases.acquire(conn, self._worker, wanted, limit)
        if not taken:
            return
        former = set(taken.values()) - {"", self._worker}
        if former:
            ended = await leases.end_sessions(conn, former)
            _log.warning("partitions taken over", of=sorted(former), sessions_ended=ended)
        gained = {wanted[name] for name in taken}
        self._until |= dict.fromkeys(gained, begun + leases.TTL_S)
        self._on_change(gained, set())
