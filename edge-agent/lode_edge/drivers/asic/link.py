"""How a family's rigs are asked: by default on the API's port, and on the web port for pages."""

from typing import Protocol

from lode_edge.drivers.asic import client
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.driver import Login
from lode_edge.http import Web

WEB_PORT = 80


class Link(Protocol):
    """A way to ask one rig."""

    async def ask(self, command: str, *, deadline: float) -> bytes:
        """Ask for one thing and give the answer, a JSON object, by `deadline`.

        Raises:
            Unreachable: nothing came, or not in time.
            Unsupported: the rig does not offer it, or refused the login.
            BadAnswer: what came is no answer.
        """


class Direct:
    """The rig's own ports: a command that begins with a slash is a page, all else goes to the API.

    `login` is the vendor's default, for a rig whose login the settings do not name.
    """

    def __init__(self, rig: Rig, login: Login | None = None) -> None:
        self._rig = rig
        self._login = rig.login or login
        self._web: Web | None = None

    async def ask(self, command: str, *, deadline: float) -> bytes:
        """Ask the API, or GET a page."""
        rig = self._rig
        if not command.startswith("/"):
            return await client.ask(rig.host, rig.port, command, deadline=deadline)
        if self._web is None:
            self._web = Web(rig.host, rig.beside(WEB_PORT), self._login)
        response = await self._web.request("GET", command, deadline=deadline)
        return response.good(f"{rig.host}:{self._web.port} {command}")
