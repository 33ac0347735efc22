"""Tell the site's own broker what is read, beside the hub: to SCADA, and to Home Assistant."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from lode_edge.drivers.driver import Login
from lode_edge.drivers.mqtt.link import LinkError, Server
from lode_edge.publish.home_assistant import HomeAssistant
from lode_edge.publish.site import Site
from lode_edge.settings import PublishSettings, Settings
from lode_wire.records import Record


class Door(Protocol):
    """One way in which the site is published."""

    site: Site

    async def run(self) -> None:
        """Publish until cancelled."""


class Publisher:
    """Publishes as the settings say; nothing when they say nothing.

    `born` are the agent's birth records: only devices that are in them are published.
    """

    def __init__(self, settings: Settings, born: Sequence[Record]) -> None:
        self._settings = settings.publish
        self._doors: list[Door] = []
        if settings.publish.sparkplug:
            self._doors.append(_edge_node(settings, born, self._servers))
        if settings.publish.home_assistant:
            agent = settings.agent.name
            pace_s = settings.publish.interval_s
            self._doors.append(HomeAssistant(agent, self._servers, born, interval_s=pace_s))

    @property
    def dropped(self) -> int:
        """Tell how many records were not published because too many waited."""
        return sum(door.site.dropped for door in self._doors)

    def take(self, records: Sequence[Record]) -> None:
        """Take what was read, or learned of a device; never waits."""
        for door in self._doors:
            door.site.take(records)

    async def run(self) -> None:
        """Publish until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for door in self._doors:
                tasks.create_task(door.run())

    def _servers(self) -> list[Server]:
        """Give the brokers; the password is read anew, because it may have been changed."""
        return [_server(url, self._settings) for url in self._settings.urls]


def _edge_node(
    settings: Settings, born: Sequence[Record], servers: Callable[[], Sequence[Server]]
) -> Door:
    # Sparkplug's payloads need protobuf, which nobody else does.
    from lode_edge.drivers.sparkplug.session import Place  # noqa: PLC0415
    from lode_edge.publish.edge_node import EdgeNode, Node  # noqa: PLC0415

    told = settings.publish
    place = Place(told.group or settings.agent.site, told.node or settings.agent.name)
    node = Node(
        place=place,
        state_file=settings.agent.data_dir / "sparkplug.bdseq",
        primary_host=told.primary_host,
        interval_s=told.interval_s,
    )
    return EdgeNode(node, servers, born)


def _server(url: str, settings: PublishSettings) -> Server:
    password = settings.password_file
    try:
        secret = "" if password is None else password.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LinkError(f"{password}: {error.strerror}; correct its path or rights") from None
    login = Login(username=settings.username, password=secret) if settings.username else None
    return Server.at(url, login, settings)
