"""Reports to a VTN: what was drawn in each interval of an event that asks for it, and the baseline.

event with reportDescriptors ─► noted ─► over and settled ─► accounts of its calls ─► sent, or later
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from lode_hub.energy.account.event import EventAccount
from lode_hub.energy.account.make import Told, of_event, span_of, told
from lode_hub.energy.signals.calls import Call
from lode_hub.energy.vtn import OpenAdr, Vtn
from lode_hub.errors import HubError
from lode_hub.store import Store, energy_calls, energy_reports
from lode_hub.store.connection import Connection

PAYLOADS = ("USAGE", "BASELINE")
SETTLE_MS = 300_000
"""So long after its end an event is reported: counters come late."""

PATIENCE_MS = 6 * 3_600_000
"""So long an interval is waited for that has no counter yet; then the others are reported."""

KEPT_MS = 7 * 86_400_000
"""A report that the VTN has not taken for so long is given up."""

LONGEST_WAIT_S = 3600.0
_log = structlog.get_logger(__name__)
Row = dict[str, Any]


def asked_of(event: Mapping[str, Any]) -> list[str]:
    """Give the kinds of figures that an event wants reported, of those we have."""
    listed = event.get("reportDescriptors")
    wanted = {
        one.get("payloadType")
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
    }
    return [kind for kind in PAYLOADS if kind in wanted]


class Reports:
    """Notes what is to be reported, and sends what is due.

    Args:
        store: where it is noted, and what is reported.
        clock_ms: the time.
    """

    def __init__(self, store: Store, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms

    async def note(
        self, conn: Connection, document: Row, event: Mapping[str, Any], calls: Sequence[Call]
    ) -> None:
        """Note what an event wants reported when its last interval is over."""
        wanted = asked_of(event)
        if wanted and calls:
            await energy_reports.note(
                conn, document["site_id"], document["name"], str(event["id"]),
                asked={"program": str(event.get("programID")), "payloads": wanted},
                due_ms=max(call.until_ms for call in calls) + SETTLE_MS,
            )  # fmt: skip

    async def send(self, vtn: Vtn, document: Row, where: OpenAdr) -> None:
        """Send what is due to a programme's VTN; what it does not take is tried again later."""
        now_ms = self._clock_ms()
        async with self._store.pool.connection() as conn:
            due = await energy_reports.due(conn, document["site_id"], document["name"], now_ms)
        for row in due:
            state = {"due_ms": now_ms, "failures": 0, "trouble": "", "sent_ms": None}
            try:
                is_sent = await self._send(vtn, document, where, row)
                state |= {"sent_ms": now_ms} if is_sent else {"due_ms": now_ms + SETTLE_MS}
            except HubError as error:
                wait_s = min(where.every_s * 2 ** row["failures"], LONGEST_WAIT_S)
                state |= {"failures": row["failures"] + 1, "trouble": str(error)[:500]}
                state |= {"due_ms": now_ms + round(1000 * wait_s)}
                _log.warning("report failed", of=row["event"], reason=str(error), retry_s=wait_s)
            is_late = now_ms > row["first_due_ms"] + KEPT_MS
            async with self._store.pool.connection() as conn:
                is_over = is_late or state["sent_ms"] is not None
                await energy_reports.fared(conn, row, **state, is_over=is_over)

    async def _send(self, vtn: Vtn, document: Row, where: OpenAdr, row: Row) -> bool:
        """Send a report; False: an interval has no counter yet, and is waited for."""
        now_ms = self._clock_ms()
        async with self._store.pool.connection() as conn:
            documents = await told(conn, document["site"], document["site_id"], now_ms)
            calls = await _calls(conn, document, row, now_ms)
            accounts = [(call, await _account(conn, documents, call, now_ms)) for call in calls]
        is_whole = all(account.missing_h == 0 for _, account in accounts)
        if not is_whole and now_ms < row["first_due_ms"] + PATIENCE_MS:
            return False
        intervals = [
            made for call, account in accounts
            if (made := _interval(call, account, row["asked"]["payloads"]))["payloads"]
        ]  # fmt: skip
        if intervals:
            await vtn.report(_report(document, where, row, intervals))
        return True


async def _calls(conn: Connection, document: Row, row: Row, now_ms: int) -> list[Row]:
    span_ms = (row["first_due_ms"] - KEPT_MS, now_ms)
    known = await energy_calls.calls(conn, document["site"], span_ms, programme=document["name"])
    mine = [one for one in known if one["event"].rpartition("/")[0] == row["event"]]
    return [one for one in mine if not one["is_cancelled"]]


async def _account(conn: Connection, documents: Told, call: Row, now_ms: int) -> EventAccount:
    made = await of_event(conn, documents, span_of(call), now_ms)
    assert isinstance(made.body, EventAccount)  # noqa: S101 -- of an event
    return made.body


def _interval(call: Row, account: EventAccount, wanted: Sequence[str]) -> Row:
    is_whole = account.missing_h == 0
    figures = {"USAGE": account.metered_kwh if is_whole else None,
               "BASELINE": account.baseline_kwh if is_whole else None}  # fmt: skip
    payloads = [
        {"type": kind, "values": [figures[kind]]} for kind in wanted if figures[kind] is not None
    ]
    return {"id": int(call["event"].rpartition("/")[2]), "payloads": payloads}


def _report(document: Row, where: OpenAdr, row: Row, intervals: Sequence[Row]) -> Row:
    return {
        "objectType": "REPORT",
        "programID": row["asked"]["program"],
        "eventID": row["event"],
        "clientName": where.ven_name,
        "reportName": f"{document['site']} {row['event']}"[:128],
        "payloadDescriptors": [
            {"objectType": "REPORT_PAYLOAD_DESCRIPTOR", "payloadType": kind, "units": "KWH"}
            for kind in row["asked"]["payloads"]
        ],
        "resources": [{"resourceName": document["site"], "intervals": list(intervals)}],
    }
