"""Forms of schedules, turns, stand-ins and escalation: what is wrong is said where it was typed."""

import datetime

import pytest
from nicegui.element import Element

from lode_hub.errors import InvalidError, NotFoundError
from lode_hub.queries.telling import Layer, Policy, ScheduleRow, Step
from lode_ui.widgets.oncall_forms import LayerFields, OverrideForm, ScheduleForm
from lode_ui.widgets.policy_form import PolicyForm
from tests.ui.reading import button, field, press, seen, send, until
from tests.ui.stage import Stage, desk, staged

NIGHT = Layer(
    people=("ann", "bob"), begins_on=datetime.date(2026, 11, 2), days=3,
    handover=datetime.time(18, 30), from_time=datetime.time(22), until_time=datetime.time(6),
    weekdays=(0, 6),
)  # fmt: skip
ROW = ScheduleRow(name="north", time_zone="Europe/Berlin", sites=["north"], layers=(NIGHT,),
                  overrides=[], on_call="ann")  # fmt: skip
STEPS = (Step(after_s=0, tell=("schedule:north",)), Step(after_s=100, tell=("person:bob",)))
POLICY = Policy(id=1, name="critical", sites=None, steps=STEPS)
NOON_MS = 1_800_000_000_000


class Closed:
    """Notes that a form is done."""

    def __init__(self) -> None:
        self.n = 0

    async def __call__(self) -> None:
        self.n += 1


def fields(stage: Stage, label: str) -> list[Element]:
    """Find every field under a label, in its order."""
    every = list(stage._client.elements.values())
    at = [n for n, element in enumerate(every) if element._text == label]
    return [next(e for e in every[n:] if e.tag in {"input", "select"}) for n in at]


async def click(stage: Stage, word: str) -> None:
    """Press a button, and be there when all of it is done."""
    with stage._client:
        await button(stage, word)._clicked()


async def dropped() -> None:
    raise AssertionError("nobody dropped it")


async def test_a_layer_that_nobody_touched_is_read_as_it_was():
    async with staged(lambda: LayerFields(NIGHT, dropped)) as stage:
        assert stage.made.read() == NIGHT


@pytest.mark.parametrize(
    ("label", "typed", "said"),
    [
        ("People in turn", " , ", "Name at least one person."),
        ("First day", "", "Pick the day of the first turn."),
        ("First day", "2026-02-30", "Pick the day of the first turn."),
        ("Each turn", "0", "Give 1 to 366 whole days."),
        ("Each turn", "1.5", "Give 1 to 366 whole days."),
        ("Each turn", "367", "Give 1 to 366 whole days."),
        ("Each turn", "", "Give 1 to 366 whole days."),
        ("Handover at", "", "Pick a time of day."),
        ("Only from", "", "Give both ends, or neither."),
        ("Only until", "", "Give both ends, or neither."),
    ],
)
async def test_a_layer_says_which_field_is_wrong(label, typed, said):
    async with staged(lambda: LayerFields(NIGHT, dropped)) as stage:
        kept = str(field(stage, label).props["defaultValue"])
        send(field(stage, label), typed)
        assert stage.made.read() is None
        assert said in seen(stage)
        send(field(stage, label), kept)
        assert stage.made.read() == NIGHT
        assert said not in seen(stage)


async def test_a_layer_without_hours_or_weekdays_holds_always():
    async with staged(lambda: LayerFields(NIGHT, dropped)) as stage:
        for label in ("Only from", "Only until"):
            send(field(stage, label), "")
        for label in ("Mon", "Sun"):
            send(_tick(stage, label), False)
        made = stage.made.read()
        assert (made.from_time, made.until_time, made.weekdays) == (None, None, ())


def _tick(stage: Stage, label: str) -> Element:
    words = next(e for e in stage._client.elements.values() if e._text == label)
    assert words.parent_slot
    return next(e for e in words.parent_slot.children if e.tag == "input")


async def test_a_schedule_is_saved_whole_with_its_sites():
    own, closed = desk(), Closed()
    async with staged(lambda: ScheduleForm(own, ROW, ["north", "south"], closed)) as stage:
        assert "Name" not in seen(stage).split(" | ")  # a schedule is not renamed
        send(field(stage, "Sites"), "south, north")
        press(stage, "Save schedule")
        await until(lambda: closed.n == 1)
    ((act, name, zone, layers, person, named),) = own.actions.telling.done
    assert (act, name, zone, layers) == ("save_schedule", "north", "Europe/Berlin", [NIGHT])
    assert (person.name, named) == ("mira", {"sites": ["south", "north"]})


async def test_a_new_schedule_asks_for_name_people_and_sites_that_are():
    own, closed = desk(), Closed()
    async with staged(lambda: ScheduleForm(own, None, ["north"], closed)) as stage:
        send(field(stage, "Sites"), "nrth")
        press(stage, "Save schedule")
        await until(lambda: "Give it a name." in seen(stage))
        assert "There is no site 'nrth'." in seen(stage)
        assert "Name at least one person." in seen(stage)
        assert (own.actions.telling.done, closed.n) == ([], 0)


async def test_layers_are_added_up_to_ten_and_the_last_one_stays():
    async with staged(lambda: ScheduleForm(desk(), None, [], Closed())) as stage:
        for wanted in (*range(2, 11), 10):
            await click(stage, "Add a layer")
            assert seen(stage).count("Remove this layer") == wanted
        for wanted in (*range(9, 0, -1), 1):
            await click(stage, "Remove this layer")
            assert seen(stage).count("Remove this layer") == wanted


@pytest.mark.parametrize(
    ("refusal", "layer"),
    [
        (NotFoundError("person bob: there is none; check the name"), 0),
        (NotFoundError("person zoe: there is none; check the name"), 1),
        (InvalidError("schedule north: layer 2: 99 people; give 1 to 50"), 1),
        (InvalidError("time zone: no 'X'; use a name such as Europe/Berlin"), "Time zone"),
        (InvalidError("schedules: there are 50 already; remove one"), None),
    ],
)
async def test_a_refused_schedule_stays_open_and_says_where(refusal, layer):
    own, closed = desk(), Closed()
    own.actions.telling.failure = refusal
    second = Layer(people=("zoe",), begins_on=NIGHT.begins_on)
    row = ScheduleRow(name="north", time_zone="X", sites=None, layers=(NIGHT, second),
                      overrides=[], on_call=None)  # fmt: skip
    async with staged(lambda: ScheduleForm(own, row, [], closed)) as stage:
        press(stage, "Save schedule")
        await until(lambda: str(refusal) in seen(stage))
        wrong = ["aria-invalid" in each.props for each in fields(stage, "People in turn")]
        assert wrong == [layer == 0, layer == 1]
        assert ("aria-invalid" in field(stage, "Time zone").props) == (layer == "Time zone")
        assert closed.n == 0


@pytest.mark.parametrize("failure", [TimeoutError(), RuntimeError("secret"), InvalidError("no")])
@pytest.mark.parametrize("what", ["schedule", "policy"])
async def test_what_was_typed_is_kept_when_the_hub_does_not_answer(failure, what):
    own, closed = desk(), Closed()
    own.actions.telling.failure = failure

    def build() -> object:
        if what == "schedule":
            return ScheduleForm(own, ROW, ["north"], closed)
        return PolicyForm(own, POLICY, [], ["north"], {"bob"}, closed)

    async with staged(build) as stage:
        save = button(stage, f"Save {what}")
        send(save)
        await until(lambda: own.actions.telling.tried == 1 and "disabled" not in save.props)
        assert closed.n == 0
        assert "secret" not in seen(stage) + " ".join(stage.notices)


async def test_who_stands_in_has_a_name_and_a_span_to_come():
    own, closed = desk(), Closed()
    async with staged(lambda: OverrideForm(own, "north", closed)) as stage:
        press(stage, "Stand in")
        await until(lambda: seen(stage).count("Pick a moment.") == 2)
        send(field(stage, "Person"), " ")
        send(field(stage, "From"), NOON_MS)
        send(field(stage, "Until"), NOON_MS)
        press(stage, "Stand in")
        await until(lambda: "It ends before it begins." in seen(stage))
        assert "Name a person." in seen(stage)
        send(field(stage, "Until"), NOON_MS + 1)
        send(field(stage, "Person"), "ann")
        press(stage, "Stand in")
        await until(lambda: closed.n == 1)
    ((act, schedule, person, begin, end, by, _),) = own.actions.telling.done
    assert (act, schedule, person) == ("add_override", "north", "ann")
    assert (begin, end, by.name) == (NOON_MS, NOON_MS + 1, "mira")


@pytest.mark.parametrize(
    ("refusal", "label"),
    [("person zoe: there is none; check the name", "Person"),
     ("override: it must end after its begin, within 90 days", "Until")],
)  # fmt: skip
async def test_a_refused_stand_in_says_where(refusal, label):
    own, closed = desk(), Closed()
    own.actions.telling.failure = InvalidError(refusal)
    async with staged(lambda: OverrideForm(own, "north", closed)) as stage:
        send(field(stage, "From"), NOON_MS)
        send(field(stage, "Until"), NOON_MS + 1)
        press(stage, "Stand in")
        await until(lambda: refusal in seen(stage))
        assert "aria-invalid" in field(stage, label).props
        assert closed.n == 0


def policy_form(own, closed, policy=None):
    return lambda: PolicyForm(own, policy, ["north"], ["north"], {"bob", "ann"}, closed)


async def test_a_policy_is_saved_as_it_was_to_the_second():
    own, closed = desk(), Closed()
    async with staged(policy_form(own, closed, POLICY)) as stage:
        press(stage, "Save policy")
        await until(lambda: closed.n == 1)
    ((act, name, steps, _, named),) = own.actions.telling.done
    assert (act, name, tuple(steps), named) == ("save_policy", "critical", STEPS, {"sites": None})


async def test_a_new_policy_begins_with_the_usual_steps_and_tells_names_apart():
    own, closed = desk(), Closed()
    async with staged(policy_form(own, closed)) as stage:
        after = [each.props["defaultValue"] for each in fields(stage, "After")]
        assert after == ["0", "5", "15", "30"]
        send(field(stage, "Name"), "night")
        for told, text in zip(
            fields(stage, "Tell"), ("north", "bob, ann", "schedule:x", "nort"), strict=True
        ):
            send(told, text)
        press(stage, "Save policy")
        await until(lambda: "No schedule 'nort', and nobody so called" in seen(stage))
        assert own.actions.telling.done == []
        send(fields(stage, "Tell")[3], "person:zoe")
        press(stage, "Save policy")
        await until(lambda: closed.n == 1)
    steps = own.actions.telling.done[0][2]
    assert [step.tell for step in steps] == [
        ("schedule:north",), ("person:bob", "person:ann"), ("schedule:x",), ("person:zoe",),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "typed", "said"),
    [
        ("Name", "", "Give it a name."),
        ("Sites", "south", "There is no site 'south'."),
        ("Tell", "", "Name a schedule or a person."),
        ("After", "", "Give 0 to 1440 min."),
        ("After", "1441", "Give 0 to 1440 min."),
        ("After", "5", "Each step comes later than the one before."),
    ],
)
async def test_a_policy_says_what_is_wrong_and_is_not_saved(label, typed, said):
    own, closed = desk(), Closed()
    async with staged(policy_form(own, closed)) as stage:
        send(field(stage, "Name"), "night")
        for told in fields(stage, "Tell"):
            send(told, "bob")
        send(fields(stage, label)[0], typed)
        press(stage, "Save policy")
        await until(lambda: said in seen(stage))
        assert (own.actions.telling.done, closed.n) == ([], 0)
