"""What can go wrong with an order to a rig, and how long a rig takes over one."""

import enum
from collections.abc import Callable


class WriteFault(enum.StrEnum):
    """What is wrong with a rig that is told something."""

    REFUSED = "refused"  # says no, and does nothing
    NO_EFFECT = "no-effect"  # says yes, and does nothing
    SILENT = "silent"  # does nothing, and says nothing
    CUT = "cut"  # does it, and the connection breaks before the answer
    BROKEN_READ = "broken-read"  # fails where its settings are asked for: HTTP 500
    HALF_READ = "half-read"  # half of what is asked for comes
    BROKEN_WRITE = "broken-write"  # fails where it is told something: HTTP 500; does nothing
    TAKEN = "taken"  # another holds its session
    CLOSED = "closed"  # takes no orders until somebody enables them with the vendor's tool
    LOST = "lost"  # forgets who has logged on, each time before it is told something


class Writes:
    """How one rig takes orders; `done` counts those that it carried out."""

    def __init__(self) -> None:
        self.faults: set[WriteFault] = set()
        self.delay_s = 0.0  # before each answer
        self.restart_s = 2.0  # the mining program, or the rig, is away for so long
        self.body_bytes: int | None = None  # after so many of a request the connection breaks
        self.done = 0

    def __contains__(self, fault: WriteFault) -> bool:
        """Tell whether this is wrong with the rig."""
        return fault in self.faults

    def do(self, effect: Callable[[], None]) -> None:
        """Carry an order out, unless the rig only says so."""
        if WriteFault.NO_EFFECT not in self.faults:
            self.done += 1
            effect()
