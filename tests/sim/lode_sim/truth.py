"""The append-only record of what was truly served: the oracle of every zero-lost test.

{"kind":"rig","name":"rig-001","serial":12345,"at_ms":...}       a `summary` reply, taken in full
{"kind":"meter","name":"meter-site","energy_in_kwh":...,"at_ms":...}  a read of the import counter
Garbled replies are not in it: their readings may be in the database or not.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

FLUSH_S = 0.1


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line of the truth file."""

    kind: str
    name: str
    at_ms: int
    serial: int | None = None
    energy_in_kwh: float | None = None


class Truth:
    """Appends what was served; a line is in the file at most 100 ms later. No path, no file."""

    def __init__(self, path: Path | None, now: Callable[[], float] = time.time) -> None:
        self.served = 0  # good readings, since this start
        self._now = now
        self._last_ms: int | None = None
        self._lines: list[bytes] = []
        self._flush: asyncio.TimerHandle | None = None
        self._file: BinaryIO | None = None
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            _end_torn_line(path)
            self._file = path.open("ab", buffering=0)

    def rig(self, name: str, serial: int, at_ms: int) -> None:
        """Record a `summary` reply that the client has taken in full."""
        self._put(Entry(kind="rig", name=name, serial=serial, at_ms=at_ms))

    def meter(self, name: str, energy_in_kwh: float, at_ms: int) -> None:
        """Record a reading of a meter's import counter."""
        self._put(Entry(kind="meter", name=name, energy_in_kwh=energy_in_kwh, at_ms=at_ms))

    def stop_counting(self) -> None:
        """Record nothing that is served from now on; what is under way still counts."""
        self._last_ms = self.now_ms()

    def now_ms(self) -> int:
        """Give the present time as the truth file writes it."""
        return int(self._now() * 1000)

    def flush(self) -> None:
        """Write what is held back."""
        if self._flush:
            self._flush.cancel()
            self._flush = None
        if self._file and self._lines:
            self._file.write(b"".join(self._lines))
        self._lines.clear()

    def close(self) -> None:
        """Write what is held back and close the file."""
        self.flush()
        if self._file:
            self._file.close()
            self._file = None

    def _put(self, entry: Entry) -> None:
        if self._last_ms is not None and entry.at_ms > self._last_ms:
            return
        self.served += 1
        if not self._file:
            return
        self._lines.append(msgspec.json.encode(entry) + b"\n")
        if not self._flush:
            self._flush = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)


def read(path: Path) -> Iterator[Entry]:
    """Yield the entries of a truth file; a torn last line is left out."""
    decoder = msgspec.json.Decoder(Entry)
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n") and line.startswith(b"{"):
                try:
                    yield decoder.decode(line)
                except msgspec.DecodeError:  # the torn line of a killed run, ended since
                    continue


def _end_torn_line(path: Path) -> None:
    if path.exists() and (size := path.stat().st_size):
        with path.open("rb+") as file:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
