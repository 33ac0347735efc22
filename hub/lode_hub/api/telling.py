"""Who is told, how and when, and what became of it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from lode_hub.actions import Actions
from lode_hub.api.parts import Asker, Id, Limit, Made, Text
from lode_hub.api.problems import answers
from lode_hub.notify.desk import Tested
from lode_hub.queries import Queries
from lode_hub.queries.telling import (
    ChannelRow,
    DeliveryRow,
    DeliveryState,
    Habit,
    Layer,
    Policy,
    ScheduleRow,
    ShiftRow,
    Step,
    TimerRow,
    WayRow,
)

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Name = Annotated[str, Path(max_length=64)]
_DONE = answers(HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
_ACTED = answers(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


class WayBody(BaseModel, extra="forbid"):
    """A way to tell a person."""

    kind: str = Field(max_length=20)
    address: str = Field(max_length=300)
    min_severity: str = Field(default="warning", max_length=20)
    is_on_call_only: bool = False
    is_resolved_told: bool = True


class ScheduleBody(BaseModel, extra="forbid"):
    """A schedule."""

    time_zone: str = Field(max_length=64)
    sites: list[str] | None = Field(default=None, max_length=1000)
    layers: list[Layer] = Field(max_length=20)


class OverrideBody(BaseModel, extra="forbid"):
    """Somebody who stands in; Unix ms."""

    person: str = Field(max_length=64)
    from_ms: int
    until_ms: int


class PolicyBody(BaseModel, extra="forbid"):
    """An escalation policy."""

    sites: list[str] | None = Field(default=None, max_length=1000)
    steps: list[Step] = Field(max_length=20)


class TestBody(BaseModel, extra="forbid"):
    """Where a test goes; empty: to the channel's own."""

    to: str = Field(default="", max_length=300)


def routes(queries: Queries, actions: Actions) -> APIRouter:
    """Give the routes."""
    router = APIRouter(tags=["telling"], responses=answers())
    _channels(router, queries, actions)
    _ways(router, queries, actions)
    _habits(router, queries, actions)
    _schedules(router, queries, actions)
    _policies(router, queries, actions)
    return router


def _channels(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/channels", summary="The channels of the settings, and how they fare")
    async def channels() -> list[ChannelRow]:
        return await queries.telling.channels()

    @router.post("/channels/{name}/test", summary="Send a test message now", responses=_DONE)
    async def test_channel(name: Name, body: TestBody, person: Asker) -> Tested:
        return await actions.telling.test_channel(name, person, body.to)

    @router.get("/deliveries", summary="Messages to recipients, newest first")
    async def deliveries(
        state: Annotated[list[DeliveryState] | None, Query()] = None,
        channel: Text = None,
        person: Text = None,
        alert_id: Id | None = None,
        limit: Limit = 100,
        before: Annotated[
            int | None, Query(ge=1, le=2**63 - 1, description="older than this delivery_id")
        ] = None,
    ) -> list[DeliveryRow]:
        return await queries.telling.deliveries(
            states=state,
            channel=channel,
            person=person,
            alert_id=alert_id,
            limit=limit,
            before=before,
        )

    @router.post(
        "/deliveries/{number}/retry",
        summary="Try one again that was given up",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_ACTED,
    )
    async def send_again(number: Number, person: Asker) -> None:
        await actions.telling.send_again(number, person)


def _ways(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/ways", summary="How people are told")
    async def ways(person: Text = None) -> list[WayRow]:
        return await queries.telling.ways(person)

    @router.post(
        "/people/{name}/ways", summary="Add or change a way", status_code=201, responses=_DONE
    )
    async def put_way(name: Name, body: WayBody, person: Asker) -> Made:
        number = await actions.telling.put_way(
            name,
            body.kind,
            body.address,
            person,
            min_severity=body.min_severity,
            is_on_call_only=body.is_on_call_only,
            is_resolved_told=body.is_resolved_told,
        )
        return Made(number=number)

    @router.delete("/ways/{number}", summary="Remove a way", responses=_DONE)
    async def remove_way(number: Number, person: Asker) -> None:
        await actions.telling.remove_way(number, person)

    @router.post("/ways/{number}/test", summary="Send a test message now", responses=_ACTED)
    async def test_way(number: Number, person: Asker) -> Tested:
        return await actions.telling.test_way(number, person)

    @router.get(
        "/ways/{number}/secret",
        summary="What messages to your webhook are signed with",
        responses=answers(HTTPStatus.NOT_FOUND),
    )
    async def secret(number: Number, person: Asker) -> str:
        return await queries.telling.webhook_secret(number, person.name)


def _habits(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/people/{name}/habit", summary="When a person is left alone")
    async def habit(name: Name) -> Habit:
        return await queries.telling.habit(name)

    @router.put(
        "/people/{name}/habit",
        summary="Set quiet hours and digest",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_DONE,
    )
    async def set_habit(name: Name, body: Habit, person: Asker) -> None:
        await actions.telling.set_habit(name, body, person)


def _schedules(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/schedules", summary="Schedules, and who is on call now")
    async def schedules() -> list[ScheduleRow]:
        return await queries.telling.schedules()

    @router.get("/schedules/{name}/shifts", summary="Who is on call from now on", responses=_DONE)
    async def shifts(name: Name, days: Annotated[int, Query(ge=1, le=62)] = 7) -> list[ShiftRow]:
        return await queries.telling.shifts(name, days)

    @router.put(
        "/schedules/{name}",
        summary="Write a schedule",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_DONE,
    )
    async def save(name: Name, body: ScheduleBody, person: Asker) -> None:
        await actions.telling.save_schedule(
            name, body.time_zone, body.layers, person, sites=body.sites
        )

    @router.delete("/schedules/{name}", summary="Remove a schedule", responses=_DONE)
    async def remove(name: Name, person: Asker) -> None:
        await actions.telling.remove_schedule(name, person)

    @router.post(
        "/schedules/{name}/overrides",
        summary="Let somebody stand in",
        status_code=201,
        responses=_DONE,
    )
    async def add(name: Name, body: OverrideBody, person: Asker) -> Made:
        number = await actions.telling.add_override(
            name, body.person, body.from_ms, body.until_ms, person
        )
        return Made(number=number)

    @router.delete("/overrides/{number}", summary="Take an override back", responses=_DONE)
    async def take_back(number: Number, person: Asker) -> None:
        await actions.telling.remove_override(number, person)


def _policies(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/policies", summary="Escalation policies")
    async def policies() -> list[Policy]:
        return await queries.telling.policies()

    @router.get("/escalations", summary="Escalations that run, the next first")
    async def timers() -> list[TimerRow]:
        return await queries.telling.timers()

    @router.put(
        "/policies/{name}",
        summary="Write a policy",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_DONE,
    )
    async def save(name: Name, body: PolicyBody, person: Asker) -> None:
        await actions.telling.save_policy(name, body.steps, person, sites=body.sites)

    @router.delete("/policies/{name}", summary="Remove a policy", responses=_DONE)
    async def remove(name: Name, person: Asker) -> None:
        await actions.telling.remove_policy(name, person)
