"""What a rule would have done: tried over stored history, before it is saved or as it is."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from lode_hub.errors import ConflictError, InvalidError, UnavailableError
from lode_hub.rules.book import effective
from lode_hub.rules.schema import Rule
from lode_hub.rules.tried import Tried, TriedDevice
from lode_hub.store import Store, alerts_rules
from lode_hub.store.alerts_rules import Layer
from lode_hub.store.asking import asking

MAX_DAYS = 30
MAX_VALUES = 100_000_000
DEADLINE_S = 600.0

Progress = Callable[[float], None]
"""Hears which part is done, 0 to 1; what it raises ends the try-out."""


class TryOuts:
    """Replays rules, one at a time and each in a process of its own: it reads a lot."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_busy = False

    async def run(
        self,
        name: str,
        site: str | None,
        body: Mapping[str, Any] | None,
        *,
        days: float,
        progress: Progress = lambda _: None,
    ) -> Tried:
        """Replay a rule as it would be if a person let it say this, everywhere or at a site.

        Without a body it is tried as it is.

        Raises:
            InvalidError: the rule cannot be so, judges no readings, is about no device, or there
                is too much to read.
            ConflictError: another try-out is running.
            UnavailableError: the database is away, or the try-out was ended from outside.
        """
        if not 0 < days <= MAX_DAYS:
            raise InvalidError(f"try-out: {days:g} days; give up to {MAX_DAYS}")
        if self._is_busy:
            raise ConflictError("try-out: another one is running; wait for it, or stop it")
        self._is_busy = True
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await self._run(await self._rule(name, site, body), site, days, progress)
        except TimeoutError:
            raise InvalidError(
                f"try-out: no end within {DEADLINE_S:g} s; give fewer days, or one site"
            ) from None
        finally:
            self._is_busy = False

    async def _rule(self, name: str, site: str | None, body: Mapping[str, Any] | None) -> Rule:
        async with asking(self._store) as conn:
            layers = await alerts_rules.layers(conn)
        if body is None:
            rules = effective(layers)
            found = rules.get((name, site)) or rules.get((name, None))
            if found is None:
                raise InvalidError(f"rule {name}: there is no such rule; see /api/v1/rules")
            return found
        rest = [one for one in layers if (one.name, one.site, one.layer) != (name, site, "person")]
        said = Layer(name=name, site=site, layer="person", body=body, origin="rules (this form)")
        return effective([*rest, said])[name, site]

    async def _run(self, rule: Rule, site: str | None, days: float, progress: Progress) -> Tried:
        from lode_hub.rules import trial  # noqa: PLC0415 -- it loads the detectors

        to_ms = time.time_ns() // 1_000_000
        job = trial.Job(
            url=self._store.url,
            rule=rule.model_dump(mode="json"),
            site=site,
            from_ms=to_ms - round(days * 86_400_000),
            to_ms=to_ms,
            most_values=MAX_VALUES,
        )
        program = (sys.executable, "-m", trial.__name__)
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE)
        )
        try:
            # Who is stopped while it starts must not leave it behind.
            process = await asyncio.shield(starting)
            return await _answer(process, msgspec.json.encode(job), progress)
        finally:
            await asyncio.shield(_ended(await starting))


async def _ended(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def _answer(process: Process, job: bytes, progress: Progress) -> Tried:
    from lode_hub.rules.trial import Said  # noqa: PLC0415 -- it loads the detectors

    if process.stdin is None or process.stdout is None:
        raise TypeError("a process that was started without pipes")
    process.stdin.write(job + b"\n")
    await process.stdin.drain()
    async for line in process.stdout:
        said = msgspec.json.decode(line, type=Said)
        if said.refused:
            raise InvalidError(said.refused)
        if said.failed:
            raise UnavailableError(said.failed)
        if said.tried is not None:
            return said.tried
        progress(said.part or 0.0)
    raise UnavailableError(
        f"try-out: its process ended with status {await process.wait()}; see the hub's log"
    )


__all__ = ["MAX_DAYS", "Tried", "TriedDevice", "TryOuts"]
