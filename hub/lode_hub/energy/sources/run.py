"""The background part that asks sources and programmes; one process of all hubs does it, by lease.

documents ─► due? ─► fetch ─► decode ─► keep ─► next time noted (in the database: it outlives us)
documents that name a topic ─► listened to meanwhile
programmes ─► VTN ─► calls ─┐
sources that are stale ─────┴─► findings
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import structlog

from lode_hub import alerts
from lode_hub.committed import Finding
from lode_hub.energy.messages import Messages
from lode_hub.energy.secrets import named
from lode_hub.energy.signals import programme
from lode_hub.energy.signals.grid import Grid
from lode_hub.energy.sources import decode, described
from lode_hub.energy.sources.described import Source
from lode_hub.energy.sources.fetch import Answer, FetchError, fetch
from lode_hub.energy.sources.keep import keep
from lode_hub.energy.vtn import VtnError, Vtns
from lode_hub.errors import HubError, InvalidError, SettingsError
from lode_hub.ingest.ingress import MakeLink
from lode_hub.store import Store, energy, energy_documents, leases
from lode_hub.store import alerts as alert_rows
from lode_hub.store.asking import AWAY, asking

LEASE = "energy sources"
LOOK_S = 2.0
AT_ONCE = 4
LONGEST_WAIT_S = 3600.0
LONGEST_PAUSE_S = 60.0
"""Between two looks while the database is away or full: whoever has prices is not asked in vain."""

STALE = "energy-price-stale"

_log = structlog.get_logger(__name__)
Row = dict[str, Any]
_T = TypeVar("_T")


class EnergySources:
    """Polls what is due and says what is stale.

    Args:
        store: where documents and values are.
        secrets_dir: a file for each secret that a source or programme names.
        name: unique among the hubs that live.
        make_link: opens a connection to a broker.
        clock_ms: the time.
    """

    def __init__(
        self,
        store: Store,
        secrets_dir: Path | None,
        *,
        name: str,
        make_link: MakeLink,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._name = name
        self._clock_ms = clock_ms
        self._secret = partial(named, secrets_dir)
        self._grid = self._make_grid()
        self._vtns = Vtns(self._secret)
        self._messages = Messages(store, self._secret, clock_ms, make_link)

    async def run(self) -> None:
        """Work whenever this process holds the lease. Never ends."""
        await leases.alone(self._store, LEASE, self._name, self._work)

    async def look(self, client: httpx.AsyncClient) -> None:
        """Ask what is due, once, and tell what was found."""
        try:
            await self._look(client)
        except BaseException:
            # What it noted as asked and told may not have come into the database.
            self._grid = self._make_grid()
            raise

    async def _look(self, client: httpx.AsyncClient) -> None:
        async with self._store.pool.connection() as conn:
            documents = await energy_documents.documents(conn, "source", is_of_any_site=True)
            asked = await energy_documents.documents(conn, "programme", is_of_any_site=True)
            fetches = await energy_documents.fetches(conn, "source")
        states = {(row["site_id"], row["name"]): row for row in fetches}
        sources = _read(documents, described)
        programmes = _read(asked, programme.described)
        await self._messages.follow(sources, programmes)
        limit = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for document, source in sources:
                state = states.get((document["site_id"], document["name"]), {})
                if source.is_polled and (state.get("due_ms") or 0) <= self._clock_ms():
                    tasks.create_task(self._poll(client, document, source, state, limit))
        findings = [
            *await self._staleness(sources, states),
            *await self._grid.look(client, programmes),
        ]
        await alerts.take(self._store, findings, self._clock_ms())

    async def _work(self) -> None:
        pause_s = LOOK_S
        try:
            async with httpx.AsyncClient() as client:
                while True:
                    try:
                        await self.look(client)
                        pause_s = LOOK_S
                    except* AWAY as away:
                        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                        _log.warning("energy waits", reason=_first(away), retry_s=pause_s)
                    await asyncio.sleep(pause_s)
        finally:
            await self.close()

    def _make_grid(self) -> Grid:
        return Grid(self._store, self._secret, self._clock_ms)

    async def close(self) -> None:
        """Listen to no topic any more."""
        await self._messages.close()

    async def _poll(
        self,
        client: httpx.AsyncClient,
        document: Row,
        source: Source,
        state: Row,
        limit: asyncio.Semaphore,
    ) -> None:
        site, name = document["site_id"], document["name"]
        after: Row = {"ok_ms": None, "failures": 0, "trouble": "", "refused": 0}
        after |= {"etag": state.get("etag", ""), "modified": state.get("modified", "")}
        wait_s = source.poll_s
        async with limit:
            try:
                answer = await self._ask(client, name, source, state)
                if answer.data is not None:
                    after["refused"] = await self._keep(site, name, source, answer.data)
                    after |= {"etag": answer.etag, "modified": answer.modified}
                after["ok_ms"] = self._clock_ms()
            except (FetchError, VtnError, InvalidError, SettingsError) as error:
                after |= {"failures": state.get("failures", 0) + 1, "trouble": str(error)[:500]}
                asked_s = error.after_s if isinstance(error, FetchError) else 0.0
                wait_s = max(asked_s, min(wait_s * 2 ** (after["failures"] - 1), LONGEST_WAIT_S))
                _log.warning("source failed", source=name, reason=str(error), retry_s=wait_s)
        async with self._store.pool.connection() as conn:
            at_ms = self._clock_ms()
            due_ms = at_ms + round(wait_s * 1000)
            await energy_documents.fetched(
                conn, site, "source", name, at_ms=at_ms, due_ms=due_ms, **after
            )

    async def _ask(
        self, client: httpx.AsyncClient, name: str, source: Source, state: Row
    ) -> Answer:
        if source.openadr is not None:
            events = await self._vtns.events(source.openadr, client)
            return Answer(data=msgspec.json.encode(events))
        # An answer that could not be read wholly is asked for anew, changed or not.
        is_good = not state.get("failures") and not state.get("refused")
        have = Answer(
            data=None,
            etag=state.get("etag", "") if is_good else "",
            modified=state.get("modified", "") if is_good else "",
        )
        return await fetch(
            client,
            name,
            source,
            secret=self._secret(source.secret) if source.secret else "",
            have=have,
            now_ms=self._clock_ms(),
        )

    async def _keep(self, site: int | None, name: str, source: Source, data: bytes) -> int:
        parsed = await asyncio.to_thread(decode, source, data)
        async with asking(self._store) as conn:
            await keep(conn, site, name, parsed, self._clock_ms())
        return parsed.refused_n

    async def _staleness(
        self, sources: Sequence[tuple[Row, Source]], states: dict[tuple[int | None, str], Row]
    ) -> list[Finding]:
        now_ms = self._clock_ms()
        stale: list[Finding] = []
        async with self._store.pool.connection() as conn:
            for document, source in sources:
                if source.stale_after_s is None:
                    continue
                key = (document["site_id"], document["name"])
                newest = await energy.newest_end(conn, *key)
                reached = newest[0] if newest else document["saved_ms"]
                if now_ms - reached > source.stale_after_s * 1000:
                    said = states.get(key, {}).get("trouble", "")
                    stale.append(_stale(document, source, reached, now_ms, said))
            told = await alert_rows.unresolved(conn, [STALE])
        active = {finding.subject for finding in stale}
        return stale + [
            Finding(rule=STALE, subject=subject, is_active=False, severity="warning", at_ms=now_ms)
            for _, subject, _ in told
            if subject not in active
        ]


def _first(errors: BaseExceptionGroup[Exception]) -> str:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error).partition("\n")[0] or type(error).__name__


def _read(documents: Sequence[Row], described: Callable[[str, str], _T]) -> list[tuple[Row, _T]]:
    found = []
    for document in documents:
        where = f"{document['kind']} {document['name']}"
        try:
            found.append((document, described(document["body"], where)))
        except HubError as error:
            _log.error("document cannot be read", document=where, reason=str(error))
    return found


def _subject(document: Row) -> str:
    source = f"source:{document['name']}"
    return source if document["site_id"] is None else f"site:{document['site_id']}:{source}"


def _stale(document: Row, source: Source, reached_ms: int, now_ms: int, said: str) -> Finding:
    hours = (now_ms - reached_ms) / 3_600_000
    return Finding(
        rule=STALE,
        subject=_subject(document),
        is_active=True,
        severity="warning",
        at_ms=now_ms,
        title=f"{document['name']}: no {source.quantity} for {hours:.1f} h",
        likely_cause=said or "nothing new is published, or nothing comes in",
        evidence={
            "since_ms": reached_ms + round((source.stale_after_s or 0) * 1000),
            "reached_ms": reached_ms,
            "stale_after_s": source.stale_after_s,
            "quantity": source.quantity,
            "node": source.node,
        },
    )
