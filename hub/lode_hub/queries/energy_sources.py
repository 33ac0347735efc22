"""How sources and programmes fare: when they spoke, how far they reach, what lacks."""

from collections.abc import Sequence
from typing import Any, Literal

from lode_hub.energy.signals.programme import described as programme_of
from lode_hub.energy.sources import described
from lode_hub.queries.energy_nouns import ProgrammeRow, ReportRow, ReportState, SourceRow
from lode_hub.store import energy, energy_documents, energy_reports
from lode_hub.store.connection import Connection

MOST_REPORTS = 5
"""Of a programme, the newest."""

_REPORT = ("event", "first_due_ms", "due_ms", "sent_ms", "failures", "trouble")


async def sources_of(conn: Connection, site_id: int, now_ms: int) -> list[SourceRow]:
    """Give how a site's sources fare, and those of all sites."""
    fetches = await energy_documents.fetches(conn, "source")
    states = {(state["site_id"], state["name"]): state for state in fetches}
    found = []
    for row in await energy_documents.documents(conn, "source", site_id):
        key = (row["site_id"], row["name"])
        end = await energy.newest_end(conn, *key)
        hole_ms = await energy.hole(conn, *key, now_ms)
        found.append(_source(row, states.get(key, {}), end, hole_ms, now_ms))
    return found


async def programmes_of(conn: Connection, site: str, site_id: int) -> list[ProgrammeRow]:
    """Give how the ways of a site's programmes fare."""
    fetches = await energy_documents.fetches(conn, "programme")
    states = {row["name"]: row for row in fetches if row["site_id"] == site_id}
    rows = await energy_documents.documents(conn, "programme", site_id)
    reports: dict[str, list[ReportRow]] = {}
    for one in await energy_reports.last(conn, site_id, MOST_REPORTS):
        reports.setdefault(one["programme"], []).append(_report(one))
    return [
        _programme(site, row, states.get(row["name"], {}), reports.get(row["name"], ()))
        for row in rows
    ]


def _programme(
    site: str, row: dict[str, Any], state: dict[str, Any], reports: Sequence[ReportRow]
) -> ProgrammeRow:
    told = programme_of(row["body"], f"programme {row['name']}")
    ways: dict[Literal["openadr", "mqtt", "webhook"], object] = {
        "openadr": told.openadr, "mqtt": told.mqtt, "webhook": told.webhook_secret,
    }  # fmt: skip
    return ProgrammeRow(
        site=site,
        name=row["name"],
        ways=tuple(way for way, how in ways.items() if how is not None),
        ok_ms=state.get("ok_ms"),
        is_deaf=bool(state.get("failures")),
        trouble=state.get("trouble", ""),
        messages=state.get("messages", 0),
        bad=state.get("bad", 0),
        refused=state.get("refused", 0),
        deaf_ms=state.get("failing_ms"),
        reports=tuple(reports),
    )


def _report(row: dict[str, Any]) -> ReportRow:
    state: ReportState = "waits"
    if row["is_over"]:
        state = "sent" if row["sent_ms"] is not None else "given up"
    elif row["failures"]:
        state = "failing"
    return ReportRow(state=state, **{name: row[name] for name in _REPORT})


def _source(
    row: dict[str, Any], state: dict[str, Any], end: tuple[int, int] | None,
    hole_ms: tuple[int, int] | None, now_ms: int,
) -> SourceRow:  # fmt: skip
    told = described(row["body"], f"source {row['name']}")
    reached = end[0] if end else row["saved_ms"]
    return SourceRow(
        site=row["site"],
        name=row["name"],
        quantity=told.quantity,
        node=told.node,
        unit=told.unit,
        is_polled=told.is_polled,
        hole_ms=hole_ms,
        is_heard=told.is_heard,
        messages=state.get("messages", 0),
        bad=state.get("bad", 0),
        ok_ms=state.get("ok_ms"),
        due_ms=state.get("due_ms"),
        failures=state.get("failures", 0),
        failing_ms=state.get("failing_ms"),
        trouble=state.get("trouble", ""),
        refused=state.get("refused", 0),
        reaches_ms=end[0] if end else None,
        is_stale=told.stale_after_s is not None and now_ms - reached > told.stale_after_s * 1000,
    )
