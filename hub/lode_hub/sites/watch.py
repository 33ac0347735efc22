"""The detectors at work on the fleet: every rule's state by slot, and findings out.

slots, readings ─► each rule's judge ─► changes ─► explain ─► findings
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lode_hub.committed import Finding
from lode_hub.sites import low_hashrate, over_temperature, silent, unreachable
from lode_hub.sites.fleet import Fleet
from lode_hub.sites.rules import Change, Rule, Sight, Trouble
from lode_hub.sites.tables import Mask, Slots, Table, Times, grown, plain, put, rounds

RULES: tuple[Rule, ...] = (unreachable.RULE, over_temperature.RULE, low_hashrate.RULE)
TROUBLES: tuple[Trouble, ...] = (*(rule.trouble for rule in RULES), silent.TROUBLE)

FUTURE_MS = 60_000
"""An observation this long after its receipt came by a wrong clock, as in `store.readings`."""

RENEW_MS = 60_000
"""How often a trouble that goes on is said again, with fresh values."""


@dataclass(kw_only=True, slots=True)
class Counters:
    """What was judged and what was not, since the start; the last two are rigs, as of now."""

    judged: int = 0
    late: int = 0  # older than the newest of their rig
    unknown_device: int = 0  # of a device that is no rig we know
    unjudged: dict[str, int] = field(default_factory=dict)  # by rule: no limit, no rating
    rigs_without_limit: int = 0
    rigs_without_rating: int = 0


class Watch:
    """Judges the rigs of a fleet by every rule, and counts."""

    def __init__(self, fleet: Fleet, counters: Counters) -> None:
        self._counters = counters
        self._fleet = fleet
        self._states = {trouble.name: np.zeros(0, trouble.state) for trouble in TROUBLES}

    def fit(self) -> None:
        """Make room for every rig of the fleet."""
        for name, state in self._states.items():
            self._states[name] = grown(state, len(self._fleet))

    def restore(self, trouble: str, slot: int, since_ms: int) -> None:
        """Go on with a trouble that was found before the hub's start."""
        state = self._states[trouble]
        state["is_active"][slot], state["since_ms"][slot] = True, since_ms

    def judge_group(self, slots: Slots, rows: Table) -> list[Finding]:
        """Judge readings in any order, any number a rig; a slot of -1 is no rig of ours."""
        known = np.flatnonzero(slots >= 0)
        self._counters.unknown_device += len(slots) - len(known)
        findings: list[Finding] = []
        for here, turn in rounds(slots[known], rows.take(known)):
            fresh = self._is_fresh(here, turn)
            self._counters.late += int((~fresh).sum())
            wanted = np.flatnonzero(fresh & self._fleet.is_configured[here])
            if len(wanted):
                findings += self._judge(here[wanted], turn.take(wanted))
        return findings

    def _is_fresh(self, slots: Slots, rows: Table) -> Mask:
        """Tell which readings are newer than their rigs' last.

        A backlog comes beside live readings, and is late. But where only older readings come for
        longer than a rig may be silent, the agent's clock was set back, and time begins anew; at
        once, where the last reading came out of the future.
        """
        last = self._fleet.last.take(slots)
        limits_ms = silent.limits_ms(self._fleet.facts.take(slots))
        was_set_back = rows["received_ms"] - last["received_ms"] > limits_ms
        was_ahead = last["at_ms"] > rows["received_ms"] + FUTURE_MS
        is_older = rows["at_ms"] < last["at_ms"]
        mask: Mask = (rows["at_ms"] > last["at_ms"]) | (is_older & (was_set_back | was_ahead))
        return mask

    def _judge(self, slots: Slots, rows: Table) -> list[Finding]:
        put(self._fleet.last, slots, rows)
        self._counters.judged += len(slots)
        facts = self._fleet.facts.take(slots)
        findings: list[Finding] = []
        for rule in RULES:
            name, table = rule.trouble.name, self._states[rule.trouble.name]
            state = table.take(slots)
            judged = rule.judge(state, rows, facts)
            put(table, slots, state)
            unjudged = self._counters.unjudged
            unjudged[name] = unjudged.get(name, 0) + judged.unjudged
            for change in judged.changes:
                at_ms = rows["at_ms"][change.rows]
                findings += self._find(rule.trouble, change, slots[change.rows], at_ms)
        return findings

    def judge_silence(
        self, agent_ms: Times, back_ms: Times, now_ms: int, *, is_watched: Mask
    ) -> list[Finding]:
        """Judge the time since each rig was heard; all arrays by slot.

        `back_ms` is since when its agent was heard without a pause: no silence begins before,
        and one that goes on does not end by it.
        """
        state = self._states[silent.TROUBLE.name][: len(self._fleet)]
        received_ms = self._fleet.last["received_ms"][: len(self._fleet)]
        since_ms = np.maximum(received_ms, back_ms)
        heard_ms = np.where(state["is_active"], received_ms, since_ms)
        limits_ms = silent.limits_ms(self._fleet.facts)
        changes = silent.judge(state, heard_ms, agent_ms, limits_ms, is_watched=is_watched)
        return self._find_now(silent.TROUBLE, changes, now_ms)

    def drop_unconfigured(self, now_ms: int, *, is_ours: Mask) -> list[Finding]:
        """End the troubles of rigs that their agents no longer have."""
        findings: list[Finding] = []
        for trouble in TROUBLES:
            state = self._states[trouble.name][: len(self._fleet)]
            slots = np.flatnonzero(state["is_active"] & ~self._fleet.is_configured & is_ours)
            state["is_active"][slots] = False
            change = Change(reason="no-longer-configured", is_active=False, rows=slots)
            findings += self._find_now(trouble, [change], now_ms)
        return findings

    def renew(self, now_ms: int, *, is_ours: Mask) -> list[Finding]:
        """Say the troubles that go on again, by what was heard in the last minute."""
        findings: list[Finding] = []
        heard = self._fleet.last["received_ms"][: len(self._fleet)] >= now_ms - RENEW_MS
        for rule in RULES:
            slots = np.flatnonzero(self._active(rule.trouble) & heard & is_ours)
            last = self._fleet.last.take(slots)
            slots = slots[rule.holds(last, self._fleet.facts.take(slots))]
            change = Change(reason="goes-on", is_active=True, rows=slots)
            at_ms = self._fleet.last["at_ms"][slots]
            findings += self._find(rule.trouble, change, slots, at_ms)
        quiet = np.flatnonzero(self._active(silent.TROUBLE) & is_ours)
        change = Change(reason="goes-on", is_active=True, rows=quiet)
        return findings + self._find_now(silent.TROUBLE, [change], now_ms)

    def is_active(self, trouble: str, slot: int) -> bool:
        """Tell whether a rig is in a trouble."""
        return bool(self._states[trouble]["is_active"][slot])

    def _active(self, trouble: Trouble) -> Mask:
        mask: Mask = self._states[trouble.name]["is_active"][: len(self._fleet)]
        return mask

    def _find_now(self, trouble: Trouble, changes: Sequence[Change], now_ms: int) -> list[Finding]:
        return [
            finding
            for change in changes
            for finding in self._find(
                trouble, change, change.rows, np.full(len(change.rows), now_ms, np.int64)
            )
        ]

    def _find(self, trouble: Trouble, change: Change, slots: Slots, at_ms: Times) -> list[Finding]:
        if not len(slots):
            return []
        state = self._states[trouble.name][: len(self._fleet)]
        sights = self._sights(change.reason, slots, at_ms, state)
        return [_finding(trouble, sight, is_active=change.is_active) for sight in sights]

    def _sights(self, reason: str, slots: Slots, at_ms: Times, state: Table) -> list[Sight]:
        fleet = self._fleet
        of_rack, troubled = fleet.in_racks(state["is_active"])
        lists = (
            slots.tolist(),
            at_ms.tolist(),
            state["since_ms"][slots].tolist(),
            plain(fleet.last.take(slots)),
            plain(fleet.facts.take(slots)),
            of_rack[slots].tolist(),
            troubled[slots].tolist(),
        )
        return [
            Sight(
                rig=fleet.rows[slot],
                agent=fleet.agent_names.get(fleet.rows[slot].agent_id, "?"),
                reason=reason,
                since_ms=since_ms,
                at_ms=at,
                reading=reading,
                facts=facts,
                rack_rigs=rigs,
                rack_troubled=bad,
            )
            for slot, at, since_ms, reading, facts, rigs, bad in zip(*lists, strict=True)
        ]


def _finding(trouble: Trouble, sight: Sight, *, is_active: bool) -> Finding:
    words = trouble.explain(sight)
    evidence = {
        "rule_version": trouble.version,
        "reason": sight.reason,
        "since_ms": sight.since_ms,
        **words.evidence,
    }
    return Finding(
        rule=trouble.name,
        subject=f"device:{sight.rig.device_id}",
        is_active=is_active,
        severity=trouble.severity,
        at_ms=sight.at_ms,
        title=words.title,
        likely_cause=words.likely_cause,
        evidence=evidence,
    )
