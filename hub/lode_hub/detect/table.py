"""CSV files of the detect command: read whole with limits, written whole or not at all."""

import csv
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from lode_hub.errors import InvalidError

STDOUT = Path("-")


def rows(file: Path, columns: Sequence[str], limit: int) -> Iterator[tuple[int, list[str]]]:
    """Give of each row its line number and the texts of `columns`; other columns are passed over.

    Raises: InvalidError for what cannot be read as such a file, with the line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            yield from _rows(text, file, columns, limit)
    except OSError as error:
        raise InvalidError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidError(f"{file}: not UTF-8 text; give a CSV file") from None


def write(out: Path, source: Path, header: Sequence[str], found: Iterable[Sequence[str]]) -> None:
    """Write rows below a header to `out`, or to standard output if that is `-`.

    The file appears once it is whole; one that is there already stays until then.

    Raises: InvalidError if it cannot be written.
    """
    try:
        with _opened(out, source) as text:
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(found)
            text.flush()
    except BrokenPipeError:
        # Who read has had enough, as `head` does; nor may the interpreter's last flush complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise InvalidError(f"{out}: cannot be written: {error.strerror}") from None


def _rows(
    text: TextIO, file: Path, columns: Sequence[str], limit: int
) -> Iterator[tuple[int, list[str]]]:
    lines = csv.reader(text, strict=True)
    try:
        header = [name.strip().lower() for name in next(lines, [])]
        places = [_place(header, name, file, columns) for name in columns]
        for count, row in enumerate(filter(None, lines), start=1):
            if len(row) != len(header):
                raise InvalidError(
                    f"{file}, line {lines.line_num}: {len(row)} fields below a header of "
                    f"{len(header)}; write one field a column"
                )
            if count > limit:
                raise InvalidError(f"{file}: more than {limit:,} rows; give a shorter file")
            yield lines.line_num, [row[place] for place in places]
    except csv.Error as error:
        raise InvalidError(f"{file}, line {lines.line_num}: not CSV: {error}") from None


def _place(header: list[str], name: str, file: Path, columns: Sequence[str]) -> int:
    if header.count(name) != 1:
        found = "more than one column" if name in header else "no column"
        raise InvalidError(
            f"{file}, line 1: {found} {name}; the first line must name {','.join(columns)}"
        )
    return header.index(name)


@contextmanager
def _opened(out: Path, source: Path) -> Iterator[TextIO]:
    if out == STDOUT:
        yield sys.stdout
        return
    if out.exists() and (not out.is_file() or out.samefile(source)):
        what = "is what is read" if out.is_file() else "is not a file"
        raise InvalidError(f"{out}: {what}; name another file to write")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("x", encoding="utf-8", newline="") as text:
            yield text
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
