"""Agents, what went missing or wrong on the way, and the hub itself."""

from fastapi import APIRouter

from lode_hub.api.parts import Limit, Offset, Text
from lode_hub.api.problems import answers
from lode_hub.queries import Queries
from lode_hub.queries.nouns import AgentRow, GapRow, HubHealth, QuarantineRow


def routes(queries: Queries) -> APIRouter:
    """Give the routes."""
    router = APIRouter(tags=["way of the records"], responses=answers())

    @router.get("/agents", summary="Every agent's health")
    async def agents() -> list[AgentRow]:
        return await queries.agents()

    @router.get("/gaps", summary="Records that are missing, and why, newest first")
    async def gaps(agent: Text = None, limit: Limit = 100, offset: Offset = 0) -> list[GapRow]:
        return await queries.gaps(agent, limit=limit, offset=offset)

    @router.get("/quarantine", summary="Payloads that could not be taken, and why, newest first")
    async def quarantine(
        agent: Text = None, limit: Limit = 100, offset: Offset = 0
    ) -> list[QuarantineRow]:
        return await queries.quarantine(agent, limit=limit, offset=offset)

    @router.get("/health", summary="The hub's own figures")
    async def health() -> HubHealth:
        return await queries.health()

    return router
