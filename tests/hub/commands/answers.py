"""An agent's answers to commands, straight into ingest's writer."""

from lode_hub.ingest.check import check
from lode_hub.ingest.writer import Writer, Written
from lode_wire import orders
from lode_wire.records import CommandState, Controls, Record, Stage
from tests.hub.ingest.agents import NOW_MS, Agent, devices


def state(
    command_id: str, stage: Stage, reason: str = "", *, sequence: int = 1, **evidence: object
) -> CommandState:
    return CommandState(
        at_ms=NOW_MS,
        id=command_id,
        sequence=sequence,
        stage=stage,
        reason=reason,
        evidence=orders.encode_evidence(orders.Evidence(**evidence)),  # type: ignore[arg-type]
    )


def controls(number: int, *offers: str, **more: object) -> Controls:
    return Controls(at_ms=NOW_MS, device=number, offers=offers or ("sleep", "wake"), **more)  # type: ignore[arg-type]


class Answering:
    """An agent with three rigs, whose batches are written as ingest would."""

    def __init__(self, writer: Writer, agent: Agent | None = None) -> None:
        self.agent = agent or Agent()
        self._writer = writer

    async def begin(self, rigs: int = 3) -> None:
        await self.say(self.agent.birth(rigs))
        await self.say(*devices(rigs))
        await self.say(*(controls(n) for n in range(1, rigs + 1)))

    async def say(self, *told: Record) -> Written:
        """Say something new, as one batch."""
        return await self.send(self.agent.payload(told), told[0].topic)

    async def send(self, payload: bytes, topic: str) -> Written:
        return await self._writer.write([check(self.agent.wrap(payload, topic))])
