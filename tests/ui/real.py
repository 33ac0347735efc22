"""The dashboard on a real hub's queries and actions, as a process of its own, for a browser.

python -m tests.ui.real '{"database": URL, "hook": URL, "has_stock": true}' ─► prints its port;
the cookie `who` says who is let in as what, for example `mira.operator`
"""

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import uvicorn
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from lode_hub import alerts, rules
from lode_hub.access import Access, Person
from lode_hub.actions import Actions
from lode_hub.notify import Secret, Senders, SmtpChannel, WebhookChannel
from lode_hub.queries import Queries
from lode_hub.settings import AccessSettings
from lode_hub.store import Store
from lode_hub.store.telling import Habit, Layer, Step
from lode_ui.dashboard import mount
from tests.hub.alerts.stage import finding
from tests.hub.queries.mine import Mine
from tests.ui.world import Someone

NOBODY_LISTENS = 9  # discard: a mail server that is not there
ADMIN = Person(name="root", role="admin")
PEOPLE = {"mira": "operator", "bob": "operator", "vera": "viewer", "root": "admin"}


ABOUT = {
    "site:1": "series-hashrate",
    "site:1:rack:A3": "site-common-fan-failure",
    "site:1:model:Antminer S21": "quality-counter",
    "agent:1": "quality-gap",
    "channel:ops-hook": "notify-failed",
}
"""What alerts are about beside rigs, and their rules."""


class Unmoved:
    """Tells of no change; pages ask every five seconds, and after each thing that is done."""

    @contextlib.asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[object]]:
        yield _never()


async def _never() -> AsyncIterator[object]:
    await asyncio.Event().wait()
    yield None


class Guarded:
    """Lets everybody in as whom their cookie says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            who = HTTPConnection(scope).cookies.get("who", "mira.operator")
            state = {**scope.get("state", {}), "person": Someone(*who.split("."))}
            scope = {**scope, "state": state}
        await self._app(scope, receive, send)


def senders(hook: str) -> Senders:
    """Two channels that work, and a mail server that is not there."""
    return Senders(
        [
            WebhookChannel(name="ops-hook", url=hook, secret=Secret(value="s3cret"), timeout_s=3.0),
            WebhookChannel(name="webhook", url="", secret=Secret(value="s3cret"), timeout_s=3.0),
            SmtpChannel(
                name="mail", host="127.0.0.1", port=NOBODY_LISTENS, tls="none",
                sender="lode@mine.example", recipients=("ops@mine.example",), timeout_s=3.0,
            ),
        ],
        10.0,
    )  # fmt: skip


async def stock(mine: Mine, actions: Actions) -> None:
    """Fill a hub with what a page has to show."""
    agent = await mine.agent()
    await mine.agent("south-1", site="south")
    rigs = [await mine.device(agent, f"rig-{number:03}") for number in range(1, 6)]
    for ago in range(240, 0, -1):
        hot = 37.0 if 60 < ago < 90 else 31.0
        for rig in rigs[:2]:
            await mine.rolls(
                "rig_1m", rig, ago, 60, inlet_temp_c_min=hot - 0.5, inlet_temp_c_max=hot + 0.5
            )
    telling = actions.telling
    for person, kind, address in (
        ("mira", "mail", "mira@mine.example"),
        ("bob", "sms", "+491701234567"),
        ("root", "webhook", "http://127.0.0.1:9/root"),
    ):
        await telling.put_way(person, kind, address, ADMIN)
    await telling.set_habit("mira", Habit(time_zone="Europe/Berlin"), ADMIN)
    monday = datetime.now(UTC).date() - timedelta(days=datetime.now(UTC).weekday() + 7)
    weekdays = Layer(people=("mira", "bob"), begins_on=monday, days=2, weekdays=(0, 1, 2, 3, 4))
    night = Layer(people=("vera",), begins_on=monday, weekdays=(5,))
    await telling.save_schedule("north", "Europe/Berlin", [weekdays, night], ADMIN)
    steps = [
        Step(after_s=0, tell=("schedule:north",)),
        Step(after_s=300, tell=("person:bob",)),
        Step(after_s=900, tell=("person:root",)),
        Step(after_s=1800, tell=("person:mira", "person:root")),
    ]
    await telling.save_policy("critical", steps, ADMIN)
    await _alerts(mine)


async def _alerts(mine: Mine) -> None:
    for rule, ago_h in (("rig-silent", 2), ("rig-silent", 50), ("rig-over-temperature", 1)):
        await mine.run(
            "insert into alert (rule, subject, site_id, severity, state, title, likely_cause, "
            "evidence, since_at, opened_at, renewed_at, rule_id) select %(rule)s, %(subject)s, 1, "
            "'critical', 'open', 'rig-001 is too hot: 97 °C', 'a fan', '{}', t.at, t.at, t.at, "
            "(select id from alert_rule r where r.name = %(rule)s and is_current) "
            "from (select now() - make_interval(hours => %(ago_h)s) as at) t",
            rule=rule, subject=f"device:{ago_h}", ago_h=ago_h,
        )  # fmt: skip
    await mine.run(
        "insert into escalation select id, 1, 1, now() - interval '4 min', now() + interval '1 min'"
        " from alert where rule = 'rig-over-temperature'"
    )
    for state, error in (("sent", None), ("waiting", "451 try later"), ("dead", "550 no such box")):
        await mine.run(
            "insert into delivery (channel, site_id, cause, what, state, attempts, error, "
            "recipient, person_id, finished_at) select 'mail', 1, 'heat', 'news', %(state)s, "
            "3, %(error)s, 'mira@mine.example', p.id, case %(state)s when 'waiting' then null "
            "else now() end from person p where p.name = 'mira'",
            state=state, error=error,
        )  # fmt: skip
    await mine.run(
        "insert into alert_event (alert_id, rule, subject, what, at) "
        "select id, rule, subject, 'opened', opened_at from alert"
    )
    await mine.run("insert into delivery_event select d.id, e.id from delivery d, alert_event e")
    now_ms = time.time_ns() // 1_000_000
    members = ("device:1", "device:2")
    found = [
        finding(key, rule, at_ms=now_ms, members=members if ":rack:" in key else ())
        for key, rule in ABOUT.items()
    ]
    await alerts.take(mine.store, found, now_ms)


async def main(settings: dict[str, object]) -> None:
    store = await Store.open(str(settings["database"]))
    await store.migrate()
    await rules.install(store, None)
    access, sending = Access(store, AccessSettings()), senders(str(settings["hook"]))
    actions = Actions(store, access, senders=sending)
    for name, role in PEOPLE.items():
        await access.add(name, role)
    if settings.get("has_stock"):
        await stock(Mine(store), actions)
    app = FastAPI()
    mount(app, queries=Queries(store, sending), actions=actions, live=Unmoved())
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Guarded(app), log_level="warning"))
    print(json.dumps(listening.getsockname()[1]), flush=True)
    await server.serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
