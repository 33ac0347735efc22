"""One lane of the pipeline: the batches of some agents, in groups, a transaction each.

add ─► ready ─► group ─► writer ─► done(written, group)
          database away: the same again ┘ │
          one batch breaks it: halve, halve, quarantine
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import structlog

from lode_hub.ingest import metrics
from lode_hub.ingest.check import Checked, Fit, Unfit
from lode_hub.ingest.writer import StaleError, Writer, Written
from lode_hub.store import Store, trouble

FULL_GROUP_RECORDS = 5_000
LONGEST_GROUP_RECORDS = 50_000
GROUP_WAIT_S = 0.1
COMMIT_LIMIT_S = 60.0

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 3.0
_log = structlog.get_logger(__name__)

Done = Callable[[Written, Sequence[Checked]], Awaitable[None]]
Parts = list[tuple[Written, Sequence[Checked]]]


class Lane:
    """Commits batches in the order they are added; lanes share no agents, so none waits."""

    def __init__(self, store: Store, done: Done) -> None:
        self.writer = Writer(store)
        self._done = done
        self._ready: deque[Checked] = deque()
        self._records = 0
        self._changed = asyncio.Condition()

    async def add(self, checked: Checked) -> None:
        """Take a batch in, as soon as there is room for its rows."""
        async with self._changed:
            # Decoded rows are larger than payloads; keep only about one group of them waiting.
            await self._changed.wait_for(lambda: self._records < LONGEST_GROUP_RECORDS)
            self._ready.append(checked)
            self._records += _records(checked)
            self._changed.notify_all()

    async def run(self) -> None:
        """Commit until cancelled."""
        while True:
            group = await self._group()
            for written, part in await self._write(group):
                await self._done(written, part)

    async def _group(self) -> list[Checked]:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._ready))
            try:
                async with asyncio.timeout(GROUP_WAIT_S):
                    await self._changed.wait_for(lambda: self._records >= FULL_GROUP_RECORDS)
            except TimeoutError:
                pass
            group, self._records = list(self._ready), 0
            self._ready.clear()
            self._changed.notify_all()
        return group

    async def _write(self, group: Sequence[Checked]) -> Parts:
        pause_s = _FIRST_PAUSE_S
        has_failed = False
        while True:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(COMMIT_LIMIT_S):
                    written = await self.writer.write(group)
            except Exception as error:  # the supervisor of the writer: retry, or find the culprit
                metrics.TRANSACTIONS.labels("failed").inc()
                self.writer.forget()
                if _is_to_be_parted(group, error, has_failed=has_failed):
                    return await self._part(group, error)
                has_failed = True
                _log.warning("commit failed", batches=len(group), reason=_say(error))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                metrics.TRANSACTIONS.labels("committed").inc()
                metrics.COMMIT_S.observe(time.monotonic() - begun)
                return [(written, group)]

    async def _part(self, group: Sequence[Checked], error: Exception) -> Parts:
        if len(group) > 1:
            half = len(group) // 2
            return [*await self._write(group[:half]), *await self._write(group[half:])]
        _log.warning("batch quarantined", topic=group[0].incoming.topic, reason=_say(error))
        return await self._write([_poison(group[0], error)])


def _is_to_be_parted(group: Sequence[Checked], error: Exception, *, has_failed: bool) -> bool:
    if isinstance(error, TimeoutError):
        return len(group) > 1
    # The first time, what the writer remembered may have been wrong, such as a dropped partition.
    is_poison = has_failed and _is_of_the_data(error)
    return is_poison and (len(group) > 1 or isinstance(group[0], Fit))


def _records(checked: Checked) -> int:
    return 1 if checked.header is None else checked.header.n


def _is_of_the_data(error: Exception) -> bool:
    return not isinstance(error, StaleError) and trouble.is_of_the_data(error)


def _poison(one: Checked, error: Exception) -> Unfit:
    agent = one.header.agent if isinstance(one, Fit) else one.agent
    return Unfit(one.incoming, agent, one.header, f"transaction: {_say(error)}")


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0]
