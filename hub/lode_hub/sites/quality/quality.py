"""Data quality at work: what may be trusted of what was committed, and what is wrong with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lode_hub.committed import Committed, Finding
from lode_hub.sites.quality import series, units, ways
from lode_hub.sites.quality.book import Book, Trouble
from lode_hub.sites.quality.follow import Verdict, follow
from lode_hub.sites.quality.sheet import KIND_OF, METER, POINT, RIG, Sheet
from lode_hub.sites.quality.tally import Tally, flags_of
from lode_hub.sites.tables import Slots, Times
from lode_hub.store import Store, alerts, quality
from lode_hub.store.connection import Connection
from lode_hub.store.inventory import LastReading
from lode_wire.records import Quality as Mark

RULES = (
    *("quality-clock", "quality-stale", "quality-flatline", "quality-units", "quality-counter"),
    *("quality-duplicates", "quality-gap"),
)
LOOK_MS = 10_000
"""How often it is said what is wrong; it is judged, what may be trusted, with every reading."""

WRITE_MS = 5_000
PRUNE_MS = 3_600_000

Held = tuple[npt.NDArray[np.int32], Times]  # devices and when they were received


@dataclass(frozen=True, slots=True)
class Taken:
    """A committed group after its verdict: what detectors may use, and who was heard beside it."""

    trusted: list[Committed]
    held: list[Held]


class Quality:
    """Knows every device's last readings, and the counts that are not written yet."""

    def __init__(self, store: Store, is_ours: Callable[[int], bool]) -> None:
        self._store = store
        self._is_ours = is_ours
        self._tally = Tally()
        self.clear(0)

    def clear(self, now_ms: int) -> None:
        """Forget everything but the counts that are not written yet."""
        self._sheets = {kind.tag: Sheet(kind) for kind in (RIG, METER, POINT)}
        self._agents: dict[int, quality.Agent] = {}
        self._book = Book()
        self._book.start(now_ms)
        self._clocks, self._repeats = ways.Clocks(), ways.Repeats()
        self._looked_ms = self._written_ms = 0

    async def restore(self, conn: Connection, last: Sequence[LastReading], now_ms: int) -> None:
        """Go on from the rigs' last readings and the alerts that are open."""
        sheet = self._sheets[RIG.tag]
        slots = sheet.slots(np.array([row.device_id for row in last], np.int64))
        kept = [(slot, row) for slot, row in zip(slots.tolist(), last, strict=True) if slot >= 0]
        for place, metric in enumerate(RIG.metrics):
            for slot, row in kept if metric != "power_w" else ():
                value = getattr(row, metric)
                sheet.state["last"][slot, place] = np.nan if value is None else value
        sheet.expect(now_ms)
        _find_fahrenheit(sheet)
        for rule, subject, since_ms in await alerts.unresolved(conn, RULES):
            self._book.resume(rule, subject, since_ms)

    async def load(self, conn: Connection, now_ms: int) -> None:
        """Take the devices' facts as they are now."""
        rows = await quality.devices(conn)
        for tag, sheet in self._sheets.items():
            known = len(sheet)
            sheet.load([row for row in rows if KIND_OF.get(row.kind, POINT).tag == tag])
            sheet.state["received_ms"][known:] = now_ms  # nobody is stale yet
            sheet.expect(now_ms)

    def knows(self, committed: Sequence[Committed]) -> bool:
        """Tell whether all the devices that rigs' and meters' readings are of are known."""
        return all(
            bool((self._sheets[group.kind].slots(group.device_id) >= 0).all())
            for group in committed
            if group.kind != POINT.tag
        )

    def take(self, committed: Sequence[Committed]) -> Taken:
        """Judge and count committed readings; leave out what cannot be right."""
        taken = Taken([], [])
        for group in committed:
            is_held = group.columns["quality"] & Mark.HELD != 0
            sheet = self._sheets[group.kind]
            slots = sheet.slots(group.device_id)
            known = np.flatnonzero(slots >= 0)
            verdict = None
            if len(known):
                sheet.state["received_ms"][slots[known]] = group.received_ms[known]
                verdict = self._follow(sheet, group, slots, known[~is_held[known]])
                flags = flags_of(group.columns["quality"], verdict)
                self._tally.count(
                    sheet,
                    slots[known],
                    group.at_ms[known],
                    group.received_ms[known],
                    {name: flag[known] for name, flag in flags.items()},
                )
            if is_held.any():
                taken.held.append((group.device_id[is_held], group.received_ms[is_held]))
            if not is_held.all():
                taken.trusted.append(_trusted(group, is_held, verdict, sheet.kind.metrics))
        return taken

    def _follow(self, sheet: Sheet, group: Committed, slots: Slots, rows: Slots) -> Verdict | None:
        if not sheet.kind.metrics or not len(rows):
            return None
        if len(rows) == len(slots):
            verdict = follow(sheet, slots, group.at_ms, group.received_ms, group.columns)
        else:
            columns = {name: column[rows] for name, column in group.columns.items()}
            verdict = _spread(
                follow(sheet, slots[rows], group.at_ms[rows], group.received_ms[rows], columns),
                rows,
                len(slots),
            )
        if verdict.duplicate.any():
            again, counts = np.unique(group.agent_id[verdict.duplicate], return_counts=True)
            for agent_id, count in zip(again.tolist(), counts.tolist(), strict=True):
                self._repeats.note(agent_id, count, int(group.received_ms.max()))
        return verdict

    async def tick(self, now_ms: int) -> list[Finding]:
        """Write what was counted, and say what is wrong, each when it is time."""
        if self._tally.counts and now_ms - self._written_ms >= WRITE_MS:
            await self._write(now_ms)
        if now_ms - self._looked_ms < LOOK_MS:
            return []
        async with self._store.pool.connection() as conn:
            found = await quality.agents(conn)
        self._looked_ms = now_ms
        self._agents = {a.agent_id: a for a in found if self._is_ours(a.partition)}
        for sheet in self._sheets.values():
            sheet.expect(now_ms)
        return self._book.turn(self._troubles(now_ms), now_ms, is_ours=self._is_subject_ours)

    def _troubles(self, now_ms: int) -> list[Trouble]:
        agents = list(self._agents.values())
        live = {agent.agent_id: agent for agent in agents if agent.is_live}
        sheets = list(self._sheets.values())
        found = [
            *self._clocks.troubles(agents),
            *ways.stale_sources(sheets, live, now_ms),
            *self._repeats.troubles(self._agents, now_ms),
            *ways.gaps(agents),
        ]
        for sheet in sheets[:2]:
            found += series.wrong_units(sheet)
            found += series.flat_lines(sheet, now_ms)
            found += series.odd_counters(sheet, now_ms)
        return found

    def _is_subject_ours(self, subject: str) -> bool:
        what, _, rest = subject.partition(":")
        number = int(rest.partition(":")[0])
        if what == "agent":
            return number in self._agents
        return any(agent.site_id == number for agent in self._agents.values())

    async def _write(self, now_ms: int) -> None:
        rows = self._tally.rows(self._sheets)
        async with self._store.pool.connection() as conn:
            await quality.add(conn, rows)
            if now_ms // PRUNE_MS != self._written_ms // PRUNE_MS:
                await quality.prune(conn)
        self._tally.forget()
        self._written_ms = now_ms


def _find_fahrenheit(sheet: Sheet) -> None:
    for place, metric in enumerate(sheet.kind.metrics):
        if metric in units.HEAT:
            values, expected = sheet.state["last"][:, place], sheet.state["expected"][:, place]
            nothing = np.full(len(values), np.nan, np.float32)
            is_f = units.fahrenheit(values, nothing, np.zeros(len(values), bool), expected)
            sheet.state["code"][is_f, place] = units.FAHRENHEIT


def _spread(verdict: Verdict, rows: Slots, n: int) -> Verdict:
    def over(part: npt.NDArray[Any]) -> npt.NDArray[Any]:
        whole = np.zeros((n, *part.shape[1:]), part.dtype)
        whole[rows] = part
        return whole

    return Verdict(
        late=over(verdict.late),
        duplicate=over(verdict.duplicate),
        reset=over(verdict.reset),
        rolled_over=over(verdict.rolled_over),
        codes=over(verdict.codes),
    )


def _trusted(
    group: Committed,
    is_held: npt.NDArray[np.bool_],
    verdict: Verdict | None,
    metrics: Sequence[str],
) -> Committed:
    """Leave out held rows, and values in a wrong unit."""
    columns = group.columns
    if verdict is not None and verdict.codes.any():
        columns = dict(columns)
        for place in np.flatnonzero(verdict.codes.any(axis=0)).tolist():
            wrong = verdict.codes[:, place] != 0
            columns[metrics[place]] = np.where(wrong, np.nan, columns[metrics[place]])
    if not is_held.any():
        return group if columns is group.columns else replace(group, columns=columns)
    kept = np.flatnonzero(~is_held)
    return Committed(
        kind=group.kind,
        agent_id=group.agent_id[kept],
        device_id=group.device_id[kept],
        at_ms=group.at_ms[kept],
        received_ms=group.received_ms[kept],
        columns={name: column[kept] for name, column in columns.items()},
    )
