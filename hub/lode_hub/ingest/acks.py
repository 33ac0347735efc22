"""What the hub says to an agent about its epoch: committed up to here, and these above."""

from lode_hub.store.cursor import Cursor
from lode_wire.messages import Ack

MAX_RANGES = 64
"""How many ranges one acknowledgement names: the lowest half, where the agent is asked for what is
missing, and the highest half, where its newest batches wait for their acknowledgement."""

MAX_CREDIT = 256


def ack(
    agent: str,
    epoch: str,
    cursor: Cursor | None,
    *,
    credit: int,
    hub_ms: int,
    echo_ms: int | None = None,
) -> Ack:
    """Say what is committed; nothing of it is known when there is no cursor."""
    ahead = cursor.ahead if cursor is not None else []
    if len(ahead) > MAX_RANGES:
        ahead = ahead[: MAX_RANGES // 2] + ahead[-MAX_RANGES // 2 :]
    return Ack(
        agent=agent,
        epoch=epoch,
        mark=cursor.mark if cursor is not None else 0,
        sack=tuple(ahead),
        credit=min(credit, MAX_CREDIT),
        hub_ms=hub_ms,
        echo_ms=echo_ms,
    )
