"""ENTSO-E's day-ahead prices: Publication_MarketDocument, document type A44.

A position counts resolutions from the period's begin. In curve type A03 a position that is missing
repeats the one before, to the period's end; in A01 it is missing.
"""

import datetime as dt
import re
from collections.abc import Iterator
from xml.etree import ElementTree

from lode_hub.energy.prices import Parsed
from lode_hub.energy.sources.described import Source
from lode_hub.energy.sources.rows import Cell, gather, number

_RESOLUTIONS_MS = {"PT15M": 900_000, "PT30M": 1_800_000, "PT60M": 3_600_000, "PT1H": 3_600_000}
_MAX_POSITIONS = 40_000
_REPEATS = {"A03"}


def decode(source: Source, text: str) -> Parsed:
    """Read a document.

    Raises:
        ValueError: it is none, it says that there are no data, or it is of another kind.
    """
    root = _root(text)
    name = _local(root.tag)
    if name == "Acknowledgement_MarketDocument":
        raise ValueError(f"no prices: {_text(root, 'Reason/text') or 'no reason given'}")
    kind = _text(root, "type")
    if name != "Publication_MarketDocument" or kind not in {"A44", ""}:
        raise ValueError(f"{name} of type {kind!r}; expected Publication_MarketDocument, A44")
    rows = (
        (line, row)
        for line, series in enumerate(_all(root, "TimeSeries"), 1)
        if _is_wanted(series, source)
        for row in _series(series, source)
    )
    return gather(source, rows, _cell)


def _root(text: str) -> ElementTree.Element:
    if "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).replace("<![CDATA[", ""):
        raise ValueError("it declares entities; no price document does")
    try:
        return ElementTree.fromstring(text)  # noqa: S314 -- declarations were refused above
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}; see what the address answers") from None


def _is_wanted(series: ElementTree.Element, source: Source) -> bool:
    node = _text(series, "in_Domain.mRID")
    path = "classificationSequence_AttributeInstanceComponent.position"
    sequence = _text(series, path)
    if node and node != source.node:
        return False
    return not sequence or int(number(sequence)) == source.sequence


def _series(series: ElementTree.Element, source: Source) -> Iterator[object]:
    unit = f"{_text(series, 'currency_Unit.name')}/{_text(series, 'price_Measure_Unit.name')}"
    if unit != "/" and unit.upper() != source.unit.upper():
        yield ValueError(f"prices in {unit}, expected {source.unit}; set unit to what it gives")
        return
    is_repeated = _text(series, "curveType") in _REPEATS
    for period in _all(series, "Period"):
        try:
            yield from _period(period, source.node, is_repeated=is_repeated)
        except ValueError as error:
            yield error


def _period(period: ElementTree.Element, node: str, *, is_repeated: bool) -> Iterator[object]:
    begin = _moment(_text(period, "timeInterval/start"))
    end = _moment(_text(period, "timeInterval/end"))
    resolution = _text(period, "resolution")
    step = _RESOLUTIONS_MS.get(resolution)
    if step is None:
        raise ValueError(f"resolution {resolution!r}; known are {', '.join(_RESOLUTIONS_MS)}")
    n = (end - begin) // step
    if not 0 < n <= _MAX_POSITIONS or (end - begin) % step:
        raise ValueError(f"a period of {(end - begin) / step:g} positions of {resolution}")
    points: dict[int, str] = {}
    for point in _all(period, "Point"):
        position = int(number(_text(point, "position")))
        if not 1 <= position <= n:
            yield ValueError(f"position {position} of {n}")
        elif position in points:
            yield ValueError(f"position {position} comes twice")
        else:
            points[position] = _text(point, "price.amount")
    last = None
    for position in range(1, n + 1):
        last = points.get(position, last if is_repeated else None)
        if last is not None:
            yield begin + (position - 1) * step, step, last, node


def _cell(row: object) -> Cell:
    if isinstance(row, ValueError):
        raise row
    assert isinstance(row, tuple)  # noqa: S101 -- as _period gives it
    begin, step, price, node = row
    return Cell(begin_ms=begin, until_ms=begin + step, value=number(price), node=node)


def _moment(text: str) -> int:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time {text[:40]!r}; expected 2026-01-01T00:00Z") from None
    if found.tzinfo is None:
        raise ValueError(f"time {text!r} without a zone; expected a Z at its end")
    return round(found.timestamp() * 1000)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _all(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (child for child in element if _local(child.tag) == name)


def _text(element: ElementTree.Element, path: str) -> str:
    for name in path.split("/"):
        found = next(_all(element, name), None)
        if found is None:
            return ""
        element = found
    return (element.text or "").strip()
