"""Every question the pages ask about commands, each shared through the feed."""

from collections.abc import Sequence
from typing import Literal

from lode_hub.queries.command_nouns import (
    CommandDetail,
    CommandRow,
    CommandStage,
    ControlsRow,
    CurtailmentRow,
    UnorderedRow,
)
from lode_ui.feed import PERIOD_S, Feed
from lode_ui.hub import CommandQueries

Kind = Literal["all", "open", "bad", "proposed"]

STAGES: dict[Kind, tuple[CommandStage, ...] | None] = {
    "all": None,
    "open": None,
    "bad": ("refused", "failed", "expired", "drifted"),
    "proposed": ("proposed",),
}

OPEN_LIMIT = 200
OF_DEVICE = 20
UNORDERED_LIMIT = 50

MANY_DEVICES = 500
MANY_PERIOD_S = 4.0
"""A command of very many devices is read again this often: each reading reads all of them."""

PREVIEW_PERIOD_S = 30.0
"""A preview never changes; whether it was begun is told by whoever begins it."""


class CommandAnswers:
    """Answers about commands and curtailments, and what devices offer."""

    def __init__(self, queries: CommandQueries, feed: Feed) -> None:
        self._queries = queries
        self._feed = feed
        self._many: dict[str, None] = {}

    async def page(
        self, site: str | None, kind: Kind, *, limit: int, offset: int
    ) -> Sequence[CommandRow]:
        """Give one page of the commands of a kind, newest first."""
        return await self._feed.ask(
            ("commands", site, kind, limit, offset),
            lambda: self._queries.commands(
                site=site, stages=STAGES[kind], is_open=kind == "open", limit=limit, offset=offset
            ),
        )

    async def count(self, site: str | None, kind: Kind) -> int:
        """Count the commands of a kind."""
        return await self._feed.ask(
            ("commands counted", site, kind),
            lambda: self._queries.count(site=site, stages=STAGES[kind], is_open=kind == "open"),
        )

    async def of_device(self, device_id: int) -> Sequence[CommandRow]:
        """Give the newest commands for a device."""
        return await self._feed.ask(
            ("commands of", device_id),
            lambda: self._queries.commands(device_id=device_id, limit=OF_DEVICE),
        )

    async def command(self, command_id: str) -> CommandDetail | None:
        """Give one command with its devices and steps, None when there is none of that id."""
        detail = await self._feed.ask(
            ("command", command_id),
            lambda: self._queries.command(command_id),
            period_s=MANY_PERIOD_S if command_id in self._many else PERIOD_S,
        )
        if detail is not None and len(detail.devices) > MANY_DEVICES:
            self._many[command_id] = None
            while len(self._many) > OPEN_LIMIT:
                del self._many[next(iter(self._many))]
        return detail

    async def strange(self, site: str | None) -> Sequence[UnorderedRow]:
        """Give what agents of a site tell of commands that are not the hub's."""
        rows = await self._feed.ask(("strange",), lambda: self._queries.strange(UNORDERED_LIMIT))
        return [row for row in rows if site in (None, row.site)]

    async def local(self, site: str | None) -> Sequence[UnorderedRow]:
        """Give what a site began by itself."""
        rows = await self._feed.ask(("local",), lambda: self._queries.local(UNORDERED_LIMIT))
        return [row for row in rows if site in (None, row.site)]

    async def controls(self, device_id: int) -> ControlsRow | None:
        """Give what can be asked of a device; None when its agent has not said."""
        return await self._feed.ask(
            ("controls", device_id), lambda: self._queries.controls(device_id)
        )

    async def curtailment(self, curtailment_id: str) -> CurtailmentRow | None:
        """Give one curtailment, None when there is none of that id."""
        return await self._feed.ask(
            ("curtailment", curtailment_id),
            lambda: self._queries.curtailment(curtailment_id),
            period_s=PREVIEW_PERIOD_S,
        )
