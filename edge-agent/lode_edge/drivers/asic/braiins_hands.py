"""Acting on Braiins OS by its REST API; what a rig allows is asked before it is told anything."""

from collections.abc import Awaitable, Callable, Sequence

from lode_edge.drivers.acting import Abilities, Posture
from lode_edge.drivers.asic.braiins_rest import DETAILS, NOT_STARTED, PAUSED, POOLS, Rest, inner
from lode_edge.drivers.asic.hands import Rig, offered
from lode_edge.drivers.asic.reply import Row, number, rows, text
from lode_edge.drivers.asic.steps import Step, Stepwise, awake, needed, pools_needed, restart, whole
from lode_edge.errors import BadAnswer, Unsupported
from lode_wire import orders

CONSTRAINTS = "/api/v1/configuration/constraints"
CONFIGURATION = "/api/v1/configuration/miner"
LOCATE = "/api/v1/actions/locate"
POWER_TARGET = "/api/v1/performance/power-target"


class RestHands(Stepwise):
    """The hands for one rig."""

    offers = offered(
        orders.Sleep, orders.Wake, orders.PowerLimit, orders.RestartMining, orders.Reboot,
        orders.FaultLight, orders.ChangePools,
    )  # fmt: skip

    def __init__(self, rig: Rig) -> None:
        super().__init__(f"{rig.host}:{rig.port}")
        self._rest = Rest(rig)

    async def abilities(self) -> Abilities:
        """Ask for the limits of its power target; a rig tuned otherwise takes none."""
        try:
            tuner = inner(await self._get(CONFIGURATION), "tuner")
        except Unsupported as error:
            return Abilities(blocked=str(error))
        if _target_w(tuner) is None:
            offers = self.offers - {orders.PowerLimit.action}
            return Abilities(actions=offers, blocked="it is not tuned to a power target")
        low, high = await self._limits_w()
        return Abilities(actions=self.offers, power_min_w=low, power_max_w=high)

    async def posture(self) -> Posture:
        """Read the status, the tuner's target and the light back."""
        details = await self._get(DETAILS)
        tuner = inner(await self._get(CONFIGURATION), "tuner")
        light = await self._rest.call("GET", LOCATE)
        return Posture(
            is_asleep=_is_asleep(details),
            power_limit_w=_target_w(tuner),
            is_light_on=light if isinstance(light, bool) else None,
        )

    async def steps(self, intent: orders.Intent) -> Sequence[Step]:
        """Work out the one request that the intent takes."""
        match intent:
            case orders.Sleep() | orders.Wake():
                return self._sleep(await self._get(DETAILS), isinstance(intent, orders.Sleep))
            case orders.PowerLimit():
                return await self._power(intent)
            case orders.FaultLight(is_on=is_on):
                light = await self._rest.call("GET", LOCATE)
                before = light if isinstance(light, bool) else None
                return needed("locate", before, is_on, self._put(LOCATE, is_on))
            case orders.ChangePools():
                return await self._pools(intent)
            case orders.RestartMining():
                awake(self.place, intent.action, is_asleep=_is_asleep(await self._get(DETAILS)))
                return restart("bosminer", self._action("restart"))
            case orders.Reboot():
                return restart("system", self._action("reboot"))
            case _:
                raise self.unsupported(intent)

    def _sleep(self, details: Row, to_sleep: bool) -> Sequence[Step]:
        if number(details, "status") == NOT_STARTED:
            # It was stopped, not paused: it sleeps, and only a start wakes it.
            return needed("started", False, not to_sleep, self._action("start"))
        action = self._action("pause" if to_sleep else "resume")
        return needed("paused", _is_asleep(details), to_sleep, action)

    async def _power(self, intent: orders.PowerLimit) -> Sequence[Step]:
        target = _target_w(inner(await self._get(CONFIGURATION), "tuner"))
        if target is None:
            why = "it is not tuned to a power target, and to tune it so is no business of a limit"
            raise self.unsupported(intent, why)
        low, high = await self._limits_w()
        watts = round(intent.power_w)
        if (low is not None and watts < low) or (high is not None and watts > high):
            raise self.unsupported(intent, f"it takes {low} to {high} W, not {watts}")
        return needed(
            "power_target", whole(target), watts, self._put(POWER_TARGET, {"watt": watts})
        )

    async def _pools(self, intent: orders.ChangePools) -> Sequence[Step]:
        groups = rows({"value": await self._rest.call("GET", POOLS)}, "value")
        found = [pool for group in groups for pool in rows(group, "pools")]
        before = ", ".join(f"{text(row, 'user')}@{text(row, 'url')}" for row in found) or "none"
        pools = [{"url": p.url, "user": p.user, "password": p.password} for p in intent.pools]
        name = next((text(group, "name") for group in groups if text(group, "name")), "Default")
        group = {"name": name, "pools": pools, "load_balance_strategy": {"quota": {"value": 1}}}
        change = self._put(f"{POOLS}/batch", [group])
        return pools_needed("pools", before, intent.pools, change)

    async def _limits_w(self) -> tuple[float | None, float | None]:
        """Ask what power targets the rig takes."""
        limits = inner(await self._get(CONSTRAINTS), "tuner_constraints", "power_target")
        return number(inner(limits, "min"), "watt"), number(inner(limits, "max"), "watt")

    def _action(self, name: str) -> Callable[[], Awaitable[str]]:
        return self._put(f"/api/v1/actions/{name}", None)

    def _put(self, path: str, body: object) -> Callable[[], Awaitable[str]]:
        async def send() -> str:
            await self._rest.call("PUT", path, body)
            return f"{path}: done"

        return send

    async def _get(self, path: str) -> Row:
        value = await self._rest.call("GET", path)
        if not isinstance(value, dict):
            raise BadAnswer(f"{self._rest.place(path)}: no object in its answer")
        return value


def _is_asleep(details: Row) -> bool | None:
    status = number(details, "status")
    return None if status is None else status in {PAUSED, NOT_STARTED}


def _target_w(tuner: Row) -> float | None:
    """Give the power target, when the rig is tuned to one."""
    if tuner.get("enabled") is False:
        return None
    return number(inner(tuner, "power_target"), "watt")
