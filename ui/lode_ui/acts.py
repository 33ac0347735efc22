"""What a click does: the hub's action in the name of the session's person, and its outcome."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from nicegui import ui

from lode_hub.errors import HubError
from lode_ui.desk import Desk
from lode_ui.widgets.alerts import Handlers
from lode_wire.orders import AnyIntent, Terms

TIMEOUT_S = 5.0

T = TypeVar("T")

log = structlog.get_logger()


class Once:
    """Names a request until it was done, so that a second try does nothing twice."""

    def __init__(self) -> None:
        self._of: object = None
        self._name = ""

    def name(self, what: object) -> str:
        """Give the name of this request; another one has another name."""
        if not self._name or what != self._of:
            self._of, self._name = what, secrets.token_hex(16)
        return self._name

    def done(self) -> None:
        """Let the next request be a new one, even when it is the same."""
        self._name = ""


class Hand:
    """Orders one thing after another for a page, and keeps the id of the last."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._once = Once()
        self.last: str | None = None

    async def order(
        self,
        intent: AnyIntent,
        *,
        device_id: int | None = None,
        agent: str | None = None,
        terms: Terms | None = None,
    ) -> None:
        """Order something of a device, or at an agent's site; what fails is told."""
        desk = self._desk
        made = await attempt(
            desk,
            desk.actions.commands.order(
                desk.person,
                intent,
                device_id=device_id,
                agent=agent,
                terms=terms,
                request=self._once.name((intent, device_id, agent, terms)),
            ),
        )
        if made is not None:
            self._once.done()
            self.last = made


def why_not(desk: Desk) -> str:
    """Say why the person is shown no buttons; empty when they are."""
    if desk.may_act:
        return ""
    return f"Operators may act here; you are logged in as {desk.person.role}."


def alert_handlers(desk: Desk) -> Handlers:
    """Give the buttons of an alert what they do for this page's person."""
    if not desk.may_act:
        return Handlers()

    async def acknowledge(alert_id: int) -> None:
        await attempt(desk, desk.actions.acknowledge(alert_id, desk.person), "Acknowledged")

    async def resolve(alert_id: int) -> None:
        await attempt(desk, desk.actions.resolve(alert_id, desk.person), "Resolved")

    return Handlers(acknowledge=acknowledge, resolve=resolve)


def say_not_done(reason: str) -> None:
    """Say why something was not done, for long enough to read it."""
    ui.notify(f"Not done: {reason}", multi_line=True, timeout=10_000)


async def attempt(
    desk: Desk,
    action: Awaitable[T],
    done: str = "",
    *,
    wrong: Callable[[str], None] = say_not_done,
    within_s: float = TIMEOUT_S,
) -> T | None:
    """Do it and say so; when the hub refuses, tell `wrong` why, and give None."""
    result = None
    try:
        async with asyncio.timeout(within_s):
            result = await action
    except TimeoutError:
        ui.notify("The hub did not answer in time; look whether it was done, then try again")
    except HubError as error:
        wrong(str(error))
    except Exception as error:  # what nobody foresaw is for the log, not for the page
        log.warning("action failed", reason=type(error).__name__)
        ui.notify("Not done: the hub failed; its log says why")
    else:
        if done:
            ui.notify(done)
    await desk.answers.stir()
    return result


async def achieved(
    desk: Desk,
    action: Awaitable[None],
    done: str = "",
    *,
    wrong: Callable[[str], None] = say_not_done,
) -> bool:
    """Attempt what gives nothing back, and tell whether it was done."""

    async def acted() -> bool:
        await action
        return True

    return await attempt(desk, acted(), done, wrong=wrong) is not None
