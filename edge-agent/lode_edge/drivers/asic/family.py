"""What a family of rigs is to the driver: what to ask, how, and how to understand the answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lode_edge.drivers.asic.details import Details, no_details
from lode_edge.drivers.asic.figures import Figures
from lode_edge.drivers.asic.hands import Hands, Rig
from lode_edge.drivers.asic.link import Direct, Link
from lode_edge.drivers.asic.reply import Replies, Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """What a rig says it is; empty or None where it does not say."""

    vendor: str
    model: str = ""
    firmware: str = ""
    serial: str = ""
    mac: str = ""
    rated_hashrate_ths: float | None = None  # its own name plate, if it knows it


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """Rigs whose firmware speaks alike.

    `fast` is asked at every poll, `idle` one by one until the answers show why a rig does not hash
    (first whether it was told to rest, then its errors), `about` when the rig is identified, `slow`
    every few minutes. `recognises` looks at the answers to the questions of `identify`. No `slow`
    and no `about` may ask for `summary`: the work that a rig tells is for readings alone, each used
    once. `rated_by` is what of `about` tells the rig's own rating.
    """

    name: str
    fast: tuple[str, ...]
    idle: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    slow: tuple[str, ...] = ()
    rated_by: str = ""
    recognises: Callable[[Row], bool]
    read: Callable[[Replies], Figures]
    describe: Callable[[Replies], Identity]
    details: Callable[[Replies], Details] = no_details
    link: Callable[[Rig], Link] = Direct
    hands: Callable[[Rig], Hands] | None = None  # None: it can only be read
    better: "Callable[[Rig, float], Awaitable[Family | None]] | None" = None
    """Looks, by a deadline, whether the rig can be read in a better way than it was recognised."""
