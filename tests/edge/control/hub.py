"""A hub in memory: it signs what it orders, and hears what the spool has taken."""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lode_wire import orders, seal
from lode_wire.orders import Intent, Order
from lode_wire.records import Command, CommandState, Record, Stage


class Hub:
    """A hub that signs, and hears what the spool has taken."""

    def __init__(self, agent: str = "a") -> None:
        self.agent = agent
        self.key = Ed25519PrivateKey.generate()
        self.sequence = 0
        self.states: list[CommandState] = []
        self.records: list[Record] = []
        self.is_reached = True
        self._batches = self._heard = 0
        self._spooled: list[CommandState] = []

    def put(self, records: Iterable[Record]) -> None:
        self.records += records

    def announce(self, records: Iterable[Record]) -> "Future[list[int]]":
        self._spooled += [record for record in records if isinstance(record, CommandState)]
        self._batches += 1
        if self.is_reached:
            self.reach()
        done: Future[list[int]] = Future()
        done.set_result([self._batches])
        return done

    def is_heard(self, batch: int) -> bool:
        return batch <= self._heard

    def reach(self) -> None:
        """Have the link back, with all that the spool has kept."""
        self.is_reached = True
        self._heard = self._batches
        self.states += self._spooled
        self._spooled.clear()

    def order(self, intent: Intent, now_ms: int, target: str = "", **changes: Any) -> Command:
        self.sequence += 1
        terms, asked = changes.pop("terms", None), changes.pop("precondition", None)
        people = changes.pop("approved_by", ())
        body = Order(intent=intent, terms=terms, precondition=asked, approved_by=people)
        made = {
            "at_ms": now_ms,
            "id": f"c{self.sequence}",
            "actor": "anna",
            "agent": self.agent,
            "sequence": self.sequence,
            "not_before_ms": now_ms - 1000,
            "expires_ms": now_ms + 60_000,
            "target": target,
            "action": intent.action,
            "body": orders.encode_order(body),
            "key": "",
            "signature": b"",
        }
        return seal.seal(Command(**{**made, **changes}), self.key)

    def stages(self, command: str, target: str = "") -> list[Stage]:
        return [state.stage for state in self.said(command, target)]

    def is_at(self, command: str, stage: Stage, target: str = "") -> bool:
        """Tell whether a stage was told last."""
        return self.stages(command, target)[-1:] == [stage]

    def said(self, command: str, target: str = "") -> list[CommandState]:
        return [
            state
            for state in self.states
            if state.id == command and orders.decode_evidence(state.evidence).target == target
        ]
