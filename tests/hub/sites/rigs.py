"""Readings, facts and committed groups for detectors, a few words each."""

import numpy as np

from lode_hub.committed import Committed
from lode_hub.sites.tables import FACTS, READING, THRESHOLDS, Table, readings
from lode_wire.records import State

T0 = 1_700_000_000_000
NAN = float("nan")

HEALTHY = {
    "state": int(State.MINING), "quality": 0, "hashrate_ths": 100.0, "power_w": 3000.0,
    "board_temp_c": 60.0, "chip_temp_c": 75.0, "inlet_temp_c": 25.0, "fan_rpm": 5000.0,
    "fans_alive": 4, "boards_alive": 3, "chips_alive": 330, "uptime_s": 86_400,
    "accepted_shares": 1000, "rejected_shares": 1,
}  # fmt: skip
FACTS_OF_S19 = {
    "interval_s": 2.0, "rated_hashrate_ths": 100.0, "rated_boards": 3, "rated_fans": 4,
    "chip_temp_max_c": 95.0, "board_temp_max_c": 80.0,
}  # fmt: skip
TYPES = {
    "state": np.uint8, "quality": np.uint16, "fans_alive": np.int16, "boards_alive": np.int16,
    "chips_alive": np.int32, "uptime_s": np.int64, "accepted_shares": np.int64,
    "rejected_shares": np.int64,
}  # fmt: skip


def reading(at_s: float, **values: float) -> Table:
    """One reading as detectors see it, observed `at_s` after T0."""
    row = np.zeros(1, READING)
    row["at_ms"] = row["received_ms"] = T0 + int(at_s * 1000)
    for name, value in (HEALTHY | values).items():
        if name in READING.names:
            row[name] = value
    return row


def facts(**values: float) -> Table:
    """One rig's facts as detectors see them."""
    row = np.zeros(1, FACTS)
    for name, value in (THRESHOLDS | FACTS_OF_S19 | values).items():
        row[name] = value
    return row


def committed(
    device_ids: list[int], at_ms: list[int], agent_id: int = 1, received_ms: int | None = None,
    **columns: object,
) -> Committed:  # fmt: skip
    """A group of rig readings; a column is given as one value for all or a list."""
    n = len(device_ids)
    received = at_ms if received_ms is None else [received_ms] * n
    return Committed(
        kind="rig",
        agent_id=np.full(n, agent_id, np.int32),
        device_id=np.array(device_ids, np.int32),
        at_ms=np.array(at_ms, np.int64),
        received_ms=np.array(received, np.int64),
        columns={
            name: np.broadcast_to(np.array(value, TYPES.get(name, np.float32)), n).copy()
            for name, value in (HEALTHY | columns).items()
        },
    )


def table(group: Committed) -> Table:
    """A committed group as detectors see it."""
    return readings(group.at_ms, group.received_ms, group.columns)
