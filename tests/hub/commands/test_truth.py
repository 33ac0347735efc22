"""What agents say of commands, in the database: kept, applied, proved, and told to the alerts."""

import itertools

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from lode_hub.commands import truth
from lode_hub.ingest.writer import Writer
from lode_hub.queries.command_nouns import CommandDetail
from lode_hub.store import Store
from lode_wire import orders
from lode_wire.records import Stage
from tests.hub.commands.answers import Answering, controls, state
from tests.hub.commands.site import Site, site_of


@pytest.fixture
def site(store: Store) -> Site:
    return site_of(store)


@pytest.fixture
async def agent(store: Store) -> Answering:
    agent = Answering(Writer(store))
    await agent.begin()
    return agent


async def lease(site: Site, *rigs: str) -> str:
    step = orders.Step(wish=orders.Sleep(), devices=rigs)
    ada = await site.person()
    made = await site.actions.commands.order(ada, orders.Curtail(steps=(step,)), agent="north-1")
    await dispatched(site, made)
    return made


async def dispatched(site: Site, made: str, sequence: int = 1) -> None:
    await site.mine.run(
        "update command set stage = 'dispatched', sequence = %(sequence)s, sealed = 'x' "
        "where id = %(id)s",
        id=made, sequence=sequence,
    )  # fmt: skip


async def detail(site: Site, made: str) -> CommandDetail:
    found = await site.queries.commands.command(made)
    assert found is not None
    return found


async def findings(site: Site) -> list[tuple[str, str, bool]]:
    rows = await site.mine.run("select rule, subject, is_active from command_finding order by id")
    return [(str(rule), str(subject), bool(active)) for rule, subject, active in rows]


async def test_what_a_device_offers_is_known(site: Site, agent: Answering) -> None:
    await agent.say(
        controls(2, "power_limit", "power_mode", "power_mode:low", presets=("eco",),
                 power_min_w=1500.0, starts_left=3, feeder="meter-1", blocked="")
    )  # fmt: skip
    listed = await site.queries.commands.all_controls("north")
    assert [(row.name, row.offers) for row in listed] == [
        ("rig-001", ("sleep", "wake")), ("rig-002", ("power_limit", "power_mode")),
        ("rig-003", ("sleep", "wake")),
    ]  # fmt: skip
    row = listed[1]
    assert row.modes == ("low",)
    assert (row.power_min_w, row.power_max_w, row.starts_left, row.feeder) == (
        1500,
        None,
        3,
        "meter-1",
    )
    unfit = await agent.say(controls(1, "x" * 200))
    assert "offers" in unfit.unfit[0].reason


async def test_a_lease_is_effective_when_every_rig_is_proved(site: Site, agent: Answering) -> None:
    made = await lease(site, "rig-001", "rig-002", "rig-003")
    await agent.say(state(made, Stage.ACCEPTED, entry=1))
    assert (await detail(site, made)).command.stage == "accepted"
    proof = {"source": "pdu", "power_before_w": 3000.0, "power_after_w": 20.0}
    await agent.say(
        state(made, Stage.SENT, entry=2, target="rig-001"),
        state(made, Stage.EFFECTIVE, entry=3, target="rig-001", read_back="asleep", **proof),
        state(made, Stage.REFUSED, "envelope: no starts left", entry=4, target="rig-003"),
    )
    found = await detail(site, made)
    assert found.command.stage == "accepted"
    assert found.command.counts == {"effective": 1, "refused": 1, "waiting": 1}
    first = found.devices[0]
    assert (first.stage, first.power_source, first.power_after_w) == ("effective", "pdu", 20)
    assert first.read_back == "asleep"
    await agent.say(state(made, Stage.EFFECTIVE, entry=5, target="rig-002", **proof))
    found = await detail(site, made)
    assert found.command.stage == "effective"
    assert (found.command.power_before_w, found.command.power_after_w) == (6000, 40)
    assert [step.entry for step in found.steps] == [5, 4, 3, 2, 1]
    assert found.command.is_held
    assert await findings(site) == []  # one rig that is left alone is no trouble
    await agent.say(state(made, Stage.RELEASED, entry=6))
    found = await detail(site, made)
    assert found.command.stage == "released"
    assert not found.command.is_held
    assert found.command.ended_ms is not None


async def test_repeats_change_nothing_and_what_is_late_does_not_win(
    site: Site, agent: Answering
) -> None:
    made = await lease(site, "rig-001")
    early = agent.agent.payload([state(made, Stage.ACCEPTED, entry=1)])
    await agent.say(state(made, Stage.EFFECTIVE, entry=2, target="rig-001"))
    topic = "interventions"
    for _ in range(3):
        await agent.send(early, topic)
    await agent.say(state(made, Stage.ACCEPTED, entry=1))  # told again as a new record
    found = await detail(site, made)
    assert found.command.stage == "effective"
    assert len(found.steps) == 2


async def test_steps_are_shown_in_the_order_of_the_journal(site: Site, agent: Answering) -> None:
    """After an outage the newest comes first."""
    made = await lease(site, "rig-001")
    for entry, stage in ((3, Stage.EFFECTIVE), (1, Stage.ACCEPTED), (2, Stage.SENT)):
        await agent.say(state(made, stage, entry=entry, target="rig-001"))
    assert [step.entry for step in (await detail(site, made)).steps] == [3, 2, 1]


async def test_one_of_a_single_device_is_the_device(site: Site, agent: Answering) -> None:
    ada = await site.person()
    (rig, *_) = [row.device_id for row in await site.queries.commands.all_controls()]
    made = await site.actions.commands.order(ada, orders.Sleep(), device_id=rig)
    await dispatched(site, made)
    changes = (orders.Change(key="bitmain-work-mode", before="0", after="1"),)
    await agent.say(state(made, Stage.ACKNOWLEDGED, entry=1, changes=changes, said="ok"))
    found = await detail(site, made)
    assert found.command.stage == found.devices[0].stage == "acknowledged"
    await agent.say(state(made, Stage.FAILED, "no-effect: draws 3010 W", entry=2))
    found = await detail(site, made)
    assert found.command.stage == found.devices[0].stage == "failed"
    assert found.devices[0].changes == [{"key": "bitmain-work-mode", "before": "0", "after": "1"}]
    assert await findings(site) == [("command-failed", f"device:{rig}", True)]
    assert found.command.is_held  # its agent tries again, until it is released
    rows = await site.mine.run("select body, sealed from command where id = %(id)s", id=made)
    assert rows == [(None, None)]
    again = await site.actions.commands.order(ada, orders.Sleep(), device_id=rig)
    await agent.say(state(again, Stage.EFFECTIVE, entry=3))
    assert (await findings(site))[1:] == [("command-failed", f"device:{rig}", False)]
    await agent.say(state(again, Stage.DRIFTED, "disobeyed: draws 3010 W", entry=4))
    assert (await findings(site))[2:] == [("command-drifted", f"device:{rig}", True)]
    assert (await detail(site, again)).command.stage == "drifted"


async def test_what_a_probe_found_is_in_its_answer(site: Site, agent: Answering) -> None:
    ada = await site.person()
    intent = orders.Probe(address="10.0.0.9")
    made = await site.actions.commands.order(ada, intent, agent="north-1")
    found = msgspec.Raw(b'{"open": [4028], "family": "antminer"}')
    await agent.say(state(made, Stage.EFFECTIVE, entry=1, answer=found))
    command = await detail(site, made)
    assert command.answer == {"open": [4028], "family": "antminer"}
    assert command.command.stage == "effective"
    assert command.command.ended_ms is not None


async def test_out_of_order_is_sealed_again_but_only_then(site: Site, agent: Answering) -> None:
    made = await lease(site, "rig-001")
    await dispatched(site, made, sequence=7)
    await agent.say(state(made, Stage.REFUSED, "out-of-order: highest 9", sequence=7, entry=1))
    assert (await detail(site, made)).command.stage == "queued"
    await agent.say(state(made, Stage.REFUSED, "out-of-order: highest 9", sequence=7, entry=6))
    assert (await detail(site, made)).command.stage == "queued"  # of a copy
    await dispatched(site, made, sequence=12)
    # A copy of the first that came late, then the answer, then a copy of the second.
    await agent.say(state(made, Stage.REFUSED, "out-of-order: highest 9", sequence=7, entry=2))
    assert (await detail(site, made)).command.stage == "dispatched"
    await agent.say(state(made, Stage.ACCEPTED, sequence=12, entry=3))
    await agent.say(state(made, Stage.REFUSED, "out-of-order: highest 12", sequence=12, entry=4))
    found = await detail(site, made)
    assert found.command.stage == "accepted"
    assert len(found.steps) == 5
    assert await findings(site) == []


async def test_forged_and_replayed_commands_are_told(site: Site, agent: Answering) -> None:
    made = await lease(site, "rig-001")
    await agent.say(state(made, Stage.ACCEPTED, entry=1))
    await agent.say(state("stranger", Stage.REFUSED, "forged: the signature does not fit", entry=2))
    assert len(await findings(site)) == 1
    await site.mine.run("update command set answered_at = now() - interval '2 minutes'")
    await agent.say(state(made, Stage.REFUSED, "out-of-order: highest 1", entry=3))
    await agent.say(state(made, Stage.REFUSED, "replayed: it was taken before", entry=5))
    assert [(rule, subject.split(":", 2)[2]) for rule, subject, _ in await findings(site)] == [
        ("journal-refused", "reason:forged"), ("journal-refused", "reason:out-of-order"),
        ("journal-refused", "reason:replayed"),
    ]  # fmt: skip
    assert (await detail(site, made)).command.stage == "accepted"
    await agent.say(state("local:hot-1", Stage.EFFECTIVE, target="rig-001", entry=4))
    assert [row.command_id for row in await site.queries.commands.local()] == ["local:hot-1"]
    strange = await site.queries.commands.strange()
    assert [(row.command_id, row.agent, row.stage) for row in strange] == [
        ("stranger", "north-1", "refused")
    ]


async def test_a_replay_of_what_was_never_answered_here_changes_nothing(
    site: Site, agent: Answering
) -> None:
    """The database was restored, and sends again what the agent has answered to the one before."""
    made = await lease(site, "rig-001")
    await agent.say(state(made, Stage.REFUSED, "replayed: it was taken before", entry=7))
    assert (await detail(site, made)).command.stage == "dispatched"
    assert await findings(site) == []
    await agent.say(state(made, Stage.ACCEPTED, entry=1))  # which the agent tells once more
    assert (await detail(site, made)).command.stage == "accepted"


async def test_no_state_is_lost_for_what_is_in_it(site: Site, agent: Answering) -> None:
    bad = state("x" * 5000, Stage.REFUSED, "malformed: \0" + "y" * 9000)
    odd = state("odd", Stage.EFFECTIVE)
    texts = ("no json", '{"said": "\\u0000"}', "[1]", '{"entry": 1e400}', "x" * 300_000)
    told = [bad] + [type(odd)(**{**vars_of(odd), "evidence": text}) for text in texts]
    written = await agent.say(*told)
    assert written.unfit == []
    assert len(await site.queries.commands.strange()) == len(told)


def vars_of(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__struct_fields__}  # type: ignore[attr-defined]


STAGES = ["waiting", *(stage.name.lower() for stage in Stage)]


@hypothesis.given(
    st.sampled_from(["", *STAGES[1:]]), st.dictionaries(st.sampled_from(STAGES), st.integers(0, 3))
)
def test_a_whole_is_effective_only_when_every_taken_device_is(
    said: str, counts: dict[str, int]
) -> None:
    stage = truth.whole(said, counts, is_listed=True)
    present = {name for name, count in counts.items() if count} - {"refused"}
    if stage == "effective" and present:
        assert present <= {"effective", "released"}
    if said in truth.FINAL:
        assert stage == said
    assert stage in STAGES[1:]


def test_wholes_of_which_only_the_agent_knows_the_devices() -> None:
    for said, counts in itertools.product(("", "accepted", "sent"), ({}, {"effective": 3})):
        assert truth.whole(said, counts, is_listed=False) == (said or "accepted")
    assert truth.whole("effective", {"effective": 3, "failed": 1}, is_listed=False) == "failed"
    assert truth.whole("effective", {}, is_listed=False) == "effective"
