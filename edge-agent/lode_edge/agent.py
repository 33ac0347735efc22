"""The agent's main path: the parts joined, started and stopped.

devices ◄─ poller ─► spool ─► uplink ─► broker
   ▲         ▲         ▲         │
   │     inventory   health      │
   └────── control ◄─ commands ──┘
"""

import asyncio
import dataclasses
import functools
import secrets
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

import structlog

from lode_edge import drivers, trust
from lode_edge.drivers import Facts
from lode_edge.drivers.driver import DeviceEntry, Driver, Stream
from lode_edge.health import EVERY_S, Monitor
from lode_edge.inventory import VERSION, Inventory
from lode_edge.poll import Polled, Poller
from lode_edge.secrets import logins
from lode_edge.settings import Settings
from lode_edge.spool import Limits, NoRoomError, Origin, Spool
from lode_edge.uplink import Identity, Uplink, Window
from lode_wire import topics
from lode_wire.records import Record

if TYPE_CHECKING:
    from lode_edge.control.control import Control
    from lode_edge.publish import Publisher

_ROOM_S = 1.0  # between two attempts to open the spool on a full disk
_DRAIN_S = 3.0  # for the last batches when the agent stops
_POLL_GRACE_S = 2.0  # by which a reading may outlast its device's timeout

log = structlog.get_logger(__name__)


class Made(NamedTuple):
    """A configured device, its number and its driver."""

    entry: DeviceEntry
    number: int
    driver: Driver | Stream


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Read the devices and forward what they say, until told to stop.

    Raises:
        EdgeError: the agent cannot start: a device's settings or the spool's directory are wrong.
        ExceptionGroup: a part failed, which none should.
    """
    spool = await _opened(settings, stop)
    if spool is None:
        return
    try:
        await _live(settings, spool, stop)
    finally:
        await asyncio.to_thread(spool.close)
        log.info("agent stopped", waiting=spool.depth.batches)


async def _live(settings: Settings, spool: Spool, stop: asyncio.Event) -> None:
    boot = secrets.token_hex(8)
    inventory = Inventory(settings, spool.numbers, boot)
    monitor = Monitor(boot, settings.agent.data_dir)
    uplink = _uplink(settings, spool, boot)
    devices = _devices(settings, spool)
    steering = _control(settings, devices, spool, uplink)
    publisher = _publisher(settings, inventory)
    ears = _Ears(spool, inventory, publisher, steering)
    poller = Poller(
        _polled(devices), ears.emit, identified=lambda d, facts: ears.learn(d.name, facts)
    )
    if steering is not None:
        steering.on_change.append(poller.identify_soon)
    log.info("agent started", agent=settings.agent.name, version=VERSION, epoch=spool.depth.epoch)
    _announce(spool, uplink, inventory)
    spool.on_new_epoch.append(lambda: _announce(spool, uplink, inventory))
    uplink.start()
    beside = [
        _report(monitor, poller, spool, uplink),
        _remember(inventory),
        *_listening(devices, ears),
        *(part.run() for part in (steering, publisher, _renewal(settings, uplink)) if part),
    ]
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(poller.run())
            running = [tasks.create_task(part) for part in beside]
            await stop.wait()
            # What is half read is read to its end; no reading takes longer than its timeout.
            poller.stop()
            for task in running:
                task.cancel()
    finally:
        inventory.save()
        spool.put([inventory.death("stopped")])
        spool.flush()
        await asyncio.to_thread(uplink.stop, drain_s=_DRAIN_S)


async def _opened(settings: Settings, stop: asyncio.Event) -> Spool | None:
    """Open the spool, as soon as its disk has room; None when told to stop before."""
    origin = Origin(
        directory=settings.agent.data_dir,
        agent=settings.agent.name,
        limits=Limits(
            max_bytes=settings.spool.max_bytes,
            reserve_bytes=settings.spool.reserve_bytes,
            max_age_s=settings.spool.max_age_days * 86400,
        ),
    )
    slowest_s = max((entry.timeout_s for entry in settings.devices), default=0.0)
    while not stop.is_set():
        try:
            return Spool(
                origin,
                devices=[entry.name for entry in settings.devices],
                queue_records=settings.spool.queue_records,
                lag_s=slowest_s + _POLL_GRACE_S,
            )
        except NoRoomError as error:
            log.warning("spool not opened", reason=str(error))
            await asyncio.sleep(_ROOM_S)
    return None


def _uplink(settings: Settings, spool: Spool, boot: str) -> Uplink:
    identity = Identity(
        agent=settings.agent.name, partition=topics.partition_of(settings.agent.site), boot=boot
    )
    window = Window(batches=settings.uplink.window, size_bytes=settings.uplink.window_bytes)
    return Uplink(identity, spool, trust.addresses(settings), window)


def _devices(settings: Settings, spool: Spool) -> Sequence[Made]:
    known = logins(settings)
    images = settings.control.images_dir
    made = []
    for entry in settings.devices:
        told = DeviceEntry(**dataclasses.asdict(entry), login=known.get(entry.name))
        number = spool.numbers[entry.name]
        driver = drivers.make(
            told,
            number,
            opcua=settings.opcua,
            mqtt=settings.mqtt,
            images=images,
            folder=settings.agent.data_dir,
        )
        made.append(Made(told, number, driver))
    return made


def _control(
    settings: Settings, devices: Iterable[Made], spool: Spool, uplink: Uplink
) -> "Control | None":
    """Have control where there is an envelope; without one it is not even loaded."""
    if settings.control.envelope_file is None:
        return None
    from lode_edge.control.begin import begun  # noqa: PLC0415

    return begun(settings, devices, spool, uplink)


def _renewal(settings: Settings, uplink: Uplink) -> "trust.Renewal | None":
    """Renew the agent's certificate where it has been enrolled."""
    known = trust.Identity.load(settings.agent.data_dir)
    return None if known is None else trust.Renewal(known, uplink.reconnect)


def _publisher(settings: Settings, inventory: Inventory) -> "Publisher | None":
    """Publish to the site's own broker where one is named."""
    if not settings.publish.urls:
        return None
    from lode_edge.publish import Publisher  # noqa: PLC0415

    return Publisher(settings, inventory.birth())


def _polled(devices: Iterable[Made]) -> list[Polled]:
    return [
        Polled(
            name=device.entry.name,
            driver=device.driver,
            interval_s=device.entry.interval_s,
            timeout_s=device.entry.timeout_s,
        )
        for device in devices
        if not isinstance(device.driver, Stream)
    ]


def _listening(devices: Iterable[Made], ears: "_Ears") -> Iterator[Coroutine[None, None, None]]:
    for device in devices:
        if isinstance(device.driver, Stream):
            yield device.driver.run(ears.emit, functools.partial(ears.learn, device.entry.name))


class _Ears:
    """Who hears what devices say: spool, inventory, the site's own broker, and control."""

    def __init__(
        self,
        spool: Spool,
        inventory: Inventory,
        publisher: "Publisher | None",
        steering: "Control | None",
    ) -> None:
        self._spool, self._inventory = spool, inventory
        self._publisher, self._steering = publisher, steering

    def emit(self, records: Sequence[Record]) -> None:
        """Take in what a device measured."""
        if self._steering is not None:
            records = self._steering.observe(records)
        self._spool.put(records)
        if self._publisher is not None:
            self._publisher.take(records)

    def learn(self, name: str, facts: Facts) -> None:
        """Take in what a device says it is."""
        news = self._inventory.learned(name, facts)
        if news is not None:
            self._spool.put([news])
            if self._publisher is not None:
                self._publisher.take([news])
        if self._steering is not None:
            present, other = self._inventory.present(name), self._inventory.other(name)
            self._steering.learned(name, present, other)


def _announce(spool: Spool, uplink: Uplink, inventory: Inventory) -> None:
    """Spool the birth, and let the uplink send nothing before it."""

    def committed(batches: "Future[list[int]]") -> None:
        if not batches.cancelled():
            uplink.announce(batches.result())

    spool.announce(inventory.birth()).add_done_callback(committed)


async def _report(monitor: Monitor, poller: Poller, spool: Spool, uplink: Uplink) -> None:
    while True:
        spool.put([monitor.record(poller.counters, spool.depth, uplink.status)])
        await asyncio.sleep(EVERY_S)


async def _remember(inventory: Inventory) -> None:
    while True:
        await asyncio.sleep(EVERY_S)
        await asyncio.to_thread(inventory.save)
