"""The domain of mining sites: committed readings in, findings out.

Committed ─► Quality ─► slots ─► rounds in order of time ─► late ones out ─► Watch ─► findings
               ├──────► Judgement, at the next tick ─► findings
               └──────► people's own thresholds ─► findings
tick ─► agents from the database ─► who is stale, who is silent, what goes on ─► findings
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence

import numpy as np
import structlog

from lode_hub.committed import Committed, Domain, Finding
from lode_hub.rules.schema import merged
from lode_hub.sites import agents
from lode_hub.sites.fleet import Fleet
from lode_hub.sites.judgement import Judgement
from lode_hub.sites.judgement.second import loaded
from lode_hub.sites.quality import Quality
from lode_hub.sites.tables import Mask, Times, readings
from lode_hub.sites.watch import RENEW_MS, TROUBLES, Counters, Watch
from lode_hub.store import Store, alerts, alerts_rules, inventory, judgement
from lode_hub.store.connection import Connection
from lode_models import rig

REFRESH_MS = 2_000
"""How often agents, and whether any device changed, are read from the database."""

STOOD_STILL_MS = 10_000
"""A tick that is later than this says that the hub itself stood still and heard nobody."""

KEEP_S = 60.0
"""How often it is written down what detectors remember."""

NAMES = (agents.NAME, *(trouble.name for trouble in TROUBLES))

_log = structlog.get_logger(__name__)


class Sites:
    """Keeps what is known of every rig and agent, and says what is wrong with them.

    Where several workers share the partitions, `partitions` gives those that are ours now, and
    `restore` is called whenever they change. `load_model` gives the learned opinion's model. `own`
    judges what may be trusted, too.
    """

    def __init__(
        self,
        store: Store,
        *,
        partitions: Callable[[], Collection[int]] | None = None,
        load_model: Callable[[], rig.Model] = rig.load,
        own: Domain | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.counters = Counters()
        self._store = store
        self._partitions = partitions
        self._own = own
        self._clock = clock
        self._lock = asyncio.Lock()
        self._model = loaded(load_model)
        self._quality = Quality(store, self._is_ours)
        self._clear()

    def _clear(self) -> None:
        self._fleet = Fleet()
        self._watch = Watch(self._fleet, self.counters)
        self._judgement = Judgement(self._fleet, self._is_unheard, self._model)
        self._agents = agents.Agents()
        self._quality.clear(int(self._clock() * 1000))
        self._facts_version: tuple[int, ...] = ()
        self._refreshed_ms = 0
        self._ticked_ms = 0
        self._renewed_ms = 0
        self._unknown: set[tuple[str, str]] = set()
        self._is_restored = False

    async def restore(self) -> None:
        """Rebuild all state from the database, at start and after a change of partitions."""
        await self.write_down()
        async with self._lock:
            await self._restore()

    async def keep(self) -> None:
        """Write down what detectors remember, each minute and when cancelled. Never ends."""
        try:
            while True:
                await asyncio.sleep(KEEP_S)
                await self.write_down()
        except asyncio.CancelledError:
            await self.write_down()
            raise

    async def write_down(self) -> None:
        """Write down what detectors remember, so that who goes on need not learn anew."""
        async with self._lock:
            if not self._is_restored:
                return
            kept = await self._judgement.snapshots(int(self._clock() * 1000))
        async with self._store.pool.connection() as conn:
            await judgement.save(conn, kept)

    async def _restore(self) -> None:
        self._clear()
        self._agents.start(int(self._clock() * 1000))
        async with self._store.pool.connection() as conn:
            await self._load(conn)
            last = await inventory.last_readings(conn)
            self._fleet.restore(last)
            await self._quality.restore(conn, last, int(self._clock() * 1000))
            for rule, subject, since_ms in await alerts.unresolved(conn, NAMES):
                self._resume(rule, subject, since_ms)
            await self._judgement.restore(conn, int(self._clock() * 1000))
        if self._own is not None:
            await self._own.restore()
        self._is_restored = True
        _log.info("sites restored", rigs=len(self._fleet), agents=len(self._agents.by_id))

    async def consume(self, committed: Sequence[Committed]) -> Sequence[Finding]:
        """Take a committed group, and say what it shows."""
        async with self._lock:
            if not self._is_restored:
                await self._restore()
            for group in committed:
                self._agents.hear(group.agent_id, group.received_ms)
            if not self._quality.knows(committed):
                await self._refresh()
            taken = self._quality.take(committed)
            for device_ids, received_ms in taken.held:
                self._fleet.hear(device_ids, received_ms)
            found = await self._own.consume(taken.trusted) if self._own is not None else []
            groups = [group for group in taken.trusted if group.kind == "rig" and len(group.at_ms)]
            if not groups:
                self._judgement.take(taken)
                return found
            device_ids = np.concatenate([group.device_id for group in groups])
            slots = self._fleet.slots(device_ids)
            if (slots < 0).any():
                await self._refresh()
                slots = self._fleet.slots(device_ids)
            self._judgement.take(taken)
            rows = np.concatenate([readings(g.at_ms, g.received_ms, g.columns) for g in groups])
            return [*self._watch.judge_group(slots, rows), *found]

    async def tick(self, now_ms: int) -> Sequence[Finding]:
        """Say what the passing of time shows; called every second."""
        async with self._lock:
            if not self._is_restored:
                await self._restore()
            if self._ticked_ms and now_ms - self._ticked_ms > STOOD_STILL_MS:
                _log.warning("hub stood still", seconds=(now_ms - self._ticked_ms) / 1000)
                self._agents.start(now_ms)
            self._ticked_ms = now_ms
            if now_ms - self._refreshed_ms >= REFRESH_MS:
                await self._refresh()
                self._refreshed_ms = now_ms
            findings = self._agents.judge(now_ms, self._is_ours, self._fleet.rigs_of)
            is_ours = self._ours()
            findings += self._watch.drop_unconfigured(now_ms, is_ours=is_ours)
            findings += await self._quality.tick(now_ms)
            findings += self._judge_silence(now_ms, is_ours)
            findings += self._judgement.tick(now_ms, self._back_ms(now_ms))
            if self._own is not None:
                findings += await self._own.tick(now_ms)
            if now_ms - self._renewed_ms >= RENEW_MS:
                await self._adopt()
                self._renewed_ms = now_ms
                findings += self._watch.renew(now_ms, is_ours=is_ours)
                findings += self._agents.renew(now_ms, self._is_ours, self._fleet.rigs_of)
            return findings

    def _judge_silence(self, now_ms: int, is_ours: Mask) -> list[Finding]:
        fleet = self._fleet
        found = [self._agents.by_id.get(agent_id) for agent_id in fleet.agents]
        # One row more, so that a fleet without agents is no special case.
        times = np.array([(a.heard_ms, a.back_ms) if a else (0, 0) for a in found] + [(0, 0)])
        agent_ms, back_ms = times[fleet.agent_places].T
        is_watched = fleet.is_configured & is_ours
        return self._watch.judge_silence(agent_ms, back_ms, now_ms, is_watched=is_watched)

    def _back_ms(self, now_ms: int) -> Times:
        """Give since when each rig's agent has been heard without a pause."""
        found = [self._agents.by_id.get(agent_id) for agent_id in self._fleet.agents]
        back = [a.back_ms if a and now_ms - a.heard_ms <= agents.GAP_MS else now_ms for a in found]
        times: Times = np.array([*back, now_ms], np.int64)[self._fleet.agent_places]
        return times

    def _is_unheard(self, slot: int) -> bool:
        """Tell whether a plain rule says already that nothing is heard of a rig."""
        return any(self._watch.is_active(rule, slot) for rule in ("rig-unreachable", "rig-silent"))

    def _ours(self) -> Mask:
        """Tell which rigs are of agents in our partitions."""
        found = [self._agents.by_id.get(agent_id) for agent_id in self._fleet.agents]
        ours = [agent is not None and self._is_ours(agent.row.partition) for agent in found]
        mask: Mask = np.array([*ours, False])[self._fleet.agent_places]
        return mask

    async def _adopt(self) -> None:
        """Take over alerts that are open though their trouble is unknown here, to end them.

        Such are left when findings of before a restart are taken after it. One that is unknown
        twice in a row, a minute apart, is no finding on its way.
        """
        async with self._store.pool.connection() as conn:
            found = await alerts.unresolved(conn, NAMES)
        unknown = {
            (rule, subject): since_ms
            for rule, subject, since_ms in found
            if not self._knows(rule, subject)
        }
        adopted = unknown.keys() & self._unknown
        for key in adopted:
            self._resume(*key, unknown[key])
        self._unknown = unknown.keys() - adopted

    def _knows(self, rule: str, subject: str) -> bool:
        number = _number(subject)
        if rule == agents.NAME:
            agent = self._agents.by_id.get(number)
            return agent is None or agent.is_stale
        slot = int(self._fleet.slots(np.array([number]))[0])
        return slot < 0 or self._watch.is_active(rule, slot)

    def _is_ours(self, partition: int) -> bool:
        return self._partitions is None or partition in self._partitions()

    async def _refresh(self) -> None:
        async with self._store.pool.connection() as conn:
            await self._load(conn)
            await self._judgement.refresh(conn, int(self._clock() * 1000))

    async def _load(self, conn: Connection) -> None:
        self._agents.load(await inventory.agents(conn))
        version = (*await inventory.facts_version(conn), await alerts_rules.stamp(conn))
        if version == self._facts_version:
            return
        names = {agent_id: agent.row.name for agent_id, agent in self._agents.by_id.items()}
        self._fleet.load(await inventory.rigs(conn), names)
        await self._quality.load(conn, int(self._clock() * 1000))
        thresholds = await self._thresholds(conn)
        self._fleet.judge_by(thresholds)
        self._agents.judge_by(thresholds)
        self._watch.fit()
        await self._judgement.load(conn, self._ours())
        self._facts_version = version
        lacks_limit, lacks_rating = self._fleet.lacking()
        self.counters.rigs_without_limit = lacks_limit
        self.counters.rigs_without_rating = lacks_rating

    async def _thresholds(self, conn: Connection) -> dict[int, dict[str, float]]:
        """Give each agent's thresholds: of its site, where a rule is set for it, or of all."""
        # Of one name, the setting for all sites first, so that a site's own lies over it.
        current = sorted(await alerts_rules.current(conn), key=lambda row: row.site or "")
        return {
            agent_id: merged(
                row.body["thresholds"]
                for row in current
                if row.site is None or row.site == agent.row.site
            )
            for agent_id, agent in self._agents.by_id.items()
        }

    def _resume(self, rule: str, subject: str, since_ms: int) -> None:
        number = _number(subject)
        if rule == agents.NAME:
            if number in self._agents.by_id:
                self._agents.resume(number, since_ms)
            return
        slot = int(self._fleet.slots(np.array([number]))[0])
        if slot >= 0:
            self._watch.restore(rule, slot, since_ms)


def _number(subject: str) -> int:
    return int(subject.partition(":")[2])
