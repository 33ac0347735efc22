"""What alerts are made and kept quiet by: rules, silences, maintenance."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from lode_hub.actions import Actions
from lode_hub.alerts import Matchers, Span
from lode_hub.api.alerts import Millis
from lode_hub.api.parts import Asker, Limit, Made, Text
from lode_hub.api.problems import answers
from lode_hub.queries import Queries
from lode_hub.queries.alert_nouns import MaintenanceRow, RuleRow, ShelfRow, SilenceRow
from lode_hub.queries.tryouts import MAX_DAYS, Tried

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
RuleName = Annotated[str, Path(max_length=63)]
Over = Annotated[bool, Query(description="those that are over")]
_Matcher = Annotated[str | None, Field(max_length=200)]
_ACTED = answers(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SilenceIn(_Body):
    """Which alerts, from when to when, and why."""

    site: _Matcher = None
    rule: _Matcher = None
    cause: _Matcher = None
    rack: _Matcher = None
    subject: _Matcher = None
    starts_ms: Millis
    ends_ms: Millis
    comment: str = Field(min_length=1, max_length=500)


class MaintenanceIn(_Body):
    """Where, from when to when, and why."""

    site: str = Field(min_length=1, max_length=200)
    rack: _Matcher = None
    starts_ms: Millis
    ends_ms: Millis
    note: str = Field(min_length=1, max_length=500)


def routes(queries: Queries, actions: Actions) -> APIRouter:
    """Give the routes."""
    router = APIRouter(tags=["alerts"], responses=answers())
    _add_silences(router, queries, actions)
    _add_maintenance(router, queries, actions)
    _add_rules(router, queries, actions)
    _add_tryouts(router, queries)
    return router


def _add_silences(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/shelf", summary="Alarms that are shelved now, the next to come off it first")
    async def shelf(*, limit: Limit = 100) -> list[ShelfRow]:
        return await queries.alarms.shelved(limit)

    @router.get("/silences", summary="Silences that are or will be, or those that are over")
    async def silences(*, is_over: Over = False, limit: Limit = 100) -> list[SilenceRow]:
        return await queries.alarms.silences(is_over=is_over, limit=limit)

    @router.post(
        "/silences",
        summary="Tell nobody of the alerts that fit; '*' stands for anything",
        status_code=HTTPStatus.CREATED,
        responses=_ACTED,
    )
    async def silence(body: SilenceIn, person: Asker) -> Made:
        matchers = Matchers(
            site=body.site,
            rule=body.rule,
            cause=body.cause,
            rack=body.rack,
            subject=body.subject,
        )
        span = Span(starts_ms=body.starts_ms, ends_ms=body.ends_ms)
        made = await actions.alarms.silence(person, matchers, span, body.comment)
        return Made(number=made)

    @router.delete(
        "/silences/{number}",
        summary="End a silence now",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_ACTED,
    )
    async def end_silence(number: Number, person: Asker) -> None:
        await actions.alarms.end_silence(person, number)


def _add_maintenance(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/maintenance", summary="Maintenance of sites and racks that is or will be")
    async def maintenance(*, is_over: Over = False, limit: Limit = 100) -> list[MaintenanceRow]:
        return await queries.alarms.maintenance(is_over=is_over, limit=limit)

    @router.post(
        "/maintenance",
        summary="Plan maintenance of a site or a rack: its alerts go untold meanwhile",
        status_code=HTTPStatus.CREATED,
        responses=_ACTED,
    )
    async def maintain(body: MaintenanceIn, person: Asker) -> Made:
        span = Span(starts_ms=body.starts_ms, ends_ms=body.ends_ms)
        place = (body.site, body.rack)
        return Made(number=await actions.alarms.maintain(person, place, span, body.note))

    @router.delete(
        "/maintenance/{number}",
        summary="End maintenance now",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_ACTED,
    )
    async def end_maintenance(number: Number, person: Asker) -> None:
        await actions.alarms.end_maintenance(person, number)


def _add_rules(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/rules", summary="The rules that are in effect")
    async def rules() -> list[RuleRow]:
        return await queries.alarms.rules()

    @router.get("/rules/{name}", summary="Every version of a rule, newest first")
    async def versions(name: RuleName, limit: Limit = 100) -> list[RuleRow]:
        return await queries.alarms.rules(name, limit)

    @router.put(
        "/rules/{name}",
        summary="Let a rule say this beside what is shipped, everywhere or at a site",
        responses=_ACTED,
    )
    async def edit(
        name: RuleName, body: dict[str, Any], person: Asker, site: Text = None
    ) -> list[RuleRow]:
        await actions.alarms.edit_rule(person, name, site, body)
        return await queries.alarms.rules(name, 10)

    @router.delete(
        "/rules/{name}",
        summary="Take back what a person has said of a rule, everywhere or at a site",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_ACTED,
    )
    async def reset(name: RuleName, person: Asker, site: Text = None) -> None:
        await actions.alarms.reset_rule(person, name, site)


def _add_tryouts(router: APIRouter, queries: Queries) -> None:
    @router.post(
        "/rules/{name}/tryout",
        summary="How often a rule would have fired of late: as it is, or as the body lets it be",
        responses=answers(HTTPStatus.CONFLICT),
    )
    async def tryout(
        name: RuleName,
        body: dict[str, Any] | None = None,
        site: Text = None,
        days: Annotated[float, Query(gt=0, le=MAX_DAYS)] = 1,
    ) -> Tried:
        return await queries.tryouts.run(name, site, body, days=days)
