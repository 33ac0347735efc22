"""The pages of commands as a person reads them, and what their clicks do; without a browser."""

from lode_ui.stages import STAGE
from tests.ui import made_commands as made
from tests.ui.reading import button, press, seen, send, until
from tests.ui.world import Someone, World


def world(**settings: object) -> World:
    return World(rigs=40, has_commands=True, **settings)


async def test_commands_are_listed_newest_first_with_progress_and_plain_reasons(visit):
    async with visit(world()) as user:
        await user.open("/commands")
        said = seen(user)
        assert said.index("40 rigs of north") < said.index("Drifted") < said.index("Reboot")
        assert "34 effective, 3 failed, 3 waiting" in said
        assert "3.068 kW → 41 W" in said
        assert "The site's safety limits forbid it: no start is left today" in said
        assert "It was effective, and is no longer: its power says so" in said
        assert "1 to 25 of 38" in said


async def test_what_nobody_here_ordered_is_listed_while_there_is_any(visit):
    both = world()
    async with visit(both) as user:
        await user.open("/commands")
        said = seen(user)
        assert "Strange commands" in said
        assert said.index("Strange commands") < said.index("By sites") < said.index("Too hot")
        assert "change its passwords" in said


async def test_a_page_is_turned_and_the_list_is_narrowed(visit):
    async with visit(world()) as user:
        await user.open("/commands")
        press(user, "Older")
        await until(lambda: "26 to 38 of 38" in seen(user))
        press(user, "Went wrong")
        await until(lambda: "Reboot" not in seen(user))
        for word in ("Refused", "Failed", "Expired", "Drifted"):
            assert word in seen(user)


async def test_nobody_is_offered_to_approve_their_own(visit):
    both = world()
    async with visit(both, Someone("mira", "operator")) as user:
        await user.open("/commands")
        assert "Yours: another person must approve it." in seen(user)
        assert seen(user).count("Approve |") == 1
        press(user, "Approve")
        await until(lambda: any(done[0] == "approve" for done in both.done))
        (done,) = both.done
        assert both.book.details[done[1]].command.actor == "noor"
        await until(lambda: "Approve |" not in seen(user))


async def test_ones_own_proposal_is_taken_back(visit):
    both = world()
    async with visit(both, Someone("mira", "operator")) as user:
        await user.open("/commands")
        press(user, "Take back")
        await until(lambda: [done[0] for done in both.done] == ["decline"])
        assert both.book.details[both.done[0][1]].command.actor == "mira"


async def test_who_may_only_look_sees_proof_and_no_buttons(visit):
    both = world()
    held = made.proved()
    both.book.add(held)
    async with visit(both, Someone("otto", "auditor")) as user:
        await user.open("/commands")
        for word in ("Approve |", "Reject", "Take back"):
            assert word not in seen(user)
        await user.open(f"/commands/{held.command.command_id}")
        assert "read back: is_asleep True" in seen(user)
        assert "Release now" not in seen(user)


async def test_a_command_shows_its_way_its_proof_and_its_terms(visit):
    both = world()
    held = made.proved()
    both.book.add(held)
    async with visit(both) as user:
        await user.open(f"/commands/{held.command.command_id}")
        said = seen(user)
        for word in ("Ordered", "Accepted", "Sent", "Acknowledged", "Effective", "Released"):
            assert word in said
        assert "3.068 kW | 41 W | by outlet of the PDU · read back: is_asleep True" in said
        assert "bitmain-work-mode: 0 → 1" in said
        assert "it said: set_conf: ok" in said
        assert "gives back what there was" in said
        press(user, "Release now")
        await until(lambda: both.done == [("release", held.command.command_id, "mira")])


async def test_trouble_comes_first_among_many_and_chips_narrow(visit):
    both = world()
    many = made.many(list(both.fleet.values()), failed=2, waiting=5)
    both.book.add(many)
    async with visit(both) as user:
        await user.open(f"/commands/{many.command.command_id}")
        assert "33 effective, 2 failed, 5 waiting" in seen(user)
        assert seen(user).index("rig-002") < seen(user).index("rig-003")
        assert "1 to 25 of 40" in seen(user)
        every = user._client.elements.values()
        chip = next(e for e in every if e.props.get("title") == STAGE["failed"].meaning)
        send(chip)
        await until(lambda: "rig-003" not in seen(user))
        assert "rig-001" in seen(user)


async def test_there_is_no_such_command(visit):
    async with visit(World(rigs=3)) as user:
        await user.open("/commands/0123456789abcdef")
        assert "There is no such command." in seen(user)
        await user.open("/commands")
        assert "Nothing was ever ordered here." in seen(user)


async def test_a_rig_offers_what_it_offers_and_a_dry_run_shows_the_difference(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        await user.open("/rigs/3")
        assert "Not offered by this device: tuning preset, fan speed, outlet." in seen(user)
        press(user, "Sleep")
        await until(lambda: "6 starts left today." in seen(user))
        press(user, "Dry run")
        await until(lambda: both.done == [("dry_run", 3, "mira")])
        await until(lambda: "Dry run of sleep" in seen(user))
        both.book.tell("effective", changes=[{"key": "mode", "before": "0", "after": "1"}])
        both.changed.set()
        await until(lambda: "mode | 0 | 1" in seen(user))
        press(user, "Put to sleep")
        await until(lambda: both.done[-1] == ("sleep", 3, "mira"))
        both.book.tell("failed", reason="no-effect: power is 3051 W")
        both.changed.set()
        told = "The device said yes, but nothing shows it: power is 3051 W"
        await until(lambda: told in seen(user))


async def test_a_number_outside_of_its_limits_is_not_sent(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        await user.open("/rigs/3")
        press(user, "Power limit")
        await until(lambda: "at least 1.800 kW, at most 3.250 kW" in seen(user))
        for text in ("", "90000", "NaN", "1e999", "-5"):
            send(next(e for e in user._client.elements.values() if _is_number(e)), text)
            press(user, "Limit power")
            await until(lambda: "Something is missing, or outside of its limits" in seen(user))
        assert both.done == []
        send(next(e for e in user._client.elements.values() if _is_number(e)), "2500")
        press(user, "Limit power")
        await until(lambda: both.done == [("power_limit", 3, "mira")])


OBSTACLES = {
    7: "Nothing can be asked of it now: its password is not in the secrets file",
    19: "In maintenance: noor, 2026-02-11 03:12 UTC: new fan.",
    31: "Its agent has not said what can be asked of it.",
    37: "Held by a command",
}


async def test_a_rig_that_cannot_be_told_says_why(visit):
    async with visit(World(rigs=40)) as user:
        for number, why in OBSTACLES.items():
            await user.open(f"/rigs/{number}")
            assert why in seen(user)
        await user.open("/rigs/13")
        assert "no start is left today" in button(user, "Sleep").props["title"]
        assert button(user, "Sleep").props["disabled"]
        assert "disabled" not in button(user, "Reboot").props


async def test_a_viewer_sees_what_could_be_done_and_cannot(visit):
    both = World(rigs=40)
    async with visit(both, Someone("otto", "viewer")) as user:
        await user.open("/rigs/3")
        assert "Operators may act here; you are logged in as viewer." in seen(user)
        assert button(user, "Sleep").props["disabled"]
        press(user, "Sleep")
        assert "Put to sleep" not in seen(user)
        assert "Maintenance on" not in seen(user)


async def test_a_rig_is_put_in_maintenance(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        await user.open("/rigs/3")
        press(user, "Maintenance on")
        await until(lambda: "In maintenance: mira, now." in seen(user))
        press(user, "End maintenance")
        await until(lambda: "Working on it?" in seen(user))


def _is_number(element: object) -> bool:
    return element.tag == "input" and element.props.get("type") == "number"
