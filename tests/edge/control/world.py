"""A site in memory: rigs, a meter, a hub, an agent's control, and time that jumps.

Time goes on only when everybody waits, so that an hour passes in as long as its work takes.
"""

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from tests.edge.control.hub import Hub
from tests.edge.control.pdu import Pdu
from tests.edge.control.rig import Rig

from lode_edge.clock import Clock
from lode_edge.control.control import Control, Place
from lode_edge.control.envelope import Envelope, EnvelopeFile, Line, Model
from lode_edge.control.now import Heard
from lode_edge.control.site import Device
from lode_edge.drivers.driver import DeviceEntry, Facts
from lode_wire import orders, seal
from lode_wire.orders import Intent, Terms
from lode_wire.records import MeterReading, PointReading

BEGIN_MS = 1_780_000_000_000
T = TypeVar("T")


class Jump(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer when there is nothing else to do."""

    def __init__(self, begin_s: float = 1000.0) -> None:
        self.now_s = begin_s
        inner = selectors.DefaultSelector()
        look = inner.select

        def select(timeout: float | None = None) -> list[Any]:
            found = look(0)
            if not found:
                assert timeout is not None, "everybody waits, and for nothing"
                self.now_s += timeout
            return found

        inner.select = select  # type: ignore[method-assign]
        super().__init__(inner)

    def time(self) -> float:
        return self.now_s

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> Any:
        """Run it here and now: no thread is waited for in a time that jumps."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def live(self, work: Coroutine[Any, Any, T]) -> T:
        return self.run_until_complete(work)


ENVELOPE = Envelope(agent="a", models={"*": Model(power_max_w=3600, power_min_w=500)})


class World:
    """A site with its control; `home` outlives the control, as a disk does."""

    def __init__(
        self,
        home: Path,
        rigs: Iterable[Rig],
        *,
        envelope: Envelope = ENVELOPE,
        feeder: str = "",
        poll_s: float = 5.0,
        interval_s: float = 2.0,
        blocked: str = "",
        envelope_file: EnvelopeFile | None = None,
        pdu: Pdu | None = None,
    ) -> None:
        self.blocked, self.envelope_file = blocked, envelope_file
        self.home, self.envelope, self.feeder = home, envelope, feeder
        self.rigs, self.pdu = {rig.name: rig for rig in rigs}, pdu
        self.poll_s, self.interval_s = poll_s, interval_s
        self.loop, self.hub = self.make_loop(), Hub()
        self.begin_s = self.loop.time()
        self.log: list[tuple[float, float]] = []  # when the site drew how much
        self.base_w = 0.0  # of other loads on the feeder
        self.is_heard, self.hears_nothing = True, False
        self._heard_s = self.loop.time()
        self.wall_off_ms = 0
        self.knows_time = False  # the hub has said what time it is
        self._tasks: list[asyncio.Task[Any]] = []
        for rig in self.rigs.values():
            rig.drawn_w = rig.wanted_w
            rig.changed = self._note
        self._note()
        self.start()

    def make_loop(self) -> asyncio.AbstractEventLoop:
        """Give the loop of this world's time."""
        return Jump()

    @property
    def now_ms(self) -> int:
        return BEGIN_MS + round((self.loop.time() - self.begin_s) * 1000) + self.wall_off_ms

    @property
    def power_w(self) -> float:
        fed = (rig.drawn_w for rig in self.rigs.values() if self._is_fed(rig))
        return sum(fed) + self.base_w

    def start(self) -> None:
        """Start an agent's control on what the home holds."""
        clock = Clock(now_ms=lambda: self.now_ms, mono_s=self.loop.time)
        place = Place(
            agent="a",
            directory=self.home,
            envelope=self.envelope,
            keys={seal.key_id(self.hub.key.public_key()): self.hub.key.public_key()},
            interval_s=self.interval_s,
            blocked=self.blocked,
            envelope_file=self.envelope_file,
        )
        devices = [
            Device(
                _entry(rig.name, "rig", self.feeder, self.poll_s, self._outlet(rig)), number, rig
            )
            for number, rig in enumerate(self.rigs.values(), start=1)
        ]
        if self.feeder:
            devices.append(Device(_entry(self.feeder, "meter", "", 1.0), 9999, object()))
        if self.pdu is not None:
            devices.append(Device(_entry("pdu", "pdu", "", self.poll_s), 9998, self.pdu))
        self.control = Control(place, devices, self.hub, heard=self._hears, clock=clock)
        for rig in self.rigs.values():
            rated_w = rig.power_w if rig.is_rated else None
            self.control.learned(rig.name, Facts(model="S19", mac="aa:bb", rated_power_w=rated_w))
        if self.pdu is not None:
            self.control.learned("pdu", Facts(model="PX3"))
        self._tasks = [
            self.loop.create_task(self.control.run()),
            self.loop.create_task(self._poll()),
            self.loop.create_task(self._meter()),
        ]

    def kill(self) -> None:
        """End the control as kill -9 does: nothing is written, nothing is waited for."""
        store = self.control._store
        if store is not None and store._db.in_transaction:
            store._db.rollback()
        running = [*self._tasks, *self.control._running]
        for task in running:
            task.cancel()
        for task in running:
            with contextlib.suppress(asyncio.CancelledError):
                self.loop.run_until_complete(task)
        self._tasks = []

    def close(self) -> None:
        if not self.loop.is_closed():
            self.kill()
            self.loop.close()

    def pass_s(self, time_s: float) -> None:
        """Let time go by."""
        self.loop.run_until_complete(asyncio.sleep(time_s))

    def until(
        self, holds: Callable[[], object], most_s: float = 600.0, every_s: float = 0.05
    ) -> float:
        """Let time go by until a condition holds; give how long that took."""
        begin_s = self.loop.time()
        while not holds():
            assert self.loop.time() - begin_s < most_s, f"not within {most_s} s"
            self.pass_s(every_s if self.loop.time() - begin_s < 30 else max(1.0, every_s))
        return self.loop.time() - begin_s

    def send(self, intent: Intent, target: str = "", **changes: Any) -> str:
        """Have the hub order something; give the command's id."""
        command = self.hub.order(intent, self.now_ms, target, **changes)
        self.control.take(seal.encode(command))
        return command.id

    def curtail(self, *names: str, **terms: Any) -> str:
        step = orders.Step(wish=orders.Sleep(), devices=names or tuple(self.rigs))
        return self.send(orders.Curtail(steps=(step,), terms=Terms(**terms)))

    def steepest_w(self, sign: int, window_s: float = 60.0) -> float:
        """Give by how much power fell (-1) or rose (1) at most within any window."""
        most, first = 0.0, 0
        for end, (at_s, drawn_w) in enumerate(self.log):
            while self.log[first][0] < at_s - window_s:
                first += 1
            around = [sign * w for _, w in self.log[max(0, first - 1) : end + 1]]
            most = max(most, sign * drawn_w - min(around))
        return most

    def _note(self) -> None:
        self.log.append((self.loop.time(), self.power_w))

    def _hears(self) -> Heard:
        if self.hears_nothing:
            return Heard()
        if self.is_heard:
            self._heard_s = self.loop.time()
        if not self.knows_time:
            return Heard(at_s=self._heard_s)
        return Heard(at_s=self._heard_s, hub_ms=BEGIN_MS, hub_at_s=self.begin_s)

    async def _poll(self) -> None:
        while True:
            now_s = self.loop.time()
            for number, rig in enumerate(self.rigs.values(), start=1):
                if self._is_fed(rig):
                    self.control.observe([rig.reading(number, self.now_ms, now_s)])
            if self.pdu is not None and self.pdu.measures:
                self.control.observe([self._outlet_w()])
            await asyncio.sleep(self.poll_s)

    def _outlet(self, rig: Rig) -> str:
        """Say where a rig is plugged in: the first into the PDU's only outlet."""
        is_first = rig is next(iter(self.rigs.values()))
        return "pdu:1" if self.pdu is not None and is_first else ""

    def _is_fed(self, rig: Rig) -> bool:
        return self.pdu is None or self.pdu.feeds or not self._outlet(rig)

    def _outlet_w(self) -> PointReading:
        rig = next(iter(self.rigs.values()))
        drawn_w = rig.drawn_w if self._is_fed(rig) else 0.0
        return PointReading(
            at_ms=self.now_ms, device=9998, point="outlet.1.power", unit="W", value=drawn_w
        )

    async def _meter(self) -> None:
        while self.feeder:
            self.control.observe(
                [MeterReading(at_ms=self.now_ms, meter=9999, power_w=self.power_w)]
            )
            await asyncio.sleep(1.0)
        await asyncio.sleep(float("1e9"))


def _entry(name: str, kind: str, feeder: str, interval_s: float, outlet: str = "") -> DeviceEntry:
    return DeviceEntry(
        name=name,
        driver="asic",
        address=name,
        kind=kind,
        feeder=feeder,
        interval_s=interval_s,
        outlet=outlet,
    )


def limits(**model: Any) -> Envelope:
    """Make an envelope; `ramp` is kW/min of the site both ways, `limit` its kW."""
    feeders = msgspec.convert(model.pop("feeder", {}), dict[str, Line])
    ramp, limit = model.pop("ramp", None), model.pop("limit", None)
    down, spacing = model.pop("ramp_down", ramp), model.pop("spacing", 0.0)
    site = Line(
        limit_kw=limit, ramp_up_kw_per_min=ramp, ramp_down_kw_per_min=down, start_spacing_s=spacing
    )
    fits = {"power_max_w": 3600, "power_min_w": 500, **model}
    models = {"*": msgspec.convert(fits, Model)}
    return Envelope(agent="a", site=site, feeders=feeders, models=models)
