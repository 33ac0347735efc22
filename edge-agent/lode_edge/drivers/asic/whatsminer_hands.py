"""Acting on WhatsMiners with API version 2: encrypted orders on port 4028, one subject each.

Their write API must have been enabled, and the default password changed, with WhatsMinerTool.
A token lasts half an hour and a rig gives 32 to an address, so it is kept. Firmware from December
2024 on takes these orders no longer; it has version 3.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from lode_edge.drivers.acting import Abilities, Deed, Posture
from lode_edge.drivers.asic import client, whatsminer_v3
from lode_edge.drivers.asic import whatsminer_cipher as cipher
from lode_edge.drivers.asic.hands import Rig, offered
from lode_edge.drivers.asic.reply import Row, check, decode, number, rows, text
from lode_edge.drivers.asic.steps import Step, Stepwise, awake, needed, pools_needed, restart, whole
from lode_edge.drivers.driver import Login
from lode_edge.errors import BadAnswer, NotNow, Unreachable, Unsupported
from lode_wire import orders
from lode_wire.records import Quality

DEFAULT_LOGIN = Login(username="admin", password="admin")  # noqa: S106 -- as it is sold
LAST_WITH_V2_WRITES = "202411"  # as firmware versions begin
MODES = ("low", "normal", "high")
MAX_POOLS = 3
TOKEN_S = 25 * 60.0  # a token lasts 30 minutes
_DONE, _TOKEN_GIVEN, _BAD_TOKEN, _TOO_MANY, _NO_JSON = 131, 134, 135, 136, 23
_NOT_ENABLED = "can't access write cmd"
BLINK: Row = {"color": "red", "period": 200, "duration": 100, "start": 0}  # ms


class Version2(Stepwise):
    """The orders of API version 2."""

    offers = offered(
        orders.Sleep, orders.Wake, orders.PowerLimit, orders.PowerMode, orders.RestartMining,
        orders.Reboot, orders.FaultLight, orders.ChangePools,
    )  # fmt: skip

    def __init__(self, rig: Rig) -> None:
        super().__init__(f"{rig.host}:{rig.port}")
        self._rig = rig
        self._login = rig.login or DEFAULT_LOGIN
        self._token: cipher.Token | None = None
        self._token_ends_s = 0.0

    async def abilities(self) -> Abilities:
        """Tell what can be asked; nothing while the write API is not enabled."""
        try:
            await self._get_token()
        except Unsupported as error:
            return Abilities(blocked=str(error))
        return Abilities(actions=self.offers, modes=MODES)

    async def posture(self) -> Posture:
        """Read `status` and `get_miner_info`."""
        status = await self._message("status")
        info = await self._message("get_miner_info")
        return Posture(
            is_asleep=_is_off(status),
            power_limit_w=_limit_w(status),
            mode=_mode(status),
            is_light_on=_is_lit(info),
        )

    async def steps(self, intent: orders.Intent) -> Sequence[Step]:
        """Work out the one order that the intent takes."""
        match intent:
            case orders.FaultLight(is_on=is_on):
                lit = _is_lit(await self._message("get_miner_info"))
                told: Row = BLINK if is_on else {"param": "auto"}
                return needed("ledstat", lit, is_on, self._order("set_led", told))
            case orders.ChangePools():
                return await self._pools(intent)
            case orders.Reboot():
                return restart("system", self._order("reboot"))
            case _:
                return self._wish(intent, await self._message("status"))

    def _wish(self, intent: orders.Intent, status: Row) -> Sequence[Step]:
        match intent:
            case orders.Sleep():
                off = self._order("power_off", {"respbefore": "true"})
                return needed("mineroff", _is_off(status), True, off)
            case orders.Wake():
                return needed("mineroff", _is_off(status), False, self._order("power_on"))
            case orders.RestartMining():
                awake(self.place, intent.action, is_asleep=_is_off(status))
                return restart("btminer", self._order("restart_btminer"))
            case _:
                # What follows restarts the mining program, too.
                awake(self.place, intent.action, is_asleep=_is_off(status))
                return self._power(intent, status)

    def _power(self, intent: orders.Intent, status: Row) -> Sequence[Step]:
        match intent:
            case orders.PowerLimit(power_w=power_w):
                limit, watts = whole(_limit_w(status)), round(power_w)
                lower = self._order("adjust_power_limit", {"power_limit": str(watts)})
                return needed("power_limit_set", limit, watts, lower)
            case orders.PowerMode(mode=mode):
                change = self._order(f"set_{mode}_power")
                return needed("power_mode", _mode(status), mode, change)
            case _:
                raise self.unsupported(intent)

    async def firmware(self) -> str:
        """Ask for the version of the firmware, which begins with its date."""
        return text(await self._message("get_version"), "fw_ver")

    async def _pools(self, intent: orders.ChangePools) -> Sequence[Step]:
        if len(intent.pools) > MAX_POOLS:
            raise self.unsupported(intent, f"it takes {MAX_POOLS} pools, not {len(intent.pools)}")
        found = rows(await self._ask("pools"), "POOLS")
        before = ", ".join(f"{text(row, 'User')}@{text(row, 'URL')}" for row in found) or "none"
        told: Row = {}
        for n in range(1, MAX_POOLS + 1):
            pool = intent.pools[n - 1] if n <= len(intent.pools) else orders.Pool(url=" ")
            told |= {f"pool{n}": pool.url.strip(), f"worker{n}": pool.user}
            told[f"passwd{n}"] = pool.password
        return pools_needed("pools", before, intent.pools, self._order("update_pools", told))

    def _order(self, command: str, told: Row | None = None) -> Callable[[], Awaitable[str]]:
        return lambda: self._write({"cmd": command, **(told or {})})

    async def _write(self, order: Row) -> str:
        """Send an order; one refused for its token or its key only is sent again with new ones."""
        was_kept = self._token is not None
        answer = await self._send(order, await self._get_token())
        if number(answer, "Code") in {_BAD_TOKEN, _NO_JSON} and was_kept:
            self._token = None
            answer = await self._send(order, await self._get_token())
        place = f"{self.place} {order['cmd']}"
        self._judge(answer, place)
        code = number(answer, "Code")
        if text(answer, "STATUS") != "S" or code != _DONE:
            raise BadAnswer(f"{place}: failed with code {code}: {text(answer, 'Msg')}")
        return f"{order['cmd']}: {text(answer, 'Msg') or 'done'}"

    async def _send(self, order: Row, token: cipher.Token) -> Row:
        place = f"{self.place} {order['cmd']}"
        sealed = {"enc": 1, "data": cipher.encrypt(token.key, {**order, "token": token.sign})}
        request = msgspec.json.encode(sealed)
        rig, deadline = self._rig, self._deadline()
        data = await client.exchange(rig.host, rig.port, request, place, deadline=deadline)
        answer = decode(data, place).body
        hidden = answer.get("enc")
        if not isinstance(hidden, str):
            return answer  # what is refused is refused in the open
        return decode(cipher.decrypt(token.key, hidden, place), place).body

    async def _get_token(self) -> cipher.Token:
        now_s = asyncio.get_running_loop().time()
        if self._token is not None and now_s < self._token_ends_s:
            return self._token
        place = f"{self.place} get_token"
        answer = await self._raw("get_token")
        self._judge(answer, place)
        said = rows(answer, "Msg")
        if not said or number(answer, "Code") not in {_TOKEN_GIVEN, _DONE}:
            raise BadAnswer(f"{place}: gave no token: {text(answer, 'Msg')}")
        salts = (text(said[0], "salt"), text(said[0], "newsalt"), text(said[0], "time"))
        self._token = cipher.token(self._login.password, *salts)
        self._token_ends_s = now_s + TOKEN_S
        return self._token

    def _judge(self, answer: Row, place: str) -> None:
        """Look at the ways in which a rig refuses orders as such."""
        code, said = number(answer, "Code"), text(answer, "Msg")
        if said == _NOT_ENABLED:
            raise Unsupported(
                f"{place}: its write API is not enabled; with WhatsMinerTool change the default "
                "password and enable the API"
            )
        if code == _TOO_MANY:
            raise NotNow(f"{place}: it has given out all its tokens; they end within 30 minutes")
        if code in {_BAD_TOKEN, _NO_JSON}:
            self._token = None
            raise Unsupported(f"{place}: refused with code {code:.0f}; check its secrets")
        check(answer, place)

    async def _message(self, command: str) -> Row:
        """Ask for a flat reply's message.

        Raises:
            BadAnswer: it is not an object.
        """
        found = rows(await self._ask(command), "Msg")
        if not found:
            raise BadAnswer(f"{self.place} {command}: no message in its answer")
        return found[0]

    async def _ask(self, command: str) -> Row:
        answer = await self._raw(command)
        check(answer, f"{self.place} {command}")
        return answer

    async def _raw(self, command: str) -> Row:
        rig = self._rig
        data = await client.ask(rig.host, rig.port, command, deadline=self._deadline())
        place = f"{self.place} {command}"
        reply = decode(data, place)
        if reply.quality & Quality.PARTIAL:
            raise BadAnswer(f"{place}: did not come whole")
        return reply.body

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._rig.timeout_s


def _is_off(status: Row) -> bool | None:
    said = text(status, "mineroff", "btmineroff").lower()
    return said == "true" if said in {"true", "false"} else None


def _is_lit(info: Row) -> bool | None:
    said = text(info, "ledstat")
    return said != "auto" if said else None


def _limit_w(status: Row) -> float | None:
    return number(status, "power_limit_set", "power_limit")


def _mode(status: Row) -> str | None:
    return text(status, "power_mode").lower() or None


class WhatsminerHands:
    """The orders that a rig's firmware takes: of version 2, or of version 3 on its own port."""

    offers = Version2.offers

    def __init__(self, rig: Rig) -> None:
        self._v2 = Version2(rig)
        self._v3 = whatsminer_v3.Version3(rig)

    async def abilities(self) -> Abilities:
        """Ask the rig what it offers."""
        return await (await self._speaker()).abilities()

    async def preview(self, intent: orders.Intent) -> Sequence[orders.Change]:
        """Say what `act` would change, and change nothing."""
        return await (await self._speaker()).preview(intent)

    async def act(self, intent: orders.Intent) -> Deed:
        """Do it, in the words of its firmware."""
        return await (await self._speaker()).act(intent)

    async def posture(self) -> Posture:
        """Read back how the rig is set."""
        return await self._v2.posture()

    async def _speaker(self) -> Stepwise:
        """Choose by the firmware, which may have been replaced since the last time."""
        firmware = await self._v2.firmware()
        if firmware[: len(LAST_WITH_V2_WRITES)] <= LAST_WITH_V2_WRITES:
            return self._v2
        try:
            await self._v3.greet()
        except (Unreachable, BadAnswer) as error:
            raise Unsupported(
                f"{self._v2.place}: firmware {firmware} takes no orders of API version 2 any more, "
                f"and version 3 does not answer: {error}"
            ) from error
        return self._v3
