"""Calls as they come: from VTNs, which are asked; kept once, and told to people.

VTN's events ─► calls ─► database (a later modification wins) ─► finding while the call holds
an event that is gone ─► cancelled
a VTN or a topic that does not answer ─► finding: no call can come that way
"""

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import structlog

from lode_hub.committed import Finding
from lode_hub.energy.signals import deaf
from lode_hub.energy.signals.calls import Call, calls_ahead_ms
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
            await self._cancel_gone(conn, document, calls, unread)
            await deaf.asked(conn, document, now_ms=now_ms, every_s=where.every_s, trouble="")
            for event, mine in read:
                await self._reports.note(conn, document, event, mine)
        await self._reports.send(self._vtns.of(where, client), document, where)

    async def _cancel_gone(
        self, conn: Connection, document: Row, calls: dict[str, Call], unread: set[str]
    ) -> None:
        """Cancel what the VTN shows no more, while it could still hold."""
        known = await energy_calls.calls(
            conn, document["site"], calls_ahead_ms(self._clock_ms()), programme=document["name"]
        )
        for row in known:
            is_shown = row["event"] in calls or row["event"].partition("/")[0] in unread
            if is_shown or row["way"] != "openadr" or row["is_cancelled"]:
                continue
            if row["until_ms"] > self._clock_ms():
                values = {name: row[name] for name in Call.__slots__}
                values |= {"modification": row["modification"] + 1, "is_cancelled": True}
                await keep_call(
                    conn,
                    document["site_id"],
                    Call(**values),
                    "openadr",
                    person="",
                    now_ms=self._clock_ms(),
                )

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
