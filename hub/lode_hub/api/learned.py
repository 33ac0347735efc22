"""The learned opinion: the model, how it stands at sites, and who lets it advise."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from lode_hub.actions import Actions, Stage
from lode_hub.api.parts import Asker, Limit
from lode_hub.api.problems import answers
from lode_hub.queries import Queries
from lode_hub.queries.learned import LearnedDecision, LearnedModel, LearnedSite

Site = Annotated[str, Path(max_length=200)]
_ASKED = answers(HTTPStatus.NOT_FOUND)
_ACTED = answers(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


class StageSaid(BaseModel):
    """What the model may do at a site."""

    model_config = ConfigDict(extra="forbid")

    stage: Stage


def routes(queries: Queries, actions: Actions) -> APIRouter:
    """Give the routes."""
    router = APIRouter(prefix="/learned", tags=["learned opinion"], responses=answers())

    @router.get("/model", summary="The model at work; none if no hub could run one")
    async def model() -> LearnedModel | None:
        return await queries.learned.model()

    @router.get("/sites", summary="How the model stands at each site")
    async def sites() -> list[LearnedSite]:
        return await queries.learned.sites()

    @router.get("/sites/{site}", summary="How the model stands at a site", responses=_ASKED)
    async def site_(site: Site) -> LearnedSite:
        return await queries.learned.site(site)

    @router.get(
        "/sites/{site}/decisions", summary="What people decided, newest first", responses=_ASKED
    )
    async def decisions(site: Site, limit: Limit = 100) -> list[LearnedDecision]:
        return await queries.learned.decisions(site, limit)

    @router.put("/sites/{site}", summary="Let the model advise at a site, or not", responses=_ACTED)
    async def let(site: Site, said: StageSaid, person: Asker) -> LearnedSite:
        await actions.let_model(site, said.stage, person)
        return await queries.learned.site(site)

    return router
