"""WhatsMiner with API version 3: JSON on TCP 4433, after its length as 4 bytes, low byte first.

Each question is a command and what of it, such as `get.miner.status summary`. Rates are in TH/s.
Writes are signed with SHA-256 over the password and a salt that `get.device.info` gives.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from lode_edge.drivers.acting import Abilities, Posture
from lode_edge.drivers.asic import whatsminer_cipher as cipher
from lode_edge.drivers.asic.client import MAX_REPLY_BYTES
from lode_edge.drivers.asic.details import Details, Pool
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.hands import Rig, offered
from lode_edge.drivers.asic.reply import Replies, Row, as_number, decode, number, rows, text
from lode_edge.drivers.asic.steps import Step, Stepwise, awake, needed, pools_needed, restart, whole
from lode_edge.drivers.driver import Login
from lode_edge.errors import BadAnswer, Denied, Refused, TimedOut, Unsupported
from lode_wire import orders

PORT = 4433
DEFAULT_LOGIN = Login(username="super", password="super")  # noqa: S106 -- as it is sold
INFO = "get.device.info"
SUMMARY = "get.miner.status summary"
BOARDS = "get.miner.status edevs"
POOLS = "get.miner.status pools"
SETTING = "get.miner.setting"
MODES = ("low", "normal", "high")
MAX_POOLS = 3
_LENGTH = 4  # bytes
_SECRET = {"set.miner.pools"}  # what goes encrypted
_UNKNOWN_COMMAND, _NO_PERMISSION = -2, -4
_PERMISSION = "permission"
_BLINK = [{"color": "red", "period": 200, "duration": 100, "start": 0}]  # ms


class Framed:
    """The API's port: one question per connection."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def ask(self, command: str, *, deadline: float) -> bytes:
        """Ask `command param`, and give the answer."""
        name, _, param = command.partition(" ")
        question = {"cmd": name} | ({"param": param} if param else {})
        port = self._rig.beside(PORT)
        place = f"{self._rig.host}:{port} {command}"
        data = await talk(self._rig.host, port, question, place, deadline=deadline)
        judge(decode(data, place).body, place)
        return data


async def talk(host: str, port: int, question: object, place: str, *, deadline: float) -> bytes:
    """Send a question and return the answer, by `deadline` on the loop's clock.

    Raises:
        TimedOut: the answer was not whole by then.
        Refused: there was no connection, or it ended before the answer did.
        BadAnswer: the answer was to be longer than any.
    """
    data = msgspec.json.encode(question)
    writer = None
    try:
        async with asyncio.timeout_at(deadline):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(len(data).to_bytes(_LENGTH, "little") + data)
            return await _framed(reader, place)
    except TimeoutError as error:
        raise TimedOut(f"{place}: no complete answer in time") from error
    except asyncio.IncompleteReadError as error:
        raise Refused(f"{place}: closed after {len(error.partial)} bytes of its answer") from error
    except OSError as error:
        raise Refused(f"{place}: no connection: {error.strerror or error}") from error
    finally:
        if writer is not None:
            writer.transport.abort()


async def _framed(reader: asyncio.StreamReader, place: str) -> bytes:
    while True:
        length = int.from_bytes(await reader.readexactly(_LENGTH), "little")
        if length > MAX_REPLY_BYTES:
            raise BadAnswer(f"{place}: an answer of {length} bytes")
        if length:  # a length of 0 is its heartbeat
            return await reader.readexactly(length)


def judge(answer: Row, place: str) -> None:
    """Look at an answer's code.

    Raises:
        Denied: the rig does not allow the command.
        Unsupported: it does not know the command.
        BadAnswer: it says that it failed.
    """
    code, said = number(answer, "code"), text(answer, "msg")
    if code == 0:
        return
    if code == _NO_PERMISSION or _PERMISSION in said.lower():
        raise Denied(
            f"{place}: no permission: {said}; with WhatsMinerTool change the default password "
            "and enable the API"
        )
    if code == _UNKNOWN_COMMAND:
        raise Unsupported(f"{place}: refused with code {code:.0f}: {said}")
    raise BadAnswer(f"{place}: failed with code {code}: {said}")


def read(replies: Replies) -> Figures:
    """Understand the answers to `summary`, `edevs` and, when idle, `get.device.info`."""
    summary = _part(replies, SUMMARY, "summary")
    told = rows(replies.row(BOARDS, "msg"), "edevs")
    working = text(_part(replies, INFO, "miner"), "working").lower()
    temps = summary.get("board-temperature")
    return Figures(
        hashrate_ths=number(summary, "hash-realtime", "hash-1min"),
        power_w=number(summary, "power-realtime", "power-5min"),
        inlet_temp_c=number(summary, "environment-temperature"),
        chip_temp_c=number(summary, "chip-temp-max") or None,
        boards=_boards(told, temps if isinstance(temps, list) else []),
        fans_rpm=[number(summary, key) for key in ("fan-speed-in", "fan-speed-out")],
        uptime_s=number(summary, "elapsed"),
        ideal_ths=number(summary, "factory-hash") or None,
        is_asleep=working == "false" and not _errors(replies),  # with one, it may have failed
    )


def _boards(told: list[Row], temps: list[object]) -> list[Board]:
    told = sorted(told, key=lambda row: number(row, "id", "slot") or 0)
    return [
        Board(
            temp_c=(as_number(temps[n]) or None) if n < len(temps) else None,
            chip_temp_c=number(row, "chip-temp-max") or None,
            hashrate_ths=number(row, "hash-realtime", "hash-average"),
            chips=number(row, "effective-chips"),
        )
        for n, row in enumerate(told)
    ]


def _details(replies: Replies) -> Details:
    alive = {"alive": True, "dead": False}
    pools = [
        Pool(
            is_alive=alive.get(text(row, "status").lower()),
            accepted=number(row, "accepted"),
            rejected=number(row, "rejected"),
        )
        for row in rows(replies.row(POOLS, "msg"), "pools")
    ]
    return Details(pools=pools, errors=_errors(replies))


def _errors(replies: Replies) -> list[str] | None:
    info = replies.row(INFO, "msg")
    if not info:
        return None
    return [key for row in rows(info, "error-code") for key in row if key != "reason"]


def _describe(replies: Replies) -> Identity:
    miner = _part(replies, INFO, "miner")
    system = _part(replies, INFO, "system")
    return Identity(
        vendor="MicroBT",
        model=text(miner, "type"),
        firmware=text(system, "fwversion"),
        serial=text(miner, "miner-sn"),
        mac=text(_part(replies, INFO, "network"), "mac"),
    )


def _part(replies: Replies, command: str, name: str) -> Row:
    found = rows(replies.row(command, "msg"), name)
    return found[0] if found else {}


class Version3(Stepwise):
    """The orders of API version 3."""

    offers = offered(
        orders.Sleep, orders.Wake, orders.PowerLimit, orders.PowerMode, orders.RestartMining,
        orders.Reboot, orders.FaultLight, orders.ChangePools,
    )  # fmt: skip

    def __init__(self, rig: Rig) -> None:
        super().__init__(f"{rig.host}:{rig.port}")
        self._rig = rig
        self._login = rig.login or DEFAULT_LOGIN
        self._link = Framed(rig)

    async def greet(self) -> None:
        """See whether the rig answers on this version's port."""
        await self._message(INFO)

    async def abilities(self) -> Abilities:
        """Tell what can be asked; nothing while the write API is switched off."""
        system = _of(await self._message(INFO), "system")
        if text(system, "apiswitch") == "0":
            return Abilities(
                blocked=f"{self.place}: its write API is not enabled; with WhatsMinerTool change "
                "the default password and enable the API"
            )
        return Abilities(actions=self.offers, modes=MODES)

    async def posture(self) -> Posture:
        """Read `get.device.info` and `get.miner.setting`."""
        info = await self._message(INFO)
        setting = await self._message(SETTING)
        return Posture(
            is_asleep=_is_off(info),
            power_limit_w=number(setting, "power-limit"),
            mode=text(setting, "power-mode") or None,
            is_light_on=_is_lit(info),
        )

    async def steps(self, intent: orders.Intent) -> Sequence[Step]:
        """Work out the one order that the intent takes."""
        match intent:
            case orders.Sleep() | orders.Wake() | orders.FaultLight() | orders.RestartMining():
                return self._by_info(intent, await self._message(INFO))
            case orders.PowerLimit(power_w=power_w):
                limit = whole(number(await self._message(SETTING), "power-limit"))
                watts = round(power_w)
                lower = self._order("set.miner.power_limit", watts)
                return needed("power-limit", limit, watts, lower)
            case orders.PowerMode(mode=mode):
                current = text(await self._message(SETTING), "power-mode") or None
                return needed(
                    "power-mode", current, mode, self._order("set.miner.power_mode", mode)
                )
            case orders.ChangePools():
                return await self._pools(intent)
            case orders.Reboot():
                return restart("system", self._order("set.system.reboot"))
            case _:
                raise self.unsupported(intent)

    def _by_info(self, intent: orders.Intent, info: Row) -> Sequence[Step]:
        if isinstance(intent, orders.FaultLight):
            light = self._order("set.system.led", _BLINK if intent.is_on else "auto")
            return needed("led", _is_lit(info), intent.is_on, light)
        if isinstance(intent, orders.RestartMining):
            awake(self.place, intent.action, is_asleep=_is_off(info))
            return restart("btminer", self._order("set.miner.service", "restart"))
        is_off = isinstance(intent, orders.Sleep)
        service = self._order("set.miner.service", "stop" if is_off else "start")
        return needed("stopped", _is_off(info), is_off, service)

    async def _pools(self, intent: orders.ChangePools) -> Sequence[Step]:
        if len(intent.pools) > MAX_POOLS:
            raise self.unsupported(intent, f"it takes {MAX_POOLS} pools, not {len(intent.pools)}")
        found = rows(await self._message(POOLS), "pools")
        before = ", ".join(f"{text(row, 'account')}@{text(row, 'url')}" for row in found) or "none"
        param = [{"pool": p.url, "worker": p.user, "passwd": p.password} for p in intent.pools]
        change = self._order("set.miner.pools", param)
        return pools_needed("pools", before, intent.pools, change)

    def _order(self, command: str, param: object = None) -> Callable[[], Awaitable[str]]:
        return lambda: self._write(command, param)

    async def _write(self, command: str, param: object) -> str:
        """Sign an order with the rig's salt and by the rig's clock, and send it once."""
        place = f"{self.place} {command}"
        answer = decode(await self._link.ask(INFO, deadline=self._deadline()), place).body
        salt = text(_first(answer, place), "salt")
        at_s = int(number(answer, "when") or time.time())
        key = cipher.v3_key(command, self._login.password, salt, at_s)
        order: Row = {"cmd": command, "ts": at_s, "token": cipher.v3_token(key)}
        order["account"] = self._login.username
        if param is not None:
            order["param"] = cipher.encrypt(key, param) if command in _SECRET else param
        port, deadline = self._rig.beside(PORT), self._deadline()
        data = await talk(self._rig.host, port, order, place, deadline=deadline)
        said = decode(data, place).body
        judge(said, place)
        return f"{command}: {text(said, 'msg') or 'done'}"

    async def _message(self, command: str) -> Row:
        place = f"{self.place} {command}"
        return _first(
            decode(await self._link.ask(command, deadline=self._deadline()), place).body, place
        )

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._rig.timeout_s


def _first(answer: Row, place: str) -> Row:
    found = rows(answer, "msg")
    if not found:
        raise BadAnswer(f"{place}: no message in its answer")
    return found[0]


def _of(message: Row, name: str) -> Row:
    found = rows(message, name)
    return found[0] if found else {}


def _is_off(info: Row) -> bool | None:
    said = text(_of(info, "miner"), "working").lower()
    return said == "false" if said in {"true", "false"} else None


def _is_lit(info: Row) -> bool | None:
    said = text(_of(info, "system"), "ledstatus")
    return said != "auto" if said else None


def _recognises(answer: Row) -> bool:
    return text(answer, "desc") == INFO


FAMILY = Family(
    name="whatsminer_v3",
    fast=(SUMMARY, BOARDS),
    idle=(INFO,),
    about=(INFO,),
    slow=(POOLS, INFO),
    recognises=_recognises,
    read=read,
    describe=_describe,
    details=_details,
    link=Framed,
    hands=Version3,
)
