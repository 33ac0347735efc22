"""Faults of a simulated fleet, hours of it in accelerated time, against a real database.

Readings go into the hub's domain as they would be committed, findings into the alerts. The first
hour, in which detectors learn, goes into them directly.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from lode_hub import alerts, rules
from lode_hub.committed import Committed
from lode_hub.sites import Sites
from lode_hub.sites.judgement.latest import Latest
from lode_hub.sites.judgement.rigs import RigWatch
from lode_hub.sites.judgement.second import SecondOpinion
from lode_hub.sites.judgement.snapshots import Raw
from lode_hub.store import Store, judgement
from lode_sim.fleet_events import Acts
from lode_sim.fleet_faults import Fleet, Frame
from lode_sim.fleet_rigs import MODELS, SITES
from tests.hub.alerts.stage import rows
from tests.hub.sites import stage
from tests.hub.sites.stage import store

__all__ = ["store"]

RIGS, HOURS, QUIET_H = 240, 1.4, 1.1
FROM_S, RESTARTS_S = 3_900, (4_250, 4_400)
WHOLE = {"fans_alive": "i2", "boards_alive": "i2", "chips_alive": "i4", "uptime_s": "i8",
         "accepted_shares": "i8", "rejected_shares": "i8"}  # fmt: skip
SHOWN = {
    "board_loss": "rig-board-loss",
    "fan_failure": "rig-fan-failure",
    "chip_loss": "rig-chip-loss",
    "power_up": "rig-power-up",
    "offline": "rig-silent",
}


@dataclass
class Run:
    """The hub that watches the fleet; a rig's number is its slot's plus one."""

    store: Store
    fleet: Fleet
    agents: np.ndarray  # by slot
    now_ms: int = 0

    async def start(self) -> None:
        """Start the hub."""
        self.sites = Sites(self.store, clock=lambda: self.now_ms / 1000)
        await self.sites.restore()

    async def take(self, frame: Frame) -> None:
        """Let a frame's readings be committed, and time pass."""
        self.now_ms = frame.now_ms
        found = [*await self.sites.consume([committed(frame, self.agents)])]
        found += await self.sites.tick(frame.now_ms)
        await alerts.take(self.store, found, frame.now_ms)


def committed(frame: Frame, agents: np.ndarray) -> Committed:
    """Give a frame's readings as they come from ingest."""
    n, columns = len(frame.slots), {}
    for name, values in frame.columns.items():
        if name in WHOLE:
            code = np.dtype(WHOLE[name])
            missing = np.isnan(values)
            columns[name] = np.where(missing, np.iinfo(code).min, values).astype(code)
        elif name not in ("at_ms", "mode"):
            columns[name] = values.astype("u1" if name == "state" else "f4")
    columns["quality"] = np.zeros(n, np.uint16)
    columns["inlet_temp_c"] = np.full(n, np.nan, np.float32)
    return Committed(
        kind="rig", agent_id=agents[frame.slots].astype(np.int32),
        device_id=(frame.slots + 1).astype(np.int32),
        at_ms=frame.columns["at_ms"].astype(np.int64),
        received_ms=np.full(n, frame.now_ms, np.int64), columns=columns,
    )  # fmt: skip


async def build(store: Store, fleet: Fleet) -> Run:
    """Write the fleet's sites, agents and rigs down."""
    await rules.install(store, None)
    hall = fleet.hall
    agents = [await stage.add_agent(store, f"agent-{n}", f"site-{n}") for n in range(SITES)]
    places = np.column_stack([hall.site, hall.rack, hall.model, hall.interval_s])
    edges = [0, *(np.flatnonzero(np.diff(places, axis=0).any(axis=1)) + 1).tolist(), RIGS]
    for begin, end in pairwise(edges):
        name, ths, _, boards, *_ = MODELS[hall.model[begin]]
        numbers = await stage.add_rigs(
            store, agents[hall.site[begin]], end - begin, name=f"rig-{begin}",
            rack=f"r{hall.rack[begin]}", interval_s=float(hall.interval_s[begin]),
            rated_hashrate_ths=ths, rated_boards=boards, rated_fans=None,
            chip_temp_max_c=120.0, board_temp_max_c=110.0,
        )  # fmt: skip
        assert numbers == list(range(begin + 1, end + 1))
        async with store.pool.connection() as conn:
            await conn.execute("update device set model = %s where id = any(%s)", (name, numbers))
    async with store.pool.connection() as conn:
        at_s = fleet.t0_ms / 1000 + FROM_S
        await conn.execute("update agent set committed_at = to_timestamp(%s)", (at_s,))
    return Run(store, fleet, np.array(agents)[hall.site])


async def learn(run: Run, frames: list[Frame]) -> None:
    """Let the detector of rigs see frames, and keep what it remembers."""
    async with run.store.pool.connection() as conn:
        devices = await judgement.devices(conn)
    latest, nothing = Latest(), np.zeros(RIGS, np.int64)
    watch = RigWatch(latest, lambda slot: False, SecondOpinion(None))
    latest.fit(RIGS)
    watch.fit(devices, np.ones(RIGS, bool))
    for frame in frames:
        latest.take(committed(frame, run.agents), frame.slots)
        watch.step(frame.now_ms, nothing)
    site_ids = sorted({device.site_id for device in devices})
    raw = Raw(watch.peers, {}, site_ids, frames[-1].now_ms)
    async with run.store.pool.connection() as conn:
        await judgement.save(conn, raw.packed())


def simulated() -> Fleet:
    """Give one fault of each kind, a site that is curtailed, and one whose pool is away."""
    fleet = Fleet(seed=5, rigs=RIGS, hours=HOURS, quiet_h=QUIET_H, per_kind=1, has_acts=False)
    hit = [int(fleet.hall.site[fault.slot]) for fault in fleet.faults if fault.kind in SHOWN]
    rest, pool, *_ = sorted(range(SITES), key=hit.count)
    fleet.acts = Acts(
        curtail_s=FROM_S + 120, curtail_site=rest, pool_s=FROM_S + 300, pool_site=pool,
        low_site=-1, feeder_rack=-1, stagger=fleet.chance.random(RIGS),
    )  # fmt: skip
    return fleet


@pytest.mark.slow
async def test_faults_of_a_fleet_are_told_once_and_orders_and_restarts_are_not(store):
    fleet = simulated()
    run, frames = await build(store, fleet), iter(fleet)
    first_ms = fleet.t0_ms + FROM_S * 1000
    quiet = []
    for frame in frames:
        quiet.append(frame)
        if frame.now_ms >= first_ms:
            break
    await learn(run, quiet)
    run.now_ms = first_ms
    await run.start()
    stops = [fleet.t0_ms + at_s * 1000 for at_s in RESTARTS_S]
    for frame in frames:
        await run.take(frame)
        if stops and frame.now_ms >= stops[0]:
            await run.sites.write_down()
            await run.start()
            stops.pop(0)
    told = await rows(
        store,
        "select a.rule, a.subject, a.members, a.evidence from alert a where exists (select 1 "
        "from outbox o join alert_event e on e.id = o.event_id where e.alert_id = a.id) "
        "and not starts_with(a.rule, 'quality-') order by 1",
    )
    of_rigs = [(one["rule"], one["subject"]) for one in told if one["subject"].startswith("device")]
    for fault in fleet.faults:
        if fault.kind in SHOWN:
            mine = [rule for rule, subject in of_rigs if subject == f"device:{fault.slot + 1}"]
            assert mine == [SHOWN[fault.kind]], fault
    (pool,) = [one for one in told if one["rule"] == "site-pool-outage"]
    site_of = fleet.hall.site
    assert {int(site_of[int(m.split(":")[1]) - 1]) for m in pool["members"]} == {
        fleet.acts.pool_site
    }
    assert len(pool["members"]) >= 0.9 * (site_of == fleet.acts.pool_site).sum()
    faulty = {f"device:{fault.slot + 1}" for fault in fleet.faults}
    assert {subject for _, subject in of_rigs} <= faulty
    at_curtailed = [one for one in told if one["subject"].startswith("site")]
    assert at_curtailed == [pool]
