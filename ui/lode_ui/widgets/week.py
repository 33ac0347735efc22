"""A week of a schedule as one bar: who is on call when, and where nobody is."""

from collections.abc import Sequence

from lode_hub.queries.telling import ShiftRow
from lode_ui import calendar
from lode_ui.widgets.text import Words, box

TINTS = 5
MOST_LISTED = 8


class Week:
    """The bar with its days below, what is wrong with it, and the shifts in words."""

    def __init__(self) -> None:
        self._bar = box("lode-week-bar")
        self._bar.props["aria-hidden"] = "true"  # the list below says the same
        self._days = box("lode-week-days")
        self._days.props["aria-hidden"] = "true"
        self._gaps = box("lode-stack")
        self._list = box("lode-shifts", "ol")
        self._shown: object = None

    def show(self, shifts: Sequence[ShiftRow], time_zone: str) -> None:
        """Show who is on call from now on."""
        if (tuple(shifts), time_zone) == self._shown or not shifts:
            return
        self._shown = (tuple(shifts), time_zone)
        for place in (self._bar, self._days, self._gaps, self._list):
            place.clear()
        begin, end = shifts[0].from_ms, shifts[-1].until_ms
        people = list(dict.fromkeys(shift.person for shift in shifts if shift.person))
        with self._bar:
            for shift in shifts:
                self._segment(shift, end - begin, people, time_zone)
        with self._days:
            for ms, weekday, number in calendar.midnights(begin, end, time_zone):
                with box("lode-week-day") as tick:
                    tick.style(f"left: {(ms - begin) / (end - begin) * 100:.2f}%")
                    Words(weekday)
                    Words(number, "", "b")
        with self._gaps:
            for person in dict.fromkeys(s.person for s in shifts if not s.is_reachable):
                _gap(person, [s for s in shifts if s.person == person], time_zone)
        self._gaps.set_visibility(any(not shift.is_reachable for shift in shifts))
        self._fill(shifts, time_zone)

    def _segment(self, shift: ShiftRow, length_ms: int, people: list[str], time_zone: str) -> None:
        tint = people.index(shift.person) % TINTS if shift.person else 0
        kind = f"lode-tint-{tint}" if shift.person else "lode-week-gap"
        if shift.person and not shift.is_reachable:
            kind = "lode-week-unreachable"
        part = Words(shift.person or "nobody", f"lode-week-part {kind}")
        part.style(f"width: {(shift.until_ms - shift.from_ms) / length_ms * 100:.3f}%")
        part.props["title"] = _words(shift, time_zone)

    def _fill(self, shifts: Sequence[ShiftRow], time_zone: str) -> None:
        with self._list:
            for shift in shifts[:MOST_LISTED]:
                with box("lode-shift", "li"):
                    Words(shift.person or "Nobody", "lode-bad lode-toned" * (not shift.person), "b")
                    Words(_span(shift, time_zone), "lode-note")
            if shifts[MOST_LISTED:]:
                with box("lode-shift", "li"):
                    Words(f"and {len(shifts) - MOST_LISTED} more in the bar above", "lode-note")


def _gap(person: str | None, shifts: Sequence[ShiftRow], time_zone: str) -> None:
    when = "; ".join(_span(shift, time_zone) for shift in shifts[:MOST_LISTED])
    with box(f"lode-notice lode-{'warn' if person else 'bad'}", "p"):
        if person:
            Words(f"{person} has no way to be told", "", "b")
            Words(f"and is on call {when}. They add one under Channels.")
        else:
            Words("Nobody is on call", "", "b")
            Words(f"{when}. Add a layer, or let somebody stand in.")


def _span(shift: ShiftRow, time_zone: str) -> str:
    return (
        f"{calendar.said(shift.from_ms, time_zone)} to {calendar.said(shift.until_ms, time_zone)}"
    )


def _words(shift: ShiftRow, time_zone: str) -> str:
    return f"{shift.person or 'nobody'}: {_span(shift, time_zone)}"
