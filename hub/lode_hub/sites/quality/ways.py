"""Troubles on the way from a site: clocks, stale sources, repeats, gaps; one an agent or site.

agents' rows, sheets ─► Trouble, with who, what and what to do
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lode_hub.ingest.check import (
    CLOCK_LIMIT_MS,
    CORRECT_LIMIT_MS,
    HOLD_AHEAD_MS,
    HOLD_LIMIT_MS,
)
from lode_hub.sites.quality.book import Trouble
from lode_hub.sites.quality.sheet import POINT, USUAL_INTERVAL_S, Sheet
from lode_hub.sites.rules import Severity
from lode_hub.sites.tables import Mask
from lode_hub.store.quality import Agent
from lode_wire.records import DeviceKind

STEADY_MS = 1_500
"""A clock that was off is right again only within this, so that the verdict does not flap."""

STALE_INTERVALS = 3
STALE_LEAST_S = 60.0
POINT_TIMES = 10
POINT_LEAST_S = 900.0
"""Points may come when they change only, so what gives them is given time."""

STALE_RIGS = 3
"""So few silent rigs of a source are alerts of their own, by rig-silent."""

REPEATS = 10
REPEATS_MS = 600_000

LOST = {
    "evicted": "the spool was full: mend the link, or give the agent a larger spool",
    "expired": "records waited longer than the spool keeps them: mend the link, or let it keep",
    "corrupt": "a stored batch was damaged: look at the agent's disk",
    "salvaged": "the spool file was broken and was mended: look at the agent's disk",
    "unclean_stop": "the agent was killed: look why, and at its power supply",
    "disk_full": "the agent's disk was full: make room",
}


@dataclass(slots=True)
class Clocks:
    """Which agents' clocks are off, from one look to the next."""

    off: set[int] = field(default_factory=set)

    def troubles(self, agents: Sequence[Agent]) -> Iterator[Trouble]:
        """Say whose clock is off: the agent's, or the whole site's."""
        by_site: dict[int, list[Agent]] = {}
        for agent in agents:
            if agent.is_live and agent.site_id is not None:
                by_site.setdefault(agent.site_id, []).append(agent)
        off = {a.agent_id for listed in by_site.values() for a in listed if self._is_off(a)}
        self.off = off
        for site_id, listed in by_site.items():
            wrong = [agent for agent in listed if agent.agent_id in off]
            if len(wrong) > 1 and 2 * len(wrong) >= len(listed):
                yield _site_clock(site_id, wrong, len(listed))
            else:
                yield from map(_clock, wrong)

    def _is_off(self, agent: Agent) -> bool:
        limit_ms = STEADY_MS if agent.agent_id in self.off else CLOCK_LIMIT_MS
        return abs(agent.clock_offset_ms or 0) > limit_ms


def _clock(agent: Agent) -> Trouble:
    offset_ms = agent.clock_offset_ms or 0.0
    severity, done = _what_is_done(offset_ms)
    return Trouble(
        rule="quality-clock",
        subject=f"agent:{agent.agent_id}",
        severity=severity,
        title=f"{agent.name}'s clock is {_by(offset_ms)}: {done}",
        advice=_what_to_do(offset_ms),
        evidence={"clock_offset_s": round(offset_ms / 1000, 1)} | _LIMITS,
    )


def _site_clock(site_id: int, wrong: Sequence[Agent], agents: int) -> Trouble:
    worst = max(wrong, key=lambda agent: abs(agent.clock_offset_ms or 0))
    offset_ms = worst.clock_offset_ms or 0.0
    severity, done = _what_is_done(offset_ms)
    return Trouble(
        rule="quality-clock",
        subject=f"site:{site_id}",
        severity=severity,
        title=f"{len(wrong)} of {agents} clocks at {worst.site} are up to {_by(offset_ms)}: {done}",
        advice="the site's time source is wrong or cannot be reached. " + _what_to_do(offset_ms),
        members=tuple(f"agent:{agent.agent_id}" for agent in wrong),
        evidence={"clock_offset_s": round(offset_ms / 1000, 1), "worst": worst.name} | _LIMITS,
    )


_SET_CLOCK = "set the agent's clock: see that chrony or systemd-timesyncd runs and reaches a server"
_NO_LIMITS = (
    ". Until then the hub's own limits, over-temperature too, see nothing of what it reads: "
    "only what the agent and the devices do by themselves holds"
)
_LIMITS = {
    "flag_s": CLOCK_LIMIT_MS / 1000,
    "correct_s": CORRECT_LIMIT_MS / 1000,
    "hold_s": HOLD_LIMIT_MS / 1000,
    "hold_ahead_s": HOLD_AHEAD_MS / 1000,
}


def _is_held(offset_ms: float) -> bool:
    return offset_ms > HOLD_AHEAD_MS or offset_ms < -HOLD_LIMIT_MS


def _what_to_do(offset_ms: float) -> str:
    return _SET_CLOCK + _NO_LIMITS if _is_held(offset_ms) else _SET_CLOCK


def _what_is_done(offset_ms: float) -> tuple[Severity, str]:
    if _is_held(offset_ms):
        return "critical", "its readings are kept, and neither charted nor judged"
    if abs(offset_ms) > CORRECT_LIMIT_MS:
        return "warning", "times are shown corrected"
    return "info", "its readings are marked"


def _by(offset_ms: float) -> str:
    seconds = abs(offset_ms) / 1000
    length = f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004
    return f"{length} {'ahead' if offset_ms > 0 else 'behind'}"


def stale_sources(
    sheets: Sequence[Sheet], agents: Mapping[int, Agent], now_ms: int
) -> Iterator[Trouble]:
    """Say which sources of a live agent are silent, one trouble an agent."""
    said: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
    for sheet in sheets:
        stale = _stale(sheet, now_ms)
        for place in np.unique(sheet.source[stale]).tolist():
            agent_id, kind, driver = sheet.sources[place]
            mine = sheet.source == place
            silent = np.flatnonzero(stale & mine)
            total = int((mine & sheet.is_configured).sum())
            is_few = len(silent) < STALE_RIGS or 2 * len(silent) < total
            if agent_id not in agents or (kind == DeviceKind.RIG and is_few):
                continue
            nouns = f"{DeviceKind(kind).name.lower()}s" if kind in iter(DeviceKind) else "devices"
            line = f"{len(silent)} of {total} {nouns} ({driver})"
            members = tuple(f"device:{sheet.rows[slot].device_id}" for slot in silent.tolist())
            said.setdefault(agent_id, []).append((line, members))
    for agent_id, lines in said.items():
        agent = agents[agent_id]
        listed = ", ".join(line for line, _ in lines)
        yield Trouble(
            rule="quality-stale",
            subject=f"agent:{agent_id}",
            severity="warning",
            title=f"{agent.name}: nothing new of {listed}",
            advice="the agent works and they give it nothing: look at their bus, gateway or switch",
            members=tuple(member for _, members in lines for member in members),
            evidence={"sources": [line for line, _ in lines]},
        )


def _stale(sheet: Sheet, now_ms: int) -> Mask:
    interval_s = np.where(sheet.interval_s > 0, sheet.interval_s, USUAL_INTERVAL_S)
    is_point = sheet.kind is POINT
    least_s, times = (POINT_LEAST_S, POINT_TIMES) if is_point else (STALE_LEAST_S, STALE_INTERVALS)
    limit_ms = 1000 * np.maximum(times * interval_s, least_s)
    mask: Mask = sheet.is_configured & (now_ms - sheet.state["received_ms"] > limit_ms)
    return mask


@dataclass(slots=True)
class Repeats:
    """How many readings of each agent came twice, in this span of ten minutes and the last."""

    counts: dict[int, list[int]] = field(default_factory=dict)  # begin, now, before

    def note(self, agent_id: int, count: int, now_ms: int) -> None:
        """Count repeats."""
        self._of(agent_id, now_ms)[1] += count

    def troubles(self, agents: Mapping[int, Agent], now_ms: int) -> Iterator[Trouble]:
        """Say whose readings come twice."""
        for agent_id in list(self.counts):
            _, now, before = self._of(agent_id, now_ms)
            if not now and not before:
                del self.counts[agent_id]
            if max(now, before) >= REPEATS and agent_id in agents:
                yield Trouble(
                    rule="quality-duplicates",
                    subject=f"agent:{agent_id}",
                    severity="warning",
                    title=f"{agents[agent_id].name} sends readings twice: {now + before} lately",
                    advice=(
                        "the same device at the same time in different batches: a device that "
                        "repeats an old answer, or a spool that was copied; look at the devices' "
                        "own clocks, and let one agent read each device"
                    ),
                    evidence={"repeated": now + before},
                )

    def _of(self, agent_id: int, now_ms: int) -> list[int]:
        counted = self.counts.setdefault(agent_id, [now_ms, 0, 0])
        if now_ms - counted[0] >= REPEATS_MS:
            is_next = now_ms - counted[0] < 2 * REPEATS_MS
            counted[:] = [now_ms, 0, counted[1] if is_next else 0]
        return counted


def gaps(agents: Sequence[Agent]) -> Iterator[Trouble]:
    """Say whose records are missing: asked for, or lost in the last hour."""
    for agent in agents:
        if not agent.open_gaps and not agent.lost_gaps:
            continue
        records = f"{agent.lost_records:,}" if agent.lost_records else "an unknown number of"
        lost = f"{records} records of {agent.name} are lost"
        asked = f"{agent.open_gaps:,} gaps of {agent.name} are still asked for"
        why = LOST.get(agent.lost_why.lower(), "see the agent's page")
        yield Trouble(
            rule="quality-gap",
            subject=f"agent:{agent.agent_id}",
            severity="warning" if agent.lost_gaps else "info",
            title=lost if agent.lost_gaps else asked,
            advice=why if agent.lost_gaps else "they come by themselves once the agent has time",
            evidence={
                "open_gaps": agent.open_gaps,
                "lost_gaps": agent.lost_gaps,
                "lost_records": agent.lost_records,
            },
        )
