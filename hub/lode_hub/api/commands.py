"""Commands, approvals and curtailments: what is asked of sites, and what became of it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from lode_hub.actions import Actions, Ask
from lode_hub.api.parts import TOTAL, Asker, Id, Limit, Offset, Text
from lode_hub.api.problems import answers
from lode_hub.commands.choose import MIN_POWER_W
from lode_hub.commands.orders import read_intent, read_terms
from lode_hub.errors import NotFoundError
from lode_hub.queries import Queries
from lode_hub.queries.command_nouns import (
    CommandDetail,
    CommandRow,
    CommandStage,
    ControlsRow,
    CurtailmentRow,
    UnorderedRow,
)
from lode_wire.orders import AnyIntent, Terms

CommandId = Annotated[str, Path(min_length=1, max_length=128)]
DeviceId = Annotated[int, Path(ge=1, le=2**31 - 1)]
SiteName = Annotated[str, Path(max_length=64)]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=128,
        description="your name for this request: sent again with it, it is done once",
    ),
]
_NOT_FOUND = answers(HTTPStatus.NOT_FOUND)
_ACTED = answers(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS,
)
_MAX_NAMES = 20_000


def _schema(of: object) -> dict[str, Any]:
    """Describe a type of the wire for OpenAPI, in one piece."""
    (schema,), parts = msgspec.json.schema_components([of], ref_template="{name}")
    inlined: dict[str, Any] = _inlined(schema, parts)
    return inlined


def _inlined(schema: Any, parts: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(schema, list):
        return [_inlined(one, parts) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(parts[schema["$ref"]], parts)
    return {key: _inlined(one, parts) for key, one in schema.items() if key != "discriminator"}


Intent = Annotated[dict[str, Any], WithJsonSchema(_schema(AnyIntent))]
TermsIn = Annotated[dict[str, Any], WithJsonSchema(_schema(Terms))]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OrderIn(_Body):
    """An order: what, and of which device, or at which agent's site."""

    intent: Intent
    device_id: int | None = Field(None, ge=1, le=2**31 - 1)
    agent: str | None = Field(None, max_length=64)
    terms: TermsIn | None = None
    valid_s: float | None = Field(None, description="how long it may wait to be accepted")


class CurtailmentIn(_Body):
    """What a curtailment shall reach; with neither figure, all that can be taken."""

    site: str = Field(max_length=64)
    reduce_to_w: float | None = None
    reduce_by_w: float | None = None
    excluding: list[Annotated[str, Field(max_length=200)]] = Field([], max_length=_MAX_NAMES)
    min_power_w: float = MIN_POWER_W
    terms: TermsIn | None = None


class BeginIn(_Body):
    """The preview to begin."""

    preview: str = Field(min_length=1, max_length=128)


class StopIn(_Body):
    """Why everything stops."""

    reason: str = Field("", max_length=256)


class MaintenanceIn(_Body):
    """What is done on the device."""

    note: str = Field("", max_length=256)


def routes(queries: Queries, actions: Actions) -> APIRouter:
    """Give the routes."""
    router = APIRouter(tags=["commands"], responses=answers())
    _add_reads(router, queries)
    _add_orders(router, queries, actions)
    _add_approvals(router, queries, actions)
    _add_curtailments(router, queries)
    _add_curtailing(router, queries, actions)
    _add_sites(router, queries, actions)
    _add_devices(router, queries, actions)
    return router


async def _command(queries: Queries, command_id: str) -> CommandDetail:
    found = await queries.commands.command(command_id)
    if found is None:
        raise NotFoundError(f"command {command_id}: there is no such command; see /api/v1/commands")
    return found


async def _curtailment(queries: Queries, curtailment_id: str) -> CurtailmentRow:
    found = await queries.commands.curtailment(curtailment_id)
    if found is None:
        raise NotFoundError(f"curtailment {curtailment_id}: there is none; preview one")
    return found


def _add_reads(router: APIRouter, queries: Queries) -> None:
    @router.get(
        "/commands", summary="Commands, newest first; the header X-Total-Count has their number"
    )
    async def commands(  # noqa: PLR0913 -- each is a query parameter
        *,
        response: Response,
        site: Text = None,
        stage: Annotated[list[CommandStage] | None, Query()] = None,
        device_id: Id | None = None,
        is_open: Annotated[bool, Query(description="only what is not at its end")] = False,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> list[CommandRow]:
        ask = queries.commands
        total = await ask.count(site=site, stages=stage, device_id=device_id, is_open=is_open)
        response.headers[TOTAL] = str(total)
        return await ask.commands(
            site=site,
            stages=stage,
            device_id=device_id,
            is_open=is_open,
            limit=limit,
            offset=offset,
        )

    @router.get("/commands/strange", summary="What agents were sent and the hub does not know")
    async def strange(limit: Limit = 100) -> list[UnorderedRow]:
        return await queries.commands.strange(limit)

    @router.get("/commands/local", summary="What sites began by themselves")
    async def local(limit: Limit = 100) -> list[UnorderedRow]:
        return await queries.commands.local(limit)

    @router.get(
        "/commands/{command_id}", summary="One command: devices, steps, proof", responses=_NOT_FOUND
    )
    async def command(command_id: CommandId) -> CommandDetail:
        return await _command(queries, command_id)


def _add_orders(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.post(
        "/commands",
        summary="Order something; what needs two people waits for an approval",
        status_code=HTTPStatus.CREATED,
        responses=_ACTED,
    )
    async def order(body: OrderIn, person: Asker, key: Key = "") -> CommandDetail:
        made = await actions.commands.order(
            person,
            read_intent(body.intent),
            device_id=body.device_id,
            agent=body.agent,
            terms=read_terms(body.terms),
            valid_s=body.valid_s,
            request=key,
        )
        return await _command(queries, made)

    @router.post(
        "/commands/{command_id}/release",
        summary="End a lease now, as its terms say; gives the command that does",
        status_code=HTTPStatus.CREATED,
        responses=_ACTED,
    )
    async def release(command_id: CommandId, person: Asker, key: Key = "") -> CommandDetail:
        made = await actions.commands.release(person, command_id, request=key)
        return await _command(queries, made)


def _add_approvals(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/approvals", summary="Proposals that wait for another person's approval")
    async def pending(site: Text = None) -> list[CommandRow]:
        return await queries.commands.pending(site)

    @router.post(
        "/approvals/{command_id}/approve", summary="Approve another's proposal", responses=_ACTED
    )
    async def approve(command_id: CommandId, person: Asker) -> CommandDetail:
        await actions.commands.approve(person, command_id)
        return await _command(queries, command_id)

    @router.post(
        "/approvals/{command_id}/decline",
        summary="Decline a proposal, or take one's own back",
        responses=_ACTED,
    )
    async def decline(command_id: CommandId, person: Asker) -> CommandDetail:
        await actions.commands.decline(person, command_id)
        return await _command(queries, command_id)


def _add_curtailments(router: APIRouter, queries: Queries) -> None:
    @router.get("/curtailments", summary="Curtailments that were begun, newest first")
    async def curtailments(
        site: Text = None, limit: Limit = 100, offset: Offset = 0
    ) -> list[CurtailmentRow]:
        return await queries.commands.curtailments(site, limit=limit, offset=offset)

    @router.get("/curtailments/{curtailment_id}", summary="One curtailment", responses=_NOT_FOUND)
    async def curtailment(curtailment_id: CommandId) -> CurtailmentRow:
        return await _curtailment(queries, curtailment_id)


def _add_curtailing(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.post(
        "/curtailments/preview",
        summary="Say which rigs would be taken and which not, and why; do nothing",
        status_code=HTTPStatus.CREATED,
        responses=_ACTED,
    )
    async def preview(body: CurtailmentIn, person: Asker) -> CurtailmentRow:
        ask = Ask(
            site=body.site,
            reduce_to_w=body.reduce_to_w,
            reduce_by_w=body.reduce_by_w,
            excluding=frozenset(body.excluding),
            min_power_w=body.min_power_w,
        )
        made = await actions.curtailments.preview(person, ask, read_terms(body.terms))
        return await _curtailment(queries, made)

    @router.post(
        "/curtailments",
        summary="Begin a preview, with the rigs it showed",
        status_code=HTTPStatus.CREATED,
        responses=_ACTED,
    )
    async def begin(body: BeginIn, person: Asker, key: Key = "") -> CurtailmentRow:
        await actions.curtailments.start(person, body.preview, request=key)
        return await _curtailment(queries, body.preview)

    @router.post(
        "/curtailments/{curtailment_id}/release",
        summary="End a curtailment now, as its terms say",
        responses=_ACTED,
    )
    async def release(curtailment_id: CommandId, person: Asker, key: Key = "") -> list[str]:
        return await actions.curtailments.release(person, curtailment_id, request=key)


def _add_sites(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/sites/{site}/controls", summary="What can be asked of each device of a site")
    async def controls(
        site: SiteName, limit: Limit = 1000, offset: Offset = 0
    ) -> list[ControlsRow]:
        return await queries.commands.all_controls(site, limit=limit, offset=offset)

    @router.post(
        "/sites/{site}/stop",
        summary="Put every rig to sleep at once; gives the commands",
        status_code=HTTPStatus.CREATED,
        responses=_ACTED,
    )
    async def stop(site: SiteName, body: StopIn, person: Asker, key: Key = "") -> list[str]:
        return await actions.commands.stop_all(person, site, reason=body.reason, request=key)

    @router.post(
        "/sites/{site}/end_stop",
        summary="End a stop of all rigs; gives the commands",
        status_code=HTTPStatus.CREATED,
        responses=_ACTED,
    )
    async def end_stop(site: SiteName, person: Asker, key: Key = "") -> list[str]:
        return await actions.commands.end_stop(person, site, request=key)


def _add_devices(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get(
        "/devices/{device_id}/controls",
        summary="What can be asked of a device",
        responses=_NOT_FOUND,
    )
    async def controls(device_id: DeviceId) -> ControlsRow:
        found = await queries.commands.controls(device_id)
        if found is None:
            raise NotFoundError(f"device {device_id}: its agent has not said what it offers")
        return found

    @router.put(
        "/devices/{device_id}/maintenance",
        summary="Let no curtailment take a device",
        responses=_ACTED,
    )
    async def maintain(device_id: DeviceId, body: MaintenanceIn, person: Asker) -> MaintenanceIn:
        await actions.commands.maintain(person, device_id, is_on=True, note=body.note)
        return body

    @router.delete(
        "/devices/{device_id}/maintenance",
        summary="Let curtailments take a device again",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_ACTED,
    )
    async def end_maintenance(device_id: DeviceId, person: Asker) -> None:
        await actions.commands.maintain(person, device_id, is_on=False)
