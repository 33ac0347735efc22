"""A mine in accelerated time: readings every ten seconds into the domain, findings into alerts."""

from collections.abc import Callable

import numpy as np

from lode_hub import alerts, rules
from lode_hub.committed import Committed, Finding
from lode_hub.sites import Sites
from lode_hub.sites.judgement.groups import Groups
from lode_hub.sites.judgement.latest import Latest
from lode_hub.sites.judgement.rigs import RigWatch
from lode_hub.sites.judgement.second import SecondOpinion
from lode_hub.sites.judgement.series import STEP_MS, Key, SeriesWatch
from lode_hub.sites.judgement.snapshots import Raw
from lode_hub.store import Store, judgement
from lode_wire.records import State
from tests.hub.alerts.stage import rows
from tests.hub.sites import stage
from tests.hub.sites.rigs import HEALTHY, TYPES

T0, EVERY_MS = 1_700_000_000_000, 10_000
LEARNED_TURNS = 270
Columns = dict[str, np.ndarray]
Change = Callable[[int, Columns], object]


class Mine:
    """One site with two racks of rigs, a clock moved by hand, the domain and the alerts."""

    def __init__(self, store: Store, agent: int, rigs: list[int]) -> None:
        self.store, self.agent, self.rigs = store, agent, rigs
        self.turn = 0
        self.found: list[Finding] = []
        self.silent: set[int] = set()
        self.sites = self._domain()

    @classmethod
    async def open(cls, store: Store, n: int = 40) -> "Mine":
        """Build it."""
        await rules.install(store, None)
        agent = await stage.add_agent(store)
        rigs = []
        for rack in ("A1", "A2"):
            rigs += await stage.add_rigs(
                store, agent, n // 2, rack=rack, name=rack, interval_s=EVERY_MS / 1000
            )
        mine = cls(store, agent, rigs)
        mine.turn = LEARNED_TURNS
        async with store.pool.connection() as conn:
            await conn.execute(
                "update agent set committed_at = to_timestamp(%s / 1e3)", (mine.now_ms,)
            )
            devices = [d for d in await judgement.devices(conn) if d.device_id in rigs]
            await judgement.save(conn, learned(devices))
        await mine.sites.restore()
        return mine

    def _domain(self) -> Sites:
        return Sites(self.store, clock=lambda: self.now_ms / 1000)

    @property
    def now_ms(self) -> int:
        """The time it is."""
        return T0 + self.turn * EVERY_MS

    async def restart(self, *, in_order: bool = True) -> None:
        """Stop the hub, in good order or not, and start it."""
        if in_order:
            await self.sites.write_down()
        self.sites = self._domain()
        await self.sites.restore()

    async def play(self, minutes: float, change: Change = lambda turn, columns: None) -> None:
        """Let time pass with a reading of every rig in each turn, and its tick."""
        for _ in range(round(minutes * 60_000 / EVERY_MS)):
            self.turn += 1
            columns = healthy(self.turn, len(self.rigs))
            change(self.turn, columns)
            found = [*await self.sites.consume([self._group(columns)])]
            found += await self.sites.tick(self.now_ms)
            self.found += found
            if found or self.turn % 6 == 0:
                await alerts.take(self.store, found, self.now_ms)
            if self.turn % 60 == 0:
                await self.sites.write_down()

    def _group(self, columns: Columns) -> Committed:
        heard = [place for place, rig in enumerate(self.rigs) if rig not in self.silent]
        columns = {name: column[heard] for name, column in columns.items()}
        return group_of(self.turn, np.array(self.rigs)[heard], self.agent, columns)

    async def site(self) -> int:
        """Give the number of the site."""
        return int((await rows(self.store, "select id from site"))[0]["id"])

    def begun(self) -> list[tuple[str, str]]:
        """List what began, each once, in its order; of learned detectors alone."""
        said = [(f.rule, f.subject) for f in self.found if f.is_active]
        return list(dict.fromkeys(said))

    async def alerts(self) -> list[dict]:
        """List all alerts there ever were, with whether people were told."""
        return await rows(
            self.store,
            "select a.*, exists (select 1 from outbox o join alert_event e on e.id = o.event_id "
            "where e.alert_id = a.id) as is_told from alert a order by id",
        )

    async def told(self) -> list[tuple[str, str]]:
        """List the alerts that people were told of."""
        return [(one["rule"], one["subject"]) for one in await self.alerts() if one["is_told"]]


def group_of(turn: int, device_ids: np.ndarray, agent: int, columns: Columns) -> Committed:
    """A committed group of readings that were made a second ago."""
    at_ms = np.full(len(device_ids), T0 + turn * EVERY_MS - 1_000, np.int64)
    return Committed(
        kind="rig",
        agent_id=np.full(len(device_ids), agent, np.int32),
        device_id=device_ids.astype(np.int32),
        at_ms=at_ms,
        received_ms=at_ms + 300,
        columns=columns,
    )


def learned(devices: list[judgement.Device]) -> list[judgement.Snapshot]:
    """Give what detectors remember of three quarters of an hour in which nothing happened."""
    latest, series, n = Latest(), SeriesWatch(), len(devices)
    watch = RigWatch(latest, lambda slot: False, SecondOpinion(None))
    latest.fit(n)
    watch.fit(devices, np.ones(n, bool))
    groups, slots = Groups(devices, np.ones(n, bool)), np.arange(n)
    for turn in range(1, LEARNED_TURNS + 1):
        now_ms = T0 + turn * EVERY_MS
        group = group_of(turn, slots, devices[0].agent_id, healthy(turn, n))
        latest.take(group, slots)
        assert watch.step(now_ms, np.zeros(n, np.int64)) == []
        if now_ms % STEP_MS == 0:
            values = groups.values(latest.rows[:n], now_ms, np.zeros(n, bool))
            keyed = {
                Key(place.site_id, metric, place.subject, str(place)): value
                for place, metric, value in values
            }
            assert series.step(now_ms, keyed) == []
    site_ids = [place.site_id for place in groups.sites]
    kept = {"series": {site_id: series.kept(site_id) for site_id in site_ids}}
    return Raw(watch.peers, kept, site_ids, now_ms).packed()


def healthy(turn: int, n: int) -> Columns:
    """Rigs with a little noise, the same for every seed of time."""
    noise = np.random.default_rng(turn).normal(0, 1, (4, n))
    columns = {
        name: np.full(n, value, TYPES.get(name, np.float32)) for name, value in HEALTHY.items()
    }
    columns["hashrate_ths"] = (100 + 1.2 * noise[0]).astype(np.float32)
    columns["power_w"] = (3000 + 20 * noise[1]).astype(np.float32)
    columns["chip_temp_c"] = (75 + 0.5 * noise[2]).astype(np.float32)
    columns["board_temp_c"] = (60 + 0.5 * noise[3]).astype(np.float32)
    columns["fan_rpm"] = (5000 + 40 * noise[1]).astype(np.float32)
    columns["accepted_shares"] = np.full(n, 1000 + 10 * turn)
    columns["uptime_s"] = np.full(n, 86_400 + 10 * turn)
    return columns


def with_(places: object, **values: float) -> Change:
    """Let some rigs, by their places, count so much; what is measured, so many times as much."""

    def change(turn: int, columns: Columns) -> None:
        for name, value in values.items():
            is_whole = columns[name].dtype.kind in "iu"
            columns[name][places] = value if is_whole else value * columns[name][places]

    return change


ASLEEP = {
    "state": int(State.SLEEPING), "hashrate_ths": 0.0, "power_w": 0.02, "chip_temp_c": 0.4,
    "board_temp_c": 0.4, "boards_alive": 0,
}  # fmt: skip
BOARD_LOST = {"boards_alive": 2, "hashrate_ths": 0.665, "power_w": 0.68, "chips_alive": 220}
