"""For machines that watch the hub: /healthz without a login, /metrics with one."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Gauge, generate_latest

from lode_hub.health import Health
from lode_hub.queries import Queries

ALERTS_OPEN = Gauge("lode_alerts_open", "Alerts that are not resolved")
OUTBOX_DEPTH = Gauge("lode_notify_outbox_depth", "Messages about alerts that wait")
AGENTS = Gauge("lode_agents", "Agents the hub knows")
AGENTS_STALE = Gauge("lode_agents_stale", "Agents that have committed nothing for 30 s")
GAPS_OPEN = Gauge("lode_gaps_open", "Gaps whose records are still asked for")
QUARANTINED = Gauge("lode_quarantined", "Payloads in quarantine", ["agent"])
AGENT_LAG_S = Gauge("lode_agent_lag_seconds", "Age of the oldest batch that waits", ["agent"])
SPOOL_RECORDS = Gauge("lode_agent_spool_records", "Records an agent still keeps", ["agent"])
PART_RESTARTS = Gauge("lode_part_restarts", "How often a part of the hub was restarted", ["part"])


def routes(queries: Queries, health: Health) -> APIRouter:
    """Give the routes."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/healthz", methods=["GET", "HEAD"])
    async def healthz() -> Response:
        wrong = await health.wrong()
        status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        body: dict[str, object] = (
            {"status": "failing", "wrong": wrong} if wrong else {"status": "ok"}
        )
        return JSONResponse(body, status, {"Cache-Control": "no-store"})

    @router.get("/metrics")
    async def metrics() -> Response:
        await _measure(queries)
        for name, part in health.parts().items():
            PART_RESTARTS.labels(name).set(part.restarts)
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return router


async def _measure(queries: Queries) -> None:
    health = await queries.health()
    ALERTS_OPEN.set(health.open_alerts)
    OUTBOX_DEPTH.set(health.outbox_depth)
    AGENTS.set(health.agents)
    AGENTS_STALE.set(health.stale_agents)
    GAPS_OPEN.set(health.open_gaps)
    for agent in await queries.agents():
        QUARANTINED.labels(agent.name).set(agent.quarantined)
        if agent.lag_s is not None:
            AGENT_LAG_S.labels(agent.name).set(agent.lag_s)
        if agent.spool_records is not None:
            SPOOL_RECORDS.labels(agent.name).set(agent.spool_records)
