"""Commands, controls and curtailments made up, as the hub's queries give them."""

import uuid
from collections import Counter
from collections.abc import Sequence

from lode_hub.commands.choose import Ask, Candidate, choose
from lode_hub.queries.command_nouns import (
    CommandDetail,
    CommandDeviceRow,
    CommandRow,
    CommandStepRow,
    ControlsRow,
    CurtailmentRow,
    UnorderedRow,
)
from lode_hub.queries.nouns import RigRow
from tests.ui.made import now_ms

OFFERS = ("sleep", "wake", "power_limit", "power_mode", "restart_mining", "reboot", "fault_light")
BLOCKED = "its password is not in the secrets file; add it"


def new_id() -> str:
    return uuid.uuid4().hex


def command(**values: object) -> CommandRow:
    shown: dict[str, object] = {
        "command_id": new_id(),
        "site": "north",
        "agent": "north-1",
        "device_id": 3,
        "target": "rig-003",
        "action": "sleep",
        "order": {"intent": {"action": "sleep"}, "terms": None},
        "actor": "mira",
        "approved_by": (),
        "stage": "queued",
        "reason": "",
        "devices": 1,
        "counts": {"waiting": 1},
        "is_held": False,
        "curtailment_id": None,
        "lease": None,
        "sequence": 4711,
        "expected_w": None,
        "power_before_w": None,
        "power_after_w": None,
        "created_ms": now_ms(),
        "expires_ms": now_ms() + 60_000,
        "dispatched_ms": None,
        "answered_ms": None,
        "ended_ms": None,
    }
    return CommandRow(**{**shown, **values})


def unordered(command_id: str, **values: object) -> UnorderedRow:
    shown: dict[str, object] = {
        "command_id": command_id,
        "agent": "north-1",
        "site": "north",
        "target": "",
        "stage": "refused",
        "reason": "forged: the signature does not fit",
        "at_ms": now_ms(),
        "received_ms": now_ms(),
    }
    return UnorderedRow(**{**shown, **values})


def device(target: str = "rig-003", **values: object) -> CommandDeviceRow:
    shown: dict[str, object] = {
        "target": target,
        "device_id": 3,
        "stage": None,
        "reason": "",
        "expected_w": None,
        "power_before_w": None,
        "power_after_w": None,
        "power_source": "",
        "read_back": "",
        "changes": [],
        "said": "",
        "answer": None,
        "entry": 0,
        "at_ms": None,
    }
    return CommandDeviceRow(**{**shown, **values})


def step(number: int, stage: str, **values: object) -> CommandStepRow:
    shown: dict[str, object] = {
        "step_id": number,
        "at_ms": now_ms() - 60_000 + 900 * number,
        "received_ms": now_ms() - 60_000 + 950 * number,
        "target": "",
        "stage": stage,
        "reason": "",
        "sequence": 4711,
        "entry": 210 + number,
        "evidence": {},
    }
    return CommandStepRow(**{**shown, **values})


def detail(row: CommandRow, *devices: CommandDeviceRow) -> CommandDetail:
    """Give a command of which nothing was heard yet."""
    return CommandDetail(command=row, devices=list(devices), steps=[], approvals=[], answer=None)


def proved(**values: object) -> CommandDetail:
    """Give a sleep that was proved by the PDU and by read-back."""
    row = command(
        stage="effective",
        is_held=True,
        counts={"effective": 1},
        expected_w=60.0,
        power_before_w=3068.0,
        power_after_w=41.0,
        created_ms=now_ms() - 61_000,
        order={
            "intent": {"action": "sleep"},
            "terms": {
                "until_ms": now_ms() + 3_600_000,
                "at_end": "restore",
                "if_lost": "hold",
                "lost_after_s": 300.0,
            },
        },
        **values,
    )
    shown = device(
        stage="effective",
        expected_w=60.0,
        power_before_w=3068.0,
        power_after_w=41.0,
        power_source="pdu",
        read_back="is_asleep True",
        changes=[{"key": "bitmain-work-mode", "before": "0", "after": "1"}],
        said="set_conf: ok",
        entry=214,
        at_ms=now_ms() - 56_000,
    )
    stages = ("accepted", "sent", "acknowledged", "effective")
    steps = [step(n, stage, target="rig-003") for n, stage in enumerate(stages, 1)]
    return CommandDetail(command=row, devices=[shown], steps=steps[::-1], approvals=[], answer=None)


def many(rigs: Sequence[RigRow], *, failed: int, waiting: int, **values: object) -> CommandDetail:
    """Give a lease of many rigs on their way."""
    shown = [_of_many(n, rig, failed, len(rigs) - waiting) for n, rig in enumerate(rigs)]
    counts = dict(Counter(each.stage or "waiting" for each in shown))
    sums = {
        name: sum(getattr(each, name) or 0.0 for each in shown)
        for name in ("expected_w", "power_before_w", "power_after_w")
    }
    row = command(
        action="curtail",
        device_id=None,
        target="",
        order={
            "intent": {
                "action": "curtail",
                "steps": [{"wish": {"action": "sleep"}, "devices": len(rigs)}],
                "terms": {"until_ms": None, "at_end": "restore", "if_lost": "hold"},
            },
            "terms": None,
        },
        stage="sent" if waiting else "failed" if failed else "effective",
        devices=len(rigs),
        counts=counts,
        is_held=True,
        created_ms=now_ms() - 45_000,
        **{**sums, **values},
    )
    steps = [step(n, stage) for n, stage in enumerate(("accepted", "sent"), 1)]
    return CommandDetail(command=row, devices=shown, steps=steps[::-1], approvals=[], answer=None)


def _of_many(n: int, rig: RigRow, failed: int, done: int) -> CommandDeviceRow:
    power_w = rig.power_w or 3068.0
    common = {"device_id": rig.device_id, "expected_w": power_w}
    if n < failed:
        return device(
            rig.name,
            **common,
            stage="failed",
            reason="no-effect: read-back says is_asleep False, power is 3051 W",
            power_before_w=power_w,
            power_after_w=3051.0,
            power_source="pdu",
            at_ms=now_ms() - 9000,
        )
    if n >= done:
        return device(rig.name, **common)
    return device(
        rig.name,
        **common,
        stage="effective",
        power_before_w=power_w,
        power_after_w=38.0,
        power_source="pdu",
        read_back="is_asleep True",
        entry=300 + n,
        at_ms=now_ms() - 20_000 + n,
    )


def controls(rig: RigRow) -> ControlsRow | None:
    """Say what a rig offers; of every hundred, one has each kind of obstacle."""
    number = rig.device_id % 100
    if number == 31:
        return None
    return ControlsRow(
        device_id=rig.device_id,
        name=rig.name,
        site=rig.site,
        agent=rig.agent,
        offers={7: (), 11: ("reboot", "fault_light")}.get(number, OFFERS),
        modes=(),
        presets=(),
        power_min_w=1800.0,
        power_max_w=3250.0,
        starts_left=0 if number == 13 else 6,
        feeder="meter-1" if rig.device_id % 50 else "",
        outlet=f"pdu-1/{number}",
        blocked=BLOCKED if number == 7 else "",
        lease=new_id() if number == 37 else None,
        maintenance="noor, 2026-02-11 03:12 UTC: new fan" if number == 19 else None,
        at_ms=now_ms(),
    )


def preview(ask: Ask, terms: dict[str, object], rigs: Sequence[RigRow]) -> CurtailmentRow:
    """Choose as the hub does."""
    site_w = 1.05 * sum(rig.power_w or 0.0 for rig in rigs)
    needed_w = ask.reduce_by_w
    if ask.reduce_to_w is not None:
        needed_w = max(0.0, site_w - ask.reduce_to_w)
    choice = choose(ask, (_candidate(rig) for rig in rigs), needed_w)
    asked = {
        "site": ask.site,
        "reduce_to_w": ask.reduce_to_w,
        "reduce_by_w": ask.reduce_by_w,
        "excluding": sorted(ask.excluding),
    }
    return CurtailmentRow(
        curtailment_id=new_id(),
        site=ask.site,
        person="mira",
        made_ms=now_ms(),
        started_by=None,
        started_ms=None,
        asked={"ask": asked, "terms": terms},
        site_power_w=site_w,
        site_power_source="meters",
        needed_w=needed_w,
        expected_w=choice.expected_w,
        is_enough=choice.is_enough,
        down_s=180.0,
        up_s=360.0,
        feeders=choice.feeders,
        taken=choice.taken,
        skipped=choice.skipped,
        commands=[],
    )


def _candidate(rig: RigRow) -> Candidate:
    known = controls(rig)
    return Candidate(
        device_id=rig.device_id,
        name=rig.name,
        agent_id=1,
        agent=rig.agent,
        rack=rig.rack,
        state=rig.state,
        age_s=412.0 if rig.state == "silent" else 1.0,
        power_w=rig.power_w,
        rated_power_w=rig.rated_power_w,
        hashrate_ths=rig.hashrate_ths,
        rated_hashrate_ths=rig.rated_hashrate_ths,
        offers=known.offers if known else None,
        blocked=known.blocked if known else None,
        starts_left=known.starts_left if known else None,
        feeder=known.feeder if known else None,
        lease=known.lease if known else None,
        maintenance=known.maintenance if known else None,
    )


PROBED = {
    "host": "10.0.4.17",
    "found": [
        {
            "driver": "modbus",
            "address": "10.0.4.17:502",
            "unit": 1,
            "facts": {"vendor": "Eastron", "model": "SDM630", "profile": "eastron-sdm630"},
            "values": {"power_w": 129_120.0, "voltage_v": 231.2, "freq_hz": 49.98},
            "note": "",
        }
    ],
    "notes": ["asic: 10.0.4.17:4028 refused the connection"],
}
REGISTERS = [0x4366, 0x3333, 0x0000, 0xFFFE]
