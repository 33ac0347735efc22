"""Forms for who is on call: a schedule with its layers, and somebody who stands in."""

import datetime
from collections.abc import Awaitable, Callable, Sequence

from lode_hub.queries.telling import Layer, ScheduleRow
from lode_ui import calendar
from lode_ui.acts import achieved, attempt
from lode_ui.desk import Desk
from lode_ui.widgets.button import Button
from lode_ui.widgets.form import CheckField, MomentField, NumberField, TextField
from lode_ui.widgets.layout import columns
from lode_ui.widgets.text import Words, box, note

MOST_LAYERS = 10
LONGEST_TURN_D = 366
Done = Callable[[], Awaitable[None]]


class ScheduleForm:
    """A schedule, new or as it is; whoever saves it replaces the whole of it."""

    def __init__(
        self, desk: Desk, row: ScheduleRow | None, sites: Sequence[str], done: Done
    ) -> None:
        self._desk, self._row, self._sites, self._done = desk, row, sites, done
        Words(f"Change {row.name}" if row else "New schedule", "lode-title", "h3")
        with columns("fields"):
            self._name = TextField("Name", example="north")
            self._name.hide(row is not None)
            zone = row.time_zone if row else "UTC"
            self._zone = TextField("Time zone", value=zone, example="Europe/Berlin")
            self._places = TextField(
                "Sites",
                hint="with commas; empty: every site",
                value=", ".join((row and row.sites) or ()),
            )
        note("People take turns, layer by layer: where two hold, the lower one here stands above.")
        self._place = columns("stack")
        self._layers: list[LayerFields] = []
        for layer in row.layers if row else (None,):
            self._add(layer)
        self._foot = Words("", "lode-wrong", "p")
        with columns("buttons"):
            Button("Save schedule", self._save, "lode-button-main")
            Button("Add a layer", self._add_one)
            Button("Cancel", done)

    async def _add_one(self) -> None:
        if len(self._layers) < MOST_LAYERS:
            self._add(None)

    def _add(self, layer: Layer | None) -> None:
        async def drop() -> None:
            if len(self._layers) > 1:
                self._layers.remove(fields)
                fields.root.delete()

        with self._place:
            fields = LayerFields(layer, drop)
        self._layers.append(fields)

    async def _save(self) -> None:
        for field in (self._name, self._zone, self._places):
            field.wrong("")
        self._foot.text = ""
        name = self._row.name if self._row else self._name.value
        if not name:
            self._name.wrong("Give it a name.")
        sites = calendar.names(self._places.value)
        if strange := [site for site in sites if site not in self._sites]:
            self._places.wrong(f"There is no site {strange[0]!r}.")
        layers = [each for fields in self._layers if (each := fields.read()) is not None]
        if not name or strange or len(layers) < len(self._layers):
            return
        desk = self._desk
        is_wrong: list[str] = []
        is_done = await achieved(
            desk,
            desk.actions.telling.save_schedule(
                name, self._zone.value, layers, desk.person, sites=sites or None
            ),
            "Saved",
            wrong=is_wrong.append,
        )
        for reason in is_wrong:
            self._point_at(reason, layers)
        if is_done:
            await self._done()

    def _point_at(self, reason: str, layers: Sequence[Layer]) -> None:
        """Say what the hub refused where it was typed."""
        if reason.startswith("time zone"):
            self._zone.wrong(reason)
            return
        for number, (fields, layer) in enumerate(zip(self._layers, layers, strict=True), 1):
            unknown = any(reason.startswith(f"person {name}:") for name in layer.people)
            if unknown or f"layer {number}:" in reason:
                fields.people.wrong(reason)
                return
        self._foot.text = reason


class LayerFields:
    """One layer: who takes turns, how long each, and when it holds."""

    def __init__(self, layer: Layer | None, drop: Done) -> None:
        first = layer.begins_on if layer else datetime.datetime.now(datetime.UTC).date()
        with box("lode-layer") as self.root:
            with columns("fields"):
                self.people = TextField(
                    "People in turn",
                    hint="login names with commas",
                    value=", ".join(layer.people) if layer else "",
                    example="ann, bob",
                )
                self._first = TextField("First day", form="date", value=first.isoformat())
                self._days = NumberField(
                    "Each turn", unit="days", value=layer.days if layer else 7,
                    low=1, high=LONGEST_TURN_D, is_whole=True,
                )  # fmt: skip
                self._handover = _time("Handover at", layer.handover if layer else None, "09:00")
                self._from = _time("Only from", layer.from_time if layer else None, "")
                self._until = _time("Only until", layer.until_time if layer else None, "")
            with box("lode-weekdays"):
                held = layer.weekdays if layer else ()
                self._weekdays = [
                    CheckField(name, value=number in held)
                    for number, name in enumerate(calendar.WEEKDAYS)
                ]
            note("No weekday ticked: every day. An end before its begin is the next day's.")
            with columns("buttons"):
                Button("Remove this layer", drop)

    def read(self) -> Layer | None:
        """Give the layer; None when something is wrong, which its field says then."""
        first, days = calendar.day(self._first.value), self._days.value
        handover = calendar.time_of_day(self._handover.value)
        begin, end = (calendar.time_of_day(each.value) for each in (self._from, self._until))
        people = calendar.names(self.people.value)
        self.people.wrong("" if people else "Name at least one person.")
        self._first.wrong("" if first else "Pick the day of the first turn.")
        self._days.wrong("" if days else f"Give 1 to {LONGEST_TURN_D} whole days.")
        self._handover.wrong("" if handover else "Pick a time of day.")
        is_half = (begin is None) != (end is None)
        self._until.wrong("Give both ends, or neither." if is_half else "")
        if not people or first is None or days is None or handover is None or is_half:
            return None
        return Layer(
            people=tuple(people),
            begins_on=first,
            days=int(days),
            handover=handover,
            from_time=begin,
            until_time=end,
            weekdays=tuple(n for n, field in enumerate(self._weekdays) if field.value),
        )


class OverrideForm:
    """Somebody who stands in from one moment to another."""

    def __init__(self, desk: Desk, schedule: str, done: Done) -> None:
        self._desk, self._schedule, self._done = desk, schedule, done
        Words(f"Who stands in for {schedule}", "lode-title", "h3")
        with columns("fields"):
            self._person = TextField("Person", hint="login name", value=desk.person.name)
            self._from = MomentField("From", hint="in your own time zone")
            self._until = MomentField("Until", hint="in your own time zone")
        with columns("buttons"):
            Button("Stand in", self._save, "lode-button-main")
            Button("Cancel", done)

    async def _save(self) -> None:
        person, begin, end = self._person.value, self._from.value, self._until.value
        self._person.wrong("" if person else "Name a person.")
        self._from.wrong("" if begin else "Pick a moment.")
        is_late = end is not None and begin is not None and end <= begin
        self._until.wrong("Pick a moment." if not end else "It ends before it begins." * is_late)
        if not person or not begin or not end or is_late:
            return
        desk = self._desk
        made = await attempt(
            desk,
            desk.actions.telling.add_override(self._schedule, person, begin, end, desk.person),
            wrong=lambda why: (self._person if why.startswith("person") else self._until).wrong(
                why
            ),
        )
        if made is not None:
            await self._done()


def _time(label: str, value: datetime.time | None, usual: str) -> TextField:
    return TextField(label, form="time", value=f"{value:%H:%M}" if value else usual)
