"""What a click does: the hub's action in the name of the session's person, and its outcome."""

import asyncio
from collections.abc import Awaitable

import structlog
from nicegui import ui

from lode_hub.errors import HubError
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
    except HubError as error:
        ui.notify(f"Not done: {error}")
    except Exception as error:  # what nobody foresaw is for the log, not for the page
        log.warning("action failed", reason=type(error).__name__)
        ui.notify("Not done: the hub failed; its log says why")
    else:
        ui.notify(done)
    await desk.answers.stir()
