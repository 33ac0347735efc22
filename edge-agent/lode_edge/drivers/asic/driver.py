"""One rig on port 4028: identified once, read with its family's commands ever after."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterable, Sequence

from lode_edge.drivers.asic import client
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Figures
from lode_edge.drivers.asic.identify import QUESTIONS, recognise
from lode_edge.drivers.asic.reply import Replies, check, decode
from lode_edge.drivers.driver import DeviceEntry, Facts, endpoint
from lode_edge.errors import (
    BadAnswer,
    DriverError,
    EdgeError,
    NotNow,
    Unreachable,
    Unsupported,
)
from lode_profiles import ProfileError, RigProfile, find_rig, load
from lode_wire.records import Quality, Record, RigReading, State

PORT = 4028
PARTS_EVERY_S = 60.0  # boards and fans one by one; the reading has the worst of them every time


class AsicDriver:
    """Reads one rig; its family is found at the first answer and again after each restart."""

    def __init__(self, entry: DeviceEntry, number: int) -> None:
        self.host, self.port = endpoint(entry.address, PORT)
        self.address = f"{self.host}:{self.port}"
        self._number = number
        self._timeout_s = entry.timeout_s
        self._profile = _profile(entry)
        self._family: Family | None = None
        self._unsupported: set[str] = set()
        self._uptime_s: float | None = None
        self._parts_due_s = 0.0

    async def identify(self) -> Facts:
        """Ask the rig what it is.

        Raises:
            DriverError: it did not answer, or it is none of the known families.
        """
        deadline = self._deadline()
        family, replies = await self._recognise(deadline)
        await self._ask_all(family.about, replies, deadline)
        self._family = family
        return self._facts(family.describe(replies))

    async def read(self, at_ms: int) -> Sequence[Record]:
        """Read the rig once, all commands together within its time limit.

        Raises:
            DriverError: no usable answer came.
        """
        deadline = self._deadline()
        if self._family is None:
            self._family, _ = await self._recognise(deadline)
        replies, figures = await self._poll(self._family, deadline)
        self._forget_after_restart(figures)
        records: list[Record] = [figures.reading(self._number, at_ms, replies.quality)]
        now = asyncio.get_running_loop().time()
        if now >= self._parts_due_s:
            self._parts_due_s = now + PARTS_EVERY_S
            records += figures.points(self._number, at_ms, replies.quality)
        return records

    def missed(self, at_ms: int, error: DriverError) -> Sequence[Record]:
        """Say that no reading came: unreachable when nothing answered, else unknown."""
        state = State.UNREACHABLE if isinstance(error, Unreachable) else State.UNKNOWN
        quality = int(error.quality)
        return [RigReading(at_ms=at_ms, rig=self._number, state=state, quality=quality)]

    async def close(self) -> None:
        """Do nothing: no connection outlives its command."""

    async def _poll(self, family: Family, deadline: float) -> tuple[Replies, Figures]:
        replies = Replies()
        await self._ask_all(family.fast, replies, deadline)
        if not replies.by_command:
            raise next(iter(replies.failed.values()))
        figures = family.read(replies)
        if figures.state is State.UNKNOWN and family.idle:
            await self._ask_all(family.idle, replies, deadline)
            figures = family.read(replies)
        if figures.is_empty:
            raise BadAnswer(f"{self.address}: no figure in the answers of a {family.name}")
        return replies, figures

    async def _recognise(self, deadline: float) -> tuple[Family, Replies]:
        replies = Replies()
        for question in QUESTIONS:
            with contextlib.suppress(Unsupported, BadAnswer):
                await self._ask(question, replies, deadline)
            family = recognise(replies)
            if family is not None:
                return family, replies
        if not replies.by_command:
            raise next(iter(replies.failed.values()))
        if replies.quality:
            raise BadAnswer(f"{self.address}: its answers are too broken to tell what it is")
        raise Unsupported(f"{self.address}: answers, but is no rig of a known family")

    async def _ask_all(self, commands: Iterable[str], replies: Replies, deadline: float) -> None:
        """Ask what can be asked; a missing part flags the rest, silence ends the asking."""
        for command in commands:
            if command in self._unsupported or command in replies.by_command:
                continue
            try:
                await self._ask(command, replies, deadline)
            except Unsupported:
                self._unsupported.add(command)
            except NotNow:
                continue  # the family's parser looks at what failed
            except Unreachable as error:
                if not replies.by_command:
                    raise
                replies.quality |= Quality.PARTIAL | error.quality
                return
            except BadAnswer as error:
                replies.quality |= Quality.PARTIAL | error.quality

    async def _ask(self, command: str, replies: Replies, deadline: float) -> None:
        place = f"{self.address} {command}"
        try:
            reply = decode(
                await client.ask(self.host, self.port, command, deadline=deadline), place
            )
            check(reply.body, place)
        except DriverError as error:
            replies.failed[command] = error
            raise
        replies.by_command[command] = reply.body
        replies.quality |= reply.quality

    def _facts(self, said: Identity) -> Facts:
        facts = Facts(
            vendor=said.vendor,
            model=said.model,
            firmware=said.firmware,
            serial=said.serial,
            mac=said.mac.lower(),
            rated_hashrate_ths=said.rated_hashrate_ths,
        )
        profile = self._profile or find_rig(said.model)
        if profile is None:
            return facts
        return dataclasses.replace(
            facts,
            model=said.model or profile.model,
            profile=profile.name,
            rated_hashrate_ths=said.rated_hashrate_ths or profile.hashrate_ths,
            rated_power_w=profile.power_w,
            rated_boards=profile.boards,
            rated_fans=profile.fans,
            chip_temp_max_c=profile.chip_temp_max_c,
            board_temp_max_c=profile.board_temp_max_c,
        )

    def _forget_after_restart(self, figures: Figures) -> None:
        """Identify anew when the uptime went back: other firmware begins with a restart."""
        before, now = self._uptime_s, figures.uptime_s
        if before is not None and now is not None and now < before:
            self._family = None
            self._unsupported.clear()
        self._uptime_s = now

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout_s


def _profile(entry: DeviceEntry) -> RigProfile | None:
    if not entry.profile:
        return None
    try:
        profile = load(entry.profile)
    except ProfileError as error:
        raise EdgeError(f"device {entry.name}: {error}") from error
    if not isinstance(profile, RigProfile):
        raise EdgeError(f"device {entry.name}: profile {entry.profile!r} describes no rig")
    return profile
