"""Forms of how and when a person is told, and of when nobody is: fields, spans, refusals."""

import datetime

import pytest

from lode_hub.errors import InvalidError
from lode_hub.queries.telling import Habit
from lode_ui.widgets.form import MomentField, NumberField, SelectField, TextField
from lode_ui.widgets.picker import Picker
from lode_ui.widgets.quiet_forms import NO_SITE, NO_WORDS, NOTHING, MaintenanceForm, SilenceForm
from lode_ui.widgets.way_forms import HabitForm, WayForm
from lode_ui.widgets.when import NO_TIME, WhenForm
from tests.ui.reading import field, press, seen, send, until
from tests.ui.stage import Stage, desk, staged

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


class Closed:
    """Notes that a form is done."""

    def __init__(self) -> None:
        self.n = 0

    async def __call__(self) -> None:
        self.n += 1


def is_offered(stage: Stage, label: str) -> bool:
    return label in seen(stage).split(" | ")


@pytest.mark.parametrize(("role", "is_admin"), [("operator", False), ("admin", True)])
async def test_only_administrators_name_others_and_webhooks(role, is_admin):
    own = desk(role)
    async with staged(lambda: WayForm(own, Closed())) as stage:
        assert is_offered(stage, "Person") == is_admin
        assert is_offered(stage, "Webhook") == is_admin
        send(field(stage, "Kind"), "webhook")  # forged, or not
        assert ("https://" in seen(stage)) == is_admin
        send(field(stage, "Address"), "x")
        press(stage, "Save way")
        await until(lambda: len(own.actions.telling.done) == 1)
    assert own.actions.telling.done[0][2] == ("webhook" if is_admin else "mail")


async def test_a_way_is_saved_as_it_was_chosen():
    own, closed = desk(), Closed()
    async with staged(lambda: WayForm(own, closed)) as stage:
        send(field(stage, "Kind"), "sms")
        assert "a phone number with its country" in seen(stage)
        press(stage, "Save way")
        await until(lambda: "Give an address." in seen(stage))
        send(field(stage, "Address"), " +49 170 1 ")
        send(field(stage, "Tell of"), "critical")
        press(stage, "Save way")
        await until(lambda: closed.n == 1)
        assert stage.notices == ["Saved; send a test to see that it arrives"]
    ((act, person, kind, address, by, named),) = own.actions.telling.done
    assert (act, person, kind, address, by.name) == ("put_way", "mira", "sms", "+49 170 1", "mira")
    assert named == {
        "min_severity": "critical", "is_on_call_only": False, "is_resolved_told": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("refusal", "label"),
    [
        ("person zoe: there is none; check the name", "Person"),
        ("ways: 'x' is no address for mail; give one such as ann@mine.example", "Address"),
        ("severity: no 'x'; use one of info, warning, critical", None),
    ],
)
async def test_a_refused_way_says_where_and_stays_open(refusal, label):
    own, closed = desk("admin"), Closed()
    own.actions.telling.failure = InvalidError(refusal)
    async with staged(lambda: WayForm(own, closed)) as stage:
        send(field(stage, "Address"), "x")
        press(stage, "Save way")
        await until(lambda: refusal.removeprefix("ways: ") in seen(stage))
        marked = [name for name in ("Person", "Address")
                  if "aria-invalid" in field(stage, name).props]  # fmt: skip
        assert marked == ([label] if label else [])
        assert closed.n == 0


NIGHT = Habit(time_zone="Europe/Berlin", quiet_from=datetime.time(22, 30),
              quiet_until=datetime.time(6), digest="daily", digest_at=datetime.time(7, 15),
              digest_max="warning", is_critical_through=False)  # fmt: skip


@pytest.mark.parametrize("habit", [NIGHT, Habit()])
async def test_a_habit_that_nobody_touched_is_saved_as_it_was(habit):
    own = desk()
    async with staged(lambda: HabitForm(own, habit)) as stage:
        press(stage, "Save")
        await until(lambda: len(own.actions.telling.done) == 1)
        assert stage.notices == ["Saved"]
    assert own.actions.telling.done[0][:3] == ("set_habit", "mira", habit)


async def test_a_digest_asks_only_for_what_it_needs():
    async with staged(lambda: HabitForm(desk(), Habit())) as stage:
        offered = {}
        for digest in ("none", "hourly", "daily"):
            send(field(stage, "Digest"), digest)
            offered[digest] = (is_offered(stage, "Digest at"), is_offered(stage, "It takes"))
    assert offered == {"none": (False, False), "hourly": (False, True), "daily": (True, True)}


async def test_a_daily_digest_needs_its_time():
    own = desk()
    async with staged(lambda: HabitForm(own, NIGHT)) as stage:
        send(field(stage, "Digest at"), "")
        press(stage, "Save")
        await until(lambda: "Pick a time of day." in seen(stage))
        assert own.actions.telling.done == []
        send(field(stage, "Digest"), "hourly")
        press(stage, "Save")
        await until(lambda: len(own.actions.telling.done) == 1)


@pytest.mark.parametrize(
    ("refusal", "label"),
    [
        ("quiet hours: only one end is given; give both or neither", "Quiet until"),
        ("time zone: no 'X'; use a name such as Europe/Berlin", "Time zone"),
        ("digest: no 'x'; use none, hourly or daily", None),
    ],
)
async def test_a_refused_habit_says_where(refusal, label):
    own = desk()
    own.actions.telling.failure = InvalidError(refusal)
    async with staged(lambda: HabitForm(own, NIGHT)) as stage:
        press(stage, "Save")
        await until(lambda: refusal in seen(stage))
        marked = [name for name in ("Quiet until", "Time zone")
                  if "aria-invalid" in field(stage, name).props]  # fmt: skip
        assert marked == ([label] if label else [])


@pytest.mark.parametrize(
    ("sent", "span"),
    [
        ({}, (0, HOUR_MS)),
        ({"How long": "604800"}, (0, 7 * 24 * HOUR_MS)),
        ({"Begins": "at"}, None),
        ({"Begins": "at", "From": NOW_MS + HOUR_MS}, (HOUR_MS, 2 * HOUR_MS)),
        ({"Begins": "at", "From": NOW_MS - HOUR_MS // 2}, (-HOUR_MS // 2, HOUR_MS // 2)),
        ({"Begins": "at", "From": NOW_MS - HOUR_MS}, None),
        ({"How long": "until"}, None),
        ({"How long": "until", "Until": NOW_MS}, None),
        ({"How long": "until", "Until": NOW_MS + 1}, (0, 1)),
        ({"Begins": "at", "From": NOW_MS + 9, "How long": "until", "Until": NOW_MS + 9}, None),
        ({"How long": "until", "Until": None}, None),
        ({"How long": "until", "Until": float("nan")}, None),
        ({"From": NOW_MS + HOUR_MS}, (0, HOUR_MS)),  # chosen, and taken back
    ],
)
async def test_a_span_begins_and_ends_to_come(sent, span):
    async with staged(WhenForm) as stage:
        for label, value in sent.items():
            send(field(stage, label), value)
        found = stage.made.read(NOW_MS)
        shown = found and (found.starts_ms - NOW_MS, found.ends_ms - NOW_MS)
        assert shown == span
        assert is_offered(stage, "From") == ("Begins" in sent)
        assert is_offered(stage, "Until") == (sent.get("How long") == "until")


class Made:
    """Keeps what a form makes."""

    def __init__(self) -> None:
        self.all: list[tuple[object, ...]] = []

    async def __call__(self, *made: object) -> None:
        self.all.append(made)


async def test_a_silence_of_everything_is_not_made():
    made = Made()
    async with staged(lambda: SilenceForm({}, made, lambda: NOW_MS)) as stage:
        stage.made.offer(["north"])
        send(field(stage, "Rule"), "**")  # fits anything, as if nothing were chosen
        send(field(stage, "Reason"), "quiet, please")
        press(stage, "Silence")
        await until(lambda: NOTHING in seen(stage))
        assert made.all == []
        send(field(stage, "Site"), "north")
        press(stage, "Silence")
        await until(lambda: len(made.all) == 1)
    ((matchers, span, why),) = made.all
    assert (matchers.site, matchers.rule, why) == ("north", None, "quiet, please")
    assert (span.starts_ms, span.ends_ms) == (NOW_MS, NOW_MS + HOUR_MS)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, NOTHING),
        ({"Cause": "heat", "How long": "until"}, NO_TIME),
        ({"Cause": "heat"}, NO_WORDS),
    ],
)
async def test_a_silence_says_the_first_thing_that_lacks(sent, said):
    made = Made()
    async with staged(lambda: SilenceForm({"cause": "no such"}, made, lambda: NOW_MS)) as stage:
        for label, value in sent.items():
            send(field(stage, label), value)
        press(stage, "Silence")
        await until(lambda: said in seen(stage))
        assert made.all == []


async def test_maintenance_needs_a_site_and_words():
    made = Made()
    async with staged(lambda: MaintenanceForm({}, made, lambda: NOW_MS)) as stage:
        press(stage, "Plan maintenance")
        await until(lambda: NO_SITE in seen(stage))
        stage.made.offer(["north"])
        send(field(stage, "Site"), "north")
        press(stage, "Plan maintenance")
        await until(lambda: NO_WORDS in seen(stage))
        send(field(stage, "What is done"), "new fans")
        press(stage, "Plan maintenance")
        await until(lambda: len(made.all) == 1)
    assert made.all[0][0] == ("north", None)


@pytest.mark.parametrize(
    ("typed", "value"),
    [("", None), ("1e999", None), ("nan", None), ("-0.1", None), ("10.5", None), ("3.5", None),
     ("0", 0.0), ("1e1", 10.0), ("0x3", None), ("7" * 500, None)],
)  # fmt: skip
async def test_a_number_is_within_its_limits_or_none(typed, value):
    async with staged(lambda: NumberField("N", low=0, high=10, is_whole=True, value=5)) as stage:
        assert stage.made.value == 5
        send(field(stage, "N"), typed)
        assert stage.made.value == value
        assert stage.made.is_empty == (typed == "")


@pytest.mark.parametrize("value", [0.1, 1 / 3, 12_345_678.0, 0.0000123, 1e16, -40.0, 0.0, 86_400])
async def test_a_number_comes_back_as_it_was_given(value):
    async with staged(lambda: NumberField("N", value=value)) as stage:
        assert stage.made.value == value
        assert float(stage.made._input.props["defaultValue"]) == value


async def test_fields_take_only_what_they_offer():
    picked: list[str] = []

    async def pick(value: str) -> None:
        picked.append(value)

    def build() -> tuple[SelectField[str], TextField, MomentField]:
        Picker("Told", {"all": "All", "none": "None"}, pick)
        return SelectField("One", {"a": "A", "b": "B"}, "b"), TextField("T"), MomentField("M")

    async with staged(build) as stage:
        one, text, moment = stage.made
        send(field(stage, "One"), "forged")
        assert one.value == "b"
        one.offer({"b": "B", "c": "C"})
        assert one.value == "b"
        one.offer({"c": "C"})
        assert one.value == "c"
        send(field(stage, "T"), " x" * 400)
        assert len(text.value) <= 400
        for sent, kept in ((5.0, 5), ("soon", None), (6, 6), (float("inf"), None)):
            send(field(stage, "M"), sent)
            assert moment.value == kept
        lists = (e for e in stage._client.elements.values() if e.tag == "select")
        told = next(e for e in lists if e.props.get("aria-label") == "Told")
        for value in ("forged", "none"):
            send(told, value)
        await until(lambda: bool(picked))
        assert picked == ["none"]
