"""CSV files of the detect command: what cannot be read is told, and written is all or nothing."""

import csv
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from lode_hub.errors import InvalidError
from lode_models.errors import FileError

STDOUT = Path("-")


@contextmanager
def reading() -> Iterator[None]:
    """Tell of a file that cannot be read as the hub tells of all that it is given.

    Raises: InvalidError for such a file.
    """
    try:
        yield
    except FileError as error:
        raise InvalidError(str(error)) from None


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
