"""The words and figures of a finding: what is measured, what is usual, which limit it broke."""

import numpy as np

from lode_models.peers import restarts
from lode_models.peers.charts import THRESHOLDS
from lode_models.peers.found import Found
from lode_models.peers.kinds import KINDS
from lode_models.peers.memory import CHART_S, Memory
from lode_models.peers.rigs import Rigs
from lode_models.peers.sample import (
    BOARD,
    CHIP,
    COUNTED,
    EFFICIENCY,
    FAN,
    HASH,
    IS_TEMP,
    METRICS,
    POWER,
    RAW,
)
from lode_models.peers.shared_events import Event
from lode_models.peers.split import median

CHARTED = {
    "overheating": (CHIP, BOARD),
    "hash_loss": (HASH, POWER, EFFICIENCY),
    "hash_decay": (HASH, POWER, EFFICIENCY),
    "power_up": (POWER, EFFICIENCY, HASH),
    "fan_failure": (FAN, CHIP),
    "board_loss": (HASH, POWER),
    "chip_loss": (HASH, POWER),
    "offset": (CHIP, BOARD, HASH, EFFICIENCY),
}
UNITS = ("ths", "w", "jth", "c", "c", "rpm")
SURE = {"offline": 0.97, "board_loss": 0.99, "chip_loss": 0.97, "flatline": 0.95, "offset": 0.8,
        "rejected_shares": 0.9, "restarting": 0.97}  # fmt: skip


def of_rig(m: Memory, rigs: Rigs, kind: int, slot: int, at_ms: int, *, is_active: bool) -> Found:
    """Say what one rig has, or no longer has."""
    what = KINDS[kind]
    evidence = _figures(m, rigs, what.name, slot)
    return Found(
        kind=what.name,
        slot=slot,
        is_active=is_active,
        severity=what.severity,
        at_ms=at_ms,
        since_ms=min(int(m.since_ms[kind, slot]), at_ms),
        confidence=_confidence(m, what.name, slot),
        likely_cause=what.cause,
        evidence=evidence,
    )


def of_event(m: Memory, rigs: Rigs, event: Event, at_ms: int, *, is_active: bool) -> Found:
    """Say what a whole group has, or no longer has."""
    what = KINDS[event.kind]
    change = np.exp(m.latest[HASH][event.members] - m.own[HASH][event.members])
    heat = m.latest[CHIP][event.members] - m.own[CHIP][event.members]
    evidence: dict[str, object] = {
        "members": len(event.members),
        "of": int((event.holds(rigs) & rigs.is_watched).sum()),
        "share": round(event.share, 3),
        "limit_share": 0.25,
        "hash_of_own_level": _number(median(change), 3),
        "chip_temp_above_own_level_c": _number(median(heat)),
        "examples": [rigs.rows[slot].name for slot in event.members[:5].tolist()],
    }
    return Found(
        kind=what.common,
        group=event.group(rigs),
        is_active=is_active,
        severity="critical",
        at_ms=at_ms,
        since_ms=min(event.since_ms, at_ms),
        confidence=round(min(0.99, 0.8 + 0.2 * event.share), 2),
        likely_cause=what.common_cause,
        members=tuple(event.members.tolist()),
        evidence=evidence,
    )


def _figures(m: Memory, rigs: Rigs, kind: str, slot: int) -> dict[str, object]:
    peers = rigs.peers(slot)
    out: dict[str, object] = {"peers": len(peers)}
    for metric in CHARTED.get(kind, ()):
        out |= _charted(m, metric, slot, peers)
    if kind in ("board_loss", "chip_loss", "fan_failure"):
        for part, name in enumerate(COUNTED):
            out[name] = _number(m.count[part, slot])
            out[name.replace("alive", "expected")] = _number(m.reference[part, slot])
    if kind == "restarting":
        times = m.restart_ms[:, slot]
        recent = times[times >= max(1, times[0] - restarts.WITHIN_MS)]
        out |= {"restarts_ms": sorted(recent.tolist()), "limit": restarts.LEAST}
        out["window_s"] = restarts.WITHIN_MS // 1000
    if kind == "offline":
        out["silent_since_ms"] = int(m.heard_ms[slot])
        out["interval_s"] = _number(m.interval_s[slot])
    if kind == "flatline":
        stuck = np.flatnonzero(m.run[:, slot] >= m.run_limit[:, slot]).tolist()
        out["equal_samples"] = {RAW[i]: int(m.run[i, slot]) for i in stuck}
        out["limit"] = {RAW[i]: int(m.run_limit[i, slot]) for i in stuck}
        out["values"] = {RAW[i]: _number(m.raw[i, slot]) for i in stuck}
    if kind == "rejected_shares":
        accepted, bad = m.shares[:, slot].tolist()
        out |= {"accepted": round(accepted, 1), "rejected": round(bad, 1), "window_s": 900}
    return out


def _charted(m: Memory, metric: int, slot: int, peers: np.ndarray) -> dict[str, object]:
    name, unit = METRICS[metric], UNITS[metric]
    plain = (lambda v: v) if IS_TEMP[metric] else np.exp
    chart, limit = m.chart[:, metric, slot], m.limit[:, metric, slot]
    with np.errstate(over="ignore"):
        worst = int(np.argmax(np.abs(chart) / limit))
        usual = median(m.latest[metric][peers])
        values = {
            "value": plain(m.latest[metric, slot]),
            "own_level": plain(m.own[metric, slot]),
            "peer_median": plain(usual),
        }
    scale = 1.0 if IS_TEMP[metric] else 100.0
    out: dict[str, object] = {f"{name}_{unit}": {k: _number(v) for k, v in values.items()}}
    out[f"{name}_chart"] = {
        "seconds": int(CHART_S[worst]),
        "deviation": _number(scale * chart[worst]),
        "limit": _number(scale * limit[worst]),
        "unit": "°C" if IS_TEMP[metric] else "%",
        "spreads": float(THRESHOLDS[worst]),
    }
    return out


def _confidence(m: Memory, kind: str, slot: int) -> float:
    """Give how sure it is: counted things are, charted ones the further beyond their limit."""
    if kind in SURE:
        return SURE[kind]
    metrics = list(CHARTED[kind][:2])
    with np.errstate(invalid="ignore"):
        beyond = np.nanmax(np.abs(m.chart[:, metrics, slot]) / m.limit[:, metrics, slot])
    counted = kind == "fan_failure" and m.count[2, slot] < m.reference[2, slot]
    return 0.98 if counted else round(float(np.clip(1 - 0.3 / max(beyond, 0.5), 0.4, 0.98)), 2)


def _number(value: float, digits: int = 2) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None
