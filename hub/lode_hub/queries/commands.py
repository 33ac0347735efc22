"""What may be asked about commands, curtailments and what devices offer."""

from collections.abc import Sequence
from typing import Any

import msgspec

from lode_hub.queries.command_nouns import (
    ApprovalRow,
    CommandDetail,
    CommandDeviceRow,
    CommandRow,
    CommandStage,
    CommandStepRow,
    ControlsRow,
    CurtailmentRow,
    FeederSum,
    SkippedRig,
    TakenRig,
    UnorderedRow,
)
from lode_hub.store import Store, commands_curtail, queries_commands
from lode_hub.store.asking import asking
from lode_wire.orders import offered

Row = dict[str, Any]


class CommandQueries:
    """Answers from the database; each call raises UnavailableError when that is away.

    Pages learn of changes from `Live`: `Change.commands` has the ids of commands that changed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def commands(
        self,
        *,
        site: str | None = None,
        stages: Sequence[CommandStage] | None = None,
        device_id: int | None = None,
        is_open: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> list[CommandRow]:
        """Give commands, newest first.

        Args:
            site: of this site only.
            stages: in these stages only.
            device_id: that are for this device, also as one of many.
            is_open: that are not at their end.
            limit: at most so many.
            offset: after so many.
        """
        chosen = queries_commands.choose(site, stages, device_id, is_open=is_open)
        async with asking(self._store) as conn:
            rows = await queries_commands.commands(conn, chosen, limit=limit, offset=offset)
        return [_command(row) for row in rows]

    async def count(
        self,
        *,
        site: str | None = None,
        stages: Sequence[CommandStage] | None = None,
        device_id: int | None = None,
        is_open: bool = False,
    ) -> int:
        """Count the commands that `commands` would give without a limit."""
        chosen = queries_commands.choose(site, stages, device_id, is_open=is_open)
        async with asking(self._store) as conn:
            return await queries_commands.count(conn, chosen)

    async def pending(self, site: str | None = None) -> list[CommandRow]:
        """Give the proposals that wait for an approval, newest first."""
        return await self.commands(site=site, stages=["proposed"], limit=1000)

    async def command(self, command_id: str) -> CommandDetail | None:
        """Give one command with its devices, steps and approvals."""
        async with asking(self._store) as conn:
            row = await queries_commands.command(conn, command_id)
            if row is None:
                return None
            devices = await queries_commands.devices(conn, command_id)
            steps = await queries_commands.steps(conn, command_id)
            approvals = await queries_commands.approvals(conn, command_id)
        return CommandDetail(
            command=_command(row),
            devices=[CommandDeviceRow(**device) for device in devices],
            steps=[CommandStepRow(**step) for step in steps],
            approvals=[ApprovalRow(**approval) for approval in approvals],
            answer=next(
                (s["evidence"]["answer"] for s in steps if "answer" in s["evidence"]), None
            ),
        )

    async def strange(self, limit: int = 100) -> list[UnorderedRow]:
        """Give states of commands that are not of this database: forged, or forgotten."""
        return await self._unordered(limit, is_local=False)

    async def local(self, limit: int = 100) -> list[UnorderedRow]:
        """Give states of what the sites began by themselves: local rules, and stops there."""
        return await self._unordered(limit, is_local=True)

    async def _unordered(self, limit: int, *, is_local: bool) -> list[UnorderedRow]:
        async with asking(self._store) as conn:
            rows = await queries_commands.strange(conn, limit, is_local=is_local)
        return [UnorderedRow(**row) for row in rows]

    async def controls(self, device_id: int) -> ControlsRow | None:
        """Give what can be asked of a device; None when its agent has not said."""
        async with asking(self._store) as conn:
            row = await queries_commands.controls(conn, device_id)
        return _controls(row) if row else None

    async def all_controls(
        self, site: str | None = None, *, limit: int = 100_000, offset: int = 0
    ) -> list[ControlsRow]:
        """Give what can be asked of each device."""
        async with asking(self._store) as conn:
            rows = await queries_commands.all_controls(conn, site, limit, offset)
        return [_controls(row) for row in rows]

    async def curtailment(self, curtailment_id: str) -> CurtailmentRow | None:
        """Give one curtailment: a preview, or one that was begun."""
        async with asking(self._store) as conn:
            row = await commands_curtail.curtailment(conn, curtailment_id)
        return _curtailment(row) if row else None

    async def curtailments(
        self, site: str | None = None, *, limit: int = 100, offset: int = 0
    ) -> list[CurtailmentRow]:
        """Give the curtailments that were begun, newest first."""
        async with asking(self._store) as conn:
            rows = await commands_curtail.curtailments(conn, site, limit, offset)
        return [_curtailment(row) for row in rows]


def _command(row: Row) -> CommandRow:
    return CommandRow(**{**row, "approved_by": tuple(row["approved_by"])})


def _controls(row: Row) -> ControlsRow:
    actions, modes = offered(row["offers"])
    lists: Row = {"offers": actions, "modes": modes, "presets": tuple(row["presets"])}
    return ControlsRow(**{**row, **lists})


def _curtailment(row: Row) -> CurtailmentRow:
    chosen = row.pop("chosen")
    row.pop("age_s")
    lists: Row = {
        "feeders": msgspec.convert(chosen.pop("feeders"), list[FeederSum]),
        "taken": msgspec.convert(chosen.pop("taken"), list[TakenRig]),
        "skipped": msgspec.convert(chosen.pop("skipped"), list[SkippedRig]),
    }
    return CurtailmentRow(**row, **chosen, **lists)
