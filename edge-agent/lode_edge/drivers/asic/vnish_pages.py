"""VNish's REST pages: unlocked by the password alone, which gives a token."""

import msgspec

from lode_edge.drivers.asic import client
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.pages import Pages
from lode_edge.drivers.driver import Login
from lode_edge.errors import BadAnswer
from lode_edge.http import Response
from lode_edge.images import Upload

DEFAULT_LOGIN = Login(password="admin")  # noqa: S106 -- the vendor's own
API = "/api/v1"
_UNLOCK = f"{API}/unlock"
_LOCKED = 401


class _Token(msgspec.Struct):
    token: str


class Unlocked:
    """The pages of one rig; also the link by which it is polled."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._password = (rig.login or DEFAULT_LOGIN).password
        self._pages = Pages(rig, DEFAULT_LOGIN)
        self._token = ""

    async def ask(self, command: str, *, deadline: float) -> bytes:
        """Get a page, or ask the API on 4028 what is no page."""
        if not command.startswith("/"):
            rig = self._rig
            return await client.ask(rig.host, rig.port, command, deadline=deadline)
        response = await self.request("GET", command, deadline=deadline)
        return response.good(self._pages.place(command))

    async def get(self, path: str) -> bytes:
        """Get a page under the API's root."""
        return await self.ask(API + path, deadline=self._rig.deadline())

    async def post(self, path: str, told: object = None) -> bytes:
        """Post to a page under the API's root."""
        body = b"" if told is None else msgspec.json.encode(told)
        response = await self.request("POST", API + path, body)
        return response.good(self._pages.place(API + path))

    async def upload(self, path: str, upload: Upload) -> bytes:
        """Post an image to a page under the API's root; it must be unlocked already."""
        headers = {"Authorization": f"Bearer {self._token}"}
        response = await self._pages.upload(API + path, upload, headers)
        return response.good(self._pages.place(API + path))

    async def request(
        self, method: str, path: str, body: bytes = b"", *, deadline: float | None = None
    ) -> Response:
        """Ask; a rig that locks is unlocked once, and asked again: it did nothing before."""
        response = await self._asked(method, path, body, deadline)
        if response.status != _LOCKED:
            return response
        self._token = await self._unlock(deadline)
        return await self._asked(method, path, body, deadline)

    def place(self, path: str) -> str:
        """Name a page in an error."""
        return self._pages.place(API + path)

    async def _asked(self, method: str, path: str, body: bytes, deadline: float | None) -> Response:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return await self._pages.request(method, path, body, headers, deadline=deadline)

    async def _unlock(self, deadline: float | None) -> str:
        said = msgspec.json.encode({"pw": self._password})
        response = await self._pages.request("POST", _UNLOCK, said, deadline=deadline)
        place = self._pages.place(_UNLOCK)
        try:
            return msgspec.json.decode(response.good(place), type=_Token).token
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadAnswer(f"{place}: gave no token") from error
