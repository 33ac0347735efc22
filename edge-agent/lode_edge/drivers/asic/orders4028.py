"""Orders on port 4028: a command with a parameter, and a reply that must say yes."""

import msgspec

from lode_edge.drivers.asic import client
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.reply import Row, check, rows, text
from lode_edge.errors import BadAnswer, Unsupported

SEPARATORS = (",", "|", "\\")


class Orders:
    """Asks and tells one rig; each request ends within the rig's time limit."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.place = f"{rig.host}:{rig.port}"

    async def ask(self, command: str, *parameters: str) -> Row:
        """Ask, and give the reply; it is not mended, because settings depend on it.

        Raises:
            DriverError: it did not come whole, or says no.
        """
        place = f"{self.place} {command}"
        for parameter in parameters:
            if any(mark in parameter for mark in SEPARATORS):
                raise Unsupported(f"{place}: a parameter may not hold a comma; nothing was sent")
        data = await client.ask(
            self._rig.host,
            self._rig.port,
            command,
            parameter=",".join(parameters),
            deadline=self._rig.deadline(),
        )
        reply = strict(data, place)
        check(reply, place)
        return reply

    async def tell(self, command: str, *parameters: str) -> str:
        """Give an order, and give what the rig said.

        Raises:
            DriverError: no answer came, or it says no.
        """
        status = rows(await self.ask(command, *parameters), "STATUS")
        return text(status[0], "Msg") if status else ""


def strict(data: bytes, place: str) -> Row:
    """Decode a reply that is not to be mended, because settings depend on it.

    Raises:
        BadAnswer: it is no JSON object, or was cut.
    """
    try:
        return msgspec.json.decode(data.rstrip(b"\x00\r\n\t "), type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(f"{place}: its answer did not come whole") from error
