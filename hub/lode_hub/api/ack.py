"""The page behind an acknowledge link: GET shows a button, POST acknowledges; no login, no script.

Mail scanners open every link of a mail, so that opening it must change nothing.
"""

import html
from http import HTTPStatus
from importlib import resources
from string import Template

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from lode_hub.access.page import address_of
from lode_hub.errors import (
    ConflictError,
    ForbiddenError,
    HubError,
    NotFoundError,
    TooManyError,
    UnavailableError,
)
from lode_hub.notify.link_desk import LinkDesk, LinkedAlerts
from lode_hub.notify.links import ExpiredError

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_PAGE = Template((resources.files("lode_hub.api") / "ack.html").read_text())

_SAID: dict[type[HubError], tuple[HTTPStatus, str]] = {
    ExpiredError: (HTTPStatus.GONE, "This link has expired. Log in to acknowledge."),
    ConflictError: (HTTPStatus.CONFLICT, "This link has been used already."),
    ForbiddenError: (HTTPStatus.FORBIDDEN, "You may not acknowledge these alerts any more."),
    NotFoundError: (HTTPStatus.NOT_FOUND, "This is no link of ours. Was it copied whole?"),
    TooManyError: (HTTPStatus.TOO_MANY_REQUESTS, "Too many wrong links. Try again in minutes."),
    UnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer. Try again."),
}


def routes(desk: LinkDesk) -> APIRouter:
    """Give the routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/ack/{token}")
    async def look(token: str, request: Request) -> Response:
        try:
            found = await desk.look(token, address_of(request))
        except tuple(_SAID) as error:
            return _refusal(error)
        if not found.open:
            return _page(HTTPStatus.OK, "Nothing is left to acknowledge.", found)
        return _page(HTTPStatus.OK, f"Acknowledge as {found.person}?", found, is_asking=True)

    @router.post("/ack/{token}")
    async def acknowledge(token: str, request: Request) -> Response:
        try:
            done = await desk.acknowledge(token, address_of(request))
        except tuple(_SAID) as error:
            return _refusal(error)
        return _page(HTTPStatus.OK, f"Acknowledged {done.open} as {done.person}.", done)

    return router


def _refusal(error: HubError) -> HTMLResponse:
    status, said = _SAID[type(error)]
    return _page(status, said)


def _page(
    status: HTTPStatus, said: str, found: LinkedAlerts | None = None, *, is_asking: bool = False
) -> HTMLResponse:
    titles = found.titles if found else ()
    more = found.alerts - len(titles) if found else 0
    listed = "".join(f"<li>{html.escape(title)}</li>" for title in titles)
    page = _PAGE.substitute(
        said=html.escape(said),
        listed=listed + (f"<li>and {more} more</li>" if more > 0 else ""),
        form='<form method="post"><button autofocus>Acknowledge</button></form>'
        if is_asking
        else "",
    )
    headers = {
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
    }
    return HTMLResponse(page, status, headers)
