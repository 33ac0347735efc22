"""The learned detectors of a hub: what they are given, what they say, what is kept of them.

trusted readings ─► Latest ─┬─► RigWatch (each second), SecondOpinion     ─► findings
        meters, points ─────┴─► Groups ─► SeriesWatch (at a fixed step) ─┘
snapshots a site ◄─ each minute, at the end, before partitions change ─► restored at the start
"""

import asyncio
from collections.abc import Callable

import numpy as np
import structlog

from lode_hub.committed import Committed, Finding
from lode_hub.sites.fleet import Fleet
from lode_hub.sites.judgement import snapshots, words
from lode_hub.sites.judgement.groups import Groups
from lode_hub.sites.judgement.latest import Latest
from lode_hub.sites.judgement.rigs import RigWatch
from lode_hub.sites.judgement.second import SecondOpinion
from lode_hub.sites.judgement.series import STEP_MS, Key, SeriesWatch
from lode_hub.sites.quality.quality import Taken
from lode_hub.sites.tables import Mask, Times
from lode_hub.store import alerts, judgement, learned
from lode_hub.store.connection import Connection
from lode_models.peers import SAMPLE
from lode_models.rig import Model
from lode_wire.records import DeviceKind

RENEW_MS = 60_000
GRACE_MS = 600_000
"""So long after a commanded change, or an event of many, a site's numbers are not judged."""

SETTLE_MS = 90_000
"""After a start, what has just ended has so long to say so before what goes on is said again."""

ADOPT_MS = 900_000
"""An alert whose trouble is not found again for so long after a start is over."""

OLDEST_MS = 7 * 86_400_000
"""A snapshot from before then says little of today; a trial's counts stay true."""

MAX_POINTS = 2_000
_log = structlog.get_logger(__name__)


class Judgement:
    """Knows rigs, sites and meters by what they did; slots are the fleet's."""

    def __init__(self, fleet: Fleet, is_told: Callable[[int], bool], model: Model | None) -> None:
        self._fleet = fleet
        self.latest = Latest()
        self.second = SecondOpinion(model)
        self.rigs = RigWatch(self.latest, is_told, self.second)
        self.series = SeriesWatch()
        self._groups = Groups([], np.zeros(0, bool))
        self._devices: dict[int, judgement.Device] = {}
        self._values: dict[Key, tuple[int, float]] = {}  # of meters and points: when, what
        self._held: set[int] = set()
        self._stepped_ms = self._renewed_ms = self._started_ms = 0
        self._orphans: set[tuple[str, str]] = set()

    async def load(self, conn: Connection, is_ours: Mask) -> None:
        """Take the devices' facts as they are now; `is_ours` is by slot."""
        self._devices = {one.device_id: one for one in await judgement.devices(conn)}
        rigs = [self._devices[row.device_id] for row in self._fleet.rows]
        self.latest.fit(len(rigs))
        self.rigs.fit(rigs, is_ours)
        watched = self.rigs.peers.rigs.is_watched
        self._groups = Groups(rigs, watched if len(watched) == len(rigs) else is_ours)

    async def refresh(self, conn: Connection, now_ms: int) -> None:
        """Take what is ordered, how clocks go, and where the model may advise, as of now."""
        if self.second.card:
            sha256 = self.second.card.model_sha256
            self.second.let(await learned.advising(conn, sha256))
        clocks = await judgement.clocks(conn)
        self.latest.correct({one.agent_id: one.offset_ms for one in clocks})
        modes = np.zeros(len(self.latest.modes), np.int16)
        under = await judgement.ordered(conn, now_ms)
        slots = self._fleet.slots(np.array([one.device_id for one in under], np.int64))
        known = slots >= 0
        modes[slots[known]] = np.array([one.mode for one in under], np.int16)[known]
        changed = np.flatnonzero(modes != self.latest.modes)
        self.latest.modes = modes
        told = self._fleet.slots(np.array(await judgement.restarted(conn), np.int64))
        self.rigs.peers.excuse(told[told >= 0], now_ms)
        for slot in changed.tolist():
            site_id = self._devices[self._fleet.rows[slot].device_id].site_id
            self.series.excuse(site_id or 0, now_ms + GRACE_MS)

    async def restore(self, conn: Connection, now_ms: int) -> None:
        """Go on from the snapshots of our sites, and take over the alerts that are open."""
        self._started_ms = now_ms
        if self.second.card:
            await learned.know(conn, self.second.card, now_ms)
        await self.refresh(conn, now_ms)
        await self._remember(conn, now_ms)
        for rule, subject, _ in await alerts.unresolved(conn, words.RULES):
            self._orphans.add((rule, subject))
        self._renew(now_ms)  # what goes on is known to be open
        self._renewed_ms = now_ms + SETTLE_MS

    async def _remember(self, conn: Connection, now_ms: int) -> None:
        """Take the snapshots of our sites; one that cannot be used is dropped by itself."""
        peers: dict[str, bytes] = {}
        for one in await judgement.saved(conn, self._site_ids()):
            is_old = now_ms - one.at_ms > OLDEST_MS and one.detector != "learned"
            if is_old or one.version != snapshots.VERSIONS.get(one.detector):
                _drop(one.site_id, one.detector, "of another version or too old")
                continue
            try:
                state = snapshots.unpacked(one.state)
                if one.detector == "peers":
                    peers[str(one.site_id)] = state
                elif one.detector == "learned":
                    self.second.restore(one.site_id, state)
                else:
                    self.series.restore(one.site_id, state)
            except (ValueError, TypeError) as error:
                _drop(one.site_id, one.detector, str(error))
        for site, why in snapshots.together(self.rigs.peers, peers).items():
            _drop(int(site), "peers", why)

    def take(self, taken: Taken) -> None:
        """Take readings after their verdict; they are judged with the next tick."""
        for device_ids, received_ms in taken.held:
            self.latest.hold(self._fleet.slots(device_ids), received_ms)
        for group in taken.trusted:
            if group.kind == "rig":
                self.latest.take(group, self._fleet.slots(group.device_id))
            else:
                self._note(group)

    def tick(self, now_ms: int, back_ms: Times) -> list[Finding]:
        """Judge what came since the last tick; `back_ms` is as `Peers.step` has it, by slot."""
        findings = self.rigs.step(now_ms, back_ms)
        if now_ms // STEP_MS != self._stepped_ms // STEP_MS:
            self._stepped_ms = now_ms
            findings += self.series.step(now_ms // STEP_MS * STEP_MS, self._series_now(now_ms))
        if now_ms - self._renewed_ms >= RENEW_MS:
            self._renewed_ms = now_ms
            findings += self._renew(now_ms)
            findings += self._end_orphans(now_ms)
        return findings

    async def snapshots(self, now_ms: int) -> list[judgement.Snapshot]:
        """Give what is remembered of each of our sites."""
        kept = {
            "series": {site_id: self.series.kept(site_id) for site_id in self._site_ids()},
            "learned": self.second.kept(),
        }
        raw = snapshots.Raw(self.rigs.peers, kept, self._site_ids(), now_ms)
        return await asyncio.to_thread(raw.packed)

    def _renew(self, now_ms: int) -> list[Finding]:
        return self.rigs.renew(now_ms) + self.second.renew(now_ms) + self.series.renew(now_ms)

    def _site_ids(self) -> list[int]:
        return [place.site_id for place in self._groups.sites]

    def _note(self, group: Committed) -> None:
        """Keep the newest power of meters and value of points."""
        is_meter = group.kind == "meter"
        column = group.columns.get("power_w" if is_meter else "value")
        if column is None:
            return
        names = [""] * len(column) if is_meter else group.columns["point"].tolist()
        values = zip(group.device_id.tolist(), names, strict=True)
        times = zip(group.at_ms.tolist(), column.tolist(), strict=True)
        newest = dict(zip(values, times, strict=True))
        for (device_id, point), (at_ms, value) in newest.items():
            key = self._key(device_id, point)
            if key is None or (key not in self._values and len(self._values) >= MAX_POINTS):
                continue
            if at_ms >= self._values.get(key, (0, 0.0))[0]:
                self._values[key] = at_ms, value

    def _key(self, device_id: int, point: str) -> Key | None:
        device = self._devices.get(device_id)
        if device is None or device.site_id is None:
            return None
        metric = "meter-power" if device.kind == DeviceKind.METER and not point else "point"
        return Key(device.site_id, metric, f"device:{device_id}", f"{device.name} {point}".strip())

    def _series_now(self, now_ms: int) -> dict[Key, float]:
        """Give the value of each series now; of a site that does not run as usual, none."""
        rows = self.latest.rows[: len(self._fleet)]
        if len(rows) < len(self._fleet):
            rows = np.zeros(len(self._fleet), SAMPLE)
        held = {site for site, is_held in self._groups.held(rows, now_ms).items() if is_held}
        held |= self.rigs.sites_in_events()
        for site in held | self._held:
            self.series.excuse(site, now_ms + GRACE_MS)
        self._held = held
        values = {
            Key(place.site_id, metric, place.subject, str(place)): value
            for place, metric, value in self._groups.values(rows, now_ms, self.rigs.in_trouble())
        }
        oldest_ms = now_ms - 3 * STEP_MS
        for key, (at_ms, value) in self._values.items():
            values[key] = value if at_ms >= oldest_ms else float("nan")
        return values

    def _end_orphans(self, now_ms: int) -> list[Finding]:
        """End alerts of before the start whose trouble is not there any more."""
        if now_ms - self._started_ms < ADOPT_MS:
            return []
        known = self.rigs.open.keys() | self.series.open.keys() | self.second.open.keys()
        over, self._orphans = self._orphans - known, set()
        return [
            Finding(
                rule=rule, subject=subject, is_active=False, severity="info", at_ms=now_ms,
                evidence={"reason": "not found again since the start"},
            )
            for rule, subject in sorted(over)
            if self._is_ours(subject)
        ]  # fmt: skip

    def _is_ours(self, subject: str) -> bool:
        what, number, *_ = subject.split(":")
        device = self._devices.get(int(number)) if what == "device" else None
        site_id = device.site_id if device else int(number)
        return site_id in self._site_ids()


def _drop(site_id: int, detector: str, why: str) -> None:
    _log.warning("snapshot dropped", site=site_id, detector=detector, why=why)
