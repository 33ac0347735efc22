"""The alerts of a real database against a model that fits on a page."""

import asyncio
from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from psycopg.rows import dict_row

from lode_hub import alerts
from lode_hub.alerts.lifecycle import FLAP_HOLD_MS, FLAP_TURNS, FLAP_WINDOW_MS
from lode_hub.committed import Finding
from lode_hub.errors import ConflictError, NotFoundError
from lode_hub.store import Store

SUBJECTS = ("device:1", "device:2", "agent:1")
MINUTE = 60_000
START = 1_700_000_000_000


@dataclass
class Modelled:
    """What one alert should be."""

    subject: str
    state: str = "open"
    held_until: int | None = None
    is_cleared: bool = False


@dataclass
class Model:
    """What all alerts should be: a list, the turns of each subject, and the count of the told."""

    alerts: list[Modelled] = field(default_factory=list)
    turns: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    told: int = 0

    def current(self, subject: str) -> Modelled | None:
        live = [a for a in self.alerts if a.subject == subject and a.state != "resolved"]
        assert len(live) <= 1
        return live[0] if live else None

    def note(self, subject: str, now: int, what: str, *, is_told: bool = True) -> None:
        self.turns.setdefault(subject, []).append((now, what))
        self.told += is_told

    def recent(self, subject: str, now: int, kinds: set[str]) -> int:
        turns = self.turns.get(subject, [])
        return sum(what in kinds and now - at < FLAP_WINDOW_MS for at, what in turns)

    def appear(self, subject: str, now: int) -> None:
        alert = self.current(subject)
        if alert is None:
            self.alerts.append(Modelled(subject))
            self.note(subject, now, "opened")
        elif alert.is_cleared:
            alert.is_cleared = False
            self.note(subject, now, "returned", is_told=False)

    def clear(self, subject: str, now: int) -> None:
        alert = self.current(subject)
        if alert is None:
            return
        if alert.held_until is not None:
            if not alert.is_cleared:
                alert.is_cleared = True
                self.note(subject, now, "cleared", is_told=False)
        elif self.recent(subject, now, {"opened", "resolved"}) + 1 >= FLAP_TURNS:
            alert.held_until, alert.is_cleared = now + FLAP_HOLD_MS, True
            self.note(subject, now, "flapping")
        else:
            alert.state = "resolved"
            self.note(subject, now, "resolved")

    def end_holds(self, now: int) -> None:
        for alert in self.alerts:
            if alert.state == "resolved" or alert.held_until is None or alert.held_until > now:
                continue
            kinds = {"opened", "resolved", "cleared", "returned"}
            if self.recent(alert.subject, now, kinds) >= FLAP_TURNS:
                alert.held_until = now + FLAP_HOLD_MS
            elif alert.is_cleared:
                alert.state, alert.held_until = "resolved", None
                self.note(alert.subject, now, "resolved")
            else:
                alert.held_until = None


def finding(subject: str, now: int, *, is_active: bool) -> Finding:
    return Finding(
        rule="r", subject=subject, is_active=is_active, severity="warning", at_ms=now, title="t"
    )


class Machine(RuleBasedStateMachine):
    """Findings, people and time in any order."""

    runner: asyncio.Runner
    store: Store

    def __init__(self):
        super().__init__()
        self.model, self.now = Model(), START
        self.run(wipe(self.store))

    def run(self, step):
        return self.runner.run(step)

    @rule(changes=st.lists(st.tuples(st.sampled_from(SUBJECTS), st.booleans()), max_size=6))
    def take(self, changes):
        found = [finding(subject, self.now, is_active=is_on) for subject, is_on in changes]
        self.run(alerts.take(self.store, found, self.now))
        self.model.end_holds(self.now)
        # Turns are taken in rounds: each subject keeps its order, and subjects share nothing.
        for subject, is_on in changes:
            (self.model.appear if is_on else self.model.clear)(subject, self.now)

    @rule(subject=st.sampled_from(SUBJECTS))
    def flap(self, subject):
        self.take([(subject, True), (subject, False)] * 2)

    @rule(minutes=st.sampled_from([1, 4, 11, 31]))
    def wait(self, minutes):
        self.now += minutes * MINUTE

    @rule(subject=st.sampled_from(SUBJECTS))
    def acknowledge(self, subject):
        self.by_person(subject, alerts.acknowledge, {"open"}, "acknowledged")

    @rule(subject=st.sampled_from(SUBJECTS))
    def resolve(self, subject):
        self.by_person(subject, alerts.resolve, {"open", "acknowledged"}, "resolved")

    def by_person(self, subject, change, allowed, becomes):
        """Change the latest alert of a subject, or one that does not exist."""
        ids = [row["id"] for row in self.run(read(self.store)) if row["subject"] == subject]
        of_model = [alert for alert in self.model.alerts if alert.subject == subject]
        step = change(self.store, ids[-1] if ids else -1, "ann", self.now)
        if not of_model:
            with pytest.raises(NotFoundError):
                self.run(step)
        elif of_model[-1].state not in allowed:
            with pytest.raises(ConflictError):
                self.run(step)
        else:
            self.run(step)
            of_model[-1].state = becomes
            if becomes == "resolved":
                of_model[-1].held_until = None
            self.model.told += 1

    @invariant()
    def the_database_is_as_the_model_says(self):
        found = [
            Modelled(
                row["subject"],
                row["state"],
                row["until_ms"],
                row["cleared_at"] is not None and row["state"] != "resolved",
            )
            for row in self.run(read(self.store))
        ]
        expected = [
            Modelled(a.subject, a.state, a.held_until, a.is_cleared and a.state != "resolved")
            for a in self.model.alerts
        ]
        assert sorted(map(repr, found)) == sorted(map(repr, expected))
        assert self.run(outbox_size(self.store)) == self.model.told


async def wipe(store):
    async with store.pool.connection() as conn:
        await conn.execute("truncate alert cascade")


async def read(store):
    async with store.pool.connection() as conn:
        cursor = conn.cursor(row_factory=dict_row)
        await cursor.execute(
            """
            select id, subject, state, cleared_at,
                (extract(epoch from flapping_until) * 1000)::bigint as until_ms
            from alert order by id
            """
        )
        return await cursor.fetchall()


async def outbox_size(store):
    async with store.pool.connection() as conn:
        ((size,),) = await (await conn.execute("select count(*) from outbox")).fetchall()
        return size


def test_alerts_live_as_the_model_says(postgres):
    with asyncio.Runner() as runner:
        store = runner.run(Store.open(postgres, min_size=1, max_size=2))
        runner.run(store.migrate())
        Machine.runner, Machine.store = runner, store
        # Shrinking by a real database takes minutes; the seed of a failure is printed instead.
        calm = settings(
            max_examples=25,
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
            deadline=None,
            phases=[Phase.generate],
        )
        try:
            run_state_machine_as_test(Machine, settings=calm)
        finally:
            runner.run(store.close())
