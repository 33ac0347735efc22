"""What people do to be told less for a while: shelve an alarm, silence many, plan maintenance.

Only delivery stops. What is shelved, silenced or in maintenance is judged as ever, and told when
the reason ends and the trouble does not.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lode_hub.alerts.journal import Journal
from lode_hub.errors import ConflictError, InvalidError, NotFoundError
from lode_hub.store import Store, alerts_quiet
from lode_hub.store import alerts as rows
from lode_hub.store.alerts_rules import site_id
from lode_hub.store.asking import asking

MAX_SHELF_MS = 7 * 24 * 3_600_000
MAX_SILENCE_MS = 31 * 24 * 3_600_000
LATEST_MS = 366 * 24 * 3_600_000
"""How far ahead anything may be planned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Matchers:
    """Which alerts a silence is about: all that is given must fit, '*' stands for anything.

    `subject` is what people call it, such as `rig-017`, `north-1` (an agent) or `rack A3`, or a
    subject's key such as `device:17`.
    """

    site: str | None = None
    rule: str | None = None
    cause: str | None = None
    rack: str | None = None
    subject: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """From when to when, in Unix ms."""

    starts_ms: int
    ends_ms: int


async def shelve(
    store: Store, alert_id: int, until_ms: int, by: str, now_ms: int, *, note: str = ""
) -> None:
    """Put an alarm aside until then: its rule on its subject, also when it ends and begins anew.

    Raises:
        NotFoundError: there is no such alert.
        ConflictError: it is resolved.
        InvalidError: that time is over, or more than a week away.
    """
    if not now_ms < until_ms <= now_ms + MAX_SHELF_MS:
        raise InvalidError("shelve: give a time to come, at most 7 days away")
    async with _changing(store, now_ms) as journal:
        state = await rows.state_of(journal.conn, alert_id)
        if state is None:
            raise NotFoundError(f"alert {alert_id}: there is no such alert")
        if state == "resolved":
            raise ConflictError(f"alert {alert_id}: it is resolved; silence its rule instead")
        await alerts_quiet.shelve(journal.conn, alert_id, until_ms, by, note, now_ms)


async def unshelve(store: Store, alert_id: int, by: str, now_ms: int) -> None:
    """Take an alarm from the shelf.

    Raises:
        NotFoundError: it is on none.
    """
    async with _changing(store, now_ms) as journal:
        if not await alerts_quiet.unshelve(journal.conn, alert_id):
            raise NotFoundError(f"alert {alert_id}: it is not shelved; see /api/v1/alerts")
        await journal.write([alert_id], "released", by=by, note="taken from the shelf")


async def silence(
    store: Store, matchers: Matchers, span: Span, by: str, now_ms: int, comment: str
) -> int:
    """Tell nobody of the alerts that fit, from when to when; give the silence's number.

    Raises:
        InvalidError: nothing is chosen, there is no such site, or the time cannot be.
    """
    _check(span, now_ms, MAX_SILENCE_MS)
    given = [matchers.site, matchers.rule, matchers.cause, matchers.rack, matchers.subject]
    if not any(text and text.strip("*") for text in given):
        raise InvalidError("silence: it would silence everything; name a site, rule, cause, ...")
    async with _changing(store, now_ms) as journal:
        at_site = await site_id(journal.conn, matchers.site)
        fits = alerts_quiet.Fits(
            site_id=at_site,
            rule=matchers.rule,
            cause=matchers.cause,
            rack=matchers.rack,
            subject=matchers.subject,
        )
        times = (span.starts_ms, span.ends_ms, now_ms)
        return await alerts_quiet.silence(journal.conn, fits, times, by, comment)


async def end_silence(store: Store, silence_id: int, now_ms: int) -> None:
    """End a silence now.

    Raises:
        NotFoundError: there is no such silence, or it is over.
    """
    async with _changing(store, now_ms) as journal:
        if not await alerts_quiet.end(journal.conn, "silence", silence_id, now_ms):
            raise NotFoundError(f"silence {silence_id}: there is none, or it is over")


async def maintain(
    store: Store, place: tuple[str, str | None], span: Span, by: str, now_ms: int, note: str
) -> int:
    """Plan maintenance of a place, a site or one rack of it; give its number.

    Raises:
        InvalidError: there is no such site, or the time cannot be.
    """
    _check(span, now_ms, MAX_SILENCE_MS)
    async with _changing(store, now_ms) as journal:
        number = await site_id(journal.conn, place[0])
        times = (span.starts_ms, span.ends_ms, now_ms)
        return await alerts_quiet.maintain(journal.conn, (number, place[1]), times, by, note)


async def end_maintenance(store: Store, maintenance_id: int, now_ms: int) -> None:
    """End maintenance now.

    Raises:
        NotFoundError: there is none, or it is over.
    """
    async with _changing(store, now_ms) as journal:
        if not await alerts_quiet.end(journal.conn, "maintenance", maintenance_id, now_ms):
            raise NotFoundError(f"maintenance {maintenance_id}: there is none, or it is over")


@asynccontextmanager
async def _changing(store: Store, now_ms: int) -> AsyncIterator[Journal]:
    """Change something of what is not told, and find out at once whom it is about."""
    async with asking(store) as conn, conn.transaction():
        await rows.serialise(conn)
        journal = Journal(conn, now_ms)
        yield journal
        await journal.review()
        await journal.announce()


def _check(span: Span, now_ms: int, longest_ms: int) -> None:
    if not span.starts_ms < span.ends_ms or span.ends_ms <= now_ms:
        raise InvalidError("from when to when: it ends before it begins, or is over; give others")
    if span.ends_ms - span.starts_ms > longest_ms or span.starts_ms > now_ms + LATEST_MS:
        raise InvalidError("from when to when: at most 31 days, begun within a year; give others")
