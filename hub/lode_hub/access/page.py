"""The login page: plain HTML that needs no script, in dark and light, on any screen."""

import html
from http import HTTPStatus
from importlib import resources
from string import Template
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from lode_hub.access import Access
from lode_hub.access.guard import COOKIE, token_of
from lode_hub.errors import InvalidError, TooManyError, UnauthorizedError, UnavailableError

MAX_FORM_BYTES = 8192

# The page runs nothing and loads nothing: its one style sheet is inside it.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_PAGE = Template((resources.files("lode_hub.access") / "login.html").read_text())


def routes(access: Access, *, is_secure: bool) -> APIRouter:
    """Give the routes to log in and out; `is_secure` when people reach us by https."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def show(request: Request) -> Response:
        return _page(target=request.query_params.get("next", "/"))

    @router.post("/login")
    async def login(request: Request) -> Response:
        form = await _form(request)
        name, target = form.get("name", "").strip(), form.get("next", "/")
        try:
            token, _ = await access.login(name, form.get("password", ""), address_of(request))
        except UnauthorizedError:
            said = "Name and password do not fit."
            return _page(HTTPStatus.UNAUTHORIZED, said, name, target)
        except TooManyError as error:
            said = f"Too many attempts. Try again in {_spell(error.retry_s)}."
            return _page(HTTPStatus.TOO_MANY_REQUESTS, said, name, target)
        except UnavailableError:
            said = "The database does not answer right now. Try again in a moment."
            return _page(HTTPStatus.SERVICE_UNAVAILABLE, said, name, target)
        response = RedirectResponse(inside(target), HTTPStatus.SEE_OTHER)
        await _leave(access, request)  # a session that was there before ends with the new one
        set_cookie(response, token, access.absolute_s, is_secure=is_secure)
        return response

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        await _leave(access, request)
        response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=is_secure)
        return response

    return router


def set_cookie(response: Response, token: str, lifetime_s: float, *, is_secure: bool) -> None:
    """Give the browser its session."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(lifetime_s),
        httponly=True,
        samesite="strict",
        secure=is_secure,
    )


def address_of(request: Request) -> str:
    """Give the network address a request comes from."""
    return request.client.host if request.client else ""


def inside(target: str) -> str:
    """Give a path of ours to go on to; anything else becomes the first page."""
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\", "/login"))
    return target if is_ours and target.isprintable() and "\\" not in target else "/"


async def _leave(access: Access, request: Request) -> None:
    token = token_of(request.scope)
    if token:
        await access.logout(token)


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise InvalidError(f"login: more than {MAX_FORM_BYTES} bytes; send name and password")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    return {key: values[0] for key, values in fields.items()}


def _page(
    status: HTTPStatus = HTTPStatus.OK, said: str = "", name: str = "", target: str = "/"
) -> HTMLResponse:
    error = f'<p class="error" role="alert" id="said">{html.escape(said)}</p>' if said else ""
    page = _PAGE.substitute(
        error=error,
        name=html.escape(name[:64], quote=True),
        target=html.escape(inside(target), quote=True),
        focus_name="" if name else "autofocus",
        focus_password="autofocus" if name else "",
        described='aria-describedby="said"' if said else "",
    )
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(page, status, headers)


def _spell(seconds: float) -> str:
    minutes = int(seconds // 60) + 1
    return "a minute" if minutes == 1 else f"{minutes} minutes"
