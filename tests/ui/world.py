"""A hub that is not there: queries, actions and changes over a fleet made up by a seed."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from lode_hub.errors import ConflictError, UnavailableError
from lode_hub.queries.nouns import (
    AgentRow,
    AlertRow,
    AlertState,
    GapRow,
    MeterRow,
    PointRow,
    QuarantineRow,
    RigRow,
    Series,
    SiteTotals,
    Span,
)
from lode_hub.queries.quality import QualitySpan, SiteQuality
from tests.ui import made, made_alarms, made_quality
from tests.ui.world_alarms import (
    Alarms,
    StandInAlarmActions,
    StandInAlarmQueries,
    StandInTelling,
    gravest_first,
    kept,
    shelf,
)
from tests.ui.world_commands import (
    Book,
    StandInCommandQueries,
    StandInCurtailments,
    StandInOrders,
    filled,
)
from tests.ui.world_energy import EnergyBook, StandInEnergy, StandInEnergyActions
from tests.ui.world_learned import LearnedBook, StandInLearned, decide, model, standing

HOSTILE = (
    '<img src=x onerror="window.hacked=1">',
    '"><script>window.hacked=1</script>',
    "${window.hacked=1}`${window.hacked=1}",
    '{{constructor.constructor("window.hacked=1")()}}',
    "\N{RIGHT-TO-LEFT OVERRIDE}gnihton si siht",
    "\N{FIRE}\N{ROCKET}" * 8,
    "x" * 300,
    "javascript:window.hacked=1",
    ":onclick=window.hacked=1",
    "</title><script>window.hacked=1</script>",
    "\u2028window.hacked=1\u2029'\\\"",
)
"""What a device, a rack, an agent or an alert may be called by somebody who means ill."""


@dataclass(frozen=True)
class Someone:
    name: str = "mira"
    role: str = "operator"


class World:
    """Everything the pages can ask for; tests change it as they go."""

    def __init__(
        self,
        rigs: int = 40,
        *,
        is_hostile: bool = False,
        has_commands: bool = False,
        gap_share: float = 0.1,
        has_energy: bool = True,
        left_out: int = 3,
        is_deaf: bool = False,
        alarms: int = 0,
    ) -> None:
        self.gap_share = gap_share
        self.random = random.Random(7)
        self.is_hostile = is_hostile
        self.is_away = False
        self.delay_s = 0.0
        self.calls: dict[str, int] = {}
        self.done: list[tuple[str, int, str]] = []
        self.changed = asyncio.Event()
        self.fleet = {number: made.rig(number, self.random) for number in range(1, rigs + 1)}
        self.open_alerts = {alert.alert_id: alert for alert in made.alerts()} if rigs else {}
        self.sites_shown = ("north",) if rigs else ()
        self.book = Book()
        self.energy = EnergyBook(is_bare=not has_energy, left_out=left_out, is_deaf=is_deaf)
        self.alarms = Alarms()
        self.learned = LearnedBook()
        if alarms:
            self.open_alerts = {a.alert_id: a for a in made_alarms.alerts(alarms)}
            made_alarms.tell(self.alarms)
            self.alarms.shelf.append(shelf("rig-fan"))
        self.ramps = {17} if alarms else set()
        self.agent_values: dict[str, object] = {}
        if is_hostile:
            self._poison()
        if has_commands:
            filled(self.book, list(self.fleet.values())[:1000])

    async def asked(self, name: str) -> None:
        """Count a question, and take as long as the world does."""
        self.calls[name] = self.calls.get(name, 0) + 1
        await asyncio.sleep(self.delay_s)
        if self.is_away:
            raise UnavailableError("database: it does not answer; is postgres://u:secret@x up?")

    def change(self, number: int, **values: object) -> None:
        """Let a rig read something else, now."""
        self.fleet[number] = replace(self.fleet[number], at_ms=now_ms(), **values)
        self.changed.set()

    def _poison(self) -> None:
        evil = HOSTILE[0]
        self.learned.model = model(what=evil, data=HOSTILE[1], limits=HOSTILE[2])
        self.learned.sites = {evil: standing(evil, person=HOSTILE[3], lacks=(HOSTILE[1],))}
        for number, rig in self.fleet.items():
            evil = [HOSTILE[(number + shift) % len(HOSTILE)] for shift in range(6)]
            self.fleet[number] = replace(
                rig,
                name=evil[0],
                rack=evil[1],
                model=evil[2],
                firmware=evil[3],
                serial=evil[4],
                agent=evil[5],
                quality=(evil[0],),
            )
        for number, alert in self.open_alerts.items():
            evil = [HOSTILE[(number + shift) % len(HOSTILE)] for shift in range(4)]
            self.open_alerts[number] = replace(
                alert,
                subject=evil[0],
                title=evil[1],
                likely_cause=evil[2],
                evidence={**alert.evidence, evil[3]: evil[0], ":x": [evil[1], {evil[2]: evil[3]}]},
            )


class StandInQueries:
    """Answers from a world, or says that it is away."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.commands = StandInCommandQueries(world)
        self.quality = StandInQuality(world)
        self.energy = StandInEnergy(world)
        self.alarms = StandInAlarmQueries(world)
        self.telling = StandInTelling(world)
        self.learned = StandInLearned(world)

    async def sites(self) -> list[SiteTotals]:
        await self._asked("sites")
        rigs = list(self._world.fleet.values())
        agents = await self.agents()
        return [
            made.site(number, name, [rig for rig in rigs if rig.site == name], agents)
            for number, name in enumerate(self._world.sites_shown, 1)
        ]

    async def rigs(
        self, *, site: str | None = None, search: str | None = None, limit: int
    ) -> list[RigRow]:
        await self._asked("rigs")
        return [
            rig
            for rig in self._world.fleet.values()
            if site in (None, rig.site)
            and (search or "").lower() in f"{rig.name} {rig.serial}".lower()
        ][:limit]

    async def rig(self, device_id: int) -> RigRow | None:
        await self._asked("rig")
        return self._world.fleet.get(device_id)

    async def meters(self) -> list[MeterRow]:
        await self._asked("meters")
        return [made.meter(len(self._world.fleet))] if self._world.fleet else []

    async def points(self, device_id: int) -> list[PointRow]:
        await self._asked("points")
        return made.points(device_id) if device_id in self._world.fleet else made.phases()

    async def series(self, device_id: int, metric: str, span: Span) -> Series:
        await self._asked("series")
        base = {"hashrate_ths": 104.0, "power_w": 3068.0, "chip_temp_c": 76.0, "fan_rpm": 5850.0}
        if device_id in self._world.ramps:
            return made_alarms.ramp(metric, span, base[metric])
        return made.series(metric, span, base[metric], gap_share=self._world.gap_share)

    async def site_series(self, site: str, metric: str, span: Span) -> Series:
        await self._asked("site_series")
        assert site in self._world.sites_shown
        base = 29.5 if metric == "efficiency_jth" else 1000.0 * len(self._world.fleet)
        return made.series(metric, span, base)

    async def agents(self) -> list[AgentRow]:
        await self._asked("agents")
        name = HOSTILE[0] if self._world.is_hostile else "north-1"
        return [made.agent(name, **self._world.agent_values)] if self._world.fleet else []

    async def gaps(self, *, limit: int) -> list[GapRow]:
        await self._asked("gaps")
        return made.gaps()[:limit] if self._world.fleet else []

    async def quarantine(self, *, limit: int) -> list[QuarantineRow]:
        await self._asked("quarantine")
        reason = HOSTILE[1] if self._world.is_hostile else "column power_w: 412 values, 500 rows"
        return [made.refused(reason)][:limit] if self._world.fleet else []

    async def alerts(
        self, *, limit: int, offset: int = 0, is_gravest_first: bool = False, **chosen: object
    ) -> list[AlertRow]:
        await self._asked("alerts")
        alerts = kept(self._world, **chosen)
        ordered = gravest_first(alerts) if is_gravest_first else alerts
        return ordered[offset : offset + limit]

    async def _asked(self, name: str) -> None:
        await self._world.asked(name)


class StandInQuality:
    """Says how good a world's data is."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def of_site(self, site: str, span: QualitySpan) -> SiteQuality:
        await self._world.asked("quality")
        name = HOSTILE[0] if self._world.is_hostile else "north-1"
        return made_quality.site(site, span, len(self._world.fleet), agent=name)


class StandInActions:
    """Does in the world what it is asked, and notes who asked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.commands = StandInOrders(world)
        self.curtailments = StandInCurtailments(world)
        self.energy = StandInEnergyActions(world)
        self.alarms = StandInAlarmActions(world)

    async def acknowledge(self, alert_id: int, person: Someone, note: str = "") -> None:
        await self._do("acknowledge", alert_id, person, "acknowledged")
        self._world.alarms.tell(alert_id, "acknowledged", person.name, note)

    async def resolve(self, alert_id: int, person: Someone, note: str = "") -> None:
        await self._do("resolve", alert_id, person, "resolved")
        self._world.alarms.tell(alert_id, "resolved", person.name, note)

    async def let_model(self, site: str, stage: str, person: Someone) -> None:
        decide(self._world, site, stage, person)

    async def _do(self, act: str, alert_id: int, person: Someone, state: AlertState) -> None:
        alert = self._world.open_alerts[alert_id]
        if alert.state == state:
            raise ConflictError(f"alert {alert_id}: it is {state} already")
        self._world.done.append((act, alert_id, person.name))
        at = {"acknowledged": "acknowledged_ms", "resolved": "resolved_ms"}[state]
        by = {"acknowledged_by": person.name} if state == "acknowledged" else {}
        self._world.open_alerts[alert_id] = replace(alert, state=state, **{at: now_ms()}, **by)


class StandInLive:
    """Tells of every change of the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[object]]:
        async def changes() -> AsyncIterator[object]:
            while True:
                await self._world.changed.wait()
                self._world.changed.clear()
                yield object()

        yield changes()


def now_ms() -> int:
    return time.time_ns() // 1_000_000
