"""Log in and out by JSON."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, SecretStr

from lode_hub.access import Access
from lode_hub.access.guard import token_of
from lode_hub.access.page import address_of, set_cookie
from lode_hub.api.parts import Asker
from lode_hub.api.problems import answers


class Login(BaseModel):
    """Name and password."""

    name: str = Field(max_length=64)
    password: SecretStr = Field(max_length=256)


class Opened(BaseModel):
    """A session: send the token as `Authorization: Bearer ...`, or the cookie that came with it."""

    token: str
    name: str
    role: str


class Who(BaseModel):
    """Who is logged in."""

    name: str
    role: str


def routes(access: Access, *, is_secure: bool) -> APIRouter:
    """Give the routes; `is_secure` when people reach us by https."""
    router = APIRouter(tags=["session"])

    @router.post(
        "/session",
        summary="Log in",
        status_code=HTTPStatus.CREATED,
        responses=answers(HTTPStatus.TOO_MANY_REQUESTS),
    )
    async def login(request: Request, response: Response, login: Login) -> Opened:
        password = login.password.get_secret_value()
        token, person = await access.login(login.name, password, address_of(request))
        response.headers["Cache-Control"] = "no-store"
        set_cookie(response, token, access.absolute_s, is_secure=is_secure)
        return Opened(token=token, name=person.name, role=person.role)

    @router.get("/session", summary="Who is logged in", responses=answers())
    async def who(person: Asker) -> Who:
        return Who(name=person.name, role=person.role)

    @router.delete(
        "/session", summary="Log out", status_code=HTTPStatus.NO_CONTENT, responses=answers()
    )
    async def logout(request: Request, _: Asker) -> None:
        await access.logout(token_of(request.scope))

    return router
