"""The detectors: how long one committed group of 10,000 rigs is judged, quiet and in a storm.

Plain rules judge a group as it comes; learned ones take it, and judge it with the next tick.
"""

import statistics
import time
from collections.abc import Iterator

import numpy as np

from lode_hub.committed import Committed, Finding
from lode_hub.sites.fleet import Fleet
from lode_hub.sites.judgement.groups import Groups
from lode_hub.sites.judgement.latest import Latest
from lode_hub.sites.judgement.rigs import RigWatch
from lode_hub.sites.judgement.second import SecondOpinion
from lode_hub.sites.judgement.series import Key, SeriesWatch
from lode_hub.sites.judgement.snapshots import Raw
from lode_hub.sites.tables import readings
from lode_hub.sites.watch import Counters, Watch
from lode_hub.store.inventory import Rig
from lode_hub.store.judgement import Device
from tests.bench.figure import Figure

RIGS = 10_000
GROUPS = 50
LIMIT_MS = 20.0
T0 = 1_700_000_000_000


def run() -> Iterator[Figure]:
    """Measure judging a group with a reading of every rig, and one where every rig is too hot."""
    watch, fleet = watched()
    quiet = [timed(watch, fleet, group(turn)) for turn in range(GROUPS)]
    yield figure("sites: 10,000 rigs judged by all rules", statistics.median(quiet))
    yield figure("sites: the same, slowest of 50", max(quiet))
    backlog = group(GROUPS, per_rig=10)
    yield figure("sites: 10 readings of each of 1,000 rigs", timed(watch, fleet, backlog))
    storm = timed(watch, fleet, group(GROUPS + 20, chip_temp_c=120.0))
    yield Figure(name="sites: 10,000 rigs too hot at once", value=storm, unit="ms")
    yield from learned(fleet)


def learned(fleet: Fleet) -> Iterator[Figure]:
    """Measure taking a group in, the tick that judges it, the step of series, and a snapshot."""
    latest, series = Latest(), SeriesWatch()
    watch = RigWatch(latest, lambda slot: False, SecondOpinion(None))
    latest.fit(RIGS)
    devices, ours = [device(row) for row in fleet.rows], np.ones(RIGS, bool)
    watch.fit(devices, ours)
    groups = Groups(devices, ours)
    nothing, took = np.zeros(RIGS, np.int64), np.zeros((3, GROUPS))
    for turn in range(GROUPS):
        rows, now_ms = group(turn), T0 + 10_000 * (turn + 1)
        times = [time.perf_counter()]
        latest.take(rows, fleet.slots(rows.device_id))
        times.append(time.perf_counter())
        assert watch.step(now_ms, nothing) == []
        times.append(time.perf_counter())
        values = groups.values(latest.rows[:RIGS], now_ms, watch.in_trouble())
        series.step(now_ms, {Key(p.site_id, m, p.subject, str(p)): v for p, m, v in values})
        times.append(time.perf_counter())
        took[:, turn] = np.diff(times) * 1000
    take_ms, step_ms, series_ms = np.median(took, axis=1).tolist()
    yield figure("judgement: 10,000 readings taken in", take_ms)
    yield figure("judgement: the tick that judges all 10,000", step_ms)
    yield Figure(name="judgement: medians and totals, each 20 s", value=series_ms, unit="ms")
    began = time.perf_counter()
    raw = Raw(watch.peers, series, [1], T0)
    copied = time.perf_counter()
    size = sum(len(one.state) for one in raw.packed()) / RIGS
    yield figure("judgement: copied for a snapshot, each minute", (copied - began) * 1000)
    packed_ms = (time.perf_counter() - copied) * 1000
    yield Figure(name="judgement: packed beside the loop", value=packed_ms, unit="ms")
    yield Figure(name="judgement: snapshot a rig", value=size, unit="B")


def device(row: Rig) -> Device:
    """Place a rig at the one site there is, in one of two models."""
    return Device(
        device_id=row.device_id, agent_id=row.agent_id, site_id=1, site="north", name=row.name,
        kind=1, model=f"S{row.device_id % 2}", rack=row.rack, is_configured=True,
        interval_s=row.interval_s, rated_hashrate_ths=row.rated_hashrate_ths, rated_power_w=3200.0,
    )  # fmt: skip


def figure(name: str, value: float) -> Figure:
    against = f"the limit of {LIMIT_MS:.0f} ms"
    return Figure(name=name, value=value, unit="ms", ratio=value / LIMIT_MS, against=against)


def timed(watch: Watch, fleet: Fleet, rows: Committed) -> float:
    """Judge a group as the domain does; give the milliseconds."""
    began = time.perf_counter()
    table = readings(rows.at_ms, rows.received_ms, rows.columns)
    found: list[Finding] = watch.judge_group(fleet.slots(rows.device_id), table)
    took_ms = (time.perf_counter() - began) * 1000
    assert len(found) in {0, RIGS}
    return took_ms


def watched() -> tuple[Watch, Fleet]:
    """Watch 10,000 rigs in racks of 50."""
    fleet = Fleet()
    rows = [
        Rig(
            device_id=number + 1, agent_id=number // 500 + 1, name=f"rig-{number:05}",
            rack=f"r{number // 50}", is_configured=True, interval_s=10.0, rated_hashrate_ths=110.0,
            rated_boards=3, rated_fans=4, chip_temp_max_c=95.0, board_temp_max_c=80.0,
        )
        for number in range(RIGS)
    ]  # fmt: skip
    fleet.load(rows, {})
    watch = Watch(fleet, Counters())
    watch.fit()
    return watch, fleet


def group(turn: int, *, per_rig: int = 1, chip_temp_c: float = 75.0) -> Committed:
    """Make a group of 10,000 readings in no order, observed 10 s after the turn before."""
    chance = np.random.default_rng(turn)
    rigs = chance.permutation(np.repeat(np.arange(1, RIGS // per_rig + 1), per_rig))
    at_ms = T0 + 10_000 * turn + chance.permutation(len(rigs)).astype(np.int64) % 10_000
    noise = chance.normal(0, 1, len(rigs)).astype(np.float32)
    whole = {"fans_alive": (4, "i2"), "boards_alive": (3, "i2"), "chips_alive": (330, "i4")}
    whole |= {"uptime_s": (90_000, "i8"), "state": (1, "u1"), "quality": (0, "u2")}
    columns = {
        "hashrate_ths": 110 + noise, "power_w": 3200 + noise, "board_temp_c": 60 + noise,
        "chip_temp_c": chip_temp_c + noise, "inlet_temp_c": 25 + noise, "fan_rpm": 5000 + noise,
    }  # fmt: skip
    columns |= {name: np.full(len(rigs), n, code) for name, (n, code) in whole.items()}
    return Committed(
        kind="rig",
        agent_id=(rigs // 500 + 1).astype(np.int32),
        device_id=rigs.astype(np.int32),
        at_ms=at_ms,
        received_ms=at_ms + 200,
        columns=columns,
    )
