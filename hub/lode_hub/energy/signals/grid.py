"""Calls as they come: from VTNs, which are asked; kept once, and told to people.

VTN's events ─► calls ─► database (a later modification wins) ─► finding while the call holds
an event that is gone, asked again and again ─► cancelled ─► shown again ─► holds again
a VTN or a topic that does not answer ─► finding: no call can come that way
"""

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import structlog

from lode_hub.committed import Finding
from lode_hub.energy.signals import deaf
from lode_hub.energy.signals.calls import Call, Way, calls_ahead_ms
from lode_hub.energy.signals.openadr import calls_of
from lode_hub.energy.signals.openadr_reports import Reports
from lode_hub.energy.signals.programme import Programme
from lode_hub.energy.signals.taking import keep_call
from lode_hub.energy.vtn import OpenAdr, Vtns
from lode_hub.errors import HubError, InvalidError, UnavailableError
from lode_hub.store import Store, energy, energy_calls
from lode_hub.store import alerts as alert_rows
from lode_hub.store.connection import Connection

RULE = "energy-call"
GONE_AFTER = 3
"""So many answers in a row have to be without an event: caches and replicas lag."""

AGAIN_MS = 10_000
"""So soon a VTN is asked again that does not show what it showed: a call has to end in time."""

_NOT_SHOWN: Way = "openadr, not shown"
_log = structlog.get_logger(__name__)
Row = dict[str, Any]


class Grid:
    """Asks the VTNs that are due, and says which calls hold.

    Args:
        store: where the calls are kept.
        secret: gives a secret by its name.
        clock_ms: the time.
    """

    def __init__(
        self, store: Store, secret: Callable[[str], str], clock_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._due_ms: dict[tuple[int, str], int] = {}
        self._vtns = Vtns(secret)
        self._reports = Reports(store, clock_ms)
        # by programme: by revision of its document, and event, in how many answers it was not shown
        self._missed: dict[tuple[int, str], dict[tuple[int, str], int]] = {}
        self._told: dict[str, int] = {}  # subject of a call that holds: its newest modification

    async def look(
        self, client: httpx.AsyncClient, programmes: Sequence[tuple[Row, Programme]]
    ) -> list[Finding]:
        """Ask what is due, and give what changed since the last look."""
        for document, told in programmes:
            if told.openadr is None or document["site_id"] is None:
                continue
            try:
                await self._ask(client, document, told, told.openadr)
            except UnavailableError:
                raise
            except HubError as error:
                _log.warning("programme failed", programme=document["name"], reason=str(error))
                every_s, now_ms = told.openadr.every_s, self._clock_ms()
                async with self._store.pool.connection() as conn:
                    await deaf.asked(
                        conn, document, now_ms=now_ms, every_s=every_s, trouble=str(error)
                    )
        unheard = await deaf.findings(self._store, programmes, self._clock_ms())
        return [*await self._findings(), *unheard]

    async def _ask(
        self, client: httpx.AsyncClient, document: Row, told: Programme, where: OpenAdr
    ) -> None:
        key, now_ms = (document["site_id"], document["name"]), self._clock_ms()
        if self._due_ms.get(key, 0) > now_ms:
            return
        self._due_ms[key] = now_ms + round(where.every_s * 1000)
        events = await self._vtns.events(where, client)
        calls: dict[str, Call] = {}
        unread, read = set(), []
        for event in events:
            try:
                mine = list(
                    calls_of(event, document["name"], told, site=document["site"], now_ms=now_ms)
                )
                read.append((event, mine))
                calls |= {call.event: call for call in mine}
            except InvalidError as error:
                unread.add(str(event.get("id")))
                _log.warning("event refused", programme=document["name"], reason=str(error))
        async with self._store.pool.connection() as conn:
            for call in calls.values():
                await keep_call(
                    conn, document["site_id"], call, "openadr", person="", now_ms=now_ms
                )
            if await self._follow_shown(conn, document, calls, unread):
                self._due_ms[key] = min(self._due_ms[key], now_ms + AGAIN_MS)
            await deaf.asked(conn, document, now_ms=now_ms, every_s=where.every_s, trouble="")
            for event, mine in read:
                await self._reports.note(conn, document, event, mine)
        await self._reports.send(self._vtns.of(where, client), document, where)

    async def _follow_shown(
        self, conn: Connection, document: Row, calls: dict[str, Call], unread: set[str]
    ) -> bool:
        """Cancel what the VTN has not shown for a while, and let hold again what it shows again.

        Tell whether something is missing that is not cancelled yet.
        """
        now_ms, key = self._clock_ms(), (document["site_id"], document["name"])
        known = await energy_calls.calls(
            conn, document["site"], calls_ahead_ms(now_ms), programme=document["name"]
        )
        before, missed = self._missed.get(key, {}), {}
        for row in known:
            if row["until_ms"] <= now_ms:
                continue
            shown = calls.get(row["event"])
            is_unread = row["event"].partition("/")[0] in unread
            if row["way"] == _NOT_SHOWN and shown is not None and not shown.is_cancelled:
                await _turn(conn, row, "openadr", now_ms)
            elif row["way"] == "openadr" and not (row["is_cancelled"] or shown or is_unread):
                which = (document["revision"], row["event"])
                missed[which] = before.get(which, 0) + 1
                if missed[which] >= GONE_AFTER:
                    await _turn(conn, row, _NOT_SHOWN, now_ms)
                    del missed[which]
        self._missed[key] = missed
        return bool(missed)

    async def _findings(self) -> list[Finding]:
        now_ms = self._clock_ms()
        async with self._store.pool.connection() as conn:
            rows = await energy_calls.calls(conn, None, calls_ahead_ms(now_ms))
            sites = await energy.site_ids(conn)
            told = await alert_rows.unresolved(conn, [RULE])
        holding = {
            f"site:{sites[row['site']]}:call:{row['programme']}/{row['event']}": row
            for row in rows
            if not row["is_cancelled"] and row["until_ms"] > now_ms
        }
        found = [
            _called(subject, row)
            for subject, row in holding.items()
            if self._told.get(subject) != row["modification"]
        ]
        self._told = {subject: row["modification"] for subject, row in holding.items()}
        return found + [
            Finding(rule=RULE, subject=subject, is_active=False, severity="warning", at_ms=now_ms)
            for _, subject, _ in told
            if subject not in holding
        ]


async def _turn(conn: Connection, row: Row, way: Way, now_ms: int) -> None:
    """Cancel a call that is not shown, or let it hold again that is."""
    is_cancelled = way == _NOT_SHOWN
    await energy_calls.turn(
        conn, row["call_id"], is_cancelled=is_cancelled, way=way, received_ms=now_ms
    )
    what = "call is not shown" if is_cancelled else "call is shown again"
    _log.warning(what, programme=row["programme"], call=row["event"])


def _called(subject: str, row: Row) -> Finding:
    asked = "everything" if row["reduce"] == "all" else f"{row['reduce']} {row['power_kw']:g} kW"
    test = "test of a call" if row["is_test"] else "call"
    return Finding(
        rule=RULE,
        subject=subject,
        is_active=True,
        severity="info" if row["is_test"] else "warning",
        at_ms=row["received_ms"],
        title=f"{row['programme']}: {test} to reduce {asked}",
        likely_cause=f"came by {row['way']}",
        evidence={
            name: row[name]
            for name in ("call_id", "from_ms", "until_ms", "reduce", "power_kw", "notice_s",
                         "is_test", "modification")
        },
    )  # fmt: skip
