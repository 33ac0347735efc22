"""A try-out in a process of its own, after all else: the hub's event loop does not pay for it.

Job (stdin, a line) ─► replay ─► Said: how far, then what it showed or why not (stdout, a line each)

The database's address may have a password in it, so that it comes by stdin, too.
"""

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import Any

import msgspec

from lode_hub import logs
from lode_hub.errors import HubError, InvalidError
from lode_hub.rules import history
from lode_hub.rules.schema import made
from lode_hub.rules.tried import Tried, summed
from lode_hub.store import Store

NICENESS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What is to be tried: a rule as a table, at a site or everywhere, over a span (Unix ms)."""

    url: str
    rule: dict[str, Any]
    site: str | None
    from_ms: int
    to_ms: int
    most_values: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A line of the answer: one of these."""

    part: float | None = None  # that is done, 0 to 1
    tried: Tried | None = None
    refused: str = ""  # it cannot be tried so
    failed: str = ""


def main() -> None:
    """Do the job that is told on stdin."""
    os.nice(NICENESS)
    logs.configure("warning")
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    try:
        _say(Said(tried=asyncio.run(_tried(job))))
    except InvalidError as error:
        _say(Said(refused=str(error)))
    except HubError as error:
        _say(Said(failed=str(error)))


async def _tried(job: Job) -> Tried:
    store = await Store.open(job.url, max_size=2, name="lode-try-out")
    try:
        done, names = await history.over_history(
            store,
            made(job.rule, "try-out"),
            job.site,
            (job.from_ms, job.to_ms),
            lambda part: _say(Said(part=part)),
            most_values=job.most_values,
        )
    finally:
        await store.close()
    return summed(done, names)


def _say(said: Said) -> None:
    # Who asked and is gone has closed the pipe: writing ends us.
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
