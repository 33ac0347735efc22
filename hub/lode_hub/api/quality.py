"""Data quality of a site, and energy by counter."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from lode_hub.api.parts import Id, Text
from lode_hub.api.problems import answers
from lode_hub.queries import Queries
from lode_hub.queries.quality import Energy, QualitySpan, SiteQuality

Ms = Annotated[int, Query(ge=0, le=2**53, description="Unix ms")]


def routes(queries: Queries) -> APIRouter:
    """Give the routes."""
    router = APIRouter(tags=["data quality"], responses=answers())

    @router.get(
        "/quality",
        summary="How good a site's data is, by source and agent, the worst first",
        responses=answers(HTTPStatus.NOT_FOUND),
    )
    async def quality(
        site: Annotated[str, Query(max_length=64)], span: QualitySpan = "hour"
    ) -> SiteQuality:
        return await queries.quality.of_site(site, span)

    @router.get(
        "/energy/metered",
        summary="Energy through a site or a meter, by counter; kWh",
        responses=answers(HTTPStatus.BAD_REQUEST),
    )
    async def metered(
        from_ms: Ms, to_ms: Ms, site: Text = None, device_id: Id | None = None
    ) -> Energy:
        return await queries.quality.energy_kwh(from_ms, to_ms, site=site, device_id=device_id)

    return router
