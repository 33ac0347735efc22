"""People, what they are told by, and a clock that all timers of telling go by."""

import time
from collections.abc import Sequence

from lode_hub.access import Access, Person
from lode_hub.notify import Senders
from lode_hub.notify.desk import TellingDesk
from lode_hub.settings import AccessSettings
from lode_hub.store import Store

ADMIN = Person(name="root", role="admin")

_MOMENTS = {
    "delivery": ("due_at", "leased_until", "created_at", "finished_at"),
    "outbox": ("created_at",),
    "held": ("due_at",),
    "escalation": ("begun_at", "due_at"),
    "pace": ("full_at",),
}


async def advance(store: Store, seconds: float) -> None:
    """Let so much time pass for every timer: they are all moments in the database."""
    async with store.pool.connection() as conn, conn.transaction():
        for table, columns in _MOMENTS.items():
            moved = ", ".join(f"{c} = {c} - %(s)s * interval '1 second'" for c in columns)
            await conn.execute(f"update {table} set {moved}".encode(), {"s": seconds})


async def desk(store: Store, senders: Senders, people: Sequence[str] = ("ann",)) -> TellingDesk:
    """Give the desk, and people who may be told."""
    access = Access(store, AccessSettings())
    await access.add("root", "admin")
    for name in people:
        await access.add(name, "operator")
    return TellingDesk(store, access, senders)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
