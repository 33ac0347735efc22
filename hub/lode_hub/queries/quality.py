"""What may be asked about data quality, and energy by its counters."""

import datetime
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from lode_hub.errors import InvalidError, NotFoundError
from lode_hub.ingest.check import CLOCK_LIMIT_MS, HOLD_AHEAD_MS, HOLD_LIMIT_MS
from lode_hub.sites.quality.counters import Move, most_kwh, moved
from lode_hub.store import Store, queries_quality
from lode_hub.store.asking import asking
from lode_wire.records import DeviceKind

QualitySpan = Literal["hour", "day"]
Verdict = Literal["good", "doubtful", "bad"]
SPANS: dict[QualitySpan, datetime.timedelta] = {
    "hour": datetime.timedelta(hours=1),
    "day": datetime.timedelta(days=1),
}
COMPLETE, GAPPY = 0.98, 0.9
ERRORS, MANY_ERRORS = 0.01, 0.1
FEW = 0.001
MOST_SPAN_MS = 366 * 86_400_000


@dataclass(frozen=True, kw_only=True, slots=True)
class QualitySource:
    """What one agent reads of one kind by one driver, and how good it is; counts of the span."""

    agent: str
    kind: str  # rig, meter, sensor, ...
    driver: str
    devices: int
    fresh: int  # devices with a reading in the last three intervals
    newest_age_s: float | None
    oldest_age_s: float | None  # of the device that is behind most
    expected: float | None  # readings by the devices' intervals; None: not yet, or not known
    received: int
    completeness_ratio: float | None  # received once, of expected
    error_ratio: float | None  # no answer or one that made no sense, of received
    no_answer: int
    bad_answer: int
    partial: int
    out_of_range: int
    clock: int  # by a clock more than 2 s off
    held: int  # kept and not used, for the time cannot be right
    late: int
    duplicate: int
    unit: int  # values not judged, for they cannot be in their unit
    reset: int
    rollover: int
    lag_s: float  # the longest way from a device to the hub
    verdict: Verdict
    advice: tuple[str, ...]  # what to do, the most urgent first


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityAgent:
    """An agent's clock and what of its records is missing or was refused."""

    agent: str
    state: str
    committed_age_s: float | None
    clock_offset_ms: float | None  # its clock minus the hub's
    correction_ms: int  # taken off the times that are shown
    open_gaps: int
    lost_gaps: int  # in the span
    lost_records: int
    quarantined: int  # payloads in the span
    last_reason: str
    verdict: Verdict
    advice: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteQuality:
    """How good a site's data is; the worst source and the worst agent come first."""

    site: str
    span: QualitySpan
    verdict: Verdict
    devices: int
    fresh: int
    completeness_ratio: float | None
    error_ratio: float | None
    received: int
    held: int
    unit: int
    duplicate: int
    worst_offset_ms: float | None
    sources: list[QualitySource]
    agents: list[QualityAgent]


@dataclass(frozen=True, kw_only=True, slots=True)
class Energy:
    """Energy through meters, by their counters alone; kWh."""

    energy_kwh: float | None  # None: no meter counted, or it is not known which is the site's
    is_whole: bool  # False: a part is not known, and the figure is a lower bound
    from_ms: int | None  # of the first reading counted from
    to_ms: int | None
    meters: tuple[str, ...]
    how: str  # how the meters were chosen
    resets: int
    rollovers: int


class QualityQueries:
    """Answers about data quality; each call raises UnavailableError when the database is away."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_site(self, site: str, span: QualitySpan = "hour") -> SiteQuality:
        """Say how good a site's data was over the last hour or day.

        Raises:
            NotFoundError: there is no such site.
        """
        async with asking(self._store) as conn:
            number = await queries_quality.site_id(conn, site)
            if number is None:
                raise NotFoundError(f"site {site!r}: there is no such site; see /api/v1/sites")
            sources = await queries_quality.sources(conn, number, SPANS[span])
            agents = await queries_quality.agents(conn, number, SPANS[span])
            round_ = circles(await queries_quality.meters(conn, site, None))
        return _site(
            site, span, [_source(row, round_) for row in sources], [_agent(row) for row in agents]
        )

    async def energy_kwh(
        self, from_ms: int, to_ms: int, *, site: str | None = None, device_id: int | None = None
    ) -> Energy:
        """Give the energy that went into a meter or a site, by counter.

        A site's meters are those that its rigs hang on, and where these hang on others, those: each
        watt-hour is counted once. Without such a chain, a site's only meter is its meter.

        Raises:
            InvalidError: neither or both of site and device are given, or the span is none.
        """
        if (site is None) == (device_id is None):
            raise InvalidError("energy: give a site or a device")
        if not 0 <= from_ms < to_ms or to_ms - from_ms > MOST_SPAN_MS:
            raise InvalidError(f"energy: {from_ms} to {to_ms} is no span of up to a year")
        async with asking(self._store) as conn:
            meters = await queries_quality.meters(conn, site, device_id)
            chosen, how = (meters, "this meter") if device_id is not None else site_meters(meters)
            ids = [meter["device_id"] for meter in chosen]
            rows = await queries_quality.counted(conn, ids, from_ms, to_ms) if ids else []
        energy = _energy(rows, [meter["name"] for meter in chosen], ids, how)
        is_known = not any(circle[0] in chosen for circle in circles(meters))
        return energy if is_known else replace(energy, is_whole=False)


def site_meters(
    meters: Sequence[dict[str, Any]],
) -> tuple[list[dict[str, Any]], str]:
    """Choose the meters that together are a site's, none behind another; and say how.

    Each meter has device_id, agent_id, name, feeder (the meter it hangs on) and rigs (on it). Of
    meters in a circle nobody knows which is above: one of them is counted.
    """
    by_name = {(meter["agent_id"], meter["name"]): meter for meter in meters}
    round_ = circles(meters)
    counted = {meter["device_id"]: circle[0] for circle in round_ for meter in circle}
    tops: dict[int, dict[str, Any]] = {}
    for meter in meters:
        if meter["rigs"]:
            top = _way_up(meter, by_name)[-1]
            top = counted.get(top["device_id"], top)
            tops[top["device_id"]] = top
    if tops:
        how = "the meters that the rigs hang on, none behind another"
        said = [_about_circle(circle) for circle in round_ if circle[0]["device_id"] in tops]
        return list(tops.values()), "; ".join([how, *said])
    if len(meters) == 1:
        return list(meters), "the site's only meter"
    if not meters:
        return [], "the site has no meter"
    return [], (
        f"not known which of {len(meters)} meters is the site's: name each rig's feeder in the "
        "agent's configuration"
    )


def circles(meters: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Give the meters that name each other as feeder, each circle once, the oldest meter first."""
    by_name = {(meter["agent_id"], meter["name"]): meter for meter in meters}
    found: dict[int, list[dict[str, Any]]] = {}
    for meter in meters:
        way = _way_up(meter, by_name)
        over = by_name.get((way[-1]["agent_id"], way[-1]["feeder"]))
        if over is not None and over is not way[-1]:  # the way ended because it came round
            circle = sorted(way[way.index(over) :], key=lambda one: one["device_id"])
            found[circle[0]["device_id"]] = circle
    return list(found.values())


def _way_up(
    meter: dict[str, Any], by_name: Mapping[tuple[int, str], dict[str, Any]]
) -> list[dict[str, Any]]:
    way, passed = [meter], {meter["device_id"]}
    while (over := by_name.get((way[-1]["agent_id"], way[-1]["feeder"]))) and (
        over["device_id"] not in passed
    ):
        way.append(over)
        passed.add(over["device_id"])
    return way


def _about_circle(circle: Sequence[dict[str, Any]]) -> str:
    names = " and ".join(meter["name"] for meter in circle)
    return (
        f"{names} name each other as feeder: only {circle[0]['name']} is counted; "
        "mend the agent's configuration"
    )


def _energy(rows: Sequence[Any], names: Sequence[str], ids: Sequence[int], how: str) -> Energy:
    total, is_whole, moves, heard = 0.0, bool(rows), [0, 0], set()
    for device_id, listed in itertools.groupby(rows, key=lambda row: row[0]):
        heard.add(device_id)
        part, part_is_whole, resets, rollovers = _counted(list(listed))
        total += part
        is_whole &= part_is_whole
        moves[0] += resets
        moves[1] += rollovers
    return Energy(
        energy_kwh=round(total, 6) if rows else None,
        is_whole=is_whole and heard == set(ids),
        from_ms=min((row[1] for row in rows), default=None),
        to_ms=max((row[2] for row in rows), default=None),
        meters=tuple(names),
        how=how,
        resets=moves[0],
        rollovers=moves[1],
    )


def _counted(rows: Sequence[Any]) -> tuple[float, bool, int, int]:
    """Add up one meter's counter over its buckets, and over the gaps between them."""
    table = np.array([[np.nan if v is None else v for v in row[1:]] for row in rows], float)
    at_ms, values = table[:, 0:2].reshape(-1), table[:, 2:4].reshape(-1)
    is_there = ~np.isnan(values)
    at_ms, values = at_ms[is_there], values[is_there]
    peak_w = np.array(np.nanmax(table[:, 4], initial=0.0))
    passed_s = np.maximum(np.diff(at_ms), 0) / 1000
    step = moved(values[:-1], values[1:], most_kwh(peak_w, passed_s))
    resets = int((step.move == Move.RESET).sum())
    # What was counted between the last reading and a reset is not known.
    is_whole = len(values) > 1 and not resets and not np.isnan(step.delta).any()
    return (
        float(np.nansum(step.delta)),
        is_whole,
        resets,
        int((step.move == Move.ROLLED_OVER).sum()),
    )


def _source(row: dict[str, Any], round_: Sequence[list[dict[str, Any]]] = ()) -> QualitySource:
    received, expected, whole = row["received"], row["expected"], row.pop("whole")
    errors = row["no_answer"] + row["bad_answer"]
    kind = DeviceKind(row["kind"]).name.lower() if row["kind"] in iter(DeviceKind) else "other"
    row |= {
        "kind": kind,
        "lag_s": row.pop("lag_ms") / 1000,
        "completeness_ratio": min(whole / expected, 1.0) if expected else None,
        "error_ratio": errors / received if received else None,
    }
    told = list(_about_source(row))
    told += [
        ("doubtful", _about_circle(circle))
        for circle in round_
        if kind == "meter" and circle[0]["agent"] == row["agent"]
    ]
    return QualitySource(
        **row, verdict=_worst(v for v, _ in told), advice=tuple(text for _, text in sorted(told))
    )


_RANK: dict[Verdict, int] = {"bad": 0, "doubtful": 1, "good": 2}
Told = tuple[Verdict, str]


def _about_source(row: dict[str, Any]) -> list[Told]:
    told: list[Told] = []
    silent, whole = row["devices"] - row["fresh"], row["completeness_ratio"]
    if silent:
        told.append(
            (
                "bad" if 2 * silent >= row["devices"] else "doubtful",
                f"{silent:,} of {row['devices']:,} devices are silent: look at power and switch",
            )
        )
    if whole is not None and whole < COMPLETE:
        told.append(
            (
                "bad" if whole < GAPPY else "doubtful",
                f"{1 - whole:.0%} of the readings are missing: look at the agent's polls and link",
            )
        )
    if (errors := row["error_ratio"] or 0) > ERRORS:
        what = "no answer" if row["no_answer"] >= row["bad_answer"] else "answers without sense"
        told.append(
            (
                "bad" if errors > MANY_ERRORS else "doubtful",
                f"{errors:.0%} of the polls end in {what}: look at the devices' load and firmware",
            )
        )
    told += [(verdict, text) for count, verdict, text in _rarities(row) if count]
    return told


def _rarities(row: dict[str, Any]) -> list[tuple[bool, Verdict, str]]:
    few = max(FEW * row["received"], 1)
    return [
        (row["held"] > 0, "bad", f"{row['held']:,} readings are kept and not used: set the clock"),
        (row["unit"] > 0, "bad", f"{row['unit']:,} values are in a wrong unit: see the findings"),
        (row["duplicate"] > few, "doubtful",
         f"{row['duplicate']:,} readings came twice: is a device read by two agents"),
        (row["partial"] + row["out_of_range"] > 10 * few, "doubtful",
         f"{row['partial'] + row['out_of_range']:,} readings lack a part: look at the firmware"),
        (row["kind"] == "meter" and row["reset"] > 0, "doubtful",
         f"{row['reset']:,} counters began anew: was a meter changed"),
    ]  # fmt: skip


def _agent(row: dict[str, Any]) -> QualityAgent:
    row["agent"] = row.pop("name")
    told = list(_about_agent(row))
    return QualityAgent(
        **row, verdict=_worst(v for v, _ in told), advice=tuple(text for _, text in sorted(told))
    )


def _about_agent(row: dict[str, Any]) -> list[Told]:
    told: list[Told] = []
    offset_ms = row["clock_offset_ms"] or 0.0
    if offset_ms > HOLD_AHEAD_MS or offset_ms < -HOLD_LIMIT_MS:
        told.append(("bad", "readings are kept and not used until its clock is set"))
    elif abs(offset_ms) > CLOCK_LIMIT_MS:
        done = "times are shown corrected" if row["correction_ms"] else "readings are marked"
        told.append(("doubtful", f"{done}: set its clock, let it reach a time server"))
    if row["lost_gaps"]:
        told.append(("bad", "records are lost: see Agents for the reason"))
    elif row["open_gaps"]:
        told.append(("doubtful", "records are missing and asked for: they come by themselves"))
    if row["quarantined"]:
        told.append(("bad", f"payloads were refused: {row['last_reason'][:120]}"))
    if row["state"] not in {"live", "stopped"}:
        told.append(("bad", "it sends nothing: look at its machine and its network"))
    return told


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    return min(verdicts, key=_RANK.__getitem__, default="good")


def _site(
    site: str, span: QualitySpan, sources: list[QualitySource], agents: list[QualityAgent]
) -> SiteQuality:
    known = [source for source in sources if source.completeness_ratio is not None]
    expected = sum(source.expected or 0 for source in known)
    got = sum((source.completeness_ratio or 0) * (source.expected or 0) for source in known)
    received = sum(source.received for source in sources)
    errors = sum(source.no_answer + source.bad_answer for source in sources)
    offsets = [agent.clock_offset_ms for agent in agents if agent.clock_offset_ms is not None]
    return SiteQuality(
        site=site,
        span=span,
        verdict=_worst([*(s.verdict for s in sources), *(a.verdict for a in agents)]),
        devices=sum(source.devices for source in sources),
        fresh=sum(source.fresh for source in sources),
        completeness_ratio=got / expected if expected else None,
        error_ratio=errors / received if received else None,
        received=received,
        held=sum(source.held for source in sources),
        unit=sum(source.unit for source in sources),
        duplicate=sum(source.duplicate for source in sources),
        worst_offset_ms=max(offsets, key=abs, default=None),
        sources=sorted(sources, key=_badness),
        agents=sorted(agents, key=lambda a: (_RANK[a.verdict], -abs(a.clock_offset_ms or 0))),
    )


def _badness(source: QualitySource) -> tuple[float, ...]:
    lacking = 1 - (1.0 if source.completeness_ratio is None else source.completeness_ratio)
    silent = 1 - source.fresh / max(source.devices, 1)
    return (_RANK[source.verdict], -max(lacking, silent, source.error_ratio or 0))
