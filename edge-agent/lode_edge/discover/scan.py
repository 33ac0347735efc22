"""Ask many addresses what they are: few at once, not too fast, and not for ever.

address ─► does any usual port take a connection? ─► probe ─► found
               └► no: silent, which most addresses are
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from lode_edge.probe import Found, Probed, probe

PORTS = (4028, 80, 4433, 502)  # rigs; rigs' web pages; WhatsMiner v3; Modbus


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How hard the network may be asked."""

    at_once: int = 128  # addresses under way
    per_s: float = 200.0  # addresses begun in a second
    connect_s: float = 1.0  # for one port to take a connection
    probe_s: float = 3.0  # for one question to what listens there
    whole_s: float = 900.0  # for all together


@dataclass(slots=True)
class Progress:
    """How far a scan has come; `skipped` were not asked, because time ran out."""

    total: int
    asked: list[str] = field(default_factory=list)  # hosts of which something is known now
    silent: int = 0
    found: int = 0
    strange: int = 0  # something listens that is no device we know
    skipped: int = 0


async def scan(
    hosts: Sequence[str],
    bounds: Bounds = Bounds(),
    *,
    ports: Sequence[int] = PORTS,
    tell: Callable[[Progress], None] = lambda _: None,
) -> tuple[list[Found], list[str], Progress]:
    """Ask every host; give what was found, what was strange, and how far it came."""
    progress = Progress(len(hosts))
    found: list[Found] = []
    strange: list[str] = []

    async def ask(host: str) -> None:
        probed = await _probed(host, ports, bounds)
        progress.asked.append(host)
        if probed is None:
            progress.silent += 1
        elif probed.found:
            progress.found += 1
            found.extend(probed.found)
        else:
            progress.strange += 1
            strange.append(f"{host}: {'; '.join(probed.notes)}")
        tell(progress)

    await _each(hosts, ask, bounds)
    progress.skipped = progress.total - len(progress.asked)
    tell(progress)
    return found, strange, progress


async def _each(
    hosts: Sequence[str], ask: Callable[[str], Awaitable[None]], bounds: Bounds
) -> None:
    loop = asyncio.get_running_loop()
    places = asyncio.Semaphore(bounds.at_once)
    begin_s = loop.time()

    async def one(host: str) -> None:
        try:
            await ask(host)
        finally:
            places.release()

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(bounds.whole_s), asyncio.TaskGroup() as tasks:
            for n, host in enumerate(hosts):
                await asyncio.sleep(max(0.0, begin_s + n / bounds.per_s - loop.time()))
                await places.acquire()
                tasks.create_task(one(host))


async def _probed(host: str, ports: Sequence[int], bounds: Bounds) -> Probed | None:
    """Give what is there; None when no port takes a connection."""
    if not any(await asyncio.gather(*(_takes(host, port, bounds.connect_s) for port in ports))):
        return None
    return await probe(host, timeout_s=bounds.probe_s)


async def _takes(host: str, port: int, limit_s: float) -> bool:
    try:
        async with asyncio.timeout(limit_s):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True
