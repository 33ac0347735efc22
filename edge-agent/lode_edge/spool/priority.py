"""Which batches go first when the spool is full."""

import enum


class Priority(enum.IntEnum):
    """How long a batch is kept when room is short: the lowest goes first."""

    TELEMETRY = 1  # a missing reading costs a point on a chart
    ENERGY = 2  # meters' counters: settlement is computed from them
    EVENT = 3  # what happened, what was decided, what is on the chain
    KEPT = 4  # what is missing, and why: never evicted


_PRIORITIES = {
    "gap": Priority.KEPT,
    "meter": Priority.ENERGY,
    **dict.fromkeys(("rig", "point", "health"), Priority.TELEMETRY),
    # Of the market everything can be had again elsewhere.
    **dict.fromkeys(("trade", "book_delta", "book", "book_gap", "candle"), Priority.TELEMETRY),
}


def priority_of(kind: str) -> Priority:
    """Give the priority of a kind of record, by its tag."""
    return _PRIORITIES.get(kind, Priority.EVENT)
