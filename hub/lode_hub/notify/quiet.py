"""When a person is left alone, and when what was kept for them is told.

Local times become moments by their zone: one that a change to summer time skips is the moment
after the gap, one that comes twice is the first. Whose zone this machine does not know is told at
once: better at the wrong hour than hours late.
"""

import datetime

from lode_hub import zones
from lode_hub.notify.channels import is_at_least
from lode_hub.store.telling import Habit

_DAY = datetime.timedelta(days=1)
_HOUR = datetime.timedelta(hours=1)


def held_until(
    habit: Habit, severity: str, now: datetime.datetime
) -> tuple[datetime.datetime, str] | None:
    """Say until when something is kept back from a person and why; None when it is told at once."""
    if zones.known(habit.time_zone) is None:
        return None
    is_through = severity == "critical" and habit.is_critical_through
    until = None if is_through else quiet_until(habit, now)
    if until is not None:
        return until, "quiet"
    if habit.digest != "none" and not is_at_least(severity, _above(habit.digest_max)):
        return digest_at(habit, now), "digest"
    return None


def quiet_until(habit: Habit, now: datetime.datetime) -> datetime.datetime | None:
    """Give the end of the quiet hours that are now; None when there are none now."""
    if habit.quiet_from is None or habit.quiet_until is None:
        return None
    zone = zones.named(habit.time_zone)
    today = now.astimezone(zone).date()
    over_night = habit.quiet_until <= habit.quiet_from
    for day in (today - _DAY, today):
        begin = moment(day, habit.quiet_from, zone)
        end = moment(day + _DAY if over_night else day, habit.quiet_until, zone)
        if begin <= now < end:
            return end
    return None


def digest_at(habit: Habit, now: datetime.datetime) -> datetime.datetime:
    """Give the moment of a person's next digest."""
    zone = zones.named(habit.time_zone)
    local = now.astimezone(zone)
    if habit.digest == "hourly":
        into = datetime.timedelta(
            minutes=local.minute, seconds=local.second, microseconds=local.microsecond
        )
        return now - into + _HOUR
    today = moment(local.date(), habit.digest_at, zone)
    return today if today > now else moment(local.date() + _DAY, habit.digest_at, zone)


def moment(day: datetime.date, time: datetime.time, zone: datetime.tzinfo) -> datetime.datetime:
    """Give the moment of a local time, in UTC."""
    return datetime.datetime.combine(day, time, tzinfo=zone).astimezone(datetime.UTC)


def _above(severity: str) -> str:
    return {"info": "warning", "warning": "critical"}[severity]
