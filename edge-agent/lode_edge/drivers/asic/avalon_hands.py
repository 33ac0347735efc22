"""Acting on Avalons: `ascset` on port 4028, of which each firmware knows other words.

A rig falls asleep, and wakes, at a moment of its own clock, a few seconds ahead.
"""

import asyncio
from collections.abc import Sequence

from lode_edge.drivers.acting import Abilities, Posture
from lode_edge.drivers.asic import avalon_words
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.orders4028 import Orders
from lode_edge.drivers.asic.reply import number, rows
from lode_edge.drivers.asic.steps import Step, Stepwise, needed, restart
from lode_edge.errors import BadAnswer
from lode_wire import orders

LEAD_S = 5  # between the order and the moment it names, as the vendor's own tools have it
_DEVICE = "0"
_MODES = {"low": "0", "normal": "1", "high": "2"}
_LEAST_FAN_PERCENT = 15
_LIGHT = {"0": False, "1": True}
# The word of `ascset` that an action needs; firmware lists its words itself.
_NEEDS = {
    "sleep": "softoff",
    "wake": "softon",
    "power_mode": "work_mode_lvl",  # only where it is listed do the modes mean what ours do
    "fan_speed": "fan-spd",
    "reboot": "reboot",
    "fault_light": "led",
}


class AvalonHands(Stepwise):
    """The hands for one rig."""

    offers = frozenset(_NEEDS) | {"restart_mining"}

    def __init__(self, rig: Rig) -> None:
        super().__init__(f"{rig.host}:{rig.port}")
        self._orders = Orders(rig)
        self._settled_s = 0.0  # on the loop's clock: until then an order may still come true

    async def abilities(self) -> Abilities:
        """Ask for the words that the firmware knows."""
        words = await self._words()
        actions = {action for action, word in _NEEDS.items() if word in words}
        modes = tuple(_MODES) if "power_mode" in actions else ()
        return Abilities(actions=frozenset(actions) | {"restart_mining"}, modes=modes)

    async def posture(self) -> Posture:
        """Read `stats`; whether its fans are fixed they do not say."""
        stats = await self._stats()
        return Posture(
            is_asleep=self._is_asleep(stats),
            mode=_mode(stats) if "work_mode_lvl" in await self._words() else None,
            is_light_on=_LIGHT.get(stats.get("Led", "")),
        )

    async def steps(self, intent: orders.Intent) -> Sequence[Step]:
        """Work out what to send."""
        if isinstance(intent, orders.RestartMining):
            return restart("mining", lambda: self._orders.tell("restart"))
        word = _NEEDS[intent.action]
        if word not in await self._words():
            raise self.unsupported(intent, f"its firmware does not know {word!r}")
        match intent:
            case orders.Sleep() | orders.Wake():
                stats = await self._stats()
                before, after = self._is_asleep(stats), isinstance(intent, orders.Sleep)
                return needed("asleep", before, after, lambda: self._at_once(word))
            case orders.PowerMode(mode=mode):
                now = _mode(await self._stats())
                told = (_DEVICE, "workmode", "set", _MODES[mode])
                return needed("workmode", now, mode, lambda: self._set(*told))
            case orders.FanSpeed(percent=percent):
                return self._fan(intent, percent)
            case orders.FaultLight(is_on=is_on):
                led = _LIGHT.get((await self._stats()).get("Led", ""))
                return needed("led", led, is_on, lambda: self._set(_DEVICE, word, f"1-{is_on:d}"))
        return restart("rig", lambda: self._set(_DEVICE, word, "0"))

    def _fan(self, intent: orders.Intent, percent: int | None) -> Sequence[Step]:
        if percent is not None and percent < _LEAST_FAN_PERCENT:
            raise self.unsupported(intent, f"it turns its fans at {_LEAST_FAN_PERCENT} % or more")
        speed = "-1" if percent is None else str(percent)
        after = "auto" if percent is None else percent
        return needed("fan-spd", None, after, lambda: self._set(_DEVICE, "fan-spd", speed))

    async def _at_once(self, word: str) -> str:
        """Name the moment by the rig's own clock: it may be off, or run from its start."""
        status = rows(await self._orders.ask("version"), "STATUS")
        when = number(status[0], "When") if status else None
        if when is None:
            raise BadAnswer(f"{self.place}: it does not tell its time; nothing was sent")
        self._settled_s = asyncio.get_running_loop().time() + LEAD_S + 1
        return await self._set(_DEVICE, word, f"1:{when + LEAD_S:.0f}")

    async def _set(self, *words: str) -> str:
        said = await self._orders.tell("ascset", *words)
        if "OK" not in said and "success" not in said:
            raise BadAnswer(f"{self.place} ascset {words[1]}: refused: {said}")
        return said

    async def _words(self) -> frozenset[str]:
        reply = rows(await self._orders.ask("ascset", _DEVICE, "help"), "STATUS")
        said = reply[0].get("Msg") if reply else None
        _, found, words = str(said).partition("set info: ")
        if not found:
            raise BadAnswer(f"{self.place}: does not say what it can be told")
        return frozenset(word.strip() for word in words.split("|") if word.strip())

    def _is_asleep(self, stats: dict[str, str]) -> bool | None:
        """Tell what the rig says of itself, once no order of ours is still to come true."""
        if asyncio.get_running_loop().time() < self._settled_s:
            return None
        if avalon_words.is_idle(stats):
            return True
        return False if "In Work" in stats.get("SYSTEMSTATU", "") else None

    async def _stats(self) -> dict[str, str]:
        stats = avalon_words.pairs(rows(await self._orders.ask("stats"), "STATS"))
        if not stats:
            raise BadAnswer(f"{self.place}: its stats did not come")
        return stats


def _mode(stats: dict[str, str]) -> str | None:
    said = stats.get("WORKMODE", "").strip()
    return next((mode for mode, value in _MODES.items() if value == said), None)
