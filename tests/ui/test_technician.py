"""The technician's page as a person uses it; without a browser."""

from tests.ui import made_commands as commands
from tests.ui.reading import button, field, press, seen, send, until
from tests.ui.world import Someone, World


async def test_a_device_is_found_by_what_is_written_on_it(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/technician")
        assert "No device is chosen." in seen(user)
        every = user._client.elements.values()
        search = next(e for e in every if str(e.props.get("placeholder")).startswith("Name, ser"))
        send(search, "NGSB000017")
        await until(lambda: "rig-017" in seen(user))
        hit = next(e for e in user._client.elements.values() if "lode-hit-link" in e.classes)
        assert hit.props["href"] == "/technician?device=17"
        send(search, "nothing like it")
        await until(lambda: "No device fits." in seen(user))


async def test_a_light_blinks_and_is_seen_to_blink(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        await user.open("/technician?device=3")
        assert "Profile | bitmain-s19j-pro" in seen(user)
        assert "Raw registers" not in seen(user)
        press(user, "Blink")
        await until(lambda: both.done == [("fault_light", 3, "mira")])
        both.book.tell("effective", read_back="is_light_on True")
        both.changed.set()
        await until(lambda: "Blinking for" in seen(user))
        press(user, "Stop blinking")
        await until(lambda: len(both.done) == 2)
        both.book.tell("effective")
        both.changed.set()
        await until(lambda: "Blinking for" not in seen(user))


async def test_what_it_does_not_offer_is_said(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/technician?device=7")
        assert "It does not offer a fault light. its password" in seen(user)
        assert button(user, "Blink").props["disabled"]


async def test_registers_are_shown_in_every_reading(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        await user.open("/technician?device=9001")
        send(field(user, "First register"), "65535")
        send(field(user, "Count"), "2")
        press(user, "Read")
        await until(lambda: "all below 65536" in seen(user))
        assert both.done == []
        send(field(user, "First register"), "52")
        send(field(user, "Count"), "4")
        press(user, "Read")
        await until(lambda: both.done == [("registers", 9001, "mira")])
        both.book.tell("effective", answer=commands.REGISTERS)
        both.changed.set()
        await until(lambda: "52 | 4366 | 17,254 | 17,254 | 230.2" in seen(user))


async def test_a_probe_shows_what_is_there_and_what_to_call_it(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        await user.open("/technician")
        for wrong in ("", "10.0.4 17", "x" * 129):
            send(field(user, "Address"), wrong)
            press(user, "Probe")
            await until(lambda: "an address without spaces" in seen(user))
        assert both.done == []
        send(field(user, "Address"), "10.0.4.17")
        press(user, "Probe")
        await until(lambda: both.done == [("probe", 0, "mira")])
        both.book.tell("effective", answer=commands.PROBED)
        both.changed.set()
        await until(lambda: "Suggested profile | eastron-sdm630" in seen(user))
        assert "asic: 10.0.4.17:4028 refused the connection" in seen(user)


async def test_silence_is_told_in_plain_words(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        await user.open("/technician")
        send(field(user, "Address"), "10.0.4.99")
        press(user, "Probe")
        await until(lambda: len(both.done) == 1)
        both.book.tell("expired", reason="too-late: the agent did not answer in time")
        both.changed.set()
        await until(lambda: "It came too late: the agent did not answer" in seen(user))


async def test_an_agent_that_is_offline_is_known_before(visit):
    both = World(rigs=40)
    both.agent_values = {"is_online": False}
    async with visit(both, Someone("otto", "viewer")) as user:
        await user.open("/technician?device=3")
        assert "north-1 is not online: what is asked waits a minute for it" in seen(user)
        assert "Operators may act here; you are logged in as viewer." in seen(user)
        assert button(user, "Probe").props["disabled"]
