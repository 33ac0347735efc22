"""The door for agents: come in with a token, stay in by renewal; and who may open and close it."""

import base64
import binascii
import datetime as dt
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field, SecretStr

from lode_hub.access.page import address_of
from lode_hub.actions import Actions
from lode_hub.api.parts import Asker
from lode_hub.api.problems import answers
from lode_hub.errors import InvalidError
from lode_hub.trust.ca import MAX_PEM_BYTES
from lode_hub.trust.enrol import MAX_TOKEN_CHARS, Enrolled, Invitation, Trust

Agent = Annotated[str, Path(max_length=63)]
_KNOCKED = answers(HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS)
_ACTED = answers(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST)


class Request_(BaseModel):  # noqa: N801 -- the web framework has a Request of its own
    """A token, and a signing request (PEM) for a P-256 key that stays with the agent."""

    token: SecretStr = Field(max_length=MAX_TOKEN_CHARS)
    request: str = Field(max_length=MAX_PEM_BYTES)


class Renewal(BaseModel):
    """A certificate (PEM) that is still good, signed by its key together with a nonce."""

    certificate: str = Field(max_length=MAX_PEM_BYTES)
    nonce: str = Field(min_length=16, max_length=64)
    signature: str = Field(max_length=256)  # base64


class Answer(BaseModel):
    """JSON of what is new, and the authority's signature (base64) over it and the nonce."""

    body: str
    signature: str


class Site(BaseModel):
    """Where an agent belongs."""

    site: str = Field(max_length=63)


class EnrolmentRow(BaseModel):
    """An agent that was let in."""

    agent: str
    site: str
    key_id: str
    enrolled_at: dt.datetime
    enrolled_from: str
    renewed_at: dt.datetime | None
    revoked_at: dt.datetime | None
    certificate_ends_at: dt.datetime | None


def knocking(trust: Trust) -> APIRouter:
    """Give the routes that need no session: a token or a certificate speaks for the sender."""
    router = APIRouter(tags=["agents' door"], responses=_KNOCKED)

    @router.post("/enrolment", summary="Let an agent in", status_code=HTTPStatus.CREATED)
    async def enrol(request: Request, response: Response, said: Request_) -> Enrolled:
        response.headers["Cache-Control"] = "no-store"
        token = said.token.get_secret_value()
        return await trust.enrol(token, said.request, address_of(request))

    @router.post("/enrolment/renewal", summary="Give an agent its next certificate")
    async def renew(request: Request, response: Response, said: Renewal) -> Answer:
        response.headers["Cache-Control"] = "no-store"
        try:
            signature = base64.b64decode(said.signature, validate=True)
        except binascii.Error:
            raise InvalidError("signature: no base64") from None
        body, ours = await trust.renew(said.certificate, said.nonce, signature, address_of(request))
        return Answer(body=body, signature=base64.b64encode(ours).decode())

    return router


def routes(trust: Trust, actions: Actions) -> APIRouter:
    """Give the routes for people."""
    router = APIRouter(tags=["agents' door"], responses=answers())

    @router.get("/enrolments", summary="Every agent that was let in, by name")
    async def enrolments() -> Sequence[EnrolmentRow]:
        return [
            EnrolmentRow(
                agent=one.agent,
                site=one.site,
                key_id=one.key_id,
                enrolled_at=one.enrolled_at,
                enrolled_from=one.enrolled_from,
                renewed_at=one.renewed_at,
                revoked_at=one.revoked_at,
                certificate_ends_at=ends_at,
            )
            for one, ends_at in await trust.enrolments()
        ]

    @router.post(
        "/enrolments/{agent}/token",
        summary="Make a one-time token for an agent; it is shown this once",
        status_code=HTTPStatus.CREATED,
        responses=_ACTED,
    )
    async def invite(agent: Agent, said: Site, person: Asker, response: Response) -> Invitation:
        response.headers["Cache-Control"] = "no-store"
        return await actions.invite_agent(trust, agent, said.site, person)

    @router.delete(
        "/enrolments/{agent}",
        summary="Throw an agent out",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_ACTED,
    )
    async def revoke(agent: Agent, person: Asker) -> None:
        await actions.revoke_agent(trust, agent, person)

    return router
