"""The inbox: what burns first is at the top, and alerts of one site and cause are one group."""

import pytest

from lode_hub.queries import Queries
from lode_hub.store import Store
from tests.hub.queries.mine import Mine


@pytest.fixture
def queries(store: Store) -> Queries:
    return Queries(store)


@pytest.fixture
async def inbox(store: Store) -> dict[str, int]:
    """Six alerts: heat and hash in the north, one of a channel, one that is over."""
    mine = Mine(store)
    agent = await mine.agent("north-1", "north")
    rigs = [await mine.device(agent, f"rig-{n}") for n in range(5)]

    async def make(name: str, rig: int | None, **columns: object) -> tuple[str, int]:
        number = await mine.alert(None if rig is None else rigs[rig], **columns)
        await mine.run(
            "update alert set cause = %(cause)s, stake_usd_h = %(stake_usd_h)s, "
            "untold = %(untold)s, site_id = %(site)s where id = %(number)s",
            number=number, site=None if rig is None else 1,
            **{"cause": "", "stake_usd_h": None, "untold": "", **columns},
        )  # fmt: skip
        return name, number

    made = [
        await make("cheap", 0, rule="low", severity="warning", cause="hash", stake_usd_h=0.2),
        await make("dear", 1, rule="low", severity="warning", cause="hash", stake_usd_h=4.0),
        await make("hot", 2, rule="hot", severity="critical", cause="heat"),
        await make("taken", 3, rule="hot", severity="warning", cause="heat", state="acknowledged"),
        await make("mail", None, rule="notify-failed", severity="info", untold="silence 3"),
        await make("over", 4, rule="hot", severity="critical", cause="heat", state="resolved"),
    ]
    return dict(made)


async def test_what_burns_first_is_at_the_top(queries: Queries, inbox: dict[str, int]) -> None:
    alerts = await queries.alerts(states=["open", "acknowledged"], is_gravest_first=True)
    names = {number: name for name, number in inbox.items()}
    assert [names[a.alert_id] for a in alerts] == ["hot", "dear", "cheap", "taken", "mail"]


async def test_a_site_and_a_cause_are_one_group(queries: Queries, inbox: dict[str, int]) -> None:
    found = await queries.alarms.groups(states=["open", "acknowledged"])
    assert (found.n_groups, found.n_alerts) == (3, 5)
    heat, hashed, mail = found.groups
    assert (heat.site, heat.cause, heat.n, heat.n_open) == ("north", "heat", 2, 1)
    assert (heat.severity, heat.stake_usd_h) == ("critical", None)
    assert [a.alert_id for a in heat.worst] == [inbox["hot"], inbox["taken"]]
    assert hashed.stake_usd_h == pytest.approx(4.2)
    assert (mail.site, mail.cause, mail.untold) == (None, "", 1)
    second = await queries.alarms.groups(states=["open", "acknowledged"], limit=1, offset=1)
    assert (second.n_groups, [g.cause for g in second.groups]) == (3, ["hash"])


async def test_groups_are_filtered_as_alerts_are(queries: Queries, inbox: dict[str, int]) -> None:
    for chosen, n in (
        ({"severities": ["critical"]}, 1),
        ({"causes": ["hash"]}, 2),
        ({"site": "north"}, 4),
        ({"site": ""}, 1),
        ({"search": "RIG-1"}, 1),
        ({"is_untold": True}, 1),
        ({"site": "south"}, 0),
    ):
        found = await queries.alarms.groups(states=["open", "acknowledged"], **chosen)
        assert found.n_alerts == n, chosen
        alerts = await queries.alerts(states=["open", "acknowledged"], **chosen)
        assert len(alerts) == n, chosen
