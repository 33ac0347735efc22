"""Who is on call: overrides above layers, a later layer above an earlier one.

layers (rotations with handovers, some at certain times only) + overrides ─► shifts, gaps
"""

import datetime
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from lode_hub import zones
from lode_hub.notify.quiet import moment
from lode_hub.store.telling import Layer, Schedule

MAX_SPAN = datetime.timedelta(days=62)
_DAY = datetime.timedelta(days=1)
_MIDNIGHT = datetime.time(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """From when until when somebody is on call; no person is a gap."""

    person: str | None
    from_at: datetime.datetime
    until_at: datetime.datetime


def on_call(schedule: Schedule, at: datetime.datetime) -> str | None:
    """Name who is on call at a moment; None when nobody is."""
    for override in reversed(schedule.overrides):
        if override.from_at <= at < override.until_at:
            return override.person
    zone = _zone(schedule)
    found = (_turn(layer, zone, at) for layer in reversed(schedule.layers))
    return next((person for person in found if person is not None), None)


def shifts(
    schedule: Schedule, from_at: datetime.datetime, until_at: datetime.datetime
) -> list[Shift]:
    """List who is on call in a span, in order and without a hole; MAX_SPAN of it at most."""
    until_at = min(until_at, from_at + MAX_SPAN)
    zone = _zone(schedule)
    edges = {from_at, until_at}
    for override in schedule.overrides:
        edges |= {override.from_at, override.until_at}
    for layer in schedule.layers:
        edges |= set(_edges(layer, zone, from_at, until_at))
    inside = sorted(edge for edge in edges if from_at <= edge <= until_at)
    found: list[Shift] = []
    for begin, end in itertools.pairwise(inside):
        person = on_call(schedule, begin)
        goes_on = found and found[-1].person == person
        since = found.pop().from_at if goes_on else begin
        found.append(Shift(person=person, from_at=since, until_at=end))
    return found


def gap(
    schedule: Schedule,
    from_at: datetime.datetime,
    until_at: datetime.datetime,
    reachable: Collection[str],
) -> Shift | None:
    """Give the first shift whose person is nobody, or cannot be reached; None when all is well."""
    found = shifts(schedule, from_at, until_at)
    return next((shift for shift in found if shift.person not in reachable), None)


def _zone(schedule: Schedule) -> datetime.tzinfo:
    # Somebody has to be on call: by UTC where the machine does not know better, and that is told.
    return zones.known(schedule.time_zone) or datetime.UTC


def _turn(layer: Layer, zone: datetime.tzinfo, at: datetime.datetime) -> str | None:
    if not layer.people or not _holds(layer, zone, at):
        return None
    elapsed_d = (at.astimezone(zone).date() - layer.begins_on).days
    turn = elapsed_d // layer.days
    if at < _handover(layer, zone, turn):
        turn -= 1
    return layer.people[turn % len(layer.people)] if turn >= 0 else None


def _handover(layer: Layer, zone: datetime.tzinfo, turn: int) -> datetime.datetime:
    return moment(layer.begins_on + turn * layer.days * _DAY, layer.handover, zone)


def _holds(layer: Layer, zone: datetime.tzinfo, at: datetime.datetime) -> bool:
    if not layer.weekdays and layer.from_time is None and layer.until_time is None:
        return True
    today = at.astimezone(zone).date()
    return any(
        begin <= at < end
        for day in (today - _DAY, today)
        for begin, end in _windows(layer, zone, day)
    )


def _windows(
    layer: Layer, zone: datetime.tzinfo, day: datetime.date
) -> Iterator[tuple[datetime.datetime, datetime.datetime]]:
    """Give the span that begins on a day, if the layer holds on that day."""
    if layer.weekdays and day.weekday() not in layer.weekdays:
        return
    begin, end = layer.from_time or _MIDNIGHT, layer.until_time or _MIDNIGHT
    last_day = day + _DAY if end <= begin else day
    yield moment(day, begin, zone), moment(last_day, end, zone)


def _edges(
    layer: Layer, zone: datetime.tzinfo, from_at: datetime.datetime, until_at: datetime.datetime
) -> Iterator[datetime.datetime]:
    """Give every moment at which a layer may change hands."""
    day, last = from_at.astimezone(zone).date() - _DAY, until_at.astimezone(zone).date() + _DAY
    while day <= last:
        yield moment(day, layer.handover, zone)
        for begin, end in _windows(layer, zone, day):
            yield begin
            yield end
        day += _DAY
