"""Run a server program beside the hub: under an ordinary account, in a folder of its own.

start ─► runs ─► ended (who waits is told) ─► start again
adopt ──┘ a program that outlived a killed hub is known by its working folder, and taken over

A program calls its folder `HERE` and needs no other name for it, so the folder may lie where its
account could not go by name, such as below root's home.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lode_hub.process.account import Account

HERE = "/proc/self/cwd"
"""What a program calls its own folder."""

_LAST_LINES = 3  # of what a program has printed, that an error repeats


class Program:
    """One server program; `name` is its command name, as the kernel knows it."""

    def __init__(self, name: str, folder: Path, account: Account) -> None:
        self.name = name
        self.folder = folder
        self.account = account
        self.pid: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._pidfd: int | None = None
        self._log = folder / f"{name}.out"

    @property
    def is_running(self) -> bool:
        """Whether it runs now."""
        return self.pid is not None and self.pid in self.found()

    def found(self) -> list[int]:
        """Find the processes of it that run in its folder, whoever started them."""
        return inhabitants(self.folder, self.name)

    def start(self, command: Sequence[str | Path]) -> None:
        """Start it; a session of its own keeps a terminal's Ctrl-C from it."""
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(  # noqa: S603 -- a program of ours, and no shell
                command,
                cwd=self.folder,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                extra_groups=[] if self.account.drop is not None else None,
                group=self.account.gid if self.account.drop is not None else None,
                start_new_session=True,
                stderr=log,
                stdin=subprocess.DEVNULL,
                stdout=log,
                umask=0o077,
                user=self.account.drop,
            )
        self._watch(self._child.pid)

    def adopt(self, pid: int) -> bool:
        """Take over one that runs already; tell whether there was one."""
        if pid not in self.found():
            return False
        with contextlib.suppress(ProcessLookupError):
            self._watch(pid)
            return True
        return False

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def ended(self, within_s: float | None = None) -> bool:
        """Wait until it has ended, or for so many seconds; tell whether it has."""
        if self._pidfd is None:
            return True
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pidfd, over.set)  # a pidfd is readable once its process is gone
        try:
            async with asyncio.timeout(within_s):
                await over.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._pidfd)
        self._forget()
        return True

    async def stop(self, steps: Sequence[tuple[signal.Signals, float]]) -> None:
        """Stop it: send each signal in turn and give it so many seconds; the last is SIGKILL."""
        for number, wait_s in [*steps, (signal.SIGKILL, 5.0)]:
            if self._pidfd is None:
                return
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)
            if await self.ended(wait_s):
                return

    async def clear(self) -> None:
        """Kill whatever of it is left in the folder, such as the children of a killed one."""
        for pid in self.found():
            left = Program(self.name, self.folder, self.account)
            if left.adopt(pid):
                await left.stop([])

    def last_words(self) -> str:
        """Give the end of what it has printed, as one line."""
        with contextlib.suppress(OSError):
            return "; ".join(self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
        return ""

    def _watch(self, pid: int) -> None:
        self._pidfd = os.pidfd_open(pid)
        self.pid = pid

    def _forget(self) -> None:
        if self._child is not None:
            self._child.wait()
        if self._pidfd is not None:
            os.close(self._pidfd)
        self.pid = self._child = self._pidfd = None


def inhabitants(folder: Path, name: str) -> list[int]:
    """Find the processes of that command name whose working folder is this one."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _lives_in(entry, folder, name)
    ]


def _lives_in(entry: Path, folder: Path, name: str) -> bool:
    try:
        return (entry / "comm").read_text().strip() == name and (entry / "cwd").samefile(folder)
    except OSError:  # it has ended, is a zombie, or is not ours
        return False
