"""Calls by OpenADR 3: what the intervals of a VTN's events ask of us."""

from collections.abc import Iterator, Mapping
from typing import Any

from lode_hub.energy.signals.calls import Call, call_of
from lode_hub.energy.signals.programme import Programme
from lode_hub.energy.vtn import Interval, intervals, modified_ms, named, seconds, value_of
from lode_hub.errors import InvalidError


def calls_of(
    event: Mapping[str, Any], programme: str, told: Programme, *, site: str, now_ms: int
) -> Iterator[Call]:
    """Make a call of each interval of an event that asks us to reduce.

    Raises:
        InvalidError: it cannot be understood.
    """
    where = named(event)
    for interval in intervals(event, now_ms):
        asked = _asked(interval, told, where)
        if asked is None or interval.until_ms == interval.begin_ms:
            continue
        yield call_of(
            programme,
            told,
            {
                "event": interval.name,
                "modification": modified_ms(event),
                "from_ms": interval.begin_ms,
                "until_ms": interval.until_ms,
                "random_s": seconds(str(interval.period.get("randomizeStart") or "PT0S"), where),
                "is_test": "test" in str(event.get("eventName", "")).lower(),
                **asked,
            },
            site=site,
        )


def _asked(interval: Interval, told: Programme, where: str) -> dict[str, Any] | None:
    """Read what an interval asks; None when it asks for nothing that we do."""
    for payload in interval.payloads:
        if isinstance(payload, dict) and payload.get("type") == "IMPORT_CAPACITY_LIMIT":
            return {"reduce": "to", "power_kw": value_of(payload, "IMPORT_CAPACITY_LIMIT")}
        level = value_of(payload, "SIMPLE")
        if isinstance(level, int | float):
            try:
                return told.asked(level)
            except ValueError as error:
                raise InvalidError(f"{where}: {error}") from None
    return None
