"""Braiins OS by its REST API (firmware from 23.03 on): pages under /api/v1, after a login.

A power target set this way is followed without a restart. Pausing keeps the mining program alive.
"""

import msgspec

from lode_edge.drivers.asic.details import Details, Pool
from lode_edge.drivers.asic.family import Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.link import WEB_PORT
from lode_edge.drivers.asic.reply import Replies, Row, number, rows, text
from lode_edge.drivers.driver import Login
from lode_edge.errors import BadAnswer, NotNow
from lode_edge.http import Response, Web

DEFAULT_LOGIN = Login(username="root", password="root")  # noqa: S106 -- as it is installed
DETAILS = "/api/v1/miner/details"
STATS = "/api/v1/miner/stats"
BOARDS = "/api/v1/miner/hw/hashboards"
COOLING = "/api/v1/cooling/state"
ERRORS = "/api/v1/miner/errors"
POOLS = "/api/v1/pools"
VERSION = "/api/v1/version"
NOT_STARTED, NORMAL, PAUSED = 1, 2, 3  # what `status` of a miner can be, beside suspended
_LOGIN = "/api/v1/auth/login"
_UNAUTHORIZED, _PRECONDITION = 401, 412
_VERSION = {"major", "minor", "patch"}
_ANTMINER = 1  # what `brand` can be
_AVERAGES = ("last_5s", "last_15s", "last_30s", "last_1m", "last_5m")


class Rest:
    """One rig's REST API; it logs in when it must, and again when its token has ended."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._login = rig.login or DEFAULT_LOGIN
        self._token = ""

    def place(self, path: str) -> str:
        """Name a page in an error."""
        return f"{self._rig.host} {path}"

    async def ask(self, command: str, *, deadline: float) -> bytes:
        """Get a page; what is no object is given as one, under `value`."""
        value = await self.call("GET", command, deadline=deadline)
        return msgspec.json.encode(value if isinstance(value, dict) else {"value": value})

    async def call(
        self, method: str, path: str, body: object = None, *, deadline: float | None = None
    ) -> object:
        """Ask once, by `deadline` or within the rig's time limit; give what it said.

        A request that was refused for its token only is asked again with a new one.

        Raises:
            DriverError: no answer came, or none that makes sense, or the rig refused.
        """
        deadline = deadline or self._rig.deadline()
        data = b"" if body is None else msgspec.json.encode(body)
        had_token = bool(self._token)
        response = await self._once(method, path, data, deadline)
        if response.status == _UNAUTHORIZED and had_token:
            self._token = ""
            response = await self._once(method, path, data, deadline)
        if response.status == _PRECONDITION:
            raise NotNow(f"{self.place(path)}: its mining program does not run")
        return self._value(response.good(self.place(path)), path)

    async def _once(self, method: str, path: str, data: bytes, deadline: float) -> Response:
        web = Web(self._rig.host, self._rig.beside(WEB_PORT))
        if not self._token:
            self._token = await self._log_in(web, deadline)
        headers = {"Authorization": self._token} | (
            {"Content-Type": "application/json"} if data else {}
        )
        return await web.request(method, path, headers=headers, body=data, deadline=deadline)

    async def _log_in(self, web: Web, deadline: float) -> str:
        known = {"username": self._login.username, "password": self._login.password}
        response = await web.request(
            *("POST", _LOGIN),
            headers={"Content-Type": "application/json"},
            body=msgspec.json.encode(known),
            deadline=deadline,
        )
        value = self._value(response.good(self.place(_LOGIN)), _LOGIN)
        token = value.get("token") if isinstance(value, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise BadAnswer(f"{self.place(_LOGIN)}: gave no token")
        return token

    def _value(self, data: bytes, path: str) -> object:
        if not data.strip():
            return None
        try:
            return msgspec.json.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadAnswer(f"{self.place(path)}: no JSON: {error}") from error


def read(replies: Replies) -> Figures:
    """Understand the answers to `stats`, `hashboards`, `cooling/state` and `details`."""
    stats, about = replies.by_command.get(STATS, {}), replies.by_command.get(DETAILS, {})
    miner, shares = inner(stats, "miner_stats"), inner(stats, "pool_stats")
    power = inner(stats, "power_stats", "approximated_consumption")
    return Figures(
        hashrate_ths=rate_ths(miner),
        power_w=number(power, "watt"),
        boards=[_board(row) for row in _by_id(replies.rows(BOARDS, "hashboards"))],
        fans_rpm=[number(fan, "rpm") for fan in replies.rows(COOLING, "fans")],
        accepted=number(shares, "accepted_shares"),
        rejected=number(shares, "rejected_shares"),
        uptime_s=number(about, "system_uptime_s", "bosminer_uptime_s"),
        ideal_ths=_ghs(inner(miner, "nominal_hashrate")) or None,
        is_asleep=number(about, "status") == PAUSED,
    )


def _by_id(found: list[Row]) -> list[Row]:
    return sorted(found, key=lambda row: number(row, "id") or 0)


def _board(row: Row) -> Board:
    chips = inner(row, "highest_chip_temp", "temperature")
    return Board(
        temp_c=number(inner(row, "board_temp"), "degree_c") or None,
        chip_temp_c=number(chips, "degree_c") or None,
        hashrate_ths=rate_ths(inner(row, "stats")),
        chips=number(row, "chips_count"),
    )


def rate_ths(stats: Row) -> float | None:
    """Give the shortest average there is, in TH/s."""
    real = inner(stats, "real_hashrate")
    rates = (_ghs(inner(real, average)) for average in _AVERAGES)
    return next((rate for rate in rates if rate is not None), None)


def _ghs(row: Row) -> float | None:
    rate = number(row, "gigahash_per_second")
    return None if rate is None else rate / 1e3


def inner(row: Row, *keys: str) -> Row:
    """Give an object inside others; empty when there is none."""
    for key in keys:
        found = rows(row, key)
        row = found[0] if found else {}
    return row


def details(replies: Replies) -> Details:
    """Tell of the pools; its `errors` are a log of days gone by, not what is wrong now."""
    pools = [pool for group in replies.rows(POOLS, "value") for pool in rows(group, "pools")]
    return Details(pools=[_pool(pool) for pool in pools])


def _pool(row: Row) -> Pool:
    alive, stats = row.get("alive"), inner(row, "stats")
    return Pool(
        is_alive=alive if isinstance(alive, bool) else None,
        accepted=number(stats, "accepted_shares"),
        rejected=number(stats, "rejected_shares"),
    )


def describe(replies: Replies) -> Identity:
    """Tell what the rig is."""
    about = replies.by_command.get(DETAILS, {})
    identity, firmware = (
        inner(about, "miner_identity"),
        text(inner(about, "bos_version"), "current"),
    )
    return Identity(
        vendor="Bitmain" if number(identity, "brand") == _ANTMINER else "",
        model=text(identity, "miner_model", "name"),
        firmware=f"Braiins OS {firmware}" if firmware else "",
        serial=text(about, "serial_number"),
        mac=text(about, "mac_address"),
        rated_hashrate_ths=_ghs(inner(about, "sticker_hashrate")),
    )


def recognises(answer: Row) -> bool:
    """Know it by its answer to `version`, or to `details`."""
    return answer.keys() == _VERSION or "bos_version" in answer
