"""The planner at work: what it may do, its plan, a preview, how the site follows."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from lode_hub.actions import Actions
from lode_hub.api.parts import Asker
from lode_hub.api.problems import answers
from lode_hub.queries import Queries
from lode_hub.queries.planner import LimitRow, LoopRow, PlannerMode, PlannerState, PlanRow

Site = Annotated[str, Path(max_length=64)]
_ASKED = answers(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
_ACTED = answers(HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


class ModeSaid(BaseModel):
    """What the planner may do."""

    model_config = ConfigDict(extra="forbid")

    mode: PlannerMode


def routes(queries: Queries, actions: Actions) -> APIRouter:
    """Give the routes."""
    router = APIRouter(prefix="/energy", tags=["energy"], responses=answers())
    planner = queries.energy.planner

    @router.get("/{site}/planner", summary="What the planner may do here", responses=_ASKED)
    async def state(site: Site) -> PlannerState:
        return await planner.state(site)

    @router.put("/{site}/planner", summary="Say what the planner may do", responses=_ACTED)
    async def set_planner(site: Site, said: ModeSaid, person: Asker) -> PlannerState:
        await actions.energy.set_planner(person, site, said.mode)
        return await planner.state(site)

    @router.get("/{site}/plan", summary="The last plan; none before there is one", responses=_ASKED)
    async def plan(site: Site) -> PlanRow | None:
        return await planner.plan(site)

    @router.post("/{site}/plan/preview", summary="A plan that is not sent", responses=_ASKED)
    async def preview(site: Site) -> PlanRow:
        return await planner.preview(site)

    @router.get("/{site}/limits", summary="What bounds plans, by whose word", responses=_ASKED)
    async def limits(site: Site) -> tuple[LimitRow, ...]:
        return await planner.limits(site)

    @router.get("/{site}/loop", summary="How the site follows its setpoint", responses=_ASKED)
    async def loop(site: Site) -> LoopRow:
        return await planner.loop(site)

    return router
