"""What one transaction does to alerts: each change with its event, and all of it announced."""

from collections.abc import Sequence

from lode_hub.store import alerts as rows
from lode_hub.store import alerts_open, alerts_review
from lode_hub.store.connection import Connection

SETTLE_MS = 60_000
"""How long a trouble must outlive the reason it was not told for, before it is told."""


class Journal:
    """Changes alerts with their events, and remembers which they were.

    Everything happens in the caller's transaction: either all of it is so, or nothing.
    """

    def __init__(self, conn: Connection, now_ms: int) -> None:
        self.conn = conn
        self.now_ms = now_ms
        self.ids: dict[rows.What, list[int]] = {"opened": [], "resolved": [], "flapping": []}

    async def open(self, ids: Sequence[int]) -> None:
        """Find out whether people are to be told of alerts that have opened, and tell them."""
        if ids:
            reviewed = await alerts_review.review(self.conn, self.now_ms, SETTLE_MS, ids)
            await self.write(ids, "opened")
            await self._write_untold(reviewed)

    async def worsen(self, ids: Sequence[int]) -> None:
        """Tell people of alerts that are graver than they know; who took one on did so before."""
        if ids:
            await alerts_open.reopen(self.conn, ids)
            await self.review()
            await alerts_open.know(self.conn, ids, self.now_ms)
            await self.write(ids, "worsened")

    async def resolve(self, ids: Sequence[int], *, by: str | None = None, note: str = "") -> None:
        """End alerts."""
        if ids:
            await rows.resolve(self.conn, ids, self.now_ms, by)
            await self.write(ids, "resolved", by=by, note=note)

    async def review(self) -> None:
        """Find every open alert's reason not to be told anew; tell those that have none any more.

        One that was told before is told again: it still fires, and nobody has taken it on.
        """
        reviewed = await alerts_review.review(self.conn, self.now_ms, SETTLE_MS)
        released = [alert.id for alert in reviewed if not alert.untold]
        if released:
            await alerts_review.tell_again(self.conn, released, self.now_ms)
            await self.write(released, "released")
        await self._write_untold(reviewed)

    async def write(
        self, ids: Sequence[int], what: rows.What, *, by: str | None = None, note: str = ""
    ) -> None:
        """Append an event to each alert's life."""
        if ids:
            await rows.record(self.conn, ids, what, self.now_ms, by=by, note=note)
            self.ids.setdefault(what, []).extend(ids)

    async def announce(self) -> None:
        """Tell all who listen which alerts changed."""
        changed = [alert_id for ids in self.ids.values() for alert_id in ids]
        if changed:
            await rows.announce(self.conn, changed)

    async def _write_untold(self, reviewed: Sequence[alerts_review.Reviewed]) -> None:
        silent = {"", alerts_review.SETTLING}
        await self.write([alert.id for alert in reviewed if alert.untold not in silent], "untold")
