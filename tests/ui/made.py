"""Rows made up: one of each noun, with values as they come from a site."""

import math
import random
import time
from collections.abc import Sequence

from lode_hub.queries.nouns import (
    AgentRow,
    AlertRow,
    GapRow,
    MeterRow,
    PointRow,
    QuarantineRow,
    RigRow,
    RigState,
    Series,
    SiteTotals,
    Span,
)

WINDOWS: dict[Span, tuple[int, int]] = {"hour": (60, 60), "day": (96, 900), "week": (168, 3600)}
STATES: dict[int, RigState] = {5: "unreachable", 17: "faulted", 23: "curtailed", 29: "silent"}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def rig(number: int, dice: random.Random, **values: object) -> RigRow:
    """Make a rig; every hundred of them has one in each kind of trouble."""
    state = STATES.get(number % 100, "mining")
    is_read = state not in {"unreachable", "silent"}
    share = dice.uniform(0.96, 1.01)
    shown: dict[str, object] = {
        "device_id": number,
        "name": f"rig-{number:03d}",
        "site": "north",
        "agent": "north-1",
        "rack": f"{'ABCDEFGH'[number // 40 % 8]}{number // 10 % 4 + 1}",
        "vendor": "Bitmain",
        "model": ("Antminer S19j Pro", "WhatsMiner M50S", "Avalon A1366")[number % 3],
        "firmware": "2023.05",
        "serial": f"NGSB{number:06d}",
        "mac": "02:00:00:00:00:01",
        "address": f"127.20.{number // 250}.{number % 250 + 1}",
        "profile": "bitmain-s19j-pro",
        "state": state,
        "at_ms": now_ms() - dice.randrange(4000),
        "age_s": 1.0,
        "correction_ms": 0,
        "hashrate_ths": 104.0 * share if is_read else None,
        "rated_hashrate_ths": 104.0,
        "power_w": 3068.0 * share if is_read else None,
        "rated_power_w": 3068.0,
        "power_source": "measured",
        "efficiency_jth": 29.5 if is_read else None,
        **(_measured(state, dice) if is_read else dict.fromkeys(_measured(state, dice))),
        "chip_temp_max_c": 90.0,
        "board_temp_max_c": 80.0,
        "rated_fans": 4,
        "rated_boards": 3,
        "quality": () if is_read else ("timed_out",),
        "open_alerts": 0 if state == "mining" else 1,
    }
    return RigRow(**{**shown, **values})


def _measured(state: RigState, dice: random.Random) -> dict[str, object]:
    return {
        "board_temp_c": 61.0,
        "chip_temp_c": 75.0 + dice.uniform(-3, 3),
        "inlet_temp_c": 23.5,
        "fan_rpm": 5880.0,
        "fans_alive": 4,
        "boards_alive": 2 if state == "faulted" else 3,
        "chips_alive": 378,
        "accepted_shares": 182_331,
        "rejected_shares": 211,
        "uptime_s": 93_600,
    }


def site(number: int, name: str, rigs: Sequence[RigRow], agents: Sequence[AgentRow]) -> SiteTotals:
    """Add up rigs."""
    hashrate = sum(rig.hashrate_ths or 0 for rig in rigs)
    power = sum(rig.power_w or 0 for rig in rigs)
    covered = sum(rig.hashrate_ths or 0 for rig in rigs if rig.power_w is not None)
    by_state: dict[RigState, int] = {}
    for each in rigs:
        by_state[each.state] = by_state.get(each.state, 0) + 1
    return SiteTotals(
        site_id=number,
        site=name,
        rigs=len(rigs),
        rigs_by_state=by_state,
        hashrate_ths=hashrate or None,
        rig_power_w=power or None,
        meter_power_w=power * 1.05 or None,
        efficiency_jth=power / covered if covered else None,
        open_alerts=sum(rig.open_alerts for rig in rigs),
        newest_ms=max((rig.at_ms or 0 for rig in rigs), default=None),
        agents=len(agents),
        stale_agents=sum(agent.state == "stale" for agent in agents),
    )


def meter(rigs: int = 40) -> MeterRow:
    return MeterRow(
        device_id=9001,
        name="meter-1",
        site="north",
        agent="north-1",
        model="SDM630",
        address="127.21.0.1:502",
        at_ms=now_ms(),
        age_s=0.4,
        power_w=3228.0 * rigs,
        energy_in_kwh=81_231.4,
        voltage_v=231.2,
        current_a=187.3,
        freq_hz=49.98,
        power_factor=0.985,
        quality=(),
    )


def points(device_id: int) -> list[PointRow]:
    """Give a rig's boards and fans, named as the agent's driver names them."""
    measured = [("temp", "°C", 61.0), ("chip_temp", "°C", 75.0), ("hashrate", "TH/s", 34.2)]
    boards = [
        (f"board.{board}.{name}", unit, value + board)
        for board in (1, 2, 3)
        for name, unit, value in [*measured, ("chips", "", 126.0)]
    ]
    fans = [(f"fan.{fan}", "rpm", 5800.0 + 10 * fan) for fan in (1, 2, 3, 4)]
    named = [*boards, *fans, ("hashrate.ideal", "TH/s", 104.0 + device_id * 0)]
    return [
        PointRow(point=name, unit=unit, value=value, at_ms=now_ms() - 900, quality=())
        for name, unit, value in named
    ]


def phases() -> list[PointRow]:
    """Give a meter's phases."""
    return [
        PointRow(point=f"l{n}.voltage", unit="V", value=230.4 + n, at_ms=now_ms() - 900, quality=())
        for n in (1, 2, 3)
    ]


def series(metric: str, span: Span, base: float, *, gap_share: float = 0.0) -> Series:
    """Make a wave that ends now; such a share of its buckets, in the middle, is missing."""
    buckets, bucket_s = WINDOWS[span]
    end_s = now_ms() // 1000 // bucket_s * bucket_s
    kept = [n for n in range(buckets) if not 0.5 < n / buckets < 0.5 + gap_share]
    mean = [base * (1 + 0.02 * math.sin(n / 7)) for n in kept]
    return Series(
        device_id=0,
        metric=metric,
        bucket_s=bucket_s,
        at_ms=[(end_s - (buckets - 1 - n) * bucket_s) * 1000 for n in kept],
        mean=list(mean),
        low=[value * 0.98 for value in mean],
        high=[value * 1.03 for value in mean],
    )


def agent(name: str, **values: object) -> AgentRow:
    shown: dict[str, object] = {
        "agent_id": 1,
        "name": name,
        "site": "north",
        "state": "live",
        "is_online": True,
        "committed_age_s": 1.2,
        "version": "0.1.0",
        "hostname": "edge-north",
        "started_ms": now_ms() - 86_400_000,
        "epoch": "9f31c2d4a81b",
        "mark": 182_331,
        "ahead": 3,
        "spool_batches": 2,
        "spool_records": 310,
        "spool_bytes": 18_400,
        "lag_s": 0.8,
        "clock_offset_ms": 2310.0,
        "rtt_ms": 3.2,
        "is_stuck": False,
        "rss_bytes": 48_100_000,
        "polls_done": 1_293_112,
        "polls_late": 12,
        "polls_skipped": 3,
        "polls_failed": 812,
        "bad_answers": 4,
        "disk_free_bytes": 81_000_000_000,
        "open_gaps": 1,
        "lost_records": 412,
        "quarantined": 3,
    }
    return AgentRow(**{**shown, **values})


def gaps() -> list[GapRow]:
    """Give one gap that is open, one that is lost, one that was filled."""
    now = now_ms()
    common = {"agent": "north-1", "epoch": "9f31c2d4a81b", "detail": ""}
    return [
        GapRow(gap_id=1, reason="missing", from_seq=18_211, to_seq=18_214, from_ms=None,
               to_ms=None, records=None, found_ms=now - 4000, filled_ms=None, **common),
        GapRow(gap_id=2, reason="spool_full", from_seq=17_001, to_seq=17_012, from_ms=now - 7200,
               to_ms=now - 7100, records=412, found_ms=now - 7000, filled_ms=None, **common),
        GapRow(gap_id=3, reason="missing", from_seq=16_001, to_seq=16_001, from_ms=None,
               to_ms=None, records=64, found_ms=now - 9000, filled_ms=now - 8000, **common),
    ]  # fmt: skip


def refused(reason: str) -> QuarantineRow:
    return QuarantineRow(
        quarantine_id=1,
        at_ms=now_ms() - 60_000,
        agent="north-1",
        topic="lode/v1/07/north-1/mining_metrics",
        reason=reason,
        size_bytes=18_231,
    )


def alert(number: int, **values: object) -> AlertRow:
    shown: dict[str, object] = {
        "alert_id": number,
        "rule": "rig-over-temperature",
        "severity": "critical",
        "state": "open",
        "site": "north",
        "key": "device:17",
        "subject": "rig-017",
        "device_id": 17,
        "agent_id": None,
        "title": "rig-017 is too hot: chip 92.4 °C, limit 90 °C",
        "evidence": {"chip_temp_c": 92.4, "limit_c": 90.0, "lasted_s": 184},
        "likely_cause": "a fan has stopped",
        "since_ms": now_ms() - 212_000,
        "opened_ms": now_ms() - 211_000,
        "acknowledged_ms": None,
        "acknowledged_by": None,
        "resolved_ms": None,
        "cause": "heat",
        "rack": "A1",
        "confidence": 1.0,
        "members": [],
        "stake_usd_h": None,
        "rule_version": 1,
        "untold": "",
        "told_ms": now_ms() - 211_000,
        "cleared_ms": None,
        "flapping_until_ms": None,
        "shelved_until_ms": None,
        "shelved_by": None,
    }
    return AlertRow(**{**shown, **values})


def alerts() -> list[AlertRow]:
    """Give alerts in each state."""
    now = now_ms()
    return [
        alert(1),
        alert(2, severity="warning", rule="rig-unreachable", subject="rig-005", device_id=5,
              title="rig-005 cannot be reached", evidence={"quality": ["timed_out"]}),
        alert(3, severity="warning", state="acknowledged", subject="rig-023", device_id=23,
              title="rig-023 makes 66.2 of 104 TH/s (64%)", acknowledged_by="noor",
              acknowledged_ms=now - 90_000),
        alert(4, severity="info", state="resolved", subject="agent north-1", device_id=None,
              title="agent north-1 is stale", acknowledged_by="noor",
              acknowledged_ms=now - 90_000, resolved_ms=now - 60_000),
    ]  # fmt: skip
