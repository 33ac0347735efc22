"""Whether a command is the hub's, for this agent, in time and new: one check after another.

payload ─► form ─► key ─► signature ─► agent ─► taken before? ─► time ─► sequence ─► Order
                                                   │
       told again while the hub may not know yet ◄─┴─► else a replay: refused

The hub repeats a command, byte by byte, until it has an answer or the command has expired. A copy
that comes when neither is so any more was sent by somebody else.
"""

from collections import Counter
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lode_edge.control.book import Answer, Book, Named
from lode_edge.control.journal import Entry
from lode_edge.control.now import Now
from lode_edge.errors import EdgeError
from lode_wire import seal
from lode_wire.errors import DecodeError
from lode_wire.orders import Order, Reason
from lode_wire.records import Command, Stage

_AT_THE_GATE = (
    *(Reason.MALFORMED, Reason.UNKNOWN_KEY, Reason.FORGED, Reason.WRONG_AGENT),
    *(Reason.NOT_YET, Reason.TOO_LATE, Reason.CLOCK, Reason.OUT_OF_ORDER, Reason.REPLAYED),
)
_ON_ITS_WAY_S = 30.0  # for which a copy that the hub sent in good faith may still come
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
        self._replays: Counter[str] = Counter()  # of each command, since the start

    def opened(self, payload: bytes) -> tuple[Command, Order] | None:
        """Check a command and remember its sequence, within a transaction.

        None: it was taken before, and what is to be told of that is told.

        Raises:
            Refused: it fails a check.
        """
        command, order = self._genuine(payload)
        before = self._latest(command.id)
        about = Named(command.id, command.sequence)
        if before is not None:
            self._answer_again(before, about)
            return None
        self._check_time(command, about)
        self._check_sequence(command, about)
        self._book.store.raise_mark(command.key, command.sequence)
        self._book.answers.put(command.id, Answer(expires_ms=command.expires_ms))
        return command, order

    def keep_house(self) -> None:
        """Forget the answers to commands that the hub sends no more."""
        self._correct_birth()
        for command, answer in list(self._book.answers.all.items()):
            if self._now.ms >= answer.expires_ms + _ON_ITS_WAY_S * 1000:
                self._book.answers.drop(command)

    def _correct_birth(self) -> None:
        """Keep no beginning in the future: the clock was wrong at the agent's first start."""
        if self._now.is_sure:
            self._book.store.correct_birth(self._now.ms)

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
            if entry.stage is not Stage.REFUSED or _code(entry) not in _AT_THE_GATE:
                return entry
        return None

    def _answer_again(self, before: Entry, about: Named) -> None:
        """Tell the hub again what it may not know; a replay is refused, and told ever more rarely.

        The first replay tells the answer once more all the same: the hub may have lost it.
        """
        journal = self._book.store.journal
        if self._may_be_the_hubs(about.id):
            journal.tell_again(before)
            return
        self._replays[about.id] += 1
        count = self._replays[about.id]
        is_known = any(_code(entry) == Reason.REPLAYED for entry in journal.of_command(about.id))
        if not is_known:
            journal.tell_again(before)
            raise Refused(Reason.REPLAYED, "it was taken before, and the hub knows", about)
        if count > 1 and str(count).rstrip("0") == "1":
            raise Refused(Reason.REPLAYED, f"it has come again {count} times", about)

    def _may_be_the_hubs(self, command: str) -> bool:
        answer, now_ms = self._book.answers.get(command), self._now.ms
        if answer is None or now_ms >= answer.expires_ms + _ON_ITS_WAY_S * 1000:
            return False
        return answer.heard_ms is None or now_ms < answer.heard_ms + _ON_ITS_WAY_S * 1000

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
        self._correct_birth()
        highest, life = self._book.store.highest(command.key), self._book.store.life
        if highest is None:
            if command.at_ms < life.born_ms:
                words = "it was made before this agent's memory began"
                raise Refused(Reason.OUT_OF_ORDER, words, about)
            highest = 0
        if command.sequence <= highest:
            words = f"sequence {command.sequence} is not above {highest}"
            raise Refused(Reason.OUT_OF_ORDER, words, about)


def _code(entry: Entry) -> str:
    return entry.reason.partition(":")[0]
