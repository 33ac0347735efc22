"""Alerts, and what a person may do with one."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from lode_hub.actions import Actions
from lode_hub.api.parts import Asker, Id, Limit, Offset, Text
from lode_hub.api.problems import answers
from lode_hub.errors import NotFoundError
from lode_hub.queries import Queries
from lode_hub.queries.alert_nouns import AlarmFigures, AlertCounts, AlertDetail
from lode_hub.queries.nouns import AlertRow, AlertState, Severity

AlertId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Words = Annotated[list[Annotated[str, Field(max_length=64)]] | None, Query(max_length=50)]
Millis = Annotated[int, Field(ge=0, le=2**53)]
_ACTED = answers(
    HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST
)


class NoteIn(BaseModel):
    """What a person has to say about it."""

    model_config = ConfigDict(extra="forbid")
    note: str = Field("", max_length=500)


class ShelveIn(NoteIn):
    """Until when an alarm is put aside."""

    until_ms: Millis


def routes(queries: Queries, actions: Actions) -> APIRouter:
    """Give the routes."""
    router = APIRouter(tags=["alerts"], responses=answers())
    _add_inbox(router, queries)
    _add_looks(router, queries)
    _add_acts(router, queries, actions)
    return router


async def _one(queries: Queries, alert_id: int) -> AlertRow:
    found = await queries.alert(alert_id)
    if found is None:
        raise NotFoundError(f"alert {alert_id}: there is no such alert; see /api/v1/alerts")
    return found


def _add_inbox(router: APIRouter, queries: Queries) -> None:
    @router.get("/alerts", summary="Alerts, newest first; without a state, all but the pending")
    async def alerts(  # noqa: PLR0913 -- each is a query parameter
        *,
        state: Annotated[list[AlertState] | None, Query()] = None,
        severity: Annotated[list[Severity] | None, Query()] = None,
        cause: Words = None,
        site: Text = None,
        rule: Text = None,
        device_id: Id | None = None,
        search: Text = None,
        is_untold: Annotated[bool | None, Query(description="people are (not) told")] = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> list[AlertRow]:
        return await queries.alerts(
            states=state,
            severities=severity,
            causes=cause,
            site=site,
            rule=rule,
            device_id=device_id,
            search=search or "",
            is_untold=is_untold,
            limit=limit,
            offset=offset,
        )


def _add_looks(router: APIRouter, queries: Queries) -> None:
    @router.get("/alerts/counts", summary="How many alerts live, by state, severity and cause")
    async def counts(site: Text = None) -> AlertCounts:
        return await queries.alarms.counts(site)

    @router.get(
        "/alerts/figures",
        summary="EEMUA 191's figures: alarms by 10 min and operator, floods, standing, chattering",
        responses=answers(HTTPStatus.BAD_REQUEST),
    )
    async def figures(
        site: Text = None,
        days: Annotated[float, Query(gt=0, le=31)] = 7,
        operators: Annotated[int, Query(ge=1, le=1000)] = 1,
        to_ms: Annotated[int | None, Query(ge=0, le=2**53, description="their end")] = None,
    ) -> AlarmFigures:
        return await queries.alarms.figures(site=site, days=days, operators=operators, to_ms=to_ms)

    @router.get("/alerts/{alert_id}", summary="One alert", responses=answers(HTTPStatus.NOT_FOUND))
    async def alert(alert_id: AlertId) -> AlertRow:
        return await _one(queries, alert_id)

    @router.get(
        "/alerts/{alert_id}/history",
        summary="One alert and all that happened to it, newest first",
        responses=answers(HTTPStatus.NOT_FOUND),
    )
    async def history(alert_id: AlertId) -> AlertDetail:
        found = await queries.alarms.detail(alert_id)
        if found is None:
            raise NotFoundError(f"alert {alert_id}: there is no such alert; see /api/v1/alerts")
        return found


def _add_acts(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.post("/alerts/{alert_id}/acknowledge", summary="Take an alert on", responses=_ACTED)
    async def acknowledge(alert_id: AlertId, person: Asker, body: NoteIn | None = None) -> AlertRow:
        await actions.acknowledge(alert_id, person, body.note if body else "")
        return await _one(queries, alert_id)

    @router.post(
        "/alerts/{alert_id}/resolve", summary="Say that its trouble is over", responses=_ACTED
    )
    async def resolve(alert_id: AlertId, person: Asker, body: NoteIn | None = None) -> AlertRow:
        await actions.resolve(alert_id, person, body.note if body else "")
        return await _one(queries, alert_id)

    @router.post(
        "/alerts/{alert_id}/shelve",
        summary="Put its alarm aside until then, also when it ends and begins anew",
        responses=_ACTED,
    )
    async def shelve(alert_id: AlertId, person: Asker, body: ShelveIn) -> AlertRow:
        await actions.alarms.shelve(person, alert_id, body.until_ms, body.note)
        return await _one(queries, alert_id)

    @router.post(
        "/alerts/{alert_id}/unshelve", summary="Take its alarm from the shelf", responses=_ACTED
    )
    async def unshelve(alert_id: AlertId, person: Asker) -> AlertRow:
        await actions.alarms.unshelve(person, alert_id)
        return await _one(queries, alert_id)
