"""Up to when each node has been told, remembered over a restart so that its gap can be filled.

The hub keeps whatever it is sent, so nothing may be told twice. What is written is therefore a
promise, made and on disk before the values are told: nothing after this moment has been told yet.
It reaches some seconds ahead, and the file is written once in that time for all devices together.
A stop in order writes the moments themselves, node by node, and the next start fills exactly what
is missing. After a kill or a loss of power the promise is all there is: values of those few seconds
stay a gap. Without the file, or when it cannot be written, nothing is filled at all.
"""

import contextlib
import os
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

AHEAD = timedelta(seconds=10)
_MAX_BYTES = 16 << 20
_OPEN: "weakref.WeakValueDictionary[Path, ToldFile]" = weakref.WeakValueDictionary()


class Moments(msgspec.Struct):
    """Of one device, by its server's clock: a moment for all nodes, or, at rest, one for each."""

    until: datetime | None = None
    nodes: dict[str, datetime] = {}


class ToldFile:
    """The file of one folder, which all devices of the agent share."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._devices: dict[str, Moments] = _read(path)
        self._ahead: dict[str, timedelta] = {}  # of devices that are listened to: server's clock

    @classmethod
    def shared(cls, folder: Path) -> "ToldFile":
        """Give the one file of a folder."""
        path = folder / "opcua-told.json"
        told = _OPEN.get(path)
        if told is None:
            told = _OPEN[path] = cls(path)
        return told

    def until(self, device: str, names: Mapping[str, object]) -> dict[str, datetime]:
        """Say up to when nodes may have been told by an earlier life of the agent."""
        known = self._devices.get(device, Moments())
        if known.until is not None:
            return dict.fromkeys(names, known.until)
        return {name: moment for name, moment in known.nodes.items() if name in names}

    def promise(self, device: str, latest: datetime, ahead_ms: int) -> None:
        """Have it on disk that values up to `latest` may have been told."""
        known = self._devices.get(device, Moments())
        if known.until is not None and latest <= known.until and device in self._ahead:
            return
        self._ahead[device] = timedelta(milliseconds=ahead_ms)
        now = datetime.now(UTC)
        for other, ahead in self._ahead.items():
            here = [now + ahead, *([latest] if other == device else [])]
            self._devices[other] = Moments(until=max(here) + AHEAD)
        self._write()

    def rest(self, device: str, nodes: Mapping[str, datetime]) -> None:
        """Note the moments of a device that is not listened to any more; some are not known."""
        if self._ahead.pop(device, None) is not None:
            self._devices[device] = Moments(nodes=dict(nodes))

    def save(self) -> None:
        """Write what has been noted; at the end of the agent."""
        self._write()

    def _write(self) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                file.write(msgspec.json.encode(self._devices))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError:
            # An old promise would have things told twice.
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Moments]:
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        if path.stat().st_size <= _MAX_BYTES:
            return msgspec.json.decode(path.read_bytes(), type=dict[str, Moments])
    return {}
