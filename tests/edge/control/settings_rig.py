"""A rig in memory with power modes and tuning presets."""

from dataclasses import dataclass

from tests.edge.control.rig import Rig

from lode_edge.drivers.acting import Abilities, Posture
from lode_wire.orders import Intent, PowerMode, Preset

SHARES = {"low": 0.75, "normal": 1.0, "high": 1.15}  # by the maker, not by our estimate
PRESETS = {
    "900W": 900.0,
    "1500W": 1500.0,
    "2400W": 2400.0,
    "3000W": 3000.0,
    "5000W": 5000.0,
    "odd": None,
}
OFFERS = ("sleep", "wake", "power_mode", "preset", "power_limit")


@dataclass
class SettingsRig(Rig):
    """Draws by its mode, its preset and its limit; with the fault `stuck` only says so."""

    offers: tuple[str, ...] = OFFERS
    mode: str = "normal"
    preset: str = "3000W"
    resets_limit: bool = False  # when its mode is changed, as some firmware does

    @property
    def wanted_w(self) -> float:
        if self.is_asleep:
            return self.asleep_w
        if "stuck" in self.faults:
            return self.power_w
        tuned_w = PRESETS[self.preset]
        drawn_w = (self.power_w if tuned_w is None else tuned_w) * SHARES[self.mode]
        return drawn_w if self.limit_w is None else min(drawn_w, self.limit_w)

    async def abilities(self) -> Abilities:
        await self._wait()
        return Abilities(
            actions=self.offers,
            presets=PRESETS,
            modes=tuple(SHARES),
            power_min_w=500,
            power_max_w=3600,
        )

    async def posture(self) -> Posture:
        await self._wait()
        return Posture(
            is_asleep=self.is_asleep,
            mode=self.mode,
            preset=self.preset,
            power_limit_w=self.limit_w,
        )

    def _do(self, intent: Intent) -> None:
        match intent:
            case PowerMode(mode=mode):
                self.mode = mode
                if self.resets_limit:
                    self.limit_w = 3500.0
            case Preset(name=name):
                self.preset = name
        super()._do(intent)
