"""A rule tried over stored history before anybody saves it."""

import asyncio

import pytest

from lode_hub import rules
from lode_hub.errors import ConflictError, InvalidError, UnavailableError
from lode_hub.queries import Queries, tryouts
from lode_hub.store import Store
from tests.hub.queries.mine import Mine

OWN = {"metric": "inlet_temp_c", "for_s": 120, "off_delay_s": 0}


def nothing(_: float) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
async def queries(store: Store) -> Queries:
    """A mine whose inlet was at 37 °C for half an hour, an hour ago."""
    mine = Mine(store)
    await rules.install(store, None)
    rig = await mine.device(await mine.agent(), "rig-001")
    for ago in range(120, 0, -1):
        hot = 37.0 if 60 < ago <= 90 else 31.0
        await mine.rolls("rig_1m", rig, ago, 60, inlet_temp_c_min=hot, inlet_temp_c_max=hot)
    return Queries(store)


async def test_what_is_not_saved_is_tried_and_nothing_is_kept(queries):
    parts = []
    tried = await queries.tryouts.run(
        "inlet-hot", None, {**OWN, "above": 35}, days=1, progress=parts.append
    )
    assert (tried.alerts, tried.devices, tried.devices_hit, tried.messages) == (1, 1, 1, 2)
    assert tried.values == 120
    assert 27 * 60 <= tried.middle_s == tried.longest_s <= 31 * 60
    assert [(one.device, one.n) for one in tried.often] == [("rig-001", 1)]
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    assert "inlet-hot" not in {rule.name for rule in await queries.alarms.rules()}

    tried = await queries.tryouts.run(
        "inlet-hot", "north", {**OWN, "above": 40}, days=1, progress=nothing
    )
    assert (tried.alerts, tried.middle_s, tried.often) == (0, None, [])
    assert tried.leaves_out[:2] == ("orders", "silences")


WRONG = [
    ("inlet-hot", OWN, 1, "either above or below"),
    ("inlet-hot", {**OWN, "above": 35}, 31, "give up to 30"),
    ("agent-stale", {}, 1, "judges no stored readings"),
    ("no-such-rule", {}, 1, "there is no such rule"),
    ("no-such-rule", None, 1, "there is no such rule"),
]


async def test_what_cannot_be_tried_says_why(queries):
    for name, body, days, reason in WRONG:
        with pytest.raises(InvalidError, match=reason):
            await queries.tryouts.run(name, None, body, days=days, progress=nothing)


async def test_one_at_a_time_and_a_stopped_one_lets_the_next_in(queries):
    body = {**OWN, "above": 35}
    first = asyncio.create_task(
        queries.tryouts.run("inlet-hot", None, body, days=1, progress=nothing)
    )
    await asyncio.sleep(0)
    with pytest.raises(ConflictError, match="another one is running"):
        await queries.tryouts.run("inlet-hot", None, body, days=1, progress=nothing)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    tried = await queries.tryouts.run("inlet-hot", None, body, days=1, progress=nothing)
    assert tried.alerts == 1


async def test_a_rule_is_tried_as_it_is(queries, store):
    await rules.edit(store, ("inlet-hot", None), {**OWN, "above": 35}, "ann", 0)
    assert (await queries.tryouts.run("inlet-hot", None, None, days=1)).alerts == 1
    assert (await queries.tryouts.run("inlet-hot", "north", None, days=1)).alerts == 1


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [("MAX_VALUES", 100, "over 100 values"), ("DEADLINE_S", 0.001, "no end within 0.001 s")],
)
async def test_what_is_too_much_is_ended_and_lets_the_next_in(
    queries, monkeypatch, limit, value, said
):
    body = {**OWN, "above": 35}
    with monkeypatch.context() as patch:
        patch.setattr(tryouts, limit, value)
        with pytest.raises(InvalidError, match=said):
            await queries.tryouts.run("inlet-hot", None, body, days=1)
    assert (await queries.tryouts.run("inlet-hot", None, body, days=1)).alerts == 1


async def test_the_hub_goes_on_while_a_rule_is_tried_and_outlives_it(queries, monkeypatch):
    begun = []
    start = asyncio.create_subprocess_exec

    async def watched(*program, **pipes):
        begun.append(await start(*program, **pipes))
        return begun[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)

    def ended_from_outside(_: float) -> None:
        begun[-1].kill()

    with pytest.raises(UnavailableError, match="ended with status"):
        await queries.tryouts.run(
            "inlet-hot", None, {**OWN, "above": 35}, days=30, progress=ended_from_outside
        )

    class StoppedError(Exception):
        pass

    def stopped(_: float) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        await queries.tryouts.run(
            "inlet-hot", None, {**OWN, "above": 35}, days=30, progress=stopped
        )
    assert [process.returncode for process in begun] == [-9, -9]


async def test_how_often_each_rule_fired_is_counted_by_site(queries, store):
    mine = Mine(store)
    for hours, state in ((1, "open"), (30, "resolved"), (200, "resolved"), (1, "pending")):
        await mine.run(
            "insert into alert (rule, subject, site_id, severity, state, title, likely_cause, "
            "evidence, since_at, opened_at, renewed_at, resolved_at) select 'rig-silent', "
            "%(subject)s, 1, 'warning', %(state)s, '', '', '{}', t, t, t, "
            "case %(state)s when 'resolved' then t end "
            "from (select now() - make_interval(hours => %(hours)s)) as x (t)",
            subject=f"device:{hours}{state}", state=state, hours=hours,
        )  # fmt: skip
    (fired,) = await queries.alarms.fired()
    assert (fired.name, fired.site, fired.day, fired.week) == ("rig-silent", "north", 1, 2)
