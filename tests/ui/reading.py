"""What a person without a browser reads on a page, and does there."""

import asyncio
import time
from collections.abc import Callable

from nicegui import ElementFilter
from nicegui.element import Element
from nicegui.testing import User


async def until(holds: Callable[[], bool], timeout_s: float = 40.0) -> None:
    """Wait for a condition, with a deadline."""
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        await asyncio.sleep(0.02)


def first(user: User, kind: type):
    with user:
        return next(iter(ElementFilter(kind=kind)))


def texts(user: User) -> str:
    """Read everything a page says, with ordinary spaces."""
    with user:
        said = [str(element._text) for element in user._client.elements.values() if element._text]
    return " | ".join(said).replace("\N{NO-BREAK SPACE}", " ")


def seen(user: User) -> str:
    """Read everything a page shows: what is hidden, or in something hidden, is left out."""
    shown = [e for e in user._client.elements.values() if e._text and _is_shown(e)]
    return " | ".join(str(each._text) for each in shown).replace("\N{NO-BREAK SPACE}", " ")


def button(user: User, word: str) -> Element:
    """Find the first button that says exactly this, with ordinary spaces."""
    every = list(user._client.elements.values())
    said = ((e, str(e._text or "").replace("\N{NO-BREAK SPACE}", " ")) for e in every)
    return next(e for e, text in said if text == word and e._event_listeners)


def press(user: User, word: str) -> None:
    """Click the first button that says exactly this."""
    send(button(user, word))


def field(user: User, label: str) -> Element:
    """Find the field under a label."""
    every = list(user._client.elements.values())
    at = next(n for n, element in enumerate(every) if element._text == label)
    return next(e for e in every[at:] if e.tag in {"input", "select"})


def send(element: Element, *args: object) -> None:
    """Let an element's event happen; that it is left again is none of its own."""
    (listener,) = (one for one in element._event_listeners.values() if one.type != "blur")
    with element.client:
        element._handle_event({"listener_id": listener.id, "args": args[0] if args else []})


def _is_shown(element: Element) -> bool:
    above: Element | None = element
    while above is not None:
        if not above.visible:
            return False
        above = above.parent_slot.parent if above.parent_slot else None
    return True
