"""A file or an answer made into quotes, by the form that its source has."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import cast

import msgspec

from lode_hub.energy.prices import OPEN_MS, Parsed
from lode_hub.energy.sources import entsoe, ercot, openadr
from lode_hub.energy.sources.described import Columns, Source, zone
from lode_hub.energy.sources.rows import Cell, LocalClock, gather, moment, number
from lode_hub.errors import InvalidError

MAX_BYTES = 16 << 20
_MAX_FIELD = 10_000


def decode(source: Source, data: bytes) -> Parsed:
    """Read what a source gave.

    Raises:
        InvalidError: nothing of it can be read.
    """
    where = f"{source.format} of {source.quantity}"
    if len(data) > MAX_BYTES:
        raise InvalidError(f"{where}: {len(data)} bytes, at most {MAX_BYTES}; split it")
    if data[:4] == b"PK\x03\x04":
        data = _unzipped(data, where)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidError(f"{where}: byte {error.start} is no UTF-8; save it as UTF-8") from None
    try:
        found = _DECODERS[source.format](source, text)
    except (ValueError, csv.Error) as error:
        raise InvalidError(f"{where}: {error}") from None
    if not len(found) and found.refused:
        first = found.refused[0]
        raise InvalidError(
            f"{where}: line {first.line}: {first.reason}; "
            f"none of {found.refused_n} rows could be read"
        )
    return found


def _csv(source: Source, text: str) -> Parsed:
    columns = cast(Columns, source.columns)
    csv.field_size_limit(_MAX_FIELD)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=columns.delimiter, strict=True)
    if table.fieldnames:
        table.fieldnames = [name.strip() for name in table.fieldnames]
    missing = {columns.time, columns.value} - set(table.fieldnames or ())
    if missing:
        raise ValueError(
            f"line 1: no column {', '.join(sorted(missing))}; there are "
            f"{', '.join(table.fieldnames or ()) or 'none'}; map the columns"
        )
    return _mapped(source, ((table.line_num, row) for row in table))


def _json(source: Source, text: str) -> Parsed:
    columns = cast(Columns, source.columns)
    try:
        answer = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}; see what the address answers") from None
    try:
        rows = _follow(answer, columns.rows)
    except (KeyError, IndexError):
        raise ValueError(f"nothing at {columns.rows!r}; set rows to the path of the list") from None
    if isinstance(rows, Mapping):
        rows = [rows]
    if not isinstance(rows, list):
        raise ValueError(  # noqa: TRY004 -- of what was given, not of the program
            f"what is at {columns.rows!r} is no list; set rows to its path"
        )
    return _mapped(source, enumerate(rows, 1))


def _mapped(source: Source, rows: Iterator[tuple[int, object]] | enumerate[object]) -> Parsed:
    columns = cast(Columns, source.columns)
    clock = LocalClock(zone(source.time_zone))
    plain = LocalClock(zone(source.time_zone))
    step_s = source.step_s or 0.0

    def read(row: object) -> Cell | None:
        node = str(_pick(row, columns.node)) if columns.node else source.node
        if source.node and node != source.node:
            return None
        back_s = step_s if columns.marks == "end" else 0.0
        begin = moment(str(_pick(row, columns.time)), columns.format, clock, node, back_s)
        until = OPEN_MS if source.step_s is None else begin + round(step_s * 1000)
        if columns.until:
            until = moment(str(_pick(row, columns.until)), columns.format, plain, node)
        published = 0
        if columns.published:
            text = str(_pick(row, columns.published))
            published = moment(text, columns.format, LocalClock(plain.zone), node)
        value = number(_pick(row, columns.value), columns.decimal)
        return Cell(begin_ms=begin, until_ms=until, value=value, published_ms=published, node=node)

    return gather(source, rows, read)


def _pick(row: object, path: str) -> object:
    found = row[path] if isinstance(row, dict) and path in row else _follow(row, path)
    if found is None or found == "":
        raise ValueError(f"{path} is empty; leave the row out, or fill it")
    return found


def _follow(tree: object, path: str) -> object:
    for part in filter(None, path.split(".")):
        if isinstance(tree, list) and part.isdecimal():
            tree = tree[int(part)]
        elif isinstance(tree, dict):
            tree = tree[part]
        else:
            raise KeyError(path)
    return tree


def _unzipped(data: bytes, where: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [
                one for one in archive.infolist() if re.search(r"\.(csv|xml|json)$", one.filename)
            ]
            if len(files) != 1:
                raise InvalidError(f"{where}: {len(files)} files in the archive; expected one")
            if files[0].file_size > MAX_BYTES:
                raise InvalidError(f"{where}: {files[0].file_size} bytes unpacked; split it")
            with archive.open(files[0]) as file:
                return file.read(MAX_BYTES + 1)[:MAX_BYTES]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise InvalidError(f"{where}: no archive that can be read: {error}") from None


_DECODERS = {
    "csv": _csv,
    "json": _json,
    "ercot": ercot.decode,
    "entsoe": entsoe.decode,
    "openadr": openadr.decode,
}
