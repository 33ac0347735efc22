"""A PDU in memory, whose relay may be welded."""

import asyncio
from dataclasses import dataclass, field

from lode_edge.drivers.acting import Abilities, Deed, Posture
from lode_wire.orders import Intent, SwitchOutlet


@dataclass
class Pdu:
    """A PDU of one outlet, switched and measured."""

    is_welded: bool = False
    measures: bool = True
    is_on: bool = True
    orders: list[Intent] = field(default_factory=list)

    @property
    def feeds(self) -> bool:
        return self.is_on or self.is_welded

    async def abilities(self) -> Abilities:
        return Abilities(actions=("outlet",))

    async def preview(self, intent: Intent) -> tuple[()]:
        return ()

    async def act(self, intent: Intent) -> Deed:
        assert isinstance(intent, SwitchOutlet)
        await asyncio.sleep(0.1)
        self.orders.append(intent)
        self.is_on = intent.is_on
        return Deed(said="ok")

    async def posture(self) -> Posture:
        await asyncio.sleep(0.1)
        return Posture(outlets={1: self.is_on})
