"""Sites, rigs and meters."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from lode_hub.api.parts import TOTAL, Limit, Offset, Text
from lode_hub.api.problems import answers
from lode_hub.errors import NotFoundError
from lode_hub.queries import Queries
from lode_hub.queries.nouns import (
    MeterRow,
    PointRow,
    RigRow,
    RigState,
    Series,
    SiteTotals,
    Span,
)

DeviceId = Annotated[int, Path(ge=1, le=2**31 - 1)]
_NOT_FOUND = answers(HTTPStatus.NOT_FOUND)


def routes(queries: Queries) -> APIRouter:
    """Give the routes."""
    router = APIRouter(tags=["fleet"], responses=answers())
    _add_sites(router, queries)
    _add_rigs(router, queries)
    _add_rig(router, queries)
    return router


def _add_sites(router: APIRouter, queries: Queries) -> None:
    @router.get("/sites", summary="Totals of every site")
    async def sites() -> list[SiteTotals]:
        return await queries.sites()

    @router.get(
        "/sites/{site}/series",
        summary="Rollups of one metric over a site",
        responses=answers(HTTPStatus.BAD_REQUEST),
    )
    async def site_series(
        site: Annotated[str, Path(max_length=64)], metric: str, span: Span = "hour"
    ) -> Series:
        return await queries.site_series(site, metric, span)

    @router.get("/meters", summary="Meters with their last reading")
    async def meters(site: Text = None) -> list[MeterRow]:
        return await queries.meters(site)


def _add_rigs(router: APIRouter, queries: Queries) -> None:
    @router.get(
        "/rigs",
        summary="Rigs with their last reading; the header X-Total-Count has their number",
        responses=answers(HTTPStatus.BAD_REQUEST),
    )
    async def rigs(  # noqa: PLR0913 -- each is a query parameter
        *,
        response: Response,
        site: Text = None,
        state: Annotated[list[RigState] | None, Query()] = None,
        search: Text = None,
        sort: Annotated[str, Query(description="a field; with - before it the largest first")] = (
            "name"
        ),
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> list[RigRow]:
        items = await queries.rigs(
            site=site,
            states=state,
            search=search,
            sort=sort.removeprefix("-"),
            is_descending=sort.startswith("-"),
            limit=limit,
            offset=offset,
        )
        total = await queries.count_rigs(site=site, states=state, search=search)
        response.headers[TOTAL] = str(total)
        return items


def _add_rig(router: APIRouter, queries: Queries) -> None:
    @router.get("/rigs/{device_id}", summary="One rig", responses=_NOT_FOUND)
    async def rig(device_id: DeviceId) -> RigRow:
        found = await queries.rig(device_id)
        if found is None:
            raise NotFoundError(f"rig {device_id}: there is no such rig; see /api/v1/rigs")
        return found

    @router.get(
        "/rigs/{device_id}/series",
        summary="Rollups of one metric of one rig or meter",
        responses=answers(HTTPStatus.BAD_REQUEST),
    )
    async def series(device_id: DeviceId, metric: str, span: Span = "hour") -> Series:
        return await queries.series(device_id, metric, span)

    @router.get("/rigs/{device_id}/points", summary="Last values of a device's further points")
    async def points(device_id: DeviceId) -> list[PointRow]:
        return await queries.points(device_id)
