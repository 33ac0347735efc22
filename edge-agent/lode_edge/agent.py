"""The agent's main path: the parts joined, started and stopped.

devices ◄─ poller ─► spool ─► uplink ─► broker
             ▲         ▲
         inventory   health
"""

import asyncio
import dataclasses
import secrets
from concurrent.futures import Future

import structlog

from lode_edge import drivers, trust
from lode_edge.drivers import Facts
from lode_edge.drivers.driver import Login
from lode_edge.health import EVERY_S, Monitor
from lode_edge.inventory import VERSION, Inventory
from lode_edge.poll import Polled, Poller
from lode_edge.secrets import logins
from lode_edge.settings import DeviceEntry, Settings
from lode_edge.spool import Limits, NoRoomError, Origin, Spool
from lode_edge.uplink import Identity, Uplink, Window
from lode_wire import topics

_ROOM_S = 1.0  # between two attempts to open the spool on a full disk
_DRAIN_S = 3.0  # for the last batches when the agent stops
_POLL_GRACE_S = 2.0  # by which a reading may outlast its device's timeout

log = structlog.get_logger(__name__)


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
    poller = _poller(settings, spool, inventory)
    log.info("agent started", agent=settings.agent.name, version=VERSION, epoch=spool.depth.epoch)
    _announce(spool, uplink, inventory)
    spool.on_new_epoch.append(lambda: _announce(spool, uplink, inventory))
    uplink.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(poller.run())
            beside = [
                tasks.create_task(_report(monitor, poller, spool, uplink)),
                tasks.create_task(_remember(inventory)),
            ]
            known = trust.Identity.load(settings.agent.data_dir)
            if known is not None:
                beside.append(tasks.create_task(trust.Renewal(known, uplink.reconnect).run()))
            await stop.wait()
            # What is half read is read to its end; no reading takes longer than its timeout.
            poller.stop()
            for task in beside:
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


def _poller(settings: Settings, spool: Spool, inventory: Inventory) -> Poller:
    def learn(device: Polled, facts: Facts) -> None:
        news = inventory.learned(device.name, facts)
        if news is not None:
            spool.put([news])

    known = logins(settings)
    polled = [
        _polled(entry, spool.numbers[entry.name], known.get(entry.name))
        for entry in settings.devices
    ]
    return Poller(polled, spool.put, identified=learn)


def _polled(entry: DeviceEntry, number: int, login: Login | None) -> Polled:
    told = drivers.DeviceEntry(**dataclasses.asdict(entry), login=login)
    driver = drivers.make(told, number)
    return Polled(
        name=entry.name, driver=driver, interval_s=entry.interval_s, timeout_s=entry.timeout_s
    )


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
