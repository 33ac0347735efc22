"""What agents say can be asked of devices, and what became of commands: every state kept.

states ─► steps (each once) ─┬─► refused as out of order: sealed again, or superseded
                             ├─► refused unread, though not the hub's own: a finding
                             └─► devices, wholes ─► stage and counts ─► findings
"""

import dataclasses
from collections.abc import Mapping, Sequence

import msgspec

from lode_hub.commands import troubles, truth
from lode_hub.store import Connection, commands, commands_findings, commands_states, controls
from lode_hub.store.agents import Said
from lode_hub.store.commands_states import Held, State
from lode_wire import orders, records
from lode_wire.errors import DecodeError

MAX_RESEALS = 5
REPLAY_S = 60.0
"""A command that is refused unread so long after its first answer was sent by somebody else."""

MAX_ID_CHARS, MAX_TEXT_CHARS = 128, 2000
MAX_EVIDENCE_CHARS = 1 << 18
MAX_OFFERS = 256
MAX_LIMIT = 1e9
_MAY_BE_ZERO = frozenset({"starts_per_day", "min_up_s", "min_down_s"})
_LARGEST = (1 << 63) - 1


def objection(said: records.Controls) -> str:
    """Say why what is told of a device cannot be kept; empty when it can."""
    texts = (*said.offers, *said.presets, said.feeder, said.outlet)
    if len(texts) > MAX_OFFERS or any(len(text) > MAX_ID_CHARS for text in texts):
        return f"controls {said.device}: more than {MAX_OFFERS} offers, or longer than 128"
    if len(said.blocked) > MAX_TEXT_CHARS or (said.starts_left or 0) >= 1 << 31:
        return f"controls {said.device}: too long a reason, or {said.starts_left} starts"
    return _envelope_objection(said)


def _envelope_objection(said: records.Controls) -> str:
    """Say which limit cannot be one; a limit of nothing is never meant, it is left out."""
    for name in controls.ENVELOPE:
        value = getattr(said, name)
        is_one = value is None or value > 0 or (value == 0 and name in _MAY_BE_ZERO)
        if not is_one or (value or 0) > MAX_LIMIT:
            return f"controls {said.device}: {name} is {value:g}; leave out what is not limited"
    return ""


async def note(conn: Connection, said: Said, listed: Sequence[records.Record]) -> None:
    """Write what one batch says of controls and commands, if anything."""
    offered = [record for record in listed if isinstance(record, records.Controls)]
    if offered:
        await controls.keep(conn, said, offered)
    told = [record for record in listed if isinstance(record, records.CommandState)]
    if told:
        await _take(conn, said, told)


async def _take(conn: Connection, said: Said, told: Sequence[records.CommandState]) -> None:
    # Nothing in a state makes it unfit: none may be lost.
    states = [_state(place, record) for place, record in enumerate(told)]
    fresh = await commands_states.keep(conn, said, states)
    known = await commands_states.held(conn, said.agent_id, [s.command_id for s in fresh])
    heard: list[State] = []
    findings = []
    for state in fresh:
        held = known.get(state.command_id)
        if _is_intruders(state, held):
            findings.append(troubles.intruder(said.agent_id, state))
        elif held is not None and _is_to_be_resealed(state, held):
            await commands_states.requeue(conn, held.id)
        elif held is not None and not _is_echo(state, held):
            heard.append(state)
    if heard:
        await _move(conn, said, heard, known)
        names = [state.target or known[state.command_id].target for state in heard]
        device_ids = await commands.device_ids(conn, said.agent_id, names)
        findings += troubles.of_states(said.agent_id, heard, known, device_ids)
    await commands_findings.add(conn, findings)
    if known:
        await commands.announce(conn, list(known))


def _is_intruders(state: State, held: Held | None) -> bool:
    """Tell whether somebody else than the hub has sent what was refused."""
    if not truth.is_of_the_gate(state.stage, state.reason):
        return False
    code = truth.code_of(state.reason)
    if held is None or code in truth.SUSPICIOUS:
        return True
    if code == truth.REPLAYED and held.said_stage is not None:
        return True  # the agent has waited until it knew that we have its answer
    return held.answered_s is not None and held.answered_s > REPLAY_S


def _is_to_be_resealed(state: State, held: Held) -> bool:
    return (
        state.stage == "refused"
        and truth.code_of(state.reason) == truth.OUT_OF_ORDER
        and held.stage == "dispatched"
        and held.sequence == state.sequence
        and held.reseals < MAX_RESEALS
        and not held.is_late
    )


def _is_echo(state: State, held: Held) -> bool:
    """Tell whether only a further copy was refused: what was accepted stays so."""
    is_older = held.sequence is not None and state.sequence < held.sequence
    is_answered = held.said_stage is not None or held.stage in {"queued", "refused"}
    is_further = truth.code_of(state.reason) == truth.REPLAYED or is_answered or is_older
    return truth.is_of_the_gate(state.stage, state.reason) and is_further


async def _move(
    conn: Connection, said: Said, heard: Sequence[State], known: Mapping[str, Held]
) -> None:
    wholes: dict[str, State] = {}
    devices: dict[tuple[str, str], State] = {}
    for state in heard:  # the last of each wins
        own = known[state.command_id].target
        if state.target in {"", own}:
            wholes[state.command_id] = state
        if target := state.target or own:
            devices[state.command_id, target] = dataclasses.replace(state, target=target)
    if devices:
        await commands_states.apply_to_devices(conn, said, list(devices.values()))
    if wholes:
        await commands_states.apply_to_wholes(conn, said, list(wholes.values()))
    ids = list({state.command_id for state in heard})
    for told in await commands_states.told(conn, ids):
        held = known[told.id]
        stage = truth.whole(told.said, told.counts, is_listed=held.is_listed)
        await commands_states.move(conn, told, stage, is_over=truth.is_over(stage, held.action))


def _state(place: int, record: records.CommandState) -> State:
    evidence, text = _evidence(record.evidence)
    return State(
        place=place,
        command_id=_clean(record.id, MAX_ID_CHARS),
        at_ms=record.at_ms,
        sequence=record.sequence,
        stage=record.stage.name.lower(),
        reason=_clean(record.reason),
        target=_clean(evidence.target, MAX_ID_CHARS),
        entry=min(max(evidence.entry, 0), _LARGEST),
        expected_w=evidence.expected_w,
        power_before_w=evidence.power_before_w,
        power_after_w=evidence.power_after_w,
        power_source=_clean(evidence.source),
        read_back=_clean(evidence.read_back),
        changes=msgspec.json.encode(evidence.changes).decode(),
        said=_clean(evidence.said),
        answer=bytes(evidence.answer).decode() if evidence.answer is not None else None,
        evidence=text,
    )


def _evidence(text: str) -> tuple[orders.Evidence, str]:
    """Read evidence; what is none is kept as text, for its state may not be lost."""
    # The database takes no zero characters, escaped or not.
    clean = text.replace("\0", "").replace("\\u0000", "")
    try:
        if len(clean) <= MAX_EVIDENCE_CHARS:
            return orders.decode_evidence(clean), clean or "{}"
    except DecodeError:
        pass
    unread = {"unread": clean[:MAX_TEXT_CHARS]}
    return orders.Evidence(), msgspec.json.encode(unread).decode()


def _clean(text: str, limit: int = MAX_TEXT_CHARS) -> str:
    return text[:limit].replace("\0", "")
