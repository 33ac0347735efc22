"""The energy pages as a person reads them, without a browser."""

import datetime
from dataclasses import replace

import pytest

from lode_hub.queries.energy_nouns import HourRow
from lode_ui import energy_words as words
from lode_ui.widgets.energy_limits import joined
from tests.ui import made_energy as made
from tests.ui.reading import button, field, press, seen, send, until
from tests.ui.world import Someone, World


def click(user, word: str) -> None:
    """Click a button that listens to more than clicks."""
    element = button(user, word)
    listener = next(each for each in element._event_listeners.values() if each.type == "click")
    with element.client:
        element._handle_event({"listener_id": listener.id, "args": []})


async def test_it_says_why_power_costs_that_and_who_loses(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/energy")
        said = seen(user)
        for part in ("Energy of north", "312.00", "energy, real-time HB_WEST", "peak, expected",
                     "Against 298.00 $/MWh now", "Loses money", "\N{MINUS SIGN}230.70",
                     "51.40", "from its source, 21 min ago", "the formula 0.0398",
                     "of 22 hours; 2 are not known", "2 h of the past day are missing",
                     "ended 1 d", "3 failures in a row", "rig-007, rig-019",
                     "Could not keep ramp of site: 12.0 kW"):  # fmt: skip
            assert part in said, part
        assert "New tariff …" not in said
        assert "Upload …" not in said
        assert user._client.title == "Energy · Lode"


async def test_it_says_by_whose_word_a_limit_holds_and_which_is_typed_looser(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/energy")
        said = seen(user)
        for part in ("site: power", "the agents' own, signed", "45 kW", "42 kW", "43.5 kW",
                     "Lode's default", "1,800 s",
                     "Typed looser than the agents allow: power of site."):  # fmt: skip
            assert part in said, part
    async with visit(World(rigs=40, has_energy=False)) as user:
        await user.open("/energy")
        assert "no agent has told any" in seen(user)
        assert "Typed looser" not in seen(user)


def test_models_that_are_limited_alike_are_one_row():
    (one,) = (row for row in made.limits() if row.where.startswith("model "))
    other, more = replace(one, where="model M50"), replace(one, where="model A1", own=60.0)
    apart = [row for row in made.limits() if row != one]
    rows = joined([*apart, one, other])
    assert rows[:-1] == apart
    assert rows[-1] == replace(one, where="every model")
    rows = joined([one, other, more])
    assert [row.where for row in rows] == ["models Antminer S21, M50", "model A1"]


async def test_what_is_missing_is_said_and_no_zero(visit):
    world = World(rigs=40, has_energy=False)
    async with visit(world, Someone("tom", "trader")) as user:
        await user.open("/energy")
        said = seen(user)
        for part in ("Tariff is missing", "Source is missing", "Economics is missing",
                     "site north has no tariff; save one", "no meter; name its meters",
                     "There is no plan yet", "nothing is steered now"):  # fmt: skip
            assert part in said, part
        assert "$0" not in said
        press(user, "Write the tariff …")
        await until(lambda: "TOML" in seen(user))
        send(field(user, "Name"), "flat")
        press(user, "Save tariff")
        await until(lambda: world.done == [("save", 0, "tariff flat at north")])
        await until(lambda: "Tariff is missing" not in seen(user))


async def test_a_refused_document_says_why_in_its_form(visit):
    async with visit(World(rigs=40), Someone("tom", "trader")) as user:
        await user.open("/energy")
        press(user, "New limits …")
        await until(lambda: "TOML" in seen(user))
        send(field(user, "Name"), "x")
        text = next(e for e in user._client.elements.values() if e.tag == "textarea")
        send(text, "wrong = 1")
        press(user, "Save limits")
        await until(lambda: "limits x: currency is missing; give it" in seen(user))


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("viewer", ()),
        ("auditor", ("Make account",)),
        ("operator", ("Make account", "Begin a call …", "Cancel", "Let it act …")),
        ("trader", ("Make account", "Begin a call …", "Cancel", "New tariff …", "Upload …")),
    ],
)
async def test_a_role_is_offered_what_it_may(visit, role, may):
    every = {"Make account", "Begin a call …", "Cancel", "Let it act …", "New tariff …", "Upload …"}
    async with visit(World(rigs=40), Someone("who", role)) as user:
        await user.open("/energy")
        said = set(seen(user).split(" | "))
        assert said & every == set(may)


async def test_a_call_is_cancelled_by_its_next_modification(visit):
    world = World(rigs=40)
    async with visit(world) as user:
        await user.open("/energy")
        click(user, "Cancel")
        await until(lambda: "Cancel this call?" in seen(user))
        click(user, "Cancel this call?")
        await until(lambda: world.done == [("cancel", 1, "mira")])
        await until(lambda: "Cancelled" in seen(user))


async def test_the_planner_acts_only_after_its_preview(visit):
    world = World(rigs=40)
    async with visit(world) as user:
        await user.open("/energy")
        press(user, "Let it act …")
        await until(lambda: "31 full, 4 low, 2 asleep" in seen(user))
        said = seen(user)
        for part in ("Down to 13 of 37 rigs awake, 18.00 kW", "13 preset 2800W, 24 asleep",
                     "2 unreachable, 1 in maintenance"):  # fmt: skip
            assert part in said, part
        assert world.done == []
        press(user, "Let it throttle rigs here")
        await until(lambda: world.done == [("planner", 0, "act by mira")])
        await until(lambda: "plans are the standing orders" in seen(user))


@pytest.mark.parametrize(("is_same", "says"), [(True, "comes out the same"), (False, "0bad0bad")])
async def test_an_account_is_shown_and_proved_again(visit, is_same, says):
    world = World(rigs=40)
    world.energy.is_same = is_same
    async with visit(world) as user:
        await user.open("/energy/accounts/1")
        said = seen(user)
        for part in ("ERS-30/e1", "31.5 kWh", "$10.31", "\N{MINUS SIGN}$2.52", "10-of-10, times",
                     "no counter for 0.25 h", "2026-10-02, 2026-10-05", "not known"):  # fmt: skip
            assert part in said, part
        links = [e.props.get("href") for e in user._client.elements.values() if e.tag == "a"]
        assert "/api/v1/energy/accounts/1/csv" in links
        press(user, "Prove again")
        await until(lambda: says in seen(user))
        assert world.done == [("prove", 1, "mira")]


async def test_a_day_says_what_its_calls_earned_and_what_peaks_they_avoided(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/energy/accounts/2")
        said = seen(user)
        for part in ("What the calls earned", "Energy not bought | $9.83", "Earned | $10.31",
                     "31.5 kWh", "ERS-30/e2 (test)", "no meter; name its meters", "not known",
                     "distribution demand", "131.0 kW", "$126.00 (22.9 %)",
                     "only in part in the sums: ERS-30/e2"):  # fmt: skip
            assert part in said, part


@pytest.mark.parametrize("found", [None, {"calls": [], "earned_usd": None}])
async def test_a_day_without_a_call_says_so(visit, found):
    world = World(rigs=40)
    day = next(row for row in world.energy.accounts if row.kind == "day")
    day.body["curtailed"] = found
    async with visit(world) as user:
        await user.open("/energy/accounts/2")
        assert "No call began in this time." in seen(user)
        await user.open("/energy/accounts/1")
        assert "No call began in this time." not in seen(user)


async def test_programmes_say_what_they_hear_and_what_was_reported(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/energy")
        said = seen(user)
        for part in ("polled by OpenADR", "Heard", "event e2", "4 failures in a row: openadr vtn",
                     "event e1", "Taken", "3 failures in a row, for 2 h"):  # fmt: skip
            assert part in said, part
        assert "can come, for" not in said


async def test_a_programme_that_nobody_can_call_is_said_at_the_top(visit):
    async with visit(World(rigs=40, is_deaf=True)) as user:
        await user.open("/energy")
        said = seen(user)
        assert "No call of ERS-30 can come, for 46" in said
        assert "s: openadr vtn.example: ConnectError" in said
        assert "Deaf" in said


async def test_without_programmes_nothing_is_reported(visit):
    async with visit(World(rigs=40, has_energy=False)) as user:
        await user.open("/energy")
        said = seen(user)
        assert "There is no programme yet, so no call can come." in said
        assert "Reports to VTNs" not in said


async def test_accounts_are_listed_and_a_strange_one_is_said(visit):
    async with visit(World(rigs=40), Someone("vic", "viewer")) as user:
        await user.open("/energy/accounts")
        said = seen(user)
        assert "2026-11-20" in said
        assert "$66.20" in said
        assert "Make account" not in said
        await user.open("/energy/accounts/99")
        assert "No such account" in seen(user)


async def test_a_day_that_is_not_over_is_refused_in_place(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/energy/accounts")
        send(field(user, "Day"), "2999-01-01")
        send(button(user, "Make account"))
        await until(lambda: "it is not over; come back then" in seen(user))


async def test_a_days_account_is_of_the_sites_own_day(visit):
    world = World(rigs=40)
    async with visit(world) as user:
        await user.open("/energy/accounts")
        send(field(user, "Day"), "2026-03-01")
        send(button(user, "Make account"))
        await until(lambda: world.done)
        begin = datetime.datetime(2026, 3, 1, 6, tzinfo=datetime.UTC)  # midnight in Chicago
        assert world.done == [("account of a day", begin.timestamp() * 1000, "mira")]


async def test_a_days_account_says_what_its_month_has_to_pay_for_once(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/energy/accounts/2")
        said = seen(user)
        for part in ("The month's peak so far", "101.0 kW", "$424.20", "in no figure of this day"):
            assert part in said, part
        await user.open("/energy/accounts/1")
        assert "The month's peak so far" not in seen(user)


def test_only_the_newest_account_of_an_event_counts():
    old, late = made.account(1), made.account(2, body={"earned_usd": 4.0})
    late = replace(late, made_ms=old.made_ms + 1)
    unknown = made.account(3, subject="ERS-30/e2", body={"earned_usd": None})
    assert words.earned([old, late, unknown], made.now_ms()) == (4.0, 1, 1)
    assert words.earned([], made.now_ms()) == (None, 0, 0)


def test_what_is_not_known_is_no_zero():
    hour = HourRow(from_ms=0, energy_kwh=None, power_usd=None, hashed_thh=None, hash_usd=None,
                   profit_usd=None)  # fmt: skip
    assert words.profit([hour])[0] == "\N{EN DASH}"
    assert words.less_adders(made.price(usd_mwh=None)) is None
    assert words.money(None) == "\N{EN DASH}"
    assert (words.money(-0.001, 2), words.money(-1204.6)) == ("$0.00", "\N{MINUS SIGN}$1,205")
