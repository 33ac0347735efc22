"""Whether a command is the hub's, for this agent, in time and new: one check after another.

payload ─► form ─► key ─► signature ─► agent ─► (known: told again) ─► time ─► sequence ─► Order
"""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lode_edge.control.book import Book, Named
from lode_edge.control.journal import Entry
from lode_edge.control.now import Now
from lode_edge.errors import EdgeError
from lode_wire import seal
from lode_wire.errors import DecodeError
from lode_wire.orders import Order, Reason
from lode_wire.records import Command, Stage

_AT_THE_GATE = (
    *(Reason.MALFORMED, Reason.UNKNOWN_KEY, Reason.FORGED, Reason.WRONG_AGENT),
    *(Reason.NOT_YET, Reason.TOO_LATE, Reason.CLOCK, Reason.OUT_OF_ORDER),
)
_SHOWN = 128  # characters of an id that nobody has vouched for


class Refused(EdgeError):  # noqa: N818 -- reads as what happened
    """A command is not carried out; `about` names it as far as it named itself."""

    def __init__(self, reason: Reason, words: str, about: Named | None = None) -> None:
        super().__init__(f"{reason}: {words}")
        self.reason, self.about = reason, about


class Gate:
    """The checks that every command passes before anybody looks at what it wants."""

    def __init__(
        self, agent: str, keys: Mapping[str, Ed25519PublicKey], book: Book, now: Now
    ) -> None:
        self._agent, self._keys, self._book, self._now = agent, keys, book, now

    def opened(self, payload: bytes) -> tuple[Command, Order] | Entry:
        """Check a command and remember its sequence, within a transaction.

        A command that was taken before gives its latest entry instead.

        Raises:
            Refused: it fails a check.
            StoreError: its sequence could not be remembered.
        """
        command, order = self._genuine(payload)
        before = self._latest(command.id)
        if before is not None:
            return before
        about = Named(command.id, command.sequence)
        self._check_time(command, about)
        self._check_sequence(command, about)
        self._book.store.raise_mark(command.key, command.sequence)
        return command, order

    def _genuine(self, payload: bytes) -> tuple[Command, Order]:
        try:
            command = seal.decode(payload)
        except DecodeError as error:
            raise Refused(Reason.MALFORMED, str(error)) from None
        about = Named(command.id[:_SHOWN], command.sequence)
        try:
            order = seal.opened(command, self._keys)
        except seal.UnknownKey as error:
            raise Refused(Reason.UNKNOWN_KEY, str(error), about) from None
        except seal.Forged as error:
            raise Refused(Reason.FORGED, str(error), about) from None
        except DecodeError as error:
            raise Refused(Reason.MALFORMED, str(error), about) from None
        if command.agent != self._agent:
            raise Refused(Reason.WRONG_AGENT, f"it is for {command.agent[:_SHOWN]}", about)
        return command, order

    def _latest(self, command: str) -> Entry | None:
        """Give the latest entry of a command that has passed the gate before."""
        for entry in self._book.store.journal.of_command(command):
            code = entry.reason.partition(":")[0]
            if entry.stage is not Stage.REFUSED or code not in _AT_THE_GATE:
                return entry
        return None

    def _check_time(self, command: Command, about: Named) -> None:
        trouble, now_ms = self._now.trouble(), self._now.ms
        if trouble:
            raise Refused(Reason.CLOCK, trouble, about)
        if now_ms < command.not_before_ms:
            early_s = (command.not_before_ms - now_ms) / 1000
            raise Refused(Reason.NOT_YET, f"{early_s:.1f} s before it is valid", about)
        if now_ms >= command.expires_ms:
            late_s = (now_ms - command.expires_ms) / 1000
            raise Refused(Reason.TOO_LATE, f"{late_s:.1f} s after it expired", about)

    def _check_sequence(self, command: Command, about: Named) -> None:
        highest, life = self._book.store.highest(command.key), self._book.store.life
        if highest is None:
            if command.at_ms < life.born_ms:
                words = "it was made before this agent's memory began"
                raise Refused(Reason.OUT_OF_ORDER, words, about)
            highest = 0
        if command.sequence <= highest:
            words = f"sequence {command.sequence} is not above {highest}"
            raise Refused(Reason.OUT_OF_ORDER, words, about)
