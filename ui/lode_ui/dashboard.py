"""The dashboard's entrance: mounts its pages on the hub's application.

request ─► the hub's guard ─► page ─► frame + body ─► beat ─► body again, in place
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Response
from nicegui import Client, ui
from nicegui import app as pages_app
from nicegui.json import NiceGUIJSONResponse

from lode_hub.errors import UnavailableError
from lode_ui import theme
from lode_ui.desk import Answers, Desk
from lode_ui.feed import Feed
from lode_ui.hub import Actions, Live, Person, Queries
from lode_ui.life import Body, live
from lode_ui.pages.accounts import AccountPage, AccountsPage
from lode_ui.pages.agents import AgentsPage
from lode_ui.pages.alarm_figures import AlarmFiguresPage
from lode_ui.pages.alert import AlertPage
from lode_ui.pages.alerts import AlertsPage
from lode_ui.pages.channels import ChannelsPage
from lode_ui.pages.command import CommandPage
from lode_ui.pages.commands import CommandsPage
from lode_ui.pages.curtail import CurtailPage
from lode_ui.pages.curtailment import CurtailmentPage
from lode_ui.pages.energy import EnergyPage
from lode_ui.pages.energy_plan import PlanPage
from lode_ui.pages.energy_what_if import WhatIfPage
from lode_ui.pages.fleet import FleetPage
from lode_ui.pages.model import ModelPage
from lode_ui.pages.nowhere import NowherePage
from lode_ui.pages.oncall import OnCallPage
from lode_ui.pages.overview import OverviewPage
from lode_ui.pages.quality import QualityPage
from lode_ui.pages.rig import RigPage
from lode_ui.pages.rule import RulePage
from lode_ui.pages.rules import RulesPage
from lode_ui.pages.silences import SilencesPage
from lode_ui.pages.technician import TechnicianPage
from lode_ui.rows import Fleet

RECONNECT_S = 10.0
"""A page whose browser is away longer than this is forgotten; it loads afresh when it is back."""

HISTORY = 200
"""So many messages a page may miss in that time and still be brought up to date without loading."""


def mount(app: FastAPI, *, queries: Queries, actions: Actions, live: Live) -> None:
    """Mount the pages at `/`, once in a process, after every other route: they take what is left.

    The application must be guarded: a request that gets here carries a person in its state.
    """
    feed = Feed(live)
    answers = Answers(queries, feed)
    desks = _Desks(answers, actions)
    _add_pages(desks)
    _add_alarm_pages(desks)
    _add_command_pages(desks)
    _add_curtail_pages(desks)
    _add_energy_pages(desks)
    _add_telling_pages(desks)
    _add_doors(Fleet(queries))
    theme.install()
    _run_feed_with(app, feed)
    ui.run_with(
        app,
        root=_nowhere(desks),
        title="Lode",
        favicon=theme.FAVICON,
        dark=None,
        tailwind=False,
        reconnect_timeout=RECONNECT_S,
        message_history_length=HISTORY,
        binding_refresh_interval=None,
        show_welcome_message=False,
    )


@dataclass(frozen=True, slots=True)
class _Desks:
    answers: Answers
    actions: Actions

    def of(self, client: Client, site_id: int) -> Desk:
        """Lay the desk for whoever the guard has let in."""
        person: Person = client.request.scope["state"]["person"]
        return Desk(
            answers=self.answers, actions=self.actions, person=person, site_id=site_id or None
        )


def _add_pages(desks: _Desks) -> None:
    @ui.page("/")
    async def overview(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/", OverviewPage)

    @ui.page("/fleet")
    async def fleet(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/fleet", FleetPage)

    @ui.page("/rigs/{device_id}")
    async def rig(client: Client, device_id: int, site: int = 0) -> None:
        def body(desk: Desk) -> Body:
            return RigPage(desk, device_id)

        await live(client, desks.of(client, site), "/fleet", body)

    @ui.page("/agents")
    async def agents(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/agents", AgentsPage)

    @ui.page("/quality")
    async def quality(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/quality", QualityPage)

    @ui.page("/model")
    async def model(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/model", ModelPage)


def _add_alarm_pages(desks: _Desks) -> None:
    @ui.page("/alerts")
    async def alerts(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/alerts", AlertsPage)

    @ui.page("/alerts/{alert_id}")
    async def alert(client: Client, alert_id: int, site: int = 0) -> None:
        def body(desk: Desk) -> Body:
            return AlertPage(desk, alert_id)

        await live(client, desks.of(client, site), "/alerts", body)

    @ui.page("/silences")
    async def silences(client: Client, site: int = 0) -> None:
        given = dict(client.request.query_params)

        def body(desk: Desk) -> Body:
            return SilencesPage(desk, given)

        await live(client, desks.of(client, site), "/silences", body)

    @ui.page("/alarm-figures")
    async def alarm_figures(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/alarm-figures", AlarmFiguresPage)


def _add_command_pages(desks: _Desks) -> None:
    @ui.page("/commands")
    async def commands(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/commands", CommandsPage)

    @ui.page("/commands/{command_id}")
    async def command(client: Client, command_id: str, site: int = 0) -> None:
        def body(desk: Desk) -> Body:
            return CommandPage(desk, command_id)

        await live(client, desks.of(client, site), "/commands", body)

    @ui.page("/technician")
    async def technician(client: Client, device: int = 0, site: int = 0) -> None:
        def body(desk: Desk) -> Body:
            return TechnicianPage(desk, device)

        await live(client, desks.of(client, site), "/technician", body)


def _add_curtail_pages(desks: _Desks) -> None:
    @ui.page("/curtail")
    async def curtail(client: Client, site: int = 0) -> None:
        given = dict(client.request.query_params)

        def body(desk: Desk) -> Body:
            return CurtailPage(desk, given)

        await live(client, desks.of(client, site), "/curtail", body)

    @ui.page("/curtail/{curtailment_id}")
    async def curtailment(client: Client, curtailment_id: str, site: int = 0) -> None:
        def body(desk: Desk) -> Body:
            return CurtailmentPage(desk, curtailment_id)

        await live(client, desks.of(client, site), "/curtail", body)


def _add_telling_pages(desks: _Desks) -> None:
    @ui.page("/oncall")
    async def oncall(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/oncall", OnCallPage)

    @ui.page("/channels")
    async def channels(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/channels", ChannelsPage)

    @ui.page("/rules")
    async def rules(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/rules", RulesPage)

    @ui.page("/rules/{name}")
    async def rule(client: Client, name: str, at: str = "", site: int = 0) -> None:
        def body(desk: Desk) -> Body:
            return RulePage(desk, name, at)

        await live(client, desks.of(client, site), "/rules", body)


def _add_energy_pages(desks: _Desks) -> None:
    @ui.page("/energy")
    async def energy(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/energy", EnergyPage)

    @ui.page("/energy/plan")
    async def plan(client: Client, which: str = "", site: int = 0) -> None:
        def body(desk: Desk) -> Body:
            return PlanPage(desk, which)

        await live(client, desks.of(client, site), "/energy/plan", body)

    @ui.page("/energy/what-if")
    async def what_if(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/energy/what-if", WhatIfPage)

    @ui.page("/energy/accounts")
    async def accounts(client: Client, site: int = 0) -> None:
        await live(client, desks.of(client, site), "/energy/accounts", AccountsPage)

    @ui.page("/energy/accounts/{account_id}")
    async def account(client: Client, account_id: int, site: int = 0) -> None:
        def body(desk: Desk) -> Body:
            return AccountPage(desk, account_id)

        await live(client, desks.of(client, site), "/energy/accounts", body)


def _nowhere(desks: _Desks) -> Callable[[], Awaitable[None]]:
    async def nowhere() -> None:
        client = ui.context.client
        client.status_code = HTTPStatus.NOT_FOUND
        await live(client, desks.of(client, 0), "", lambda _: NowherePage())

    return nowhere


def _add_doors(fleet: Fleet) -> None:
    @pages_app.get("/_lode/pulse", include_in_schema=False)
    async def pulse() -> Response:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Cache-Control": "no-store"})

    @pages_app.get("/_lode/fleet", include_in_schema=False)
    async def rows(boot: str = "", since: int = 0) -> Response:
        try:
            news = await fleet.since(boot, since)
        except (UnavailableError, TimeoutError):  # the page says so, and asks again
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        return NiceGUIJSONResponse(news, headers={"Cache-Control": "no-store"})


def _run_feed_with(app: FastAPI, feed: Feed) -> None:
    outer = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(of: FastAPI) -> AsyncIterator[Mapping[str, Any] | None]:
        async with outer(of) as state:
            await feed.start()
            try:
                yield state
            finally:
                await feed.stop()

    app.router.lifespan_context = cast(
        "Callable[[FastAPI], AbstractAsyncContextManager[None]]", lifespan
    )
