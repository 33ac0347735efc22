"""Parts are begun again when they fail, and end when told."""

import asyncio

import psycopg
import pytest
import structlog.testing

from lode_hub import supervise
from lode_hub.supervise import Supervisor
from tests.hub.app.opened import until


async def test_a_part_that_fails_is_begun_again_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervise, "PAUSES_S", (0.01, 0.05))
    supervisor = Supervisor()
    begun: list[str] = []

    async def fails() -> None:
        begun.append("fails")
        if len(begun) < 4:
            raise ValueError("not yet")
        await asyncio.Event().wait()

    supervisor.start("shaky", fails)

    async def runs() -> bool:
        return len(begun) == 4 and not supervisor.parts["shaky"].trouble

    await until(runs, 10, "the part to run")
    assert supervisor.parts["shaky"].restarts == 3
    await supervisor.stop()


@pytest.mark.parametrize(
    ("error", "is_told_whole"),
    [(psycopg.OperationalError("refused\nIs it running?"), False), (ValueError("ours"), True)],
)
async def test_a_database_away_is_one_line_and_a_mistake_has_its_traceback(
    error: Exception, is_told_whole: bool
) -> None:
    async def fails() -> None:
        raise error

    supervisor = Supervisor()
    with structlog.testing.capture_logs() as logs:
        supervisor.start("shaky", fails)

        async def is_told() -> bool:
            return bool(logs)

        await until(is_told, 10, "a line")
    await supervisor.stop()
    assert ("exc_info" in logs[0]) == is_told_whole
    assert "\n" not in str(logs[0].get("reason"))


async def test_trouble_is_told_while_it_lasts() -> None:
    supervisor = Supervisor()

    async def ends() -> None:
        return

    supervisor.start("short", ends)

    async def is_troubled() -> bool:
        return supervisor.parts["short"].trouble == "it ended"

    await until(is_troubled, 10, "the trouble to show")
    await supervisor.stop()


async def test_the_last_begun_stops_first() -> None:
    supervisor = Supervisor()
    ended: list[str] = []

    async def run(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    for name in ("one", "two", "three"):
        supervisor.start(name, lambda name=name: run(name))  # type: ignore[misc]
    await asyncio.sleep(0)
    await supervisor.stop()
    assert ended == ["three", "two", "one"]


async def test_one_that_does_not_stop_holds_nobody_up() -> None:
    supervisor = Supervisor()
    may_end = asyncio.Event()

    async def stubborn() -> None:
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    supervisor.start("stubborn", stubborn)
    task = supervisor.parts["stubborn"].task
    await asyncio.sleep(0)
    await supervisor.stop(within_s=0.05)
    may_end.set()
    assert task is not None
    async with asyncio.timeout(30):
        await task  # is not begun again
