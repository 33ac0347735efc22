"""The part of the made-up hub that takes commands; it does nothing until it is told what came."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from lode_hub.actions import Ask
from lode_hub.errors import ConflictError
from lode_hub.queries.command_nouns import (
    CommandDetail,
    CommandRow,
    ControlsRow,
    CurtailmentRow,
    UnorderedRow,
)
from lode_wire.orders import AnyIntent, Terms
from tests.ui import made_commands as made
from tests.ui.made import now_ms

if TYPE_CHECKING:
    from tests.ui.world import Someone, World

OVER = {"declined", "released", "refused", "failed", "expired"}


class Book:
    """Every command and curtailment of a world."""

    def __init__(self) -> None:
        self.details: dict[str, CommandDetail] = {}
        self.curtailments: dict[str, CurtailmentRow] = {}
        self.maintained: dict[int, str] = {}
        self.requests: dict[str, str] = {}
        self.strange: list[UnorderedRow] = []
        self.local: list[UnorderedRow] = []

    def add(self, detail: CommandDetail) -> str:
        self.details[detail.command.command_id] = detail
        return detail.command.command_id

    def tell(self, stage: str, *, answer: object = None, **proof: object) -> None:
        """Let the newest command come to a stage, with what shows it."""
        command_id, detail = list(self.details.items())[-1]
        reason = str(proof.get("reason", ""))
        is_over = stage in OVER or (stage == "effective" and not detail.command.is_held)
        row = replace(
            detail.command,
            stage=stage,
            reason=reason,
            counts={stage: 1},
            answered_ms=now_ms(),
            ended_ms=now_ms() if is_over else None,
        )
        told = [replace(each, stage=stage, at_ms=now_ms(), **proof) for each in detail.devices]
        steps = [made.step(len(detail.steps) + 1, stage, at_ms=now_ms(), reason=reason)]
        self.details[command_id] = replace(
            detail,
            command=row,
            devices=told,
            steps=[*steps, *detail.steps],
            answer=answer if answer is not None else detail.answer,
        )


class StandInCommandQueries:
    """Answers about commands from a world's book."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def commands(
        self,
        *,
        site: str | None = None,
        stages: Sequence[str] | None = None,
        device_id: int | None = None,
        is_open: bool = False,
        limit: int,
        offset: int = 0,
    ) -> list[CommandRow]:
        await self._world.asked("commands")
        rows = [detail.command for detail in reversed(self._world.book.details.values())]
        rows = [
            row
            for row in rows
            if site in (None, row.site)
            and (not stages or row.stage in stages)
            and device_id in (None, row.device_id)
            and not (is_open and row.ended_ms is not None)
        ]
        return rows[offset : offset + limit]

    async def count(self, **chosen: object) -> int:
        return len(await self.commands(**chosen, limit=100_000))

    async def command(self, command_id: str) -> CommandDetail | None:
        await self._world.asked("command")
        return self._world.book.details.get(command_id)

    async def strange(self, limit: int) -> list[UnorderedRow]:
        return self._world.book.strange[:limit]

    async def local(self, limit: int) -> list[UnorderedRow]:
        return self._world.book.local[:limit]

    async def controls(self, device_id: int) -> ControlsRow | None:
        await self._world.asked("controls")
        rig = self._world.fleet.get(device_id)
        found = made.controls(rig) if rig else None
        note = self._world.book.maintained.get(device_id)
        return replace(found, maintenance=note) if found and note else found

    async def curtailment(self, curtailment_id: str) -> CurtailmentRow | None:
        await self._world.asked("curtailment")
        return self._world.book.curtailments.get(curtailment_id)


class StandInOrders:
    """Writes down what is ordered."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def order(
        self,
        person: "Someone",
        intent: AnyIntent,
        *,
        device_id: int | None = None,
        agent: str | None = None,
        terms: Terms | None = None,
        request: str = "",
    ) -> str:
        book = self._world.book
        if request in book.requests:
            return book.requests[request]
        rig = self._world.fleet.get(device_id or 0)
        known = made.controls(rig) if rig else None
        if known and intent.action not in (*known.offers, "dry_run", "registers"):
            raise ConflictError(f"{known.name}: does not offer {intent.action}")
        name = rig.name if rig else "" if device_id is None else "meter-1"
        order = {"intent": msgspec.to_builtins(intent), "terms": msgspec.to_builtins(terms)}
        row = made.command(
            device_id=device_id,
            target=name,
            action=intent.action,
            order=order,
            actor=person.name,
            agent=agent or "north-1",
            is_held=terms is not None,
            devices=1 if name else 0,
        )
        devices = [made.device(name, device_id=device_id)] if name else []
        self._world.done.append((intent.action, device_id or 0, person.name))
        book.requests[request] = book.add(made.detail(row, *devices))
        return row.command_id

    async def release(self, person: "Someone", command_id: str, *, request: str = "") -> str:
        return await self._noted("release", person, command_id)

    async def approve(self, person: "Someone", command_id: str) -> None:
        await self._decide(person, command_id, "approve", "queued")

    async def decline(self, person: "Someone", command_id: str) -> None:
        await self._decide(person, command_id, "decline", "declined")

    async def stop_all(
        self, person: "Someone", site: str, *, reason: str = "", request: str = ""
    ) -> list[str]:
        row = made.command(
            device_id=None,
            target="",
            action="stop_all",
            order={"intent": {"action": "stop_all", "reason": reason}},
            actor=person.name,
            devices=0,
            counts={},
        )
        self._world.book.add(made.detail(row))
        return [await self._noted("stop_all", person, site)]

    async def end_stop(self, person: "Someone", site: str, *, request: str = "") -> list[str]:
        return [await self._noted("end_stop", person, site)]

    async def maintain(
        self, person: "Someone", device_id: int, *, is_on: bool, note: str = ""
    ) -> None:
        self._world.book.maintained.pop(device_id, None)
        if is_on:
            self._world.book.maintained[device_id] = f"{person.name}, now"
        self._world.done.append(("maintain", device_id, person.name))

    async def _decide(self, person: "Someone", command_id: str, act: str, stage: str) -> None:
        detail = self._world.book.details[command_id]
        if detail.command.stage != "proposed":
            raise ConflictError(f"command {command_id}: it waits for no approval; reload")
        await self._noted(act, person, command_id)
        self._world.book.details[command_id] = replace(
            detail, command=replace(detail.command, stage=stage)
        )

    async def _noted(self, act: str, person: "Someone", about: str) -> str:
        self._world.done.append((act, about, person.name))
        return about


class StandInCurtailments:
    """Previews as the hub chooses, and begins as one lease."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def preview(self, person: "Someone", ask: Ask, terms: Terms | None = None) -> str:
        rigs = [rig for rig in self._world.fleet.values() if rig.site == ask.site]
        row = made.preview(ask, msgspec.to_builtins(terms), rigs)
        self._world.book.curtailments[row.curtailment_id] = row
        self._world.done.append(("preview", row.curtailment_id, person.name))
        return row.curtailment_id

    async def start(
        self, person: "Someone", curtailment_id: str, *, request: str = ""
    ) -> list[str]:
        book = self._world.book
        row = book.curtailments[curtailment_id]
        if row.started_ms is not None:
            raise ConflictError(f"curtailment {curtailment_id}: it has begun already")
        rigs = [self._world.fleet[each.device_id] for each in row.taken]
        few = len(rigs) // 8
        lease = made.many(
            rigs, failed=min(3, few), waiting=few, actor=person.name, curtailment_id=curtailment_id
        )
        commands = [book.add(lease)]
        book.curtailments[curtailment_id] = replace(
            row, started_by=person.name, started_ms=now_ms(), commands=commands
        )
        self._world.done.append(("start", curtailment_id, person.name))
        return commands

    async def release(
        self, person: "Someone", curtailment_id: str, *, request: str = ""
    ) -> list[str]:
        self._world.done.append(("end", curtailment_id, person.name))
        return []


def filled(book: Book, rigs: Sequence[object]) -> None:
    """Write some of everything into a book: all well, gone wrong, under way, waiting."""
    _unordered(book)
    now = now_ms()
    ago = {"created_ms": now - 7_200_000}
    for number in range(30):
        row = made.command(
            action="reboot",
            order={"intent": {"action": "reboot"}},
            stage="effective",
            counts={"effective": 1},
            created_ms=now - 9_000_000 - number * 60_000,
            ended_ms=now - 8_900_000 - number * 60_000,
        )
        book.add(made.detail(row))
    for stage, reason in (
        ("refused", "envelope: no start is left today"),
        ("failed", "no-effect: read-back says is_asleep False, power is 3051 W"),
        ("expired", "too-late: the agent did not answer in time"),
        ("drifted", "disobeyed: its power says so"),
    ):
        row = made.command(
            stage=stage, reason=reason, counts=dict(Counter([stage])), actor="noor", **ago,
            ended_ms=None if stage == "drifted" else now - 7_190_000,
        )  # fmt: skip
        shown = made.device(stage=stage, reason=reason)
        book.add(made.detail(row, shown))
    book.add(made.proved())
    book.add(made.many(list(rigs), failed=3, waiting=len(rigs) // 12))
    for actor in ("noor", "mira"):
        row = made.command(
            action="firmware",
            order={"intent": {"action": "firmware", "image": "s19jpro-2024-11.tar.gz"}},
            stage="proposed",
            actor=actor,
            approved_by=(actor,),
            created_ms=now - 300_000,
        )
        book.add(made.detail(row))


def _unordered(book: Book) -> None:
    book.strange.append(made.unordered("<b>stranger</b>"))
    hot = "chip 99 °C, above 95 °C"
    rule = made.unordered("local:over-temperature:rig-007", stage="accepted", reason=hot)
    book.local.append(rule)
