"""What goes wrong in a request, answered as application/problem+json (RFC 9457) from one table."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from lode_hub.errors import (
    ConflictError,
    ForbiddenError,
    HubError,
    InvalidError,
    NotFoundError,
    TooManyError,
    UnauthorizedError,
    UnavailableError,
)

STATUS: dict[type[HubError], HTTPStatus] = {
    InvalidError: HTTPStatus.BAD_REQUEST,
    UnauthorizedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    TooManyError: HTTPStatus.TOO_MANY_REQUESTS,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""What each error is to HTTP; one that is not here is a fault of ours, and a 500."""


class Problem(BaseModel):
    """What went wrong, and what to do."""

    title: str
    status: int
    detail: str


def answers(*statuses: HTTPStatus) -> dict[int | str, dict[str, object]]:
    """Describe the problems a route may answer with, for OpenAPI."""
    # Any text may hold a zero character, which the database refuses.
    always = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE)
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        int(status): {"model": Problem, "description": status.phrase, "content": content}
        for status in (*always, *statuses)
    }


def answer(
    status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Make the answer."""
    problem = Problem(title=status.phrase, status=status, detail=detail)
    return JSONResponse(
        problem.model_dump(),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        media_type="application/problem+json",
    )


def install(app: FastAPI) -> None:
    """Let the application answer so, whatever goes wrong."""
    app.add_exception_handler(HubError, _of_hub)
    app.add_exception_handler(RequestValidationError, _of_request)
    app.add_exception_handler(HTTPException, _of_http)


async def _of_hub(_: Request, error: Exception) -> JSONResponse:
    status = STATUS.get(type(error)) if isinstance(error, HubError) else None
    if status is None:
        raise error
    headers = {}
    if isinstance(error, TooManyError):
        headers["Retry-After"] = str(int(error.retry_s) + 1)
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = "2"
    if isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = "Bearer"
    return answer(status, str(error), headers)


async def _of_request(_: Request, error: Exception) -> JSONResponse:
    wrong = error.errors() if isinstance(error, RequestValidationError) else ()
    text = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg'].lower()}" for one in wrong)
    return answer(HTTPStatus.UNPROCESSABLE_ENTITY, text)


async def _of_http(_: Request, error: Exception) -> JSONResponse:
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    headers = getattr(error, "headers", None)
    return answer(status, f"request: {status.phrase.lower()}; see /api/v1/openapi.json", headers)
