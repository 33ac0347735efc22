"""The hub's main path: build the parts, join them, start them, and stop them in reverse.

database ─► store ─► migrate ─► access, trust ─► broker ─► ingest, notifier, commands, live ─► doors

A part that fails is begun again; /healthz says what does not run now.
"""

import asyncio
import contextlib
import importlib.metadata
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog
import uvicorn
from fastapi import FastAPI

from lode_hub import api, notify, rules
from lode_hub.access import Access
from lode_hub.access.guard import Guard
from lode_hub.actions import Actions
from lode_hub.broker import EmbeddedBroker
from lode_hub.commands import keys
from lode_hub.commands.dispatch import Dispatcher
from lode_hub.database import EmbeddedPostgres, own_database
from lode_hub.energy.live.planner import Planner
from lode_hub.energy.sources.run import EnergySources
from lode_hub.errors import HubError
from lode_hub.health import Health, PartState
from lode_hub.live import Live
from lode_hub.notify import settled
from lode_hub.notify.links import Links, key_of
from lode_hub.queries import Queries
from lode_hub.settings import HubSettings, secret
from lode_hub.store import Store, opened, retention
from lode_hub.supervise import Supervisor
from lode_hub.trust.enrol import Trust
from lode_hub.trust.told import trust_of, web_door
from lode_hub.trust.warden import Warden
from lode_hub.worker import LINKS, Ingesting, brokers_of, own_broker

DASHBOARDS = "lode.dashboards"
"""The entry-point group of what is mounted beside the API; see Mount."""

_STOP_S = 5.0
_LATE_S = 60.0  # without a look at the outbox: telling hangs
_WORKER_POOL = 4  # connections for its domains; ingest has its own

_log = structlog.get_logger(__name__)


class Mount(Protocol):
    """A dashboard's entrance."""

    def __call__(self, app: FastAPI, *, queries: Queries, actions: Actions, live: Live) -> None:
        """Add the dashboard's pages."""


class Hub:
    """Everything one process of the hub runs.

    Args:
        settings: what it is told.
        show: hears the first person's password, once.
        worker_command: starts a worker process, but for its name, which follows.
    """

    def __init__(
        self,
        settings: HubSettings,
        show: Callable[[str], None],
        worker_command: Sequence[str] = (),
    ) -> None:
        self._settings = settings
        self._show = show
        self._worker_command = worker_command
        self._parts = Supervisor()
        self._postgres: EmbeddedPostgres | None = None
        self._broker: EmbeddedBroker | None = None
        self._senders = notify.Senders(())
        self._links = Links.of_nobody()
        self._notifier: notify.Notifier | None = None

    async def run(self) -> None:
        """Run until cancelled; then stop everything, the last begun first.

        Raises:
            HubError: it cannot start.
        """
        settings = self._settings
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with AsyncExitStack() as ends:
            door = ends.enter_context(listening(settings.host, settings.port))
            url = await ends.enter_async_context(self._database())
            store = await ends.enter_async_context(opened(url, settings.database.pool_max))
            await store.migrate()
            await retention.keep(store, settings.retention)
            await rules.install(store, settings.alerts.rules_file)
            self._prepare_telling()
            access = Access(store, settings.access)
            await access.greet(self._show)
            trust = trust_of(store, settings)
            await ends.enter_async_context(self._running_broker(trust))
            ends.push_async_callback(self._parts.stop)
            if self._broker is not None:
                self._parts.start("warden", Warden(trust, self._broker, url).run)
            self._start_ingest(store, url)
            live = Live(url)
            self._start_parts(store, live, access)
            self._start_planner(store, url, access)
            self._start_commands(store, live)
            server = self._doors(store, live, access, trust)
            _log.info("hub started", url=settings.public_url)
            await _serve(server, door)

    @asynccontextmanager
    async def _database(self) -> AsyncIterator[str]:
        if self._settings.database.url:
            yield self._settings.database.full_url
            return
        self._postgres = own_database(self._settings.data_dir)
        url = await self._postgres.start()
        try:
            yield url
        finally:
            await self._postgres.stop()

    @asynccontextmanager
    async def _running_broker(self, trust: Trust) -> AsyncIterator[None]:
        if self._settings.broker.urls:
            yield
            return
        self._broker = own_broker(self._settings)
        await self._broker.admit(await trust.roll())
        await self._broker.start()
        try:
            yield
        finally:
            await self._broker.stop()

    def _start_ingest(self, store: Store, url: str) -> None:
        settings = self._settings
        brokers = brokers_of(settings)
        name = self._name
        if settings.ingest.workers == 0:
            Ingesting(store, url, name, brokers, settings).start(self._parts)
        for number in range(1, settings.ingest.workers + 1):
            command = [*self._worker_command, f"{name}-w{number}"]
            self._parts.start(f"worker {number}", partial(_run_process, command))

    @property
    def _name(self) -> str:
        # The same over a restart, so that this machine's leases are its own again at once.
        return f"{socket.gethostname()[:32]}-{self._settings.port}"

    def _prepare_telling(self) -> None:
        told, key = self._settings.notify, key_of(self._settings.data_dir)
        self._senders = notify.Senders(list(settled.channels_of(told, key)))
        self._links = Links(key, told.link_h * 3600)

    def _start_commands(self, store: Store, live: Live) -> None:
        settings = self._settings
        keys.public_pem(settings.data_dir)  # made now, so that agents can be given them
        dispatcher = Dispatcher(
            store,
            live,
            settings.data_dir,
            brokers_of(settings),
            make_link=LINKS[settings.ingest.client],
            name=self._name,
        )
        self._parts.start("commands", dispatcher.run)

    def _start_parts(self, store: Store, live: Live, access: Access) -> None:
        settings = self._settings
        routing = settled.routing_of(settings)
        self._notifier = notify.Notifier(store, self._senders, routing, links=self._links)
        self._parts.start("notifier", self._notifier.run)
        self._parts.start("live", live.run)
        self._parts.start("sessions", access.run)
        sources = EnergySources(
            store,
            settings.energy.secrets_dir,
            name=self._name,
            make_link=LINKS[settings.ingest.client],
        )
        self._parts.start("energy sources", sources.run)

    def _start_planner(self, store: Store, url: str, access: Access) -> None:
        self._parts.start("planner", Planner(store, url, access, name=self._name).run)

    def _start_heartbeat(self, health: Health) -> None:
        told = self._settings.notify.heartbeat
        if told is not None:
            self._parts.start("heartbeat", settled.heartbeat_of(told, health.wrong).run)

    def _doors(self, store: Store, live: Live, access: Access, trust: Trust) -> "Server":
        settings = self._settings
        queries = Queries(store, self._senders)
        health = Health(queries, self.states)
        self._start_heartbeat(health)
        actions = Actions(
            store,
            access,
            senders=self._senders,
            links=self._links,
            energy_secrets=settings.energy.secrets_dir,
        )
        app = api.build(
            queries=queries,
            actions=actions,
            live=live,
            access=access,
            health=health,
            trust=trust,
            is_secure=settings.public_url.startswith("https:"),
            mounts=[partial(m, queries=queries, actions=actions, live=live) for m in dashboards()],
        )
        guarded = api.guarded(
            app,
            access,
            public_url=settings.public_url,
            metrics_token=secret(None, settings.access.metrics_token_file),
        )
        return server_of(guarded, web_door(settings) if settings.tls else None)

    def states(self) -> Mapping[str, PartState]:
        """Tell how each part is now."""
        states = {
            part.name: PartState(
                is_well=not part.trouble, restarts=part.restarts, trouble=part.trouble
            )
            for part in self._parts.parts.values()
        }
        if self._notifier is not None and self._notifier.late_s > _LATE_S:
            late = f"no outbox gone through for {self._notifier.late_s:.0f} s"
            states["notifier"] = replace(states["notifier"], is_well=False, trouble=late)
        if self._postgres:
            is_well = self._postgres.postmaster_pid is not None
            states["database"] = PartState(is_well=is_well, restarts=self._postgres.restarts)
        if self._broker:
            is_well = self._broker.pid is not None
            states["broker"] = PartState(is_well=is_well, restarts=self._broker.restarts)
        return states


class Server(uvicorn.Server):
    """A uvicorn that leaves signals to the command line."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def server_of(guarded: Guard, door: tuple[Path, Path] | None = None) -> Server:
    """Make the web server, not yet serving; by https with a certificate and its key."""
    certificate_file, key_file = door or (None, None)
    return Server(
        uvicorn.Config(
            guarded,
            ssl_certfile=certificate_file,
            ssl_keyfile=key_file,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=3,
            ws="websockets-sansio",
            ws_max_size=1 << 20,
        )
    )


async def run_worker(settings: HubSettings, name: str) -> None:
    """Run an ingest worker of its own until cancelled.

    Raises:
        HubError: it cannot start.
    """
    url = settings.database.full_url or own_database(settings.data_dir).url
    async with AsyncExitStack() as ends:
        store = await ends.enter_async_context(opened(url, _WORKER_POOL))
        parts = Supervisor()
        ends.push_async_callback(parts.stop)
        brokers = brokers_of(settings)
        Ingesting(store, url, name, brokers, settings).start(parts)
        await asyncio.Event().wait()


def dashboards() -> Iterator[Mount]:
    """Find the dashboards that are installed."""
    for entry in importlib.metadata.entry_points(group=DASHBOARDS):
        yield entry.load()


def listening(host: str, port: int) -> socket.socket:
    """Listen for people and machines.

    Raises:
        HubError: the port is taken, or not ours.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise HubError(
            f"doors: cannot listen on {host} port {port}: {error.strerror}; set another port"
        ) from None


async def _serve(server: Server, door: socket.socket) -> None:
    """Serve until cancelled, and then let requests end first."""
    serving = asyncio.create_task(server.serve([door]), name="doors")
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
    raise HubError("doors: the web server ended unasked; see the log above")


async def _run_process(command: Sequence[str]) -> None:
    """Run a process until it ends; end it when cancelled."""
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    try:
        status = await process.wait()
        raise HubError(f"process: {command[-1]} ended with status {status}; see the log above")
    except asyncio.CancelledError:
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        raise
