"""Prices by OpenADR 3: the PRICE payloads of a VTN's events, as a list of them in JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lode_hub.energy.prices import Parsed
from lode_hub.energy.sources.described import Source
from lode_hub.energy.sources.rows import Cell, gather, number
from lode_hub.energy.vtn import intervals, modified_ms, named, value_of
from lode_hub.errors import InvalidError

KIND = "PRICE"


def decode(source: Source, text: str) -> Parsed:
    """Read events; an event that is changed later is another statement of the same hours.

    Raises:
        ValueError: it is no list of events.
    """
    try:
        events = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}; see what the address answers") from None
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise ValueError("no list of events; give what the VTN answers to GET /events")
    rows = ((n, row) for n, event in enumerate(events, 1) for row in _prices(event, source))
    return gather(source, rows, _cell)


def _prices(event: Mapping[str, Any], source: Source) -> Iterator[object]:
    try:
        _check_unit(event, source)
        for interval in intervals(event, now_ms=0):
            for payload in interval.payloads:
                price = value_of(payload, KIND)
                if price is not None:
                    yield Cell(
                        begin_ms=interval.begin_ms, until_ms=interval.until_ms,
                        value=number(price), published_ms=modified_ms(event), node=source.node,
                    )  # fmt: skip
    except InvalidError as error:
        yield ValueError(str(error))
    except ValueError as error:
        yield ValueError(f"{named(event)}: {error}")


def _check_unit(event: Mapping[str, Any], source: Source) -> None:
    """Refuse prices whose event says that they are in another currency, or per something else."""
    listed = event.get("payloadDescriptors")
    for one in listed if isinstance(listed, list) else []:
        if not isinstance(one, dict) or one.get("payloadType") != KIND:
            continue
        currency, per = source.unit.upper().split("/")
        said = (one.get("currency") or currency, one.get("units") or per)
        if tuple(str(each).upper() for each in said) != (currency, per):
            raise ValueError(
                f"prices in {said[0]}/{said[1]}, expected {source.unit}; set unit to what it gives"
            )


def _cell(row: object) -> Cell:
    if isinstance(row, ValueError):
        raise row
    assert isinstance(row, Cell)  # noqa: S101 -- as _prices gives it
    return row
