"""Readings of rigs from a CSV file of any length: into a temporary file, out in order of time.

file ─► 8 MiB at a time ─► columns by numpy ─► temporary file ─► sorted by time ─► frames
"""

import csv
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from lode_models.errors import FileError
from lode_models.peers import SAMPLE
from lode_wire.records import State

ROWS_MOST = 50_000_000  # 3.9 GB of temporary file, and 16 bytes a row of memory
FRAME_MS = 2_000
AT_MOST_MS = 4_102_444_800_000  # the year 2100
_CHUNK = 8 * 1024 * 1024
_CELL_MOST = 64
_TOLD = 5

Cells: TypeAlias = npt.NDArray[np.bytes_]
Table: TypeAlias = npt.NDArray[np.void]

ROW = np.dtype([("slot", "i4"), *SAMPLE.descr])
_NUMBERS = tuple(name for name in SAMPLE.names or () if name not in ("at_ms", "state", "mode"))
_STATES = {state.name.lower(): int(state) for state in State} | {"": int(State.UNKNOWN)}
_MISSING = (b"", b"-", b"na", b"n/a", b"none", b"null")


@dataclass(kw_only=True, slots=True)
class Skipped:
    """Rows that were left out, and the first few of them in words."""

    bad: int = 0
    unknown_rig: int = 0
    told: list[str] = field(default_factory=list)

    def tell(self, words: str) -> None:
        """Keep words for the report, if they are among the first."""
        if len(self.told) < _TOLD:
            self.told.append(words)


class Readings:
    """The rows of one file, sorted by time."""

    def __init__(self, file: Path, slots: Mapping[str, int]) -> None:
        """Read the file.

        Raises: FileError for a file without the needed columns, or with too many rows.
        """
        self.skipped = Skipped()
        self._file = file
        self._slots = {name.encode(): slot for name, slot in slots.items()}
        self._rows = 0
        with tempfile.TemporaryFile() as kept:
            try:
                with file.open("rb") as source:
                    self._read(source, kept)
            except OSError as error:
                raise FileError(f"{file}: cannot be read: {error.strerror}") from None
            if not self._rows:
                raise FileError(f"{file}: no reading of a known rig; {self._why()}")
            self._table: Table = np.memmap(kept, ROW, "r", shape=(self._rows,))
        at_ms = np.array(self._table["at_ms"])
        is_sorted = bool((np.diff(at_ms) >= 0).all())
        self._order = None if is_sorted else np.argsort(at_ms, kind="stable")
        self._at_ms = at_ms if self._order is None else at_ms[self._order]

    def __len__(self) -> int:
        return self._rows

    def frames(self) -> Iterator[tuple[int, Table]]:
        """Give the time and the rows of each frame, at most one row a rig."""
        edges = np.flatnonzero(np.diff(self._at_ms // FRAME_MS)) + 1
        begin = 0
        for end in [*edges.tolist(), self._rows]:
            where: Any = slice(begin, end) if self._order is None else self._order[begin:end]
            rows = np.array(self._table[where])
            yield from _rounds(rows)
            begin = end

    def _read(self, source: BinaryIO, kept: BinaryIO) -> None:
        header = source.readline(_CHUNK).decode("utf-8-sig", "replace").strip()
        names = [name.strip().lower() for name in next(csv.reader([header]), [])]
        for name in ("at_ms", "rig"):
            if names.count(name) != 1:
                raise FileError(f"{self._file}, line 1: one column {name} is needed; add it")
        line, rest = 2, b""
        while chunk := source.read(_CHUNK):
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > _CHUNK:
                raise FileError(f"{self._file}, line {line}: a line without end; give a CSV")
            line = self._take(whole + newline, names, line, kept)
        if rest.strip():
            self._take(rest + b"\n", names, line, kept)
        kept.flush()

    def _take(self, text: bytes, names: list[str], line: int, kept: BinaryIO) -> int:
        text = text.replace(b"\r\n", b"\n")
        lines = np.arange(text.count(b"\n")) + line
        columns = _split(text, len(names))
        if columns is None:
            columns, lines = self._split_slowly(text, names, line)
        if len(lines):
            cells = dict(zip(names, columns, strict=True))
            table = self._table_of(cells, lines)
            self._rows += len(table)
            if self._rows > ROWS_MOST:
                raise FileError(f"{self._file}: over {ROWS_MOST:,} rows; give it in parts")
            kept.write(table.tobytes())
        return line + text.count(b"\n")

    def _split_slowly(
        self, text: bytes, names: list[str], line: int
    ) -> tuple[list[Cells], npt.NDArray[np.intp]]:
        """Split text with quotes or lines of another length; leave the bad ones out."""
        rows, lines = [], []
        for number, words in enumerate(text.decode("utf-8", "replace").splitlines(), line):
            if not words.strip():
                continue
            row = next(csv.reader(StringIO(words)))
            if len(row) != len(names) or max(map(len, row)) > _CELL_MOST:
                self._bad(number, f"{len(row)} fields below a header of {len(names)}")
                continue
            rows.append([cell.strip().encode() for cell in row])
            lines.append(number)
        columns = [np.array(column, "S") for column in zip(*rows, strict=True)]
        return columns, np.array(lines, np.intp)

    def _table_of(self, cells: dict[str, Cells], lines: npt.NDArray[np.intp]) -> Table:
        table = np.zeros(len(lines), ROW)
        at_ms, good = self._numbers("at_ms", cells["at_ms"], lines)
        with np.errstate(invalid="ignore"):
            in_time = (at_ms > 0) & (at_ms < AT_MOST_MS)
        self._bad_rows(lines[good & ~in_time], "at_ms is no time in ms since 1970")
        good &= in_time
        table["at_ms"] = np.where(good, np.nan_to_num(at_ms), 0)
        table["slot"] = self._slots_of(cells["rig"], lines)
        for name in _NUMBERS:
            table[name] = np.nan
            if name in cells:
                values, is_good = self._numbers(name, cells[name], lines)
                table[name] = np.where(np.isfinite(values), values, np.nan)
                good &= is_good
        if "state" in cells:
            table["state"], is_good = self._states(cells["state"], lines)
            good &= is_good
        if "mode" in cells:
            values, is_good = self._numbers("mode", cells["mode"], lines)
            table["mode"] = np.nan_to_num(values).astype(np.int64).astype(np.int16)
            good &= is_good
        return table[good & (table["slot"] >= 0)]

    def _numbers(
        self, name: str, cells: Cells, lines: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        good = np.ones(len(cells), bool)
        filled = np.where(np.char.str_len(cells) == 0, b"nan", cells)
        try:
            return filled.astype(np.float64), good
        except ValueError:
            pass
        values = np.full(len(cells), np.nan)
        for row, cell in enumerate(filled.tolist()):
            try:
                values[row] = float(cell)
            except ValueError:
                good[row] = cell.strip().lower() in _MISSING
        self._bad_rows(lines[~good], f"{name} is no number")
        return values, good

    def _slots_of(self, cells: Cells, lines: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        found, places = np.unique(cells, return_inverse=True)
        slots = np.array([self._slots.get(name.strip(), -1) for name in found.tolist()], np.intp)
        rows = slots[places]
        self.skipped.unknown_rig += int((rows < 0).sum())
        for place in np.flatnonzero(slots < 0)[:_TOLD].tolist():
            first = int(lines[np.argmax(places == place)])
            name = found[place].decode("utf-8", "replace")[:40]
            self.skipped.tell(f"line {first}: rig {name!r} is not among the rigs")
        return rows

    def _states(
        self, cells: Cells, lines: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        found, places = np.unique(cells, return_inverse=True)
        numbers = np.array([_state(cell) for cell in found.tolist()], np.intp)[places]
        self._bad_rows(lines[numbers < 0], "state is neither a name nor a number of one")
        return np.maximum(numbers, 0), numbers >= 0

    def _bad_rows(self, lines: npt.NDArray[np.intp], words: str) -> None:
        self.skipped.bad += max(0, len(lines) - _TOLD)
        for line in lines[:_TOLD].tolist():
            self._bad(line, words)

    def _bad(self, line: int, words: str) -> None:
        self.skipped.bad += 1
        self.skipped.tell(f"line {line}: {words}")

    def _why(self) -> str:
        return "; ".join(self.skipped.told) or "there are no rows below the header"


def _split(text: bytes, columns: int) -> list[Cells] | None:
    """Split plain CSV into columns; None where a line has quotes or another length."""
    if b'"' in text:
        return None
    buffer = np.frombuffer(text, np.uint8)
    is_end = buffer == ord("\n")
    ends = np.flatnonzero(is_end | (buffer == ord(",")))
    rows = int(is_end.sum())
    if len(ends) != rows * columns or not is_end[ends[columns - 1 :: columns]].all():
        return None
    starts = np.concatenate([[0], ends[:-1] + 1])
    if rows and (ends - starts).max() > _CELL_MOST:
        return None
    return [
        _cells(buffer, starts[place::columns], ends[place::columns]) for place in range(columns)
    ]


def _cells(
    buffer: npt.NDArray[np.uint8], starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp]
) -> Cells:
    width = max(1, int((ends - starts).max(initial=0)))
    out = np.zeros((len(starts), width), np.uint8)
    for place in range(width):
        where = starts + place
        is_in = where < ends
        out[is_in, place] = buffer[where[is_in]]
    cells: Cells = out.reshape(-1).view(f"S{width}")
    return cells


def _state(cell: bytes) -> int:
    name = cell.decode("utf-8", "replace").strip().lower()
    if name in _STATES:
        return _STATES[name]
    return int(name) if name.isdigit() and int(name) in set(State) else -1


def _rounds(rows: Table) -> Iterator[tuple[int, Table]]:
    """Deal out rows in order of time, at most one a rig in each round."""
    while len(rows):
        _, first = np.unique(rows["slot"], return_index=True)
        if len(first) == len(rows):
            yield int(rows["at_ms"].max()), rows
            return
        is_first = np.zeros(len(rows), bool)
        is_first[first] = True
        turn = rows[is_first]
        yield int(turn["at_ms"].max()), turn
        rows = rows[~is_first]
