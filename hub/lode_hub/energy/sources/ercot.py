"""ERCOT's files of settlement point prices and LMPs, day-ahead and real-time.

They are NP4-190, NP4-183, NP6-905 and NP6-788. Hours are named by their end, 01:00 to 24:00, in
Central Prevailing Time. Where clocks go back the hour ending 02:00 comes twice, the second with
flag Y; where they go forward 03:00 is left out.
"""

import csv
import datetime as dt
import io
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from lode_hub.energy.prices import OPEN_MS, Parsed
from lode_hub.energy.sources.described import Source
from lode_hub.energy.sources.rows import Cell, LocalClock, gather, number

ZONE = ZoneInfo("America/Chicago")
_HOUR_MS = 3_600_000
_QUARTER_MS = 900_000

Row = Mapping[str, str]
When = Callable[[Row], tuple[dt.datetime, int, str]]
"""Gives the local begin, how long it holds in ms (0: until the next), the repeated-hour flag."""


def decode(source: Source, text: str) -> Parsed:
    """Read one of the files, known by its header.

    Raises:
        ValueError: it is none of them.
    """
    table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    header = tuple(name.strip() for name in table.fieldnames or ())
    table.fieldnames = list(header)
    for named, point, price, when in _FILES:
        if set(named) <= set(header):
            return _read(source, table, (point, price, when))
    raise ValueError(
        f"line 1: header {','.join(header)[:200]!r} is of no ERCOT price file that is known; "
        "use format = csv and map the columns"
    )


def _read(source: Source, table: "csv.DictReader[str]", how: tuple[str, str, When]) -> Parsed:
    point, price, when = how
    clock = LocalClock(ZONE)

    def read(row: object) -> Cell | None:
        assert isinstance(row, dict)  # noqa: S101 -- csv gives dicts
        if any(value is None for value in row.values()):
            raise IndexError
        node = row[point].strip()
        if node != source.node:
            return None
        local, length_ms, flag = when(row)
        begin = clock.moment_ms(local, node, is_second=_flag(flag, local))
        until = begin + length_ms if length_ms else OPEN_MS
        return Cell(begin_ms=begin, until_ms=until, value=number(row[price]), node=node)

    return gather(source, ((table.line_num, row) for row in table), read)


def _flag(flag: str, local: dt.datetime) -> bool | None:
    # The flag counts only in the hour that comes twice; some products set it all summer.
    early, late = (local.replace(tzinfo=ZONE, fold=fold).utcoffset() for fold in (0, 1))
    if early == late or not flag:
        return None
    return flag == "Y"


def _day_ahead(row: Row) -> tuple[dt.datetime, int, str]:
    hour = int(row["HourEnding"].strip().partition(":")[0])
    return _date(row) + _hours(hour), _HOUR_MS, row.get("DSTFlag", "").strip()


def _real_time(row: Row) -> tuple[dt.datetime, int, str]:
    hour, quarter = int(row["DeliveryHour"]), int(row["DeliveryInterval"])
    if quarter not in {1, 2, 3, 4}:
        raise ValueError(f"DeliveryInterval {quarter}; expected 1 to 4")
    begin = _date(row) + _hours(hour) + dt.timedelta(minutes=15 * (quarter - 1))
    return begin, _QUARTER_MS, row.get("DSTFlag", "").strip()


def _sced(row: Row) -> tuple[dt.datetime, int, str]:
    begin = dt.datetime.strptime(row["SCEDTimestamp"].strip(), "%m/%d/%Y %H:%M:%S")  # noqa: DTZ007
    return begin, 0, row.get("RepeatedHourFlag", "").strip()


def _date(row: Row) -> dt.datetime:
    return dt.datetime.strptime(row["DeliveryDate"].strip(), "%m/%d/%Y")  # noqa: DTZ007


def _hours(ending: int) -> dt.timedelta:
    if not 1 <= ending <= 24:  # noqa: PLR2004 -- hours of a day
        raise ValueError(f"hour ending {ending}; expected 1 to 24")
    return dt.timedelta(hours=ending - 1)


_FILES: tuple[tuple[tuple[str, ...], str, str, When], ...] = (
    (
        ("DeliveryDate", "HourEnding", "SettlementPoint", "SettlementPointPrice"),
        "SettlementPoint",
        "SettlementPointPrice",
        _day_ahead,
    ),
    (("DeliveryDate", "HourEnding", "BusName", "LMP"), "BusName", "LMP", _day_ahead),
    (
        (
            "DeliveryDate",
            "DeliveryHour",
            "DeliveryInterval",
            "SettlementPointName",
            "SettlementPointPrice",
        ),
        "SettlementPointName",
        "SettlementPointPrice",
        _real_time,
    ),
    (("SCEDTimestamp", "SettlementPoint", "LMP"), "SettlementPoint", "LMP", _sced),
)
