"""A folder that keeps what was delivered: one file each, named so that they sort by arrival."""

import os
import time
from collections.abc import Callable
from pathlib import Path


class Drop:
    """Writes each delivery to a file of its own and syncs it before it says so."""

    def __init__(self, folder: Path, suffix: str, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.folder = folder
        self.suffix = suffix
        self.count = 0
        self._now_ns = now_ns
        self._last_ns = 0
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes) -> Path:
        """Keep one delivery; it is on disk when this returns."""
        self._last_ns = max(self._now_ns(), self._last_ns + 1)
        path = self.folder / f"{self._last_ns:020d}-{os.getpid()}{self.suffix}"
        fresh = path.with_suffix(".part")
        with fresh.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.count += 1
        return path

    def paths(self) -> list[Path]:
        """List the deliveries, oldest first."""
        return sorted(self.folder.glob(f"*{self.suffix}"))
