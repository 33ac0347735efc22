"""Acting on Braiins OS by its GraphQL: one mutation for each order."""

from collections.abc import Awaitable, Callable, Sequence

from lode_edge.drivers.acting import Abilities, Posture
from lode_edge.drivers.asic.braiins_graphql import LIGHT, LIMITS, POOLS, TUNING, UPTIME, GraphQl
from lode_edge.drivers.asic.braiins_rest import inner
from lode_edge.drivers.asic.hands import Rig, offered
from lode_edge.drivers.asic.reply import Row, number, rows, text
from lode_edge.drivers.asic.steps import Step, Stepwise, awake, needed, pools_needed, restart, whole
from lode_edge.errors import BadAnswer, NotNow, Unsupported
from lode_wire import orders

_DONE = "{ ... on VoidResult { void } ... on %s { message } }"
_BOSMINER = "mutation { bosminer { %s " + _DONE % "BosminerError" + " } }"
_REBOOT = "mutation { bos { reboot " + _DONE % "BosError" + " } }"
_FAULT_LIGHT = "mutation($on: Boolean!) { bos { setFaultLight(enable: $on) { enabled } } }"
_AUTOTUNING = (
    "mutation($watts: Int!) { bosminer { config { updateAutotuning(input: {powerTarget: $watts}, "
    "apply: true) { ... on AutotuningOut { autotuning { powerTarget } } "
    "... on AutotuningError { message } ... on AttributeError { message } } } } }"
)
_GROUPS = (
    "mutation($groups: [Group!]!) { bosminer { config { updateGroups(groups: $groups) "
    "{ ... on GroupList { groups { id } } ... on GroupListError { message } } } } }"
)
_POWER_TARGET = "POWER_TARGET"


class GraphQlHands(Stepwise):
    """The hands for one rig; how its program is set can only be asked while that runs."""

    offers = offered(
        orders.Sleep, orders.Wake, orders.PowerLimit, orders.RestartMining, orders.Reboot,
        orders.FaultLight, orders.ChangePools,
    )  # fmt: skip

    def __init__(self, rig: Rig) -> None:
        super().__init__(f"{rig.host}:{rig.port}")
        self._rig = rig
        self._web = GraphQl(rig)

    async def abilities(self) -> Abilities:
        """Ask for the limits of its power target; a rig tuned otherwise takes none."""
        try:
            target = _target_w(await self._tuning())
        except Unsupported as error:
            return Abilities(blocked=str(error))
        except NotNow:
            return Abilities(actions=self.offers)
        if target is None:
            offers = self.offers - {orders.PowerLimit.action}
            return Abilities(actions=offers, blocked="it is not tuned to a power target")
        low, high = await self._limits_w()
        return Abilities(actions=self.offers, power_min_w=low, power_max_w=high)

    async def posture(self) -> Posture:
        """Read the program's uptime, the tuner's target and the light back."""
        is_asleep = await self._is_asleep()
        try:
            target = _target_w(await self._tuning())
        except NotNow:
            target = None
        light = await self._light()
        return Posture(is_asleep=is_asleep, power_limit_w=target, is_light_on=light)

    async def steps(self, intent: orders.Intent) -> Sequence[Step]:
        """Work out the one mutation that the intent takes."""
        match intent:
            case orders.Sleep() | orders.Wake():
                to_sleep = isinstance(intent, orders.Sleep)
                name = "stop" if to_sleep else "start"
                told = self._told(name, _BOSMINER % name)
                return needed("stopped", await self._is_asleep(), to_sleep, told)
            case orders.PowerLimit():
                return await self._power(intent)
            case orders.FaultLight(is_on=is_on):
                change = self._told("setFaultLight", _FAULT_LIGHT, {"on": is_on})
                return needed("faultLight", await self._light(), is_on, change)
            case orders.ChangePools():
                return await self._pools(intent)
            case orders.RestartMining():
                awake(self.place, intent.action, is_asleep=await self._is_asleep())
                return restart("bosminer", self._told("restart", _BOSMINER % "restart"))
            case _:
                return restart("system", self._told("reboot", _REBOOT))

    async def _power(self, intent: orders.PowerLimit) -> Sequence[Step]:
        target = _target_w(await self._tuning())
        if target is None:
            why = "it is not tuned to a power target, and to tune it so is no business of a limit"
            raise self.unsupported(intent, why)
        low, high = await self._limits_w()
        watts = round(intent.power_w)
        if (low is not None and watts < low) or (high is not None and watts > high):
            raise self.unsupported(intent, f"it takes {low} to {high} W, not {watts}")
        change = self._told("updateAutotuning", _AUTOTUNING, {"watts": watts})
        return needed("powerTarget", whole(target), watts, change)

    async def _pools(self, intent: orders.ChangePools) -> Sequence[Step]:
        groups = rows(inner(await self._data(POOLS), "bosminer", "info"), "poolGroups")
        found = [pool for group in groups for pool in rows(group, "pools")]
        before = ", ".join(f"{text(row, 'user')}@{text(row, 'url')}" for row in found) or "none"
        pools = [{"url": p.url, "user": p.user, "password": p.password} for p in intent.pools]
        name = next((text(group, "name") for group in groups if text(group, "name")), "Default")
        change = self._told(
            "updateGroups", _GROUPS, {"groups": [{"name": name, "quota": 1, "pools": pools}]}
        )
        again = self._told("restart", _BOSMINER % "restart")
        steps = pools_needed("pools", before, intent.pools, change)
        return [*steps, *restart("bosminer", again)] if steps else []

    async def _is_asleep(self) -> bool:
        """Tell whether the program is stopped: it then has no uptime."""
        return not inner(await self._data(UPTIME), "bosminer", "uptime")

    async def _light(self) -> bool | None:
        light = inner(await self._data(LIGHT), "bos").get("faultLight")
        return light if isinstance(light, bool) else None

    async def _tuning(self) -> Row:
        return inner(await self._data(TUNING), "bosminer", "config", "autotuning")

    async def _limits_w(self) -> tuple[float | None, float | None]:
        path = ("bosminer", "metadata", "autotuning", "powerTarget")
        try:
            limits = inner(await self._data(LIMITS), *path)
        except (Unsupported, NotNow):
            return None, None
        return number(limits, "min"), number(limits, "max")

    async def _data(self, command: str) -> Row:
        return inner(await self._web.query(command, deadline=self._rig.deadline()), "data")

    def _told(
        self, name: str, mutation: str, variables: Row | None = None
    ) -> Callable[[], Awaitable[str]]:
        async def send() -> str:
            answer = await self._web.send(name, mutation, variables, deadline=self._rig.deadline())
            refused = _refusal(answer)
            if refused:
                raise BadAnswer(f"{self.place} {name}: failed: {refused[:120]}")
            return f"{name}: done"

        return send


def _refusal(value: object) -> str:
    """Find the message that an error in place of a result has."""
    if not isinstance(value, dict):
        return ""
    message = value.get("message")
    if isinstance(message, str):
        return message
    return next((found for part in value.values() if (found := _refusal(part))), "")


def _target_w(tuning: Row) -> float | None:
    """Give the power target, when the rig is tuned to one."""
    mode = text(tuning, "mode")
    return number(tuning, "powerTarget") if mode in {"", _POWER_TARGET} else None
