"""What a click does: the hub's action in the name of the session's person, and its outcome."""

import asyncio
from collections.abc import Awaitable

import structlog
from nicegui import ui

from lode_ui.desk import Desk
from lode_ui.widgets.alerts import Handlers

ACTORS = frozenset({"operator", "admin"})
"""Roles that are shown buttons. The hub checks the role again; this only keeps the page honest."""

TIMEOUT_S = 5.0

log = structlog.get_logger()


def alert_handlers(desk: Desk) -> Handlers:
    """Give the buttons of an alert what they do for this page's person."""
    if desk.person.role not in ACTORS:
        return Handlers()

    async def acknowledge(alert_id: int) -> None:
        await _attempt(desk, desk.actions.acknowledge(alert_id, desk.person), "Acknowledged")

    async def resolve(alert_id: int) -> None:
        await _attempt(desk, desk.actions.resolve(alert_id, desk.person), "Resolved")

    return Handlers(acknowledge=acknowledge, resolve=resolve)


async def _attempt(desk: Desk, action: Awaitable[object], done: str) -> None:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await action
    except TimeoutError:
        ui.notify("The hub did not answer in time; look whether it was done, then try again")
    except Exception as error:  # whatever the hub says, the person must see that nothing was done
        log.warning("action was refused", reason=type(error).__name__)
        ui.notify(f"Not done: {error}")
    else:
        ui.notify(done)
    await desk.answers.stir()
