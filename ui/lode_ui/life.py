"""A page's life: built once, shown at once, and filled again in place at every beat.

build ─► first answers (≤ 1 s) ─► paint ─► [ beat ─► ask ─► fill ] until the browser is gone
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import structlog
from nicegui import Client, background_tasks

from lode_hub.errors import UnavailableError
from lode_ui.desk import ALERT_LIMIT, Desk
from lode_ui.feed import PERIOD_S
from lode_ui.widgets.frame import Frame, Setting, framed

FIRST_S = 1.0
"""So long a page waits for its first answers before it is painted without them."""

AGAIN_S = 2.0
"""While the hub cannot answer, a page tries again this often."""

TROUBLE = (
    "The hub cannot read its data ({reason}) and keeps trying."
    " If this lasts, run `lode-hub check` and look into the hub's log."
)

log = structlog.get_logger()


class Body(Protocol):
    """What a page shows within the frame."""

    title: str

    async def refresh(self) -> None:
        """Ask again and fill in place; raises whatever the hub's queries raise."""


async def live(client: Client, desk: Desk, here: str, build: Callable[[Desk], Body]) -> None:
    """Build a page, show what can be known at once, and keep it fresh."""
    setting = Setting(
        here=here,
        person=desk.person.name,
        role=desk.person.role,
        site_id=desk.site_id,
        now_ms=now_ms(),
    )
    with framed(setting) as frame:
        body = build(desk)
    life = _Life(client, desk, frame, body)
    first = background_tasks.create(life.refresh(), name=f"first answers of {here}")
    await asyncio.wait([first], timeout=FIRST_S)
    client.title = f"{body.title} · Lode"  # escaped with the page it is sent in, unlike a later one
    task = background_tasks.create(life.run(first), name=f"life of {here}")

    def end() -> None:
        task.cancel()

    client.on_delete(end)


def now_ms() -> int:
    """Read the hub's clock in Unix ms."""
    return time.time_ns() // 1_000_000


class _Life:
    def __init__(self, client: Client, desk: Desk, frame: Frame, body: Body) -> None:
        self._client = client
        self._desk = desk
        self._frame = frame
        self._body = body
        self._trouble = ""

    async def run(self, first: asyncio.Task[None]) -> None:
        await asyncio.wait([first])
        await self._client.connected()
        beat = 0
        while not self._client.is_deleted:
            if not self._trouble:  # else no change may ever come, so just try again
                beat = await self._desk.answers.next_beat(beat)
            if self._client.has_socket_connection:
                await self.refresh()
            await asyncio.sleep(AGAIN_S if self._trouble else PERIOD_S)

    async def refresh(self) -> None:
        """Fill frame and body; whatever goes wrong is said on the page, and tried again."""
        try:
            sites = await self._desk.answers.sites()
            alerts = await self._desk.answers.active_alerts()
            waiting = [alert for alert in alerts if alert.state == "open"]
            with self._client:
                self._frame.show(sites, len(waiting), at_least=len(alerts) >= ALERT_LIMIT)
                await self._body.refresh()
        except UnavailableError:
            self._say("its database does not answer")
            return
        except Exception as error:  # a page outlives every failure of the hub's queries
            self._say(type(error).__name__)
            return
        self._trouble = ""
        if not self._client.is_deleted:
            self._frame.connection.good(now_ms())

    def _say(self, reason: str) -> None:
        if reason != self._trouble:
            log.warning("page was not refreshed", page=self._client.page.path, reason=reason)
        self._trouble = reason
        if not self._client.is_deleted:
            self._frame.connection.bad(now_ms(), TROUBLE.format(reason=reason))
