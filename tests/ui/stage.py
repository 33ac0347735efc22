"""Widgets and pages on a bare page: as a person without a browser reads them, without a frame."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from nicegui import Client, core, ui

from lode_ui.desk import Answers, Desk
from lode_ui.feed import Feed
from tests.ui.world import Someone, StandInActions, StandInLive, StandInQueries, World


@dataclass
class Stage:
    """A page that nobody serves; it is read like a user's, with `tests.ui.reading`."""

    _client: Client
    made: Any = None

    @property
    def notices(self) -> list[str]:
        """What was said beside the page."""
        sent = [payload for _, kind, payload in self._client.outbox.messages if kind == "notify"]
        return [str(each["message"]) for each in sent]


@asynccontextmanager
async def staged(build: Callable[[], object]) -> AsyncIterator[Any]:
    """Build something on a bare page; it is `made` of what is given."""
    before, core.loop = core.loop, asyncio.get_running_loop()
    client = Client(ui.page("/stage"))
    client.outbox.stop()
    try:
        stage = Stage(client)
        with client:
            stage.made = build()
        yield stage
    finally:
        client.delete()
        core.loop = before


@dataclass
class Told:
    """Does anything it is asked: notes it, or fails as it was told to."""

    done: list[tuple[Any, ...]] = field(default_factory=list)
    failure: Exception | None = None
    gives: object = 1
    tried: int = 0

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        async def act(*given: Any, **named: Any) -> object:
            self.tried += 1
            if self.failure:
                raise self.failure
            self.done.append((name, *given, named))
            return self.gives

        return act


def desk(role: str = "operator", world: World | None = None, **answers: object) -> Desk:
    """Make a desk over a world, with other queries where they are given."""
    world = world or World(rigs=2)
    asked, acts = StandInQueries(world), StandInActions(world)
    for name, queries in ({"tryouts": answering()} | answers).items():
        setattr(asked, name, queries)
    acts.telling, acts.alarms = Told(), Told()
    shared = Answers(asked, Feed(StandInLive(world)))
    return Desk(answers=shared, actions=acts, person=Someone("mira", role))


def answering(**answers: object) -> SimpleNamespace:
    """Make queries of which each gives one answer, whatever it is asked for."""

    def giving(answer: object) -> Callable[..., Awaitable[object]]:
        async def give(*_: object, **__: object) -> object:
            return answer

        return give

    return SimpleNamespace(**{name: giving(answer) for name, answer in answers.items()})
