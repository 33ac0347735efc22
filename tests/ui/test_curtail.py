"""Curtailing and stopping as a person does it; without a browser."""

import asyncio
from dataclasses import replace

from tests.ui.made import now_ms
from tests.ui.reading import button, field, press, seen, send, until
from tests.ui.world import Someone, World


async def previewed(user, both: World, kw: str = "60", site: str = "") -> str:
    """Fill in the form, and give the preview's id."""
    await user.open(f"/curtail{site}")
    send(field(user, "Power"), kw)
    press(user, "Preview")
    await until(lambda: any(done[0] == "preview" for done in both.done))
    return both.done[-1][1]


async def test_a_preview_says_for_every_rig_why_it_is_skipped(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        made = await previewed(user, both)
        row = both.book.curtailments[made]
        await user.open(f"/curtail/{made}")
        said = seen(user)
        assert "Reduce north by 60 kW" in said
        assert "By the agents' ramps it takes 3 min at best, and 6 min back up." in said
        assert f"{len(row.taken)} | of 40" in said
        assert f"Site north | {len(row.taken)} | " in said
        for word in ("Not needed", "Unreachable", "Silent", "Blocked", "In maintenance"):
            assert word in said
        every = {rig.name for rig in row.taken} | {rig.name for rig in row.skipped}
        assert every == {rig.name for rig in both.fleet.values()}
        assert "rig-007" not in said  # folded
        send(next(e for e in user._client.elements.values() if _is_fold(e, "Blocked")))
        await until(lambda: "rig-007 | its password is not in the secrets file" in seen(user))


async def test_a_search_opens_what_it_finds_and_knows_who_is_taken(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        made = await previewed(user, both)
        await user.open(f"/curtail/{made}")
        search = next(e for e in user._client.elements.values() if _hints(e, "Why is this rig"))
        send(search, "rig-031")
        await until(lambda: "rig-031" in seen(user) and "Unreachable" not in seen(user))
        taken = both.book.curtailments[made].taken[0].name
        send(search, taken)
        await until(lambda: f"taken, not skipped: {taken}" in seen(user))


async def test_start_executes_that_preview_and_shows_proof(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        made = await previewed(user, both)
        await user.open(f"/curtail/{made}")
        press(user, "Start exactly this")
        await until(lambda: ("start", made, "mira") in both.done)
        await until(lambda: "Saved, as proved" in seen(user))
        assert "Rigs and proof" in seen(user)
        assert "Start exactly this" not in seen(user)
        press(user, "End curtailment")
        await until(lambda: ("end", made, "mira") in both.done)


async def test_an_old_preview_cannot_be_started(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        made = await previewed(user, both)
        row = both.book.curtailments[made]
        both.book.curtailments[made] = replace(row, made_ms=now_ms() - 601_000)
        await user.open(f"/curtail/{made}")
        assert "older than 10 minutes" in seen(user)
        assert button(user, "Start exactly this").props["disabled"]
        press(user, "Start exactly this")
        await asyncio.sleep(0)
        assert not any(done[0] == "start" for done in both.done)


async def test_too_little_is_said_and_the_form_keeps_its_figures(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        made = await previewed(user, both, kw="5000")
        await user.open(f"/curtail/{made}")
        assert "That is not enough" in seen(user)
        every = user._client.elements.values()
        back = next(e for e in every if e._text == "Change it").props["href"]
        assert "kw=5000" in back
        await user.open(back)
        assert field(user, "Power").props["defaultValue"] == "5000"


async def test_what_is_no_number_is_not_previewed(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        await user.open("/curtail")
        press(user, "Preview")
        await until(lambda: "Say how many kW" in seen(user))
        press(user, "As far as possible")
        press(user, "Preview")
        await until(lambda: [done[0] for done in both.done] == ["preview"])
        assert both.book.curtailments[both.done[0][1]].needed_w is None


async def test_a_site_is_stopped_only_when_its_name_is_typed(visit):
    both = World(rigs=40)
    async with visit(both) as user:
        await user.open("/curtail")
        for typed in ("", "nort", "North"):
            send(field(user, "Type the site's name to stop it"), typed)
            press(user, "Stop all 40 rigs of north")
            await asyncio.sleep(0)  # the click has its turn
        assert both.done == []
        send(field(user, "Type the site's name to stop it"), "north")
        press(user, "Stop all 40 rigs of north")
        await until(lambda: both.done == [("stop_all", "north", "mira")])
        await until(lambda: "north was stopped by mira." in seen(user))
        press(user, "End stop")
        await until(lambda: both.done[-1] == ("end_stop", "north", "mira"))


async def test_a_viewer_may_look_and_neither_preview_nor_stop(visit):
    both = World(rigs=40)
    async with visit(both, Someone("otto", "viewer")) as user:
        await user.open("/curtail")
        send(field(user, "Type the site's name to stop it"), "north")
        for word in ("Preview", "Stop all 40 rigs of north", "End stop"):
            assert "you are logged in as viewer" in button(user, word).props["title"]
            press(user, word)
            await asyncio.sleep(0)
        assert both.done == []


async def test_there_is_no_such_curtailment(visit):
    async with visit(World(rigs=0)) as user:
        await user.open("/curtail/0123")
        assert "There is no such curtailment." in seen(user)
        await user.open("/curtail")
        assert "There is no site yet." in seen(user)


def _is_fold(element, word: str) -> bool:
    if "lode-fold-head" not in element.classes:
        return False
    return any(each._text == word for each in element.descendants())


def _hints(element, words: str) -> bool:
    return str(element.props.get("placeholder", "")).startswith(words)
