"""CSV files that are read whole, with limits."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from lode_models.errors import FileError


def rows(file: Path, columns: Sequence[str], limit: int) -> Iterator[tuple[int, list[str]]]:
    """Give of each row its line number and the texts of `columns`; other columns are passed over.

    Raises: FileError for what cannot be read as such a file, with the line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            yield from _rows(text, file, columns, limit)
    except OSError as error:
        raise FileError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FileError(f"{file}: not UTF-8 text; give a CSV file") from None


def _rows(
    text: TextIO, file: Path, columns: Sequence[str], limit: int
) -> Iterator[tuple[int, list[str]]]:
    lines = csv.reader(text, strict=True)
    try:
        header = [name.strip().lower() for name in next(lines, [])]
        places = [_place(header, name, file, columns) for name in columns]
        for count, row in enumerate(filter(None, lines), start=1):
            if len(row) != len(header):
                raise FileError(
                    f"{file}, line {lines.line_num}: {len(row)} fields below a header of "
                    f"{len(header)}; write one field a column"
                )
            if count > limit:
                raise FileError(f"{file}: more than {limit:,} rows; give a shorter file")
            yield lines.line_num, [row[place] for place in places]
    except csv.Error as error:
        raise FileError(f"{file}, line {lines.line_num}: not CSV: {error}") from None


def _place(header: list[str], name: str, file: Path, columns: Sequence[str]) -> int:
    if header.count(name) != 1:
        found = "more than one column" if name in header else "no column"
        raise FileError(
            f"{file}, line 1: {found} {name}; the first line must name {','.join(columns)}"
        )
    return header.index(name)
