"""Acting on LuxOS: orders on port 4028, within a session that only one client can have.

    logon ─► `order session,what` ─► logoff

Sleep outlives a reboot: only `wakeup` ends it. While ATM runs, it alone picks the profile.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from lode_edge.drivers.acting import Abilities, Posture
from lode_edge.drivers.asic.cgminer_pools import CgminerPools
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.orders4028 import Orders
from lode_edge.drivers.asic.reply import Row, number, rows, text
from lode_edge.drivers.asic.steps import Step, Stepwise, needed, restart, whole
from lode_edge.errors import BadAnswer, DriverError, NotNow
from lode_wire import orders

_ALWAYS = {"sleep", "wake", "fan_speed", "restart_mining", "reboot", "fault_light", "pools"}
_OF_PROFILE = frozenset({"preset", "power_limit"})
_LIGHT_OFF = ("auto", "off")


class LuxosHands(Stepwise):
    """The hands for one rig."""

    offers = frozenset(_ALWAYS) | _OF_PROFILE

    def __init__(self, rig: Rig) -> None:
        super().__init__(f"{rig.host}:{rig.port}")
        self._orders = Orders(rig)
        self._pools = CgminerPools(self._orders)

    async def abilities(self) -> Abilities:
        """Ask for the profiles; none can be chosen while ATM does that."""
        config = await self._config()
        profiles = _watts(await self._orders.ask("profiles"))
        if config.get("IsAtmEnabled") is True and not _has_target(config):
            blocked = "ATM picks the profile; switch it off to choose one"
            return Abilities(actions=self.offers - _OF_PROFILE, blocked=blocked)
        return Abilities(
            actions=self.offers,
            presets=profiles,
            power_min_w=min(profiles.values(), default=None),
            power_max_w=max(profiles.values(), default=None),
        )

    async def posture(self) -> Posture:
        """Read the configuration; whether its fans are fixed it does not say."""
        config = await self._config()
        profile = text(config, "Profile")
        return Posture(
            is_asleep=_is_asleep(config),
            preset=profile or None,
            power_limit_w=await self._limit_w(config),
            is_light_on=_is_light_on(config),
        )

    async def steps(self, intent: orders.Intent) -> Sequence[Step]:
        """Work out what to send."""
        if isinstance(intent, orders.ChangePools):
            return await self._pools.steps(intent.pools)
        if isinstance(intent, (orders.FanSpeed, orders.RestartMining, orders.Reboot)):
            return self._unread(intent)
        config = await self._config()
        match intent:
            case orders.Sleep() | orders.Wake():
                action = "sleep" if isinstance(intent, orders.Sleep) else "wakeup"
                asleep, wanted = _is_asleep(config), isinstance(intent, orders.Sleep)
                return needed("asleep", asleep, wanted, lambda: self._told("curtail", action))
            case orders.FaultLight(is_on=is_on):
                state = "blink" if is_on else "auto"
                told = lambda: self._told("ledset", "red", state)  # noqa: E731 -- one of a kind
                return needed("red led", _is_light_on(config), is_on, told)
            case orders.Preset(name=name):
                return await self._preset(intent, name, config)
            case orders.PowerLimit(power_w=power_w):
                return await self._limit(intent, power_w, config)
        raise self.unsupported(intent)

    def _unread(
        self, intent: orders.FanSpeed | orders.RestartMining | orders.Reboot
    ) -> Sequence[Step]:
        """Give the step to what the rig does not say."""
        match intent:
            case orders.FanSpeed(percent=percent):
                speed = -1 if percent is None else percent
                after = "auto" if percent is None else percent
                return needed("fans", None, after, lambda: self._told("fanset", f"speed={speed}"))
            case orders.RestartMining():
                return restart("mining", lambda: self._told("resetminer"))
            case orders.Reboot():
                return restart("rig", lambda: self._told("rebootdevice"))

    async def _preset(self, intent: orders.Intent, name: str, config: Row) -> Sequence[Step]:
        if name not in _watts(await self._orders.ask("profiles")):
            raise self.unsupported(intent, f"it has no profile {name!r}")
        return self._profile(name, config)

    async def _limit(self, intent: orders.Intent, power_w: float, config: Row) -> Sequence[Step]:
        """Set a power target; or else take the strongest profile within the limit."""
        if _has_target(config):
            before = whole(await self._limit_w(config))
            watts = f"power={round(power_w)}"
            told = lambda: self._told("powertargetset", watts)  # noqa: E731 -- one of a kind
            return needed("power target", before, round(power_w), told)
        profiles = _watts(await self._orders.ask("profiles"))
        within = {name: watts for name, watts in profiles.items() if watts <= power_w}
        if not within:
            raise self.unsupported(intent, f"no profile draws {power_w:.0f} W or less")
        return self._profile(max(within, key=lambda name: within[name]), config)

    def _profile(self, name: str, config: Row) -> Sequence[Step]:
        before = text(config, "Profile") or None
        if before != name and config.get("IsAtmEnabled") is True:
            raise NotNow(f"{self.place}: ATM picks the profile; switch it off to choose one")
        return needed("profile", before, name, lambda: self._told("profileset", name))

    async def _limit_w(self, config: Row) -> float | None:
        if _has_target(config):
            is_on = config.get("IsPowerTargetEnabled") is True
            return number(config, "ActualPowerTarget") if is_on else None
        return _watts(await self._orders.ask("profiles")).get(text(config, "Profile"))

    async def _config(self) -> Row:
        found = rows(await self._orders.ask("config"), "CONFIG")
        if not found:
            raise BadAnswer(f"{self.place}: its configuration did not come")
        return found[0]

    async def _told(self, command: str, *what: str) -> str:
        """Give an order in a session of our own; one that got lost meanwhile is begun anew once."""
        session = await self._log_on()
        try:
            try:
                return await self._orders.tell(command, session, *what)
            except BadAnswer as error:
                if "session" not in str(error).lower():
                    raise
                session = await self._log_on()
                return await self._orders.tell(command, session, *what)
        finally:
            with contextlib.suppress(DriverError, asyncio.TimeoutError):
                await self._orders.tell("logoff", session)

    async def _log_on(self) -> str:
        try:
            found = rows(await self._orders.ask("logon"), "SESSION")
        except BadAnswer as error:
            raise NotNow(f"{self.place}: another holds its session: {error}") from error
        session = text(found[0], "SessionID") if found else ""
        if not session:
            raise BadAnswer(f"{self.place}: it gave no session")
        return session


def _is_asleep(config: Row) -> bool | None:
    mode = text(config, "CurtailMode").lower()
    return mode.startswith("sleep") if mode else None


def _is_light_on(config: Row) -> bool | None:
    light = text(config, "RedLed").lower()
    return light not in _LIGHT_OFF if light else None


def _has_target(config: Row) -> bool:
    return config.get("IsPowerTargetSupported") is True


def _watts(reply: Row) -> dict[str, float]:
    """Give the power of each profile, by name."""
    named = ((text(row, "Profile Name"), number(row, "Watts")) for row in rows(reply, "PROFILES"))
    return {name: watts for name, watts in named if name and watts is not None}
