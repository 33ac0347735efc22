"""A rule over stored history, chunk by chunk: what it would have done.

    devices meant ─► spans of an hour ─► arrays ─► judge (state kept from span to span) ─► turns

A threshold reads readings where it asks for a run and they are not too many, else the minutes'
lowest and highest where those are kept; a rule of the hub's own detectors reads readings. Memory is
that of one span.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lode_hub.errors import InvalidError
from lode_hub.rules import replay, threshold
from lode_hub.rules.own import is_meant
from lode_hub.rules.replay import Replayed, Turn
from lode_hub.rules.schema import Rule
from lode_hub.sites.fleet import Fleet
from lode_hub.sites.tables import MEASURED, READING, Table, rounds
from lode_hub.sites.watch import RULES, Counters, Watch
from lode_hub.store import Store, alerts_history, alerts_scope, inventory
from lode_hub.store.alerts_history import Columns
from lode_hub.store.alerts_scope import Device

MAX_DAYS = 90
CHUNK_MS = 600_000
"""How much is read at once: ten minutes of readings of ten thousand rigs are 60 MB."""

MOST_READ = 20_000_000
"""Where more readings are to be expected, a threshold reads minutes."""

USUAL_INTERVAL_S = 10.0

Turns = dict[int, list[Turn]]
Progress = Callable[[float], None]
"""Hears which part is done, 0 to 1."""


async def over_history(
    store: Store,
    rule: Rule,
    site: str | None,
    span_ms: tuple[int, int],
    progress: Progress,
    *,
    most_values: int | None = None,
) -> tuple[Replayed, dict[str, str]]:
    """Replay a rule over a stretch of history; give what it did, and the devices' names.

    Raises:
        InvalidError: the rule judges no readings, no device is meant, or there is more to read
            than that.
    """
    async with store.pool.connection() as conn:
        devices = await alerts_scope.devices(conn)
    meant = [d for d in devices if is_meant(rule, site, set(), d)]
    if not meant:
        raise InvalidError(f"rule {rule.name}: no device is meant; check its scope and --site")
    judge = _own if rule.metric is not None else _shipped
    turns: Turns = {}
    values, is_coarse = 0, False
    async for part, read in judge(store, rule, meant, span_ms):
        for number, turn in read.turns:
            turns.setdefault(number, []).append(turn)
        values += read.values
        is_coarse |= read.is_coarse
        if most_values is not None and values > most_values:
            raise InvalidError(
                f"rule {rule.name}: over {most_values} values in {part:.0%} of the time; give "
                "fewer days, or one site"
            )
        progress(part)
    done = _replayed(rule, meant, turns, span_ms, values)
    if is_coarse:
        short = f"runs shorter than {rule.for_s + 120:g} s may be missed: minutes were read"
        done = replace(done, caveat=short)
    return done, {f"device:{device.id}": device.name for device in meant}


def _replayed(
    rule: Rule, meant: Sequence[Device], turns: Turns, span_ms: tuple[int, int], values: int
) -> Replayed:
    sites = {f"device:{device.id}": device.site for device in meant}
    alarms = [
        alarm
        for number, listed in turns.items()
        for alarm in replay.alarms(rule, f"device:{number}", listed)
        if alarm.begins_ms < span_ms[1]
    ]
    alarms.sort(key=lambda alarm: alarm.begins_ms)
    return Replayed(
        from_ms=span_ms[0],
        to_ms=span_ms[1],
        alarms=tuple(alarms),
        devices=len(meant),
        values=values,
        messages=replay.messages(alarms, sites),
    )


@dataclass(frozen=True, slots=True)
class Read:
    """A span that was read and judged: each turn with its device, and how many values it took."""

    turns: list[tuple[int, Turn]]
    values: int
    is_coarse: bool = False  # minutes, of which a run needs whole ones


async def _own(
    store: Store, rule: Rule, meant: Sequence[Device], span_ms: tuple[int, int]
) -> AsyncIterator[tuple[float, Read]]:
    ids = [device.id for device in meant]
    state = np.zeros(max(ids) + 1, threshold.STATE)
    interval_s = np.full(len(state), np.nan)
    interval_s[ids] = [np.nan if d.interval_s is None else d.interval_s for d in meant]
    gap_ms = threshold.gaps_ms(interval_s)
    has_minutes = alerts_history.has_rollup(rule.of, rule.metric or "")
    is_fine = not has_minutes or (rule.for_s > 0 and _expected(meant, span_ms) <= MOST_READ)
    for part, chunk in _chunks(span_ms):
        is_coarse = not is_fine
        asked = (rule.of, rule.metric or "", ids, chunk)
        async with store.pool.connection() as conn:
            if is_fine:
                columns = await alerts_history.readings(conn, *asked)
                is_coarse = has_minutes and not len(columns["at_ms"])  # kept no longer
            if is_coarse:
                columns = await alerts_history.minutes(conn, *asked)
        # A minute follows the one before, and one may be missing.
        gaps_ms = np.maximum(gap_ms, 180_000) if is_coarse else gap_ms
        found: list[tuple[int, Turn]] = []
        for here, rows in rounds(columns["device_id"], _values(columns)):
            now = state.take(here)
            fires, clears = threshold.judge(rule, now, rows, gaps_ms[here])
            state[here] = now
            found += _said(here, rows["at_ms"], fires, clears)
        n = len(columns["at_ms"])
        yield part, Read(found, n, is_coarse=is_coarse and n > 0 and rule.for_s > 0)


def _expected(meant: Sequence[Device], span_ms: tuple[int, int]) -> float:
    """Say how many readings devices make in a span."""
    span_s = (span_ms[1] - span_ms[0]) / 1000
    return sum(span_s / (device.interval_s or USUAL_INTERVAL_S) for device in meant)


async def _shipped(
    store: Store, rule: Rule, meant: Sequence[Device], span_ms: tuple[int, int]
) -> AsyncIterator[tuple[float, Read]]:
    if rule.name not in {one.trouble.name for one in RULES}:
        raise InvalidError(
            f"rule {rule.name}: it judges no stored readings, so it cannot be tried on them; "
            f"try one of {', '.join(one.trouble.name for one in RULES)}, or one with a metric"
        )
    fleet = Fleet()
    ids = {device.id for device in meant}
    async with store.pool.connection() as conn:
        fleet.load([rig for rig in await inventory.rigs(conn) if rig.device_id in ids], {})
    fleet.judge_by(dict.fromkeys(fleet.agents, rule.thresholds))
    watch = Watch(fleet, Counters())
    watch.fit()
    columns = (*MEASURED, "state", "quality")
    for part, chunk in _chunks(span_ms):
        async with store.pool.connection() as conn:
            read = await alerts_history.rig_readings(conn, columns, sorted(ids), chunk)
        rows = np.zeros(len(read["at_ms"]), READING)
        rows["received_ms"] = read["at_ms"]
        for name in ("at_ms", *columns):
            rows[name] = read[name]
        found = [
            (int(one.subject.partition(":")[2]), (one.at_ms, one.is_active))
            for one in watch.judge_group(fleet.slots(read["device_id"]), rows)
            if one.rule == rule.name
        ]
        yield part, Read(found, len(rows))


def _chunks(span_ms: tuple[int, int]) -> Iterator[tuple[float, tuple[int, int]]]:
    for from_ms in range(span_ms[0], span_ms[1], CHUNK_MS):
        to_ms = min(from_ms + CHUNK_MS, span_ms[1])
        yield (to_ms - span_ms[0]) / (span_ms[1] - span_ms[0]), (from_ms, to_ms)


def _values(columns: Columns) -> Table:
    table = np.zeros(len(columns["at_ms"]), threshold.VALUES)
    table["at_ms"] = table["received_ms"] = columns["at_ms"]
    table["low"], table["high"] = columns["low"], columns["high"]
    return table


def _said(
    ids: np.ndarray, at_ms: np.ndarray, fires: np.ndarray, clears: np.ndarray
) -> list[tuple[int, Turn]]:
    rows = np.flatnonzero(fires | clears)
    listed = zip(ids[rows].tolist(), at_ms[rows].tolist(), fires[rows].tolist(), strict=True)
    return [(number, (at, fire)) for number, at, fire in listed]
