"""A rig's web port as the hands of a family use it: pages got, and written to, whole or not."""

from collections.abc import Mapping

import msgspec

from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.link import WEB_PORT
from lode_edge.drivers.driver import Login
from lode_edge.errors import BadAnswer
from lode_edge.http import Response, Web
from lode_edge.images import Upload, post

Settings = dict[str, msgspec.Raw]

_SETTINGS: msgspec.json.Decoder[Settings] = msgspec.json.Decoder(Settings)


class Pages:
    """The web port of one rig; each request ends within the rig's time limit."""

    def __init__(self, rig: Rig, login: Login) -> None:
        self._rig = rig
        self._login = rig.login or login
        self._web: Web | None = None

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        deadline: float | None = None,
    ) -> Response:
        """Ask once, by `deadline` or within the rig's time limit; a body is JSON.

        Raises:
            DriverError: no answer came, or none that makes sense.
        """
        given = {"Content-Type": "application/json"} if body else {}
        headers = given | dict(headers or {})
        return await self._its_web().request(
            method, path, headers=headers, body=body, deadline=deadline or self._rig.deadline()
        )

    async def upload(
        self, path: str, upload: Upload, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Post an image, within the time that this may take.

        Raises:
            DriverError: no answer came, or none that makes sense.
        """
        return await post(self._its_web(), path, upload, headers)

    async def get(self, path: str) -> bytes:
        """Get a page.

        Raises:
            DriverError: it did not come.
        """
        return (await self.request("GET", path)).good(self.place(path))

    def place(self, path: str) -> str:
        """Name a page in an error."""
        return f"{self._rig.host} {path}"

    def _its_web(self) -> Web:
        if self._web is None:
            self._web = Web(self._rig.host, self._rig.beside(WEB_PORT), self._login)
        return self._web


def whole(data: bytes, place: str) -> Settings:
    """Take settings apart, each value as it was written.

    Raises:
        BadAnswer: they are no JSON object, or came cut: they must not be written back.
    """
    try:
        return _SETTINGS.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(f"{place}: its settings did not come whole; nothing was written") from error


def plain(settings: Settings, key: str) -> object:
    """Give one value of settings; None when it is not there, or makes no sense."""
    try:
        return msgspec.json.decode(settings[key])
    except (KeyError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
