"""The plan's page and what-if as a person reads them, without a browser."""

import itertools

import pytest

from lode_ui import plan_words
from lode_ui.widgets.energy_plan import stacked
from lode_ui.widgets.energy_what_if import sentence
from tests.ui import made_energy as made
from tests.ui.reading import button, field, press, seen, send, texts, until
from tests.ui.world import Someone, World


async def test_the_last_plan_says_who_does_what_and_who_is_left_out(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/energy/plan")
        await until(lambda: "Plan of north" in seen(user))
        said = seen(user)
        for part in ("Down to 13 of 37 rigs awake, 18.00 kW", "18 full, 4 low, 2 asleep",
                     "13 preset 2800W", "24 asleep", "Unreachable", "In maintenance",
                     "Could not keep ramp of site: 12.0 kW", "$41 in 24 h"):  # fmt: skip
            assert part in said, part
        assert "rig-039" not in texts(user)  # no name is made to be hidden


async def test_a_preview_names_every_rig_of_ten_thousand_a_page_at_a_time(visit):
    world = World(rigs=40)
    world.energy.left_out = 10_000
    async with visit(world) as user:
        await user.open("/energy/plan?which=preview")
        await until(lambda: "6,666" in seen(user))
        assert "3,334" in seen(user)
        assert sum("rig-" in str(e._text) for e in user._client.elements.values()) == 0
        (found,) = [e for e in user._client.elements.values() if e.tag == "button"
                    and "lode-fold-head" in e.classes
                    and any(c._text == "6,666" for c in e.default_slot.children)]  # fmt: skip
        send(found)
        await until(lambda: "rig-039" in seen(user))
        assert "1 to 50 of 6,666" in seen(user)
        named = [e for e in user._client.elements.values() if str(e._text).startswith("rig-")]
        assert len(named) == 50
        search = next(e for e in user._client.elements.values() if e.props.get("type") == "search")
        send(search, "rig-5000 fans")
        await until(lambda: "tom: fans" in seen(user))
        assert world.done == []


async def test_a_plan_that_names_only_some_says_so(visit, monkeypatch):
    whole = made.plan
    monkeypatch.setattr(made, "plan", lambda: whole(
        left_out=made.left_out(3), left_out_by_reason={"unreachable": 700, "in maintenance": 1}
    ))  # fmt: skip
    async with visit(World(rigs=40)) as user:
        await user.open("/energy/plan")
        await until(
            lambda: "A plan that is kept names 3 of them; a preview names all." in seen(user)
        )
        assert "700" in seen(user)


async def test_without_a_plan_it_says_what_to_do(visit):
    async with visit(World(rigs=40, has_energy=False)) as user:
        await user.open("/energy/plan")
        await until(lambda: "There is no plan yet." in seen(user))
        press(user, "Preview of now")
        await until(lambda: "No preview was made." in seen(user))


async def test_no_preview_no_surprise_when_the_planner_is_let_act(visit):
    world = World(rigs=40, has_energy=False)
    async with visit(world) as user:
        await user.open("/energy")
        press(user, "Let it act …")
        await until(lambda: "Nothing is ordered until a plan can be made" in seen(user))
        assert world.done == []


def test_stacked_modes_add_up_to_all_rigs():
    plan = made.plan()
    lines = stacked(plan)
    assert [line.name for line in lines] == ["Full", "Low", "Preset 2800W", "Asleep"]
    assert {sum(values) for values in zip(*(line.values for line in lines), strict=True)} == {37.0}
    assert [line.name for line in stacked(plan, made.NEW)] == ["Full", "Preset 2800W"]
    assert len({line.color for line in lines}) == 4
    assert all(b - a == 300_000 for a, b in itertools.pairwise(lines[0].at_ms))


def test_when_a_class_changes_is_said():
    plan = made.plan()
    begin = plan.periods[0].from_ms
    at_ms, then = plan_words.change(plan, made.OLD, begin)
    assert (at_ms, then) == (begin + 5 * made.HOUR, "24 asleep")
    at_ms, then = plan_words.change(plan, made.OLD, begin + 6 * made.HOUR)
    assert (at_ms, then) == (begin + 7 * made.HOUR, "18 full, 4 low, 2 asleep")
    assert plan_words.change(plan, made.OLD, begin + 8 * made.HOUR)[0] is None
    assert plan_words.fewest(plan, made.OLD).from_ms == begin + 5 * made.HOUR


@pytest.mark.parametrize("role", ["viewer", "trader"])
async def test_anybody_may_ask_what_a_day_would_have_cost(visit, role):
    async with visit(World(rigs=40), Someone("vic", role)) as user:
        await user.open("/energy/what-if")
        await until(lambda: "What if at north" in seen(user))
        press(user, "What would it have cost?")
        await until(lambda: "$148.30 for 940.2 kWh." in seen(user))
        for part in ("monthly peak (at 2026-11-20 17:15)", "$86.50", "no price for 20.0 kWh"):
            assert part in seen(user), part


async def test_another_tariff_is_set_beside_the_own(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/energy/what-if")
        await until(lambda: "What if at north" in seen(user))
        send(field(user, "Tariff"), "other")
        await until(lambda: "Tariff as TOML" in seen(user))
        press(user, "What would it have cost?")
        await until(lambda: "$10.48 less than by the site's own tariffs, $148.30" in seen(user))
        text = next(e for e in user._client.elements.values() if e.tag == "textarea")
        send(text, "wrong = 1")
        press(user, "What would it have cost?")
        await until(lambda: "tariff: currency: missing" in seen(user))


async def test_a_simulation_says_what_planning_would_have_left(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/energy/what-if")
        await until(lambda: "What if at north" in seen(user))
        press(user, "What would a plan have earned?")
        await until(lambda: "$20.41 more than always on" in seen(user))
        for part in ("of 37 rigs in 22 h", "3 rigs of now cannot be planned", "37 starts",
                     "2 h without a price are left out", "Could not keep ramp"):  # fmt: skip
            assert part in seen(user), part


async def test_a_long_simulation_shows_how_far_it_is_and_is_stopped(visit):
    world = World(rigs=40)
    world.energy.is_slow = True
    async with visit(world) as user:
        await user.open("/energy/what-if")
        await until(lambda: "What if at north" in seen(user))
        press(user, "What would a plan have earned?")
        await until(lambda: "Stop" in seen(user).split(" | "))
        bar = next(
            e for e in user._client.elements.values() if e.props.get("role") == "progressbar"
        )
        await until(lambda: bar.props["aria-valuenow"] == "50")
        send(button(user, "Stop"))
        await until(lambda: "Stopped." in seen(user))
        assert "Stop" not in seen(user).split(" | ")


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("", "", "Pick a first and a last day."),
        ("2026-01-02", "2026-01-01", "up to 35 days"),
        ("2026-01-01", "2026-02-05", "up to 35 days"),
        ("2999-01-01", "2999-01-02", "not over"),
    ],
)
async def test_days_that_cannot_be_are_refused_in_place(visit, first, last, says):
    async with visit(World(rigs=40)) as user:
        await user.open("/energy/what-if")
        await until(lambda: "What if at north" in seen(user))
        send(field(user, "Span"), "days")
        send(field(user, "First day"), first)
        send(field(user, "Last day"), last)
        press(user, "What would it have cost?")
        await until(lambda: says in seen(user))


def test_less_is_not_called_more():
    found = made.simulated(0, 24 * made.HOUR)
    worse = sorted(found.policies, key=lambda one: one.profit_usd)
    said = sentence(type(found)(**{name: getattr(found, name) for name in found.__slots__}
                                | {"policies": tuple(worse)}))  # fmt: skip
    assert "less than plan" in said
