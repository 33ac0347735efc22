"""The alerts of a real database against a model that fits on a page."""

import asyncio

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from lode_hub import alerts
from lode_hub.alerts.quiet import MAX_SHELF_MS
from lode_hub.errors import ConflictError, NotFoundError
from lode_hub.store import Store
from tests.hub.alerts import stage
from tests.hub.alerts.model import DELAYS_MS, Model, Modelled
from tests.hub.alerts.stage import MINUTE, T0, finding
from tests.hub.sites import stage as mine

KEYS = (
    ("plain", "device:1"),
    ("plain", "device:2"),
    ("slow", "device:1"),
    ("agent-stale", "agent:1"),
)


class Machine(RuleBasedStateMachine):
    """Findings, people and time in any order."""

    runner: asyncio.Runner
    store: Store

    def __init__(self):
        super().__init__()
        self.model, self.now = Model(), T0
        self.run(wipe(self.store))

    def run(self, step):
        return self.runner.run(step)

    @rule(
        changes=st.lists(st.tuples(st.sampled_from(KEYS), st.booleans(), st.booleans()), max_size=6)
    )
    def take(self, changes):
        found = [
            finding(subject, name, is_active=is_on, at_ms=self.now, severity=grade(is_critical))
            for (name, subject), is_on, is_critical in changes
        ]
        self.run(alerts.take(self.store, found, self.now))
        self.model.take(changes, self.now)

    @rule(key=st.sampled_from(KEYS))
    def flap(self, key):
        self.take([(key, True, False), (key, False, False)] * 2)

    @rule(seconds=st.sampled_from([1, 6, 60, 100, 240, 660, 1860]))
    def wait(self, seconds):
        self.now += seconds * 1000
        self.take([])

    @rule(key=st.sampled_from(KEYS))
    def acknowledge(self, key):
        alert = self.by_person(key, alerts.acknowledge, {"open"})
        if alert is not None:
            self.model.acknowledge(alert)

    @rule(key=st.sampled_from(KEYS))
    def resolve(self, key):
        alert = self.by_person(key, alerts.resolve, {"open", "acknowledged"})
        if alert is not None:
            self.model.resolve(alert)

    @rule(key=st.sampled_from(KEYS), minutes=st.sampled_from([2, 15]))
    def shelve(self, key, minutes):
        until = self.now + minutes * MINUTE

        async def change(store, alert_id, by, now):
            await alerts.shelve(store, alert_id, until, by, now)

        if self.by_person(key, change, {"pending", "open", "acknowledged"}) is not None:
            self.model.shelf[key] = until
            self.model.review(self.model.alerts, self.now)

    def by_person(self, key, change, allowed):
        """Change the latest alert of a key, or one that does not exist; give it if it may be."""
        ids = [row["id"] for row in self.run(read(self.store)) if key_of(row) == key]
        of_model = [alert for alert in self.model.alerts if alert.key == key]
        step = change(self.store, ids[-1] if ids else -1, "ann", self.now)
        if not of_model:
            with pytest.raises(NotFoundError):
                self.run(step)
        elif of_model[-1].state not in allowed:
            with pytest.raises(ConflictError):
                self.run(step)
        else:
            self.run(step)
            return of_model[-1]
        return None

    @invariant()
    def the_database_is_as_the_model_says(self):
        found = sorted(repr(shown(row)) for row in self.run(read(self.store)))
        assert found == sorted(map(repr, map(calm, self.model.alerts)))

    @invariant()
    def every_change_has_its_event(self):
        lacking = """
            select a.id from alert a where state <> 'pending' and not exists (
                select from alert_event e where e.alert_id = a.id and e.what = 'opened')
            or state = 'resolved' and not exists (
                select from alert_event e where e.alert_id = a.id and e.what = 'resolved')
        """
        assert self.run(stage.rows(self.store, lacking)) == []


def grade(is_critical):
    return "critical" if is_critical else "warning"


def key_of(row):
    return (row["rule"], row["subject"])


def shown(row):
    """Make of a row what the model would say."""
    why = row["untold"].split(" ")[0]
    return calm(
        Modelled(
            key_of(row),
            row["state"],
            row["turns_ms"],
            row["until_ms"],
            row["cleared_at"] is not None,
            why,
            row["settles_ms"],
            row["severity"] == "critical",
            row["told_severity"] == "critical",
            row["outbox"],
        )
    )


def calm(alert):
    """Leave out what means nothing once an alert is resolved."""
    if alert.state == "resolved":
        return Modelled(alert.key, "resolved", outbox=sorted(alert.outbox))
    return Modelled(*fields(alert)[:-1], sorted(alert.outbox))


def fields(alert):
    return [getattr(alert, name) for name in Modelled.__dataclass_fields__]


async def wipe(store):
    async with store.pool.connection() as conn:
        await conn.execute("truncate alert, shelf cascade")
        await conn.execute("update alert_review set at = '-infinity'")


async def read(store):
    return await stage.rows(
        store,
        """
        select *, (extract(epoch from flapping_until) * 1000)::bigint as until_ms,
            (extract(epoch from turns_at) * 1000)::bigint as turns_ms,
            (extract(epoch from settles_at) * 1000)::bigint as settles_ms,
            array(select e.what from outbox o join alert_event e on e.id = o.event_id
                where e.alert_id = alert.id) as outbox
        from alert order by id
        """,
    )


async def prepare(store):
    agent = await mine.add_agent(store)
    assert (agent, await mine.add_rigs(store, agent, 2)) == (1, [1, 2])
    for name, (on_ms, off_ms) in DELAYS_MS.items():
        body = {"on_delay_s": on_ms / 1000, "off_delay_s": off_ms / 1000}
        await stage.put_rule(store, name, **body)


def test_alerts_live_as_the_model_says(postgres):
    assert MAX_SHELF_MS > 15 * MINUTE
    with asyncio.Runner() as runner:
        store = runner.run(Store.open(postgres, min_size=1, max_size=2))
        runner.run(store.migrate())
        runner.run(prepare(store))
        Machine.runner, Machine.store = runner, store
        # Shrinking by a real database takes minutes; the seed of a failure is printed instead.
        steps = settings(
            max_examples=20,
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
            deadline=None,
            phases=[Phase.generate],
        )
        try:
            run_state_machine_as_test(Machine, settings=steps)
        finally:
            runner.run(store.close())
