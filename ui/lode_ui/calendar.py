"""Moments as a schedule's own time zone has them, and what people type of days and times."""

import datetime
from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def at(ms: int, time_zone: str) -> datetime.datetime:
    """Give a moment (Unix ms) in a time zone; in UTC when there is none of that name."""
    moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC)
    try:
        return moment.astimezone(ZoneInfo(time_zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return moment


def said(ms: int, time_zone: str) -> str:
    """Say a moment: `Mon 23 Nov, 09:00`."""
    return f"{at(ms, time_zone):%a %d %b, %H:%M}"


def midnights(from_ms: int, until_ms: int, time_zone: str) -> Iterator[tuple[int, str, str]]:
    """Give the midnights in a span as (Unix ms, weekday, day of the month)."""
    day = at(from_ms, time_zone).date()
    zone = at(from_ms, time_zone).tzinfo
    while True:
        day += datetime.timedelta(days=1)
        midnight = datetime.datetime.combine(day, datetime.time(0), tzinfo=zone)
        ms = int(midnight.timestamp() * 1000)
        if ms >= until_ms:
            return
        yield ms, f"{day:%a}", f"{day.day}"


def day(text: str) -> datetime.date | None:
    """Read a day such as `2026-11-30`."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def time_of_day(text: str) -> datetime.time | None:
    """Read a time of day such as `09:00`."""
    try:
        return datetime.time.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def names(text: str) -> list[str]:
    """Read names with commas between them."""
    return [name for each in text.split(",") if (name := each.strip())]
