"""What a driver is that can also act: it says what it offers, does it, and shows what is set."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lode_wire.orders import Change, Intent


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What a device offers, as it said itself; `actions` are action names of `lode_wire.orders`.

    Limits are the device's own, and `presets` are what each draws in W; None where it does not say.
    """

    actions: Collection[str] = ()
    power_min_w: float | None = None
    power_max_w: float | None = None
    presets: Mapping[str, float | None] = field(default_factory=dict)
    modes: tuple[str, ...] = ()
    blocked: str = ""  # why it offers less than its kind can, such as a write API not enabled


@dataclass(frozen=True, kw_only=True, slots=True)
class Posture:
    """How a device is set, read back from it; None is not known, and never taken for no."""

    is_asleep: bool | None = None
    power_limit_w: float | None = None
    mode: str | None = None
    preset: str | None = None
    fan_percent: int | None = None  # None also while the device turns them itself
    is_light_on: bool | None = None
    outlets: dict[int, bool] | None = None

    def __str__(self) -> str:
        """Say what is known, for a person."""
        known = {name: getattr(self, name) for name in self.__slots__}
        return ", ".join(f"{name} {value}" for name, value in known.items() if value is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """What was sent to a device, and what it said. That it said yes proves nothing."""

    changes: tuple[Change, ...] = ()
    said: str = ""


class Acting(Protocol):
    """A driver that can act; it is also a `Driver`.

    Every method takes its own turns (`lode_edge.turns`) and keeps its own time limit. A write
    touches what the intent names and nothing else: it reads the settings, changes those keys, and
    keeps every other, known or not; when it cannot read them whole, it writes nothing.
    """

    async def abilities(self) -> Abilities:
        """Ask the device what it offers.

        Raises:
            DriverError: it did not say.
        """

    async def preview(self, intent: Intent) -> Sequence[Change]:
        """Say what `act` would change, and change nothing.

        Raises:
            Unsupported: the device does not offer this.
            DriverError: its settings could not be read.
        """

    async def act(self, intent: Intent) -> Deed:
        """Do it; a wish that already holds changes nothing.

        Raises:
            Unsupported: the device does not offer this; nothing was sent.
            Unreachable: no answer came; it may or may not have been done.
            DriverError: the device refused it, or its settings could not be read.
        """

    async def posture(self) -> Posture:
        """Read back how the device is set.

        Raises:
            DriverError: it did not say.
        """
