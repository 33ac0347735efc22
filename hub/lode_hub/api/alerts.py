"""Alerts, and what a person may do with them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from lode_hub.actions import Actions
from lode_hub.api.parts import Asker, Id, Limit, Offset, Text
from lode_hub.api.problems import answers
from lode_hub.errors import NotFoundError
from lode_hub.queries import Queries
from lode_hub.queries.nouns import AlertRow, AlertState

AlertId = Annotated[int, Path(ge=1, le=2**63 - 1)]
_ACTED = answers(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


def routes(queries: Queries, actions: Actions) -> APIRouter:
    """Give the routes."""
    router = APIRouter(tags=["alerts"], responses=answers())

    @router.get("/alerts", summary="Alerts, newest first")
    async def alerts(
        state: Annotated[list[AlertState] | None, Query()] = None,
        site: Text = None,
        device_id: Id | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> list[AlertRow]:
        return await queries.alerts(
            states=state, site=site, device_id=device_id, limit=limit, offset=offset
        )

    async def one(alert_id: int) -> AlertRow:
        found = await queries.alert(alert_id)
        if found is None:
            raise NotFoundError(f"alert {alert_id}: there is no such alert; see /api/v1/alerts")
        return found

    @router.get("/alerts/{alert_id}", summary="One alert", responses=answers(HTTPStatus.NOT_FOUND))
    async def alert(alert_id: AlertId) -> AlertRow:
        return await one(alert_id)

    @router.post("/alerts/{alert_id}/acknowledge", summary="Take an alert on", responses=_ACTED)
    async def acknowledge(alert_id: AlertId, person: Asker) -> AlertRow:
        await actions.acknowledge(alert_id, person)
        return await one(alert_id)

    @router.post(
        "/alerts/{alert_id}/resolve", summary="Say that its trouble is over", responses=_ACTED
    )
    async def resolve(alert_id: AlertId, person: Asker) -> AlertRow:
        await actions.resolve(alert_id, person)
        return await one(alert_id)

    return router
