"""How far a whole command is, by what its agent said of it and of each of its devices."""

from collections.abc import Mapping

FINAL = frozenset({"declined", "released", "refused", "failed", "expired"})
WAITING = "waiting"
"""The count of devices not yet heard of."""

HOLDING = frozenset(
    {"sleep", "wake", "power_limit", "power_mode", "preset", "fan_speed", "outlet"}
    | {"curtail", "plan", "stop_all"}
)
"""Actions that go on once they are effective; every other is then at its end."""

_ON_THE_WAY = (WAITING, "accepted", "sent", "acknowledged")
_AT_THE_GATE = frozenset(
    {"malformed", "unknown-key", "forged", "wrong-agent", "not-yet", "too-late", "clock"}
    | {"out-of-order", "replayed"}
)
SUSPICIOUS = frozenset({"malformed", "unknown-key", "forged", "wrong-agent"})
"""Why an agent refuses what the hub has not sent."""

OUT_OF_ORDER, REPLAYED = "out-of-order", "replayed"


def is_over(stage: str, action: str) -> bool:
    """Tell whether nothing more is to come; what holds is tried again after it has failed."""
    if action in HOLDING:
        return stage in FINAL - {"failed"}
    return stage in FINAL or stage == "effective"


def code_of(reason: str) -> str:
    """Give the code that a reason begins with."""
    return reason.partition(":")[0].partition(" ")[0]


def is_of_the_gate(stage: str, reason: str) -> bool:
    """Tell whether a command was refused unread; one that had been accepted was then replayed."""
    return stage == "refused" and code_of(reason) in _AT_THE_GATE


def whole(said: str, counts: Mapping[str, int], *, is_listed: bool) -> str:
    """Give the stage of the whole.

    It is on its way as long as one device is; effective when every device is that its site did
    not refuse; failed or drifted when one has. What the agent says last of the whole ends it.

    Args:
        said: the last stage the agent gave for the whole; empty: none.
        counts: how many of its devices are in which stage, or waiting.
        is_listed: whether those are all its devices; else only the agent knows when it is done.
    """
    present = {stage for stage, count in counts.items() if count}
    if said in FINAL:
        return said
    if not present - {"refused"}:
        return "refused" if present and is_listed else said or "accepted"
    if not is_listed and said not in {"effective", "drifted"}:
        return said or "accepted"
    for stage in _ON_THE_WAY:
        if stage in present:
            is_ahead = stage == WAITING and said in _ON_THE_WAY
            return said if is_ahead else stage.replace(WAITING, "accepted")
    for stage in ("drifted", "failed", "expired", "effective"):
        if stage in present:
            return "failed" if stage == "expired" else stage
    return "released"
