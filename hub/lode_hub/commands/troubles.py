"""What of a command's states is a trouble that people are to hear of, and what ends one."""

from collections.abc import Iterable, Mapping

from lode_hub.commands import truth
from lode_hub.committed import Finding
from lode_hub.store.commands_queue import Ended
from lode_hub.store.commands_states import Held, State

FAILED, DRIFTED, REFUSED = "command-failed", "command-drifted", "journal-refused"

_NO_TROUBLE = frozenset({"superseded", "stopped"})
"""Reasons for which a command ends because something else was wished."""

_MAX_CAUSE_CHARS = 300


def of_states(
    agent_id: int,
    states: Iterable[State],
    known: Mapping[str, Held],
    device_ids: Mapping[str, int],
) -> list[Finding]:
    """Say what states show; `device_ids` are the agent's devices by name."""
    findings: list[Finding] = []
    for state in states:
        held = known[state.command_id]
        target = state.target or held.target
        device_id = device_ids.get(target)
        subject = f"device:{device_id}" if device_id is not None else f"agent:{agent_id}"
        if state.stage in {"effective", "released"}:
            findings += [
                _finding(rule, subject, state, held, is_active=False) for rule in (FAILED, DRIFTED)
            ]
        elif state.stage == "drifted":
            findings.append(_finding(DRIFTED, subject, state, held, is_active=True))
        elif _is_failure(state, held) and truth.code_of(state.reason) not in _NO_TROUBLE:
            findings.append(_finding(FAILED, subject, state, held, is_active=True))
    return findings


def unanswered(ended: Ended, at_ms: int) -> Finding:
    """Say that an agent did not answer a command before it expired."""
    is_of_device = ended.device_id is not None
    return Finding(
        rule=FAILED,
        subject=f"device:{ended.device_id}" if is_of_device else f"agent:{ended.agent_id}",
        is_active=True,
        severity="warning",
        at_ms=at_ms,
        title=f"{_named(ended.action, ended.target)} was not answered",
        likely_cause="the agent is not running, or its broker connection is down",
        evidence={"command": ended.id, "action": ended.action, "target": ended.target},
    )


def intruder(agent_id: int, state: State) -> Finding:
    """Say that an agent was sent a command that is not the hub's, or one of the hub's again.

    Each reason is a trouble of its own: who forges is not who repeats.
    """
    code = truth.code_of(state.reason)
    return Finding(
        rule=REFUSED,
        subject=f"agent:{agent_id}:reason:{code}",
        is_active=True,
        severity="critical",
        at_ms=state.at_ms,
        title=f"a command that the hub had not sent so was refused: {code}",
        likely_cause=f"somebody else publishes commands: {state.reason}"[:_MAX_CAUSE_CHARS],
        evidence={
            "command": state.command_id,
            "reason": state.reason,
            "sequence": state.sequence,
            "entry": state.entry,
        },
    )


def _is_failure(state: State, held: Held) -> bool:
    if state.stage in {"failed", "expired"}:
        return True
    # One rig of many that its site leaves alone is no trouble; a whole command is, unless it was
    # to end what is not.
    return state.stage == "refused" and state.target in {"", held.target} and not held.is_idle


def _finding(rule: str, subject: str, state: State, held: Held, *, is_active: bool) -> Finding:
    what = "drifted" if rule == DRIFTED else state.stage
    return Finding(
        rule=rule,
        subject=subject,
        is_active=is_active,
        severity="warning",
        at_ms=state.at_ms,
        title=f"{_named(held.action, state.target or held.target)} {what}",
        likely_cause=state.reason[:_MAX_CAUSE_CHARS],
        evidence={
            "command": held.id,
            "action": held.action,
            "target": state.target or held.target,
            "reason": state.reason,
            "power_before_w": state.power_before_w,
            "power_after_w": state.power_after_w,
            "read_back": state.read_back,
            "entry": state.entry,
        },
    )


def _named(action: str, target: str) -> str:
    return f"{action} of {target}" if target else f"{action} of the site"
