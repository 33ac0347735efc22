"""Acting on BitAxe (AxeOS): a PATCH names the one key that is to change, and keeps all others.

Only newer firmware can pause, and says so by having `miningPaused`. Pools take a restart.
"""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from lode_edge import images
from lode_edge.drivers.acting import Abilities, Posture
from lode_edge.drivers.asic.hands import Rig, offered
from lode_edge.drivers.asic.link import WEB_PORT
from lode_edge.drivers.asic.reply import Row, decode, number, text
from lode_edge.drivers.asic.steps import (
    Step,
    Stepwise,
    install,
    needed,
    pools_needed,
    restart,
    whole,
)
from lode_edge.errors import BadAnswer
from lode_edge.http import Web
from lode_edge.images import Image, Upload
from lode_wire import orders

INFO, SYSTEM = "/api/system/info", "/api/system"
_OTA = f"{SYSTEM}/OTA"
MAX_POOLS = 2
_CANNOT_PAUSE = "its firmware has no pause"


class BitaxeHands(Stepwise):
    """The hands for one rig."""

    offers = offered(
        orders.Sleep, orders.Wake, orders.FanSpeed, orders.Reboot, orders.ChangePools,
        orders.UpdateFirmware,
    )  # fmt: skip

    def __init__(self, rig: Rig) -> None:
        super().__init__(f"{rig.host}:{rig.port}")
        self._rig = rig
        self._web: Web | None = None

    async def abilities(self) -> Abilities:
        """Tell what can be asked; older firmware cannot pause."""
        if "miningPaused" in await self._info():
            return Abilities(actions=self.offers)
        actions = self.offers - {orders.Sleep.action, orders.Wake.action}
        return Abilities(actions=actions, blocked=_CANNOT_PAUSE)

    async def posture(self) -> Posture:
        """Read it from `info`."""
        info = await self._info()
        paused = info.get("miningPaused")
        return Posture(
            is_asleep=paused if isinstance(paused, bool) else None, fan_percent=_fixed_percent(info)
        )

    async def steps(self, intent: orders.Intent) -> Sequence[Step]:
        """Work out the requests that the intent takes, one for each key."""
        info = await self._info()
        match intent:
            case orders.Sleep() | orders.Wake():
                if "miningPaused" not in info:
                    raise self.unsupported(intent, _CANNOT_PAUSE)
                after = isinstance(intent, orders.Sleep)
                change = self._send("POST", f"{SYSTEM}/{'pause' if after else 'resume'}")
                return needed("miningPaused", info["miningPaused"], after, change)
            case orders.FanSpeed(percent=percent):
                return self._fans(info, percent)
            case orders.ChangePools():
                return self._pools(intent, info)
            case orders.UpdateFirmware():
                image = await images.checked(self._rig.images, intent)
                return install(intent, lambda: self._install(image))
            case _:
                return restart("system", self._restart())

    def _fans(self, info: Row, percent: int | None) -> Sequence[Step]:
        """Set the speed first, then who sets it: so the fans are never left to chance."""
        auto = whole(number(info, "autofanspeed"))
        if percent is None:
            return needed("autofanspeed", auto, 1, self._patch({"autofanspeed": 1}))
        key = "manualFanSpeed" if "manualFanSpeed" in info else "fanspeed"
        speed = whole(number(info, key))
        if not auto and auto is not None and speed == percent:
            return []
        return [
            *needed(key, speed, percent, self._patch({key: percent})),
            *needed("autofanspeed", auto, 0, self._patch({"autofanspeed": 0})),
        ]

    def _pools(self, intent: orders.ChangePools, info: Row) -> Sequence[Step]:
        if len(intent.pools) > MAX_POOLS:
            raise self.unsupported(intent, f"it takes {MAX_POOLS} pools, not {len(intent.pools)}")
        named: Row = {}
        for pool, prefix in zip(intent.pools, ("stratum", "fallbackStratum"), strict=False):
            parts = urlsplit(pool.url if "//" in pool.url else f"//{pool.url}")
            if not parts.hostname or parts.port is None:
                raise self.unsupported(intent, f"it needs host and port, not {pool.url!r}")
            named |= {f"{prefix}URL": parts.hostname, f"{prefix}Port": parts.port}
            named |= {f"{prefix}User": pool.user, f"{prefix}Password": pool.password}
        before = f"{text(info, 'stratumUser')}@{text(info, 'stratumURL')}"
        steps = pools_needed("stratum", before, intent.pools, self._patch(named))
        return [*steps, *restart("system", self._restart())]

    def _restart(self) -> Callable[[], Awaitable[str]]:
        return self._send("POST", f"{SYSTEM}/restart")

    def _patch(self, named: Row) -> Callable[[], Awaitable[str]]:
        return self._send("PATCH", SYSTEM, msgspec.json.encode(named))

    def _send(self, method: str, path: str, body: bytes = b"") -> Callable[[], Awaitable[str]]:
        async def send() -> str:
            place = f"{self.place} {method} {path}"
            headers = {"Content-Type": "application/json"} if body else {}
            web, deadline = self._its_web(), self._rig.deadline()
            response = await web.request(
                method, path, headers=headers, body=body, deadline=deadline
            )
            response.good(place)
            return f"{method} {path}: done"

        return send

    async def _install(self, image: Image) -> str:
        """Send the image of the firmware; it goes into the partition that does not run."""
        place = f"{self.place} {_OTA}"
        response = await images.post(self._its_web(), _OTA, Upload(image))
        return response.good(place).decode("utf-8", "replace").strip()[:200]

    async def _info(self) -> Row:
        """Get `info` whole: half of the settings is none."""
        place = f"{self.place} {INFO}"
        response = await self._its_web().request("GET", INFO, deadline=self._rig.deadline())
        reply = decode(response.good(place), place)
        if reply.quality:
            raise BadAnswer(f"{place}: did not come whole")
        return reply.body

    def _its_web(self) -> Web:
        if self._web is None:
            self._web = Web(self._rig.host, self._rig.beside(WEB_PORT))
        return self._web


def _fixed_percent(info: Row) -> int | None:
    if number(info, "autofanspeed") != 0:
        return None
    return whole(number(info, "manualFanSpeed", "fanspeed"))
