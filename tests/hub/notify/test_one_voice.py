"""Two detectors find that one sensor of one rig hangs: people are told once, by who says more."""

from dataclasses import replace

import pytest

from lode_hub import alerts, rules
from tests.hub.alerts.stage import MINUTE, T0, finding, gone, rows, told
from tests.hub.notify.conftest import QUICK, notifying
from tests.hub.sites import stage
from tests.hub.sites.stage import until

LONG_AFTER = T0 + 30 * MINUTE


@pytest.fixture
async def both(store):
    """What the rigs' detector and data quality find of one rig: `rig-001`."""
    await rules.install(store, None)
    (rig,) = await stage.add_rigs(store, await stage.add_agent(store), 1)
    repeats = finding(
        f"device:{rig}", "rig-flatline", severity="info", title="rig-001 repeats the same values"
    )
    hangs = finding(
        "site:1:model:Antminer S21", "quality-flatline", members=(f"device:{rig}",),
        title="rig-001: chip temperature is always the same",
    )  # fmt: skip
    return repeats, hangs


async def titles(store):
    """Name the alerts that are in the outbox or were, in the order of telling."""
    found = await rows(store, "select title from alert where told_at is not null order by told_at")
    return [row["title"] for row in found]


@pytest.mark.parametrize("apart_ms", [-5 * MINUTE, 0, 5 * MINUTE])
async def test_whichever_finds_it_first_one_is_told(store, both, apart_ms):
    repeats, hangs = both
    at = {T0: [repeats], T0 + apart_ms: [hangs]} if apart_ms else {T0: [repeats, hangs]}
    for now_ms, found in sorted(at.items()):
        await alerts.take(store, found, now_ms)
    await alerts.take(store, [], LONG_AFTER)
    assert await titles(store) == [hangs.title]
    assert await told(store) == ["opened"]
    (why,) = await rows(store, "select untold from alert where rule = 'rig-flatline'")
    (by,) = await rows(store, "select id from alert where rule = 'quality-flatline'")
    assert why["untold"] == f"inhibited by alert {by['id']}"


@pytest.mark.parametrize(("hung", "is_told"), [((1, 2), False), ((1, 2, 3), False), ((1, 3), True)])
async def test_of_many_rigs_one_is_told_where_the_other_is_of_all_of_them(store, hung, is_told):
    """Two rigs repeat their values together; data quality finds it of those that it can judge."""
    await rules.install(store, None)
    rigs = await stage.add_rigs(store, await stage.add_agent(store), 3)
    together = finding(
        "site:1:rack:A", "site-common-flatline", title="rigs repeat the same values",
        members=tuple(f"device:{rig}" for rig in rigs[:2]),
    )  # fmt: skip
    hangs = finding(
        "site:1:model:Antminer S21", "quality-flatline", title="chip temperature hangs",
        members=tuple(f"device:{rigs[number - 1]}" for number in hung),
    )  # fmt: skip
    await alerts.take(store, [together, hangs], T0)
    await alerts.take(store, [], LONG_AFTER)
    assert await titles(store) == [hangs.title, together.title][: 1 + is_told]


async def test_where_data_quality_cannot_judge_the_rigs_detector_is_told(store, both):
    repeats, _ = both
    await alerts.take(store, [repeats], T0)
    assert await told(store) == []
    await alerts.take(store, [], LONG_AFTER)
    assert await titles(store) == [repeats.title]


async def test_a_rig_that_hung_and_fell_silent_is_told_as_silent(store, both):
    repeats, hangs = both
    await alerts.take(store, [repeats, hangs], T0)
    await alerts.take(store, [], LONG_AFTER)
    silent = finding(repeats.subject, "rig-silent", title="rig-001 is silent")
    await alerts.take(store, [silent, gone(hangs.subject, hangs.rule)], LONG_AFTER + 1)
    for after in range(1, 10):
        await alerts.take(store, [], LONG_AFTER + after * MINUTE)
    assert await titles(store) == [hangs.title, silent.title]


async def test_one_mail_comes_of_both(store, both, smtp, mails):
    routing = replace(QUICK, min_severity="info")
    async with notifying(store, smtp, routing=routing):
        await alerts.take(store, [*both], T0)
        await until(lambda: mails.mails)
        await alerts.take(store, [], LONG_AFTER)
        # What comes after it is of this: nothing else was on its way.
        last = finding("channel:other", "notify-failed", title="and this")
        await alerts.take(store, [last], LONG_AFTER + 1)
        await until(lambda: len(mails.mails) == 2)
    first, second = (mail["Subject"] for mail in mails.mails)
    assert first == "[warning] north: rig-001: chip temperature is always the same"
    assert second.endswith("and this")
