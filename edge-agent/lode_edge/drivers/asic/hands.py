"""What a family's acting part is made of: the rig it is for, and what it offers at all."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lode_edge.drivers.acting import Acting
from lode_edge.drivers.asic.client import PORT
from lode_edge.drivers.driver import Login
from lode_edge.errors import Unsupported
from lode_profiles import RigProfile
from lode_wire.orders import Intent

_MOVED_BY = 1000
_MAX_PORT = 65_535


@dataclass(frozen=True, kw_only=True, slots=True)
class Rig:
    """One rig, as the link and the hands of its family need to know it.

    A family's hands are an `Acting` without turns and without a limit on the whole: the driver
    keeps both. Each of their requests ends within `timeout_s`.
    """

    host: str
    port: int  # of the 4028 API, or what the settings say
    login: Login | None  # None: the vendor's default
    timeout_s: float
    profile: RigProfile | None
    images: Path | None = None  # where firmware that may be installed lies

    def deadline(self) -> float:
        """Give the end of a request that begins now, on the loop's clock."""
        return asyncio.get_running_loop().time() + self.timeout_s

    def beside(self, port: int) -> int:
        """Give another of the rig's ports: a port map moves all by the same whole thousands.

        Raises:
            Unsupported: the API's port was moved by something else, so this one cannot be known;
                a guess might send a password to another device.
        """
        moved = self.port - PORT
        if moved % _MOVED_BY or not 0 < port + moved <= _MAX_PORT:
            raise Unsupported(
                f"{self.host}:{self.port}: its port {port} cannot be told from this one; "
                f"move all its ports by the same whole thousands, such as {PORT} to {PORT + 10_000}"
            )
        return port + moved


class Hands(Acting, Protocol):
    """The acting part of a family, made for one rig."""

    offers: frozenset[str]
    """Actions that rigs of this family know at all; `abilities` says what this one does."""


def offered(*intents: type[Intent]) -> frozenset[str]:
    """Give the action names of orders, as `Hands.offers` has them."""
    return frozenset(intent.action for intent in intents)
