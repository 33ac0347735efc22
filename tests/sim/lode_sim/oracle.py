"""The oracle: compares what the site served with what the database holds.

The site writes a line for every reply it served in full; each carries a number that no other reply
of that rig or meter carries. So every served reading can be looked for, and counted.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

_POLL_MS = 2_000  # a reading's time is when its poll began; the reply came at most this much later

Key = tuple[str, str, str]  # kind, device, the number that marks the reply


@dataclass(frozen=True, kw_only=True)
class Account:
    """What became of the readings a site served."""

    served: int
    stored: int  # rows of all kinds in the database
    rigs: int
    lost: list[Key]  # served, not stored, and no gap says why
    explained: int  # served, not stored, but within a gap or come too late and said to be
    doubled: list[Key]
    gaps: dict[str, int] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing was lost and nothing doubled, and something was stored."""
        return not self.lost and not self.doubled and self.stored > 0


def account(
    truth: Path,
    database_url: str,
    *,
    since_ms: int = 0,
    agent: str = "",
    skews_ms: tuple[int, ...] = (0,),
) -> Account:
    """Compare a site's truth with the database, from a time on (Unix ms).

    Where several sites report, `agent` says whose readings are looked at. Where the agent's clock
    is set back, `skews_ms` says by how much.
    """
    served = _served(truth, since_ms)
    with psycopg.connect(database_url, autocommit=True) as db:
        stored = _stored(db, since_ms, agent)
        gaps = _gaps(db, agent)
        unheard = _unheard(db, agent)
        rows = _count(db, since_ms)
    missing = [key for key in served if key not in stored]
    lost = [
        key
        for key in missing
        if not any(
            _is_explained(served[key] - skew_ms, gaps)
            or _is_unheard(served[key] - skew_ms, unheard[key[:2]])
            for skew_ms in skews_ms
        )
    ]
    return Account(
        served=len(served),
        stored=rows,
        rigs=len({device for kind, device, _ in stored if kind == "rig"}),
        lost=lost,
        explained=len(missing) - len(lost),
        doubled=[key for key, times in stored.items() if times > 1],
        gaps=dict(Counter(reason for reason, _, _ in gaps)),
    )


def _served(truth: Path, since_ms: int) -> dict[Key, int]:
    served: dict[Key, int] = {}
    with truth.open() as lines:
        for line in lines:
            if not line.endswith("\n"):
                break  # being written
            fact = json.loads(line)
            if fact["at_ms"] >= since_ms:
                mark = fact["serial"] if fact["kind"] == "rig" else fact["energy_in_kwh"]
                served[fact["kind"], fact["name"], repr(float(mark))] = fact["at_ms"]
    return served


_STORED = """
    select 'rig', d.name, r.accepted_shares::float8, count(*)
    from rig_reading r join device d on d.id = r.device_id join agent a on a.id = d.agent_id
    where r.at >= to_timestamp(%(since)s / 1000.0) and r.accepted_shares is not null
        and %(agent)s in ('', a.name)
    group by 1, 2, 3
    union all
    select 'meter', d.name, r.energy_in_kwh, count(*)
    from meter_reading r join device d on d.id = r.device_id join agent a on a.id = d.agent_id
    where r.at >= to_timestamp(%(since)s / 1000.0) and r.energy_in_kwh is not null
        and %(agent)s in ('', a.name)
    group by 1, 2, 3
"""

_COUNT = """
    select (select count(*) from rig_reading where at >= to_timestamp(%(since)s / 1000.0))
        + (select count(*) from meter_reading where at >= to_timestamp(%(since)s / 1000.0))
        + (select count(*) from point_reading where at >= to_timestamp(%(since)s / 1000.0))
"""

_GAPS = """
    select reason, extract(epoch from from_at) * 1000, extract(epoch from to_at) * 1000
    from gap g join source s on s.id = g.source_id join agent a on a.id = s.agent_id
    where reason <> 'missing' and from_at is not null and to_at is not null
        and %(agent)s in ('', a.name)
"""


def _stored(
    db: psycopg.Connection[tuple[object, ...]], since_ms: int, agent: str
) -> dict[Key, int]:
    rows = db.execute(_STORED, {"since": since_ms, "agent": agent})
    return {(str(k), str(d), repr(float(str(m)))): int(str(n)) for k, d, m, n in rows}


def _count(db: psycopg.Connection[tuple[object, ...]], since_ms: int) -> int:
    row = db.execute(_COUNT, {"since": since_ms}).fetchone()
    return int(str(row[0])) if row else 0


def _gaps(db: psycopg.Connection[tuple[object, ...]], agent: str) -> list[tuple[str, float, float]]:
    rows = db.execute(_GAPS, {"agent": agent})
    return [(str(r), float(str(a)), float(str(b))) for r, a, b in rows]


_UNHEARD = """
    select p.kind, d.name, extract(epoch from p.at) * 1000
    from (
        select 'rig' as kind, device_id, at from rig_reading
        where accepted_shares is null and quality & 31 <> 0
        union all
        select 'meter', device_id, at from meter_reading
        where energy_in_kwh is null and quality & 31 <> 0
    ) p
    join device d on d.id = p.device_id join agent a on a.id = d.agent_id
    where %(agent)s in ('', a.name)
"""


def _unheard(
    db: psycopg.Connection[tuple[object, ...]], agent: str
) -> dict[tuple[str, str], list[float]]:
    """List the polls that say themselves that no usable answer came in time, by device."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for kind, device, at_ms in db.execute(_UNHEARD, {"agent": agent}):
        found[str(kind), str(device)].append(float(str(at_ms)))
    return found


def _is_unheard(at_ms: int, polls: list[float]) -> bool:
    return any(begun <= at_ms <= begun + _POLL_MS + 1000 for begun in polls)


def _is_explained(at_ms: int, gaps: list[tuple[str, float, float]]) -> bool:
    return any(begin <= at_ms <= end + _POLL_MS for _, begin, end in gaps)
