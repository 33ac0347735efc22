"""How much of what an agent sends is unfit, and when that is a finding."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from lode_hub.committed import Finding

RULE = "agent-bad-input"
WINDOW_MS = 300_000
LIMIT_RATIO = 0.1
LEAST = 3
"""So many unfit batches it takes at least, so that one flipped bit alerts nobody."""

_SLICE_MS = 10_000
_MAX_REASON_CHARS = 200


@dataclass(slots=True)
class _Agent:
    slices: deque[tuple[int, int, int]] = field(default_factory=deque)  # from, fit, unfit
    reason: str = ""
    is_bad: bool = False


class Watch:
    """Counts fit and unfit batches per agent over five minutes."""

    def __init__(self) -> None:
        self._agents: dict[int, _Agent] = {}

    def count(
        self, agent_id: int, now_ms: int, *, unfit: int = 0, fit: int = 0, reason: str = ""
    ) -> None:
        """Count batches of an agent; `reason` is why the last unfit one was."""
        agent = self._agents.setdefault(agent_id, _Agent())
        begin = now_ms - now_ms % _SLICE_MS
        if agent.slices and agent.slices[-1][0] == begin:
            _, more_fit, more_unfit = agent.slices.pop()
            fit, unfit = fit + more_fit, unfit + more_unfit
        agent.slices.append((begin, fit, unfit))
        agent.reason = reason[:_MAX_REASON_CHARS] or agent.reason

    def findings(self, now_ms: int) -> list[Finding]:
        """Say for which agents it became too much, still is, or is over."""
        return [finding for finding in self._judge(now_ms) if finding is not None]

    def _judge(self, now_ms: int) -> Iterable[Finding | None]:
        for agent_id, agent in list(self._agents.items()):
            while agent.slices and agent.slices[0][0] < now_ms - WINDOW_MS:
                agent.slices.popleft()
            if not agent.slices and not agent.is_bad:
                del self._agents[agent_id]
                continue
            unfit = sum(counts[2] for counts in agent.slices)
            share = unfit / max(1, unfit + sum(counts[1] for counts in agent.slices))
            was_bad, agent.is_bad = agent.is_bad, unfit >= LEAST and share > LIMIT_RATIO
            if agent.is_bad or was_bad:
                yield _finding(agent_id, agent, now_ms, unfit, share)


def _finding(agent_id: int, agent: _Agent, now_ms: int, unfit: int, share: float) -> Finding:
    return Finding(
        rule=RULE,
        subject=f"agent:{agent_id}",
        is_active=agent.is_bad,
        severity="warning",
        at_ms=now_ms,
        title=f"{unfit} batches that could not be taken in 5 min",
        likely_cause=agent.reason,
        evidence={"unfit": unfit, "unfit_ratio": round(share, 3), "last_reason": agent.reason},
    )
