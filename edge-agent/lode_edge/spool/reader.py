"""Reading the spool beside its writer: what is committed, and nothing else."""

import sqlite3
from pathlib import Path
from typing import NamedTuple, Self

from lode_edge.spool.errors import SpoolError, named


class Stored(NamedTuple):
    """A batch as it lies in the spool."""

    id: int
    payload: bytes


class Reader:
    """A read-only connection to a spool's file; for one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(
                f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
            )
            self._db.execute("pragma cache_size = -256")
        except sqlite3.Error as error:
            raise named(error, path) from error

    def oldest(self, *, above: int, below: int, limit: int) -> list[Stored]:
        """Read the first batches whose id lies strictly between two, in rising order.

        Raises:
            SpoolError: the file is damaged or cannot be read now.
        """
        return self._read("id > ? and id < ? order by id limit ?", (above, below, limit))

    def newest(self, *, above: int, below: int, limit: int) -> list[Stored]:
        """Read the last batches whose id lies strictly between two, in falling order.

        Raises:
            SpoolError: the file is damaged or cannot be read now.
        """
        return self._read("id > ? and id < ? order by id desc limit ?", (above, below, limit))

    def get(self, batch: int) -> Stored | None:
        """Read one batch, if it is still there.

        Raises:
            SpoolError: the file is damaged or cannot be read now.
        """
        return next(iter(self._read("id = ?", (batch,))), None)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, where: str, values: tuple[int, ...]) -> list[Stored]:
        try:
            rows = self._db.execute(
                f"select id, payload from batch where {where}",  # noqa: S608 -- from above
                values,
            ).fetchall()
        except sqlite3.Error as error:
            raise named(error, self._path) from error
        if not all(isinstance(payload, bytes) for _, payload in rows):
            raise SpoolError(f"spool {self._path}: a payload is no blob")
        return [Stored(*row) for row in rows]
