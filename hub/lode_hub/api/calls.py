"""The door for a programme's machine: a signed call, without a login."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from lode_hub.access.page import address_of
from lode_hub.api.energy import Name, Site
from lode_hub.api.problems import answer, answers
from lode_hub.energy.prices import Refusal
from lode_hub.energy.signals.webhook import MAX_BYTES, WebhookDoor

_ANSWERS = answers(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.TOO_MANY_REQUESTS)


class Taken(BaseModel):
    """The numbers of the calls that were taken, and the places of those that were not."""

    calls: tuple[int, ...]
    refused: tuple[Refusal, ...]


def routes(door: WebhookDoor) -> APIRouter:
    """Give the route."""
    router = APIRouter(prefix="/energy", tags=["energy"], responses=_ANSWERS)

    @router.post(
        "/{site}/programmes/{name}/webhook",
        summary="Take calls signed by the programme's secret; the same again is no second one",
        response_model=Taken,
    )
    async def call(site: Site, name: Name, request: Request) -> Response | Taken:
        # The guard lets nothing in whose length is not declared.
        if int(request.headers.get("content-length") or 0) > MAX_BYTES:
            said = f"call: more than {MAX_BYTES} bytes; send fewer calls at once"
            return answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said)
        body = await request.body()
        taken = await door.call(site, name, request.headers, body, address_of(request))
        return Taken(calls=taken.calls, refused=taken.refused)

    return router
