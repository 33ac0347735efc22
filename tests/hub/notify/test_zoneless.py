"""A machine without a table of time zones, as slim images are: said, and nobody goes untold."""

import datetime
import sys
import zoneinfo

import pytest

from lode_hub.errors import InvalidError
from lode_hub.notify import Notifier, Senders, SmtpChannel, oncall, proper, quiet
from lode_hub.store.telling import Habit, Layer, Schedule
from tests.hub.notify.people import ADMIN, desk
from tests.hub.notify.test_notifier import rows

NOON = datetime.datetime(2026, 1, 10, 12, tzinfo=datetime.UTC)
ALWAYS = Layer(people=("ann",), begins_on=datetime.date(2020, 1, 1))


def quiet_in(zone: str) -> Habit:
    return Habit(
        time_zone=zone, quiet_from=datetime.time(1), quiet_until=datetime.time(23), digest="daily"
    )


@pytest.fixture
def take_zones_away(monkeypatch):
    """Give what takes them away; they are back at the end."""
    path = zoneinfo.TZPATH

    def take() -> None:
        for name in {"tzdata", *(name for name in sys.modules if name.startswith("tzdata."))}:
            monkeypatch.setitem(sys.modules, name, None)
        zoneinfo.reset_tzpath(to=())
        zoneinfo.ZoneInfo.clear_cache()

    yield take
    zoneinfo.reset_tzpath(to=path)
    zoneinfo.ZoneInfo.clear_cache()


def test_utc_needs_no_table_and_the_rest_says_what_to_install(take_zones_away):
    with pytest.raises(InvalidError, match="use a name such as"):
        proper.habit(Habit(time_zone="Europe/Nowhere"))
    take_zones_away()
    proper.habit(Habit())
    assert quiet.held_until(quiet_in("UTC"), "warning", NOON) is not None
    with pytest.raises(InvalidError, match="pip install tzdata"):
        proper.habit(Habit(time_zone="Europe/Berlin"))


@pytest.mark.parametrize("severity", ["info", "warning", "critical"])
def test_whose_hours_are_not_known_is_told_at_once(take_zones_away, severity):
    take_zones_away()
    assert quiet.held_until(quiet_in("Europe/Berlin"), severity, NOON) is None


def test_somebody_is_on_call_by_utc(take_zones_away):
    take_zones_away()
    plan = Schedule(
        id=1, name="nights", time_zone="Europe/Berlin", sites=None, layers=(ALWAYS,), overrides=()
    )
    assert oncall.on_call(plan, NOON) == "ann"
    (shift,) = oncall.shifts(plan, NOON, NOON + datetime.timedelta(days=2))
    assert shift.person == "ann"


async def test_a_schedule_that_runs_by_utc_is_an_alert(store, take_zones_away):
    post = Senders([SmtpChannel(name="mail", host="h", port=25, tls="none", sender="l@x.y")])
    people = await desk(store, post)
    await people.put_way("ann", "mail", "ann@mine.example", ADMIN)
    await people.save_schedule("nights", "Europe/Berlin", [ALWAYS], ADMIN)
    notifier = Notifier(store, post)
    gaps = "select title, likely_cause from alert where rule = 'on-call-gap'"
    await notifier.look_for_gaps()
    assert not await rows(store, gaps)
    take_zones_away()
    await notifier.look_for_gaps()
    (gap,) = await rows(store, gaps)
    assert "runs by UTC, for Europe/Berlin is not known here" in gap["title"]
    assert "pip install tzdata" in gap["likely_cause"]
    await post.close()
