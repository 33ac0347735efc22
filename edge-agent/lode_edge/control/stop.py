"""The site's emergency stop: a file, so that it outlives everything and needs no database.

It is begun and ended at the site by `lode-edge stop` and `lode-edge stop end`, and by the hub,
which can only end a stop of its own. That the file is there is the stop, whatever is in it.
"""

import os
from pathlib import Path
from typing import Literal

import msgspec

from lode_edge.errors import EdgeError

_NAME, _MAX_BYTES = "stopped.json", 4096


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A stop: who began it, and why."""

    by: Literal["site", "hub"]
    command: str = ""
    sequence: int = 0
    reason: str = ""


class StopFile:
    """The stop of an agent, in its data directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _NAME

    def read(self) -> Stop | None:
        """Give the stop that holds; None when there is none."""
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(_MAX_BYTES), type=Stop)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError):
            return Stop(by="site", reason=f"{self._path} cannot be read")

    def begin(self, stop: Stop) -> None:
        """Begin a stop; one begun at the site stays the site's.

        Raises:
            EdgeError: the file cannot be written.
        """
        before = self.read()
        if before is not None and before.by == "site":
            return
        try:
            with self._path.open("wb") as file:
                file.write(msgspec.json.encode(stop))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise EdgeError(f"{self._path}: {error.strerror}; open the breaker instead") from None

    def end(self) -> None:
        """End the stop, if there is one.

        Raises:
            EdgeError: the file cannot be removed.
        """
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise EdgeError(f"{self._path}: {error.strerror}; correct its rights") from None
