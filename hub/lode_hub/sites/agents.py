"""agent-stale: an agent of which nothing has been committed for a while. And who is alive at all.

One finding for the agent stands for all its rigs: rig-silent compares with what the agent sends,
and a stale agent sends nothing. The while (30 s) is in the book of rules. For 60 s after the hub's
start, and after the hub itself stood still, nobody is stale: then it is the hub that did not
listen. However long it lasts, it is said again each minute, until the agent is back or revoked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lode_hub.committed import Finding
from lode_hub.sites.rules import Evidence
from lode_hub.sites.tables import as_shipped
from lode_hub.store import inventory

NAME = "agent-stale"
VERSION = 1
STALE_S = as_shipped(NAME)["stale_s"]
GRACE_MS = 60_000
GAP_MS = 12_000
"""A pause after which an agent's rigs get time to be heard again: two of its health records."""

_OUT = "take it out of service with `lode-hub agent revoke {}`"


@dataclass(kw_only=True, slots=True)
class Watched:
    """An agent, when it was heard, and whether it is stale."""

    row: inventory.Agent
    heard_ms: int  # hub's time of its last committed batch; 0 is never
    back_ms: int  # since when it has been heard without a pause
    stale_s: float = STALE_S  # so long unheard
    is_stale: bool = False
    since_ms: int = 0


class Agents:
    """All agents that there are, by id."""

    def __init__(self) -> None:
        self.by_id: dict[int, Watched] = {}
        self._started_ms = 0

    def start(self, now_ms: int) -> None:
        """Begin to listen now: nobody has been silent before."""
        self._started_ms = now_ms
        for agent in self.by_id.values():
            agent.back_ms = now_ms

    def load(self, rows: Sequence[inventory.Agent]) -> None:
        """Take what the database knows of them; what was heard since is kept."""
        for row in rows:
            committed_ms = row.committed_ms or 0
            agent = self.by_id.get(row.agent_id)
            if agent is None:
                agent = Watched(row=row, heard_ms=committed_ms, back_ms=self._started_ms)
                self.by_id[row.agent_id] = agent
            agent.row = row
            self._hear(agent, committed_ms)

    def judge_by(self, thresholds: Mapping[int, Mapping[str, float]]) -> None:
        """Judge each agent by these thresholds, where they say other than is shipped."""
        for agent_id, agent in self.by_id.items():
            agent.stale_s = thresholds.get(agent_id, {}).get("stale_s", STALE_S)

    def resume(self, agent_id: int, since_ms: int) -> None:
        """Go on with an agent that was found stale before the hub's start."""
        agent = self.by_id[agent_id]
        agent.is_stale, agent.since_ms = True, since_ms

    def hear(self, agent_ids: npt.NDArray[np.int32], received_ms: npt.NDArray[np.int64]) -> None:
        """Take note of committed batches."""
        ids, place = np.unique(agent_ids, return_inverse=True)
        newest = np.zeros(len(ids), np.int64)
        np.maximum.at(newest, place, received_ms)
        for agent_id, heard_ms in zip(ids.tolist(), newest.tolist(), strict=True):
            if agent_id in self.by_id:
                self._hear(self.by_id[agent_id], heard_ms)

    def _hear(self, agent: Watched, heard_ms: int) -> None:
        if heard_ms <= agent.heard_ms:
            return
        if heard_ms - agent.heard_ms > GAP_MS:
            agent.back_ms = max(agent.back_ms, heard_ms)
        agent.heard_ms = heard_ms

    def judge(
        self, now_ms: int, is_ours: Callable[[int], bool], rigs_of: Callable[[int], int]
    ) -> list[Finding]:
        """Say who became stale and who came back, among the agents of our partitions."""
        changed = [
            agent
            for agent in self.by_id.values()
            if agent.heard_ms and is_ours(agent.row.partition) and self._turns(agent, now_ms)
        ]
        for agent in changed:
            agent.is_stale = not agent.is_stale
            agent.since_ms = agent.heard_ms if agent.is_stale else agent.since_ms
        return [self._finding(one, _reason(one), now_ms, rigs_of) for one in changed]

    def renew(
        self, now_ms: int, is_ours: Callable[[int], bool], rigs_of: Callable[[int], int]
    ) -> list[Finding]:
        """Say again who is stale: a person may have resolved it, or its rule was off."""
        stale = [a for a in self.by_id.values() if a.is_stale and is_ours(a.row.partition)]
        return [self._finding(one, "goes-on", now_ms, rigs_of) for one in stale]

    def _finding(
        self, agent: Watched, reason: str, now_ms: int, rigs_of: Callable[[int], int]
    ) -> Finding:
        stale = sum(other.is_stale for other in self.by_id.values())
        rigs = rigs_of(agent.row.agent_id)
        silent_s = round((now_ms - agent.since_ms) / 1000, 1)
        evidence: Evidence = {
            "rule_version": VERSION,
            "reason": reason,
            "since_ms": agent.since_ms,
            "silent_s": silent_s,
            "limit_s": agent.stale_s,
            "rigs": rigs,
            "stale_agents": stale,
            "agents": len(self.by_id),
        }
        return Finding(
            rule=NAME,
            subject=f"agent:{agent.row.agent_id}",
            is_active=agent.is_stale,
            severity="critical",
            at_ms=now_ms,
            title=f"agent {agent.row.name} is stale: {rigs} rigs unseen for {silent_s:.0f} s",
            likely_cause=_cause(agent, stale, len(self.by_id)),
            evidence=evidence,
        )

    def _turns(self, agent: Watched, now_ms: int) -> bool:
        stale_ms = 1000 * agent.stale_s
        if agent.row.is_revoked:
            return agent.is_stale
        if agent.is_stale:
            return agent.heard_ms > agent.since_ms and now_ms - agent.heard_ms <= stale_ms
        if now_ms - self._started_ms < GRACE_MS:
            return False
        return now_ms - max(agent.heard_ms, self._started_ms) > stale_ms


def _reason(agent: Watched) -> str:
    if agent.is_stale:
        return "nothing-committed"
    return "revoked" if agent.row.is_revoked else "commits-again"


def _cause(agent: Watched, stale: int, agents: int) -> str:
    if agent.row.is_stopped:
        return f"it was stopped in good order: start it again, or {_OUT.format(agent.row.name)}"
    if stale == agents and agents > 1:
        return "all agents at once: look at the hub's broker and the hub's own network first"
    away = "its machine is off, it has no network, or it cannot reach the broker; it keeps reading"
    return f"{away}. If it is gone for good: {_OUT.format(agent.row.name)}"
