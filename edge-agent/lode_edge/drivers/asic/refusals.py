"""What a rig refuses: held back for a while, never for good; a refused login is told once.

asked ─► refused ─► asked again ─► refused ─► held back for 5 min ─► asked again ─► ...
           └──────────────┴───────────────────────┴─► answered ─► everything is asked again
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from lode_edge.clock import SYSTEM, Clock
from lode_edge.errors import Denied, Unsupported

HELD_S = 300.0
IN_A_ROW = 2  # one refusal may be an accident

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Refusal:
    kind: type[Unsupported]  # and not the error itself, which holds on to all that was read with it
    said: str
    times: int  # in a row
    until_s: float


class Refusals:
    """The questions that one device refuses to answer."""

    __slots__ = ("_denied", "_device", "_mono_s", "_of")

    def __init__(self, device: str, clock: Clock = SYSTEM) -> None:
        self._device, self._mono_s = device, clock.mono_s
        self._of: dict[str, _Refusal] = {}
        self._denied: frozenset[str] = frozenset()  # what has been told, until it is answered

    def held(self, command: str) -> Unsupported | None:
        """Give why a question is not to be asked now; None when it may be."""
        last = self._of.get(command)
        if last is None or last.times < IN_A_ROW or self._mono_s() >= last.until_s:
            return None
        return last.kind(last.said)

    def refused(self, command: str, error: Unsupported) -> None:
        """Take in a refusal; the first of a login is told to a person."""
        last = self._of.get(command)
        times = 1 if last is None else last.times + 1
        self._of[command] = _Refusal(type(error), str(error), times, self._mono_s() + HELD_S)
        if isinstance(error, Denied):
            if not self._denied:
                log.warning("access refused", device=self._device, error=str(error))
            self._denied |= {command}

    def answered(self, command: str) -> None:
        """Take in an answer; to what was refused before, it shows that the rig has changed."""
        if command in self._denied:
            self._denied = frozenset()
            log.info("access granted again", device=self._device)
        if command in self._of:
            self.forget()

    def spare(self, commands: Sequence[str]) -> None:
        """Hold back less than all of these: what refuses everything may have become well."""
        if all(self.held(command) for command in commands):
            first = commands[0]
            self._of[first] = replace(self._of[first], times=IN_A_ROW - 1)

    def forget(self) -> None:
        """Let everything be asked again."""
        self._of.clear()
