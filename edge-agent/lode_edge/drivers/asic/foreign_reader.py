"""The child process that reads foreign rigs: one for all, begun when needed, and watched.

question ─► a line to its input ─► a line from its output ─► answer
its end ─► what was asked fails ─► the next question begins it anew, not sooner than it may
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from weakref import WeakKeyDictionary

import msgspec

from lode_edge.errors import BadAnswer, Refused, TimedOut

MODULE = "lode_edge.foreign_child"
RSS_LIMIT_MB = 150.0
IDLE_S = 600.0  # without a question: it ends, and gives its memory back
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0  # before it is begun again after it broke
MAX_ASKED = 512
_LIVED_WELL_S = 60.0
_LEAVE_S = 1.0  # to end by itself, when its input has
_MARGIN_S = 0.2  # of its own limit below ours
SILENCES = 8  # so many questions without any answer: it hangs
_LINE_LIMIT = 1 << 20
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class Answer(msgspec.Struct):
    """What the child said."""

    id: int
    data: dict[str, object] | None = None
    error: str = ""
    kind: str = ""


class Reader:
    """The child as the agent sees it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._asked: dict[int, asyncio.Future[Answer]] = {}
        self._last = 0
        self._silences = 0
        self._wait_s = FIRST_WAIT_S
        self._may_start_s = 0.0

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process is not None else None

    async def ask(self, question: dict[str, object], place: str, *, deadline: float) -> Answer:
        """Ask for one rig, by `deadline` on the loop's clock.

        Raises:
            TimedOut: nothing came by then.
            Refused: the child ended, or is not to be begun again yet.
            BadAnswer: more is asked already than it can have in hand.
        """
        if len(self._asked) >= MAX_ASKED:
            raise BadAnswer(f"{place}: the reader of foreign rigs has too much in hand")
        process = await self._running(place)
        loop = asyncio.get_running_loop()
        self._last += 1
        number, future = self._last, asyncio.Future[Answer](loop=loop)
        self._asked[number] = future
        left_s = max(deadline - loop.time() - _MARGIN_S, 0.1)
        line = msgspec.json.encode({**question, "id": number, "timeout_s": left_s}) + b"\n"
        try:
            assert process.stdin is not None  # noqa: S101 -- it was asked for
            process.stdin.write(line)
            async with asyncio.timeout_at(deadline):
                return await future
        except TimeoutError as error:
            self._silences += 1
            if self._silences >= SILENCES:
                self._kill()
            raise TimedOut(f"{place}: no complete answer in time") from error
        except OSError as error:
            raise Refused(f"{place}: the reader of foreign rigs has ended") from error
        finally:
            self._asked.pop(number, None)

    async def close(self) -> None:
        """End the child, if there is one."""
        watch = self._watch
        if watch is not None:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def _running(self, place: str) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process is not None:
                return self._process
            loop = asyncio.get_running_loop()
            if (wait_s := self._may_start_s - loop.time()) > 0:
                message = f"the reader of foreign rigs broke; again in {wait_s:.0f} s"
                raise Refused(f"{place}: {message}")
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", MODULE),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LINE_LIMIT,
            )
            self._silences = 0
            self._watch = loop.create_task(self._listen(self._process))
            return self._process

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Hand its answers on until it ends; a cancelled agent ends it, too."""
        loop = asyncio.get_running_loop()
        began_s, was_wanted = loop.time(), True
        try:
            was_wanted = await self._hear(process)
        finally:
            self._process = self._watch = None
            lost, self._asked = self._asked, {}
            code = await asyncio.shield(_ended(process))
            for future in lost.values():
                if not future.done():
                    future.set_exception(Refused(f"the reader of foreign rigs ended with {code}"))
            if loop.time() - began_s >= _LIVED_WELL_S:
                self._wait_s = FIRST_WAIT_S
            if not was_wanted:
                self._may_start_s = loop.time() + self._wait_s
                self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)

    async def _hear(self, process: asyncio.subprocess.Process) -> bool:
        """Take its answers; tell whether it has to go, or has gone by itself."""
        assert process.stdout is not None  # noqa: S101 -- it was asked for
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    line = await process.stdout.readline()
            except TimeoutError:
                if self._asked:
                    continue
                return True
            except ValueError:
                return False  # a line without end
            if not line:
                return False
            self._take(line)
            if self._is_too_big(process.pid):
                return True

    def _take(self, line: bytes) -> None:
        self._silences = 0
        with contextlib.suppress(msgspec.MsgspecError):
            answer = msgspec.json.decode(line, type=Answer)
            future = self._asked.get(answer.id)
            if future is not None and not future.done():
                future.set_result(answer)

    def _is_too_big(self, pid: int) -> bool:
        """Tell whether it has to go: when nothing is asked, and at twice its limit at once."""
        rss_mb = rss_of(pid)
        idle = all(future.done() for future in self._asked.values())
        return rss_mb > RSS_LIMIT_MB * (1 if idle else 2)

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


async def _ended(process: asyncio.subprocess.Process) -> int:
    """Wait for its end, which is made when it does not come; give its code."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_LEAVE_S):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()


def rss_of(pid: int) -> float:
    """Give the resident memory of a process, in MB; 0 when it has ended."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0.0
    return int(pages) * _PAGE_MB


_readers: WeakKeyDictionary[asyncio.AbstractEventLoop, Reader] = WeakKeyDictionary()


def reader() -> Reader:
    """Give the one child of this agent."""
    return _readers.setdefault(asyncio.get_running_loop(), Reader())
