"""Hands that work step by step: what is to change is worked out first, then shown, or done."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lode_edge.drivers.acting import Abilities, Deed, Posture
from lode_edge.errors import NotNow, Unsupported
from lode_wire.orders import Change, Intent, Pool, UpdateFirmware

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """One change, and the request that makes it; the request gives what the rig said."""

    change: Change
    send: Callable[[], Awaitable[str]]


class Stepwise(ABC):
    """The hands of a family that can work out all its steps from what the rig says."""

    offers: frozenset[str]

    def __init__(self, place: str) -> None:
        self.place = place

    async def preview(self, intent: Intent) -> Sequence[Change]:
        """Say what `act` would change, and change nothing."""
        return tuple(step.change for step in await self._checked(intent))

    async def act(self, intent: Intent) -> Deed:
        """Take every step, in order; the first that fails ends it."""
        steps = await self._checked(intent)
        said = [await step.send() for step in steps]
        return Deed(changes=tuple(step.change for step in steps), said="; ".join(said))

    @abstractmethod
    async def abilities(self) -> Abilities:
        """Ask the rig what it offers."""

    @abstractmethod
    async def posture(self) -> Posture:
        """Read back how the rig is set."""

    @abstractmethod
    async def steps(self, intent: Intent) -> Sequence[Step]:
        """Work out what to send; nothing when the wish already holds.

        Raises:
            Unsupported: this rig does not offer it.
            DriverError: its settings could not be read.
        """

    async def _checked(self, intent: Intent) -> Sequence[Step]:
        if intent.action not in self.offers:
            raise self.unsupported(intent)
        return await self.steps(intent)

    def unsupported(self, intent: Intent, why: str = "it does not offer this") -> Unsupported:
        """Make the error that names what is not offered."""
        return Unsupported(f"{self.place}: {intent.action}: {why}; nothing was sent")


def needed(
    key: str, before: object, after: object, send: Callable[[], Awaitable[str]]
) -> list[Step]:
    """Give the step to a value; none when it is there already, and one when that is not known."""
    if before == after:
        return []
    return [Step(Change(key=key, before=_said(before), after=_said(after)), send)]


def pools_needed(
    key: str, before: str, pools: Sequence[Pool], send: Callable[[], Awaitable[str]]
) -> list[Step]:
    """Give the step to other pools; a password cannot be read, so pools with one are sent again."""
    after = pool_text(pools)
    if not any(pool.password for pool in pools):
        return needed(key, before, after, send)
    return [Step(Change(key=key, before=before, after=f"{after}, with passwords"), send)]


def install(intent: UpdateFirmware, send: Callable[[], Awaitable[str]]) -> list[Step]:
    """Give the step that installs an image; the driver says what ran before."""
    return needed("firmware", None, intent.image, send)


def restart(what: str, send: Callable[[], Awaitable[str]]) -> list[Step]:
    """Give the step that restarts something."""
    return needed(what, "running", "restarted", send)


def awake(place: str, action: str, *, is_asleep: bool | None) -> None:
    """Make sure that a rig is awake: what restarts its mining program would wake it.

    Raises:
        NotNow: it sleeps, or does not say.
    """
    if is_asleep is not False:
        raise NotNow(f"{place}: {action}: it is not awake, and this would wake it; wake it first")


def whole(value: float | None) -> int | None:
    """Round a figure that rigs count whole, such as watts."""
    return None if value is None else round(value)


def pool_text(pools: Sequence[Pool]) -> str:
    """Write pools for a person: never a password."""
    return ", ".join(f"{pool.user}@{pool.url}" for pool in pools) or "none"


def _said(value: object) -> str:
    if value is None:
        return UNKNOWN
    return str(value).lower() if isinstance(value, bool) else str(value)
