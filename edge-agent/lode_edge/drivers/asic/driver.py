"""One rig: identified once, read with its family's commands ever after, and acted on."""

import asyncio
import contextlib
import dataclasses
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from lode_edge.clock import SYSTEM, Clock
from lode_edge.drivers.acting import Abilities, Deed, Posture
from lode_edge.drivers.asic.client import PORT
from lode_edge.drivers.asic.details import Details
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Figures
from lode_edge.drivers.asic.hands import Hands, Rig
from lode_edge.drivers.asic.identify import DOORS, Door, recognise
from lode_edge.drivers.asic.link import Direct, Link
from lode_edge.drivers.asic.refusals import Refusals
from lode_edge.drivers.asic.reply import Replies, check, decode
from lode_edge.drivers.described import described
from lode_edge.drivers.driver import DeviceEntry, Facts, endpoint
from lode_edge.errors import (
    BadAnswer,
    Busy,
    Denied,
    DriverError,
    NotNow,
    Refused,
    TimedOut,
    Unreachable,
    Unsupported,
)
from lode_edge.turns import Turns
from lode_profiles import RigProfile, find_rig
from lode_wire.orders import Change, Intent, UpdateFirmware
from lode_wire.records import Quality, Record, RigReading, State

PARTS_EVERY_S = 60.0  # boards and fans one by one; the reading has the worst of them every time
DETAILS_EVERY_S = 300.0  # pools and errors; the first at the first reading
ACT_LIMIT_S = 15.0  # for the whole of an order, its reads included
UPDATE_LIMIT_S = 1500.0  # the same, for new firmware

_T = TypeVar("_T")


class AsicDriver:
    """Reads one rig and acts on it; its family is found at the first answer and after a restart.

    Each request of a poll takes a turn of its own; an order keeps the turn to its end.
    """

    def __init__(
        self,
        entry: DeviceEntry,
        number: int,
        images: Path | None = None,
        *,
        clock: Clock = SYSTEM,
    ) -> None:
        self.host, self.port = endpoint(entry.address, PORT)
        self.address = f"{self.host}:{self.port}"
        self._number = number
        self._timeout_s = entry.timeout_s
        self._profile = _profile(entry)
        self._rig = Rig(
            host=self.host,
            port=self.port,
            login=entry.login,
            timeout_s=entry.timeout_s,
            profile=self._profile,
            images=images,
        )
        self._turns = Turns()
        self._family: Family | None = None
        self._link: Link = Direct(self._rig)
        self._hands: Hands | None = None
        self._refusals = Refusals(entry.name, clock)
        self._uptime_s: float | None = None
        self._parts_due_s = 0.0
        self._details_due_s = math.inf  # not before the rig has been identified
        self._errors: frozenset[str] = frozenset()

    async def identify(self) -> Facts:
        """Ask the rig what it is.

        Raises:
            DriverError: it did not answer, or it is none of the known families.
        """
        self._refusals.forget()
        family, replies = await self._introduction()
        self._details_due_s = 0.0
        rating_is_due = bool(family.rated_by) and replies.lacks(family.rated_by)
        return self._facts(family.describe(replies), rating_is_due=rating_is_due)

    async def read(self, at_ms: int) -> Sequence[Record]:
        """Read the rig once, all commands together within its time limit.

        Raises:
            DriverError: no usable answer came.
        """
        deadline = self._deadline()
        family = self._family or (await self._recognise(deadline))[0]
        replies, figures = await self._poll(family, deadline)
        self._forget_after_restart(figures)
        records: list[Record] = [figures.reading(self._number, at_ms, replies.quality)]
        now = asyncio.get_running_loop().time()
        if now >= self._parts_due_s:
            self._parts_due_s = now + PARTS_EVERY_S
            records += figures.points(self._number, at_ms, replies.quality)
        if now >= self._details_due_s and family.slow:
            self._details_due_s = now + DETAILS_EVERY_S
            records += await self._look(family, at_ms, deadline)
        return records

    async def abilities(self) -> Abilities:
        """Ask the rig what it offers; one that can only be read offers nothing."""
        family = self._family or (await self._recognise(self._deadline()))[0]
        if family.hands is None:
            return Abilities(blocked=f"a rig of the family {family.name} can only be read")
        said = await self._handle("abilities", lambda hands: hands.abilities())
        if self._rig.images is not None:
            return said
        return dataclasses.replace(said, actions=frozenset(said.actions) - {UpdateFirmware.action})

    async def preview(self, intent: Intent) -> Sequence[Change]:
        """Say what `act` would change, and change nothing.

        Of firmware it says what runs now, whatever family the rig has become by it.
        """
        if isinstance(intent, UpdateFirmware):
            return (
                Change(
                    key=UpdateFirmware.action, before=await self._firmware(), after=intent.image
                ),
            )
        return await self._handle(intent.action, lambda hands: hands.preview(intent), intent)

    async def act(self, intent: Intent) -> Deed:
        """Do it, within ACT_LIMIT_S; new firmware within UPDATE_LIMIT_S."""
        if isinstance(intent, UpdateFirmware):
            return await self._update(intent)
        return await self._handle(intent.action, lambda hands: hands.act(intent), intent)

    async def posture(self) -> Posture:
        """Read back how the rig is set."""
        return await self._handle("posture", lambda hands: hands.posture())

    def missed(self, at_ms: int, error: DriverError) -> Sequence[Record]:
        """Say that no reading came: unreachable when nothing answered, else unknown."""
        state = State.UNREACHABLE if isinstance(error, Unreachable) else State.UNKNOWN
        quality = int(error.quality)
        return [RigReading(at_ms=at_ms, rig=self._number, state=state, quality=quality)]

    async def close(self) -> None:
        """Do nothing: no connection outlives its command."""

    async def _handle(
        self, what: str, do: Callable[[Hands], Awaitable[_T]], intent: Intent | None = None
    ) -> _T:
        """Keep the turn and the time limit over all that the hands do."""
        limit_s = UPDATE_LIMIT_S if isinstance(intent, UpdateFirmware) else ACT_LIMIT_S
        try:
            async with asyncio.timeout(limit_s):
                hands = await self._its_hands(what, intent)
                async with self._turns.to_write():
                    return await do(hands)
        except TimeoutError as error:
            message = f"{self.address} {what}: no end within {limit_s:.0f} s"
            raise TimedOut(message) from error

    async def _update(self, intent: UpdateFirmware) -> Deed:
        """Install firmware, and say what ran before: only that another one runs proves it."""
        await self._its_hands(intent.action, intent)
        before = await self._firmware()
        deed = await self._handle(intent.action, lambda hands: hands.act(intent), intent)
        change = Change(key=UpdateFirmware.action, before=before, after=intent.image)
        return dataclasses.replace(deed, changes=(change,))

    async def _firmware(self) -> str:
        """Ask what firmware runs; what is said in part would look like another one."""
        family, replies = await self._introduction()
        said = family.describe(replies).firmware
        if replies.quality or not said or any(c not in replies.by_command for c in family.about):
            raise BadAnswer(f"{self.address}: does not say what firmware it runs")
        return said

    async def _its_hands(self, what: str, intent: Intent | None) -> Hands:
        family = self._family or (await self._recognise(self._deadline()))[0]
        if self._hands is None and family.hands is not None:
            self._hands = family.hands(self._rig)
        if self._hands is None or (intent and intent.action not in self._hands.offers):
            raise Unsupported(f"{self.address}: {family.name} offers no {what}")
        return self._hands

    async def _poll(self, family: Family, deadline: float) -> tuple[Replies, Figures]:
        replies = Replies()
        self._refusals.spare(family.fast)
        await self._ask_all(family.fast, replies, deadline)
        if not replies.by_command:
            raise next(iter(replies.failed.values()))
        figures = family.read(replies)
        for command in family.idle:
            if figures.state is not State.UNKNOWN:
                break
            await self._ask_all((command,), replies, deadline)
            figures = family.read(replies)
        if figures.state is State.UNKNOWN and figures.makes_nothing:
            figures.is_faulted = self._shows_errors(family.details(replies))
        if figures.is_empty:
            raise BadAnswer(f"{self.address}: no figure in the answers of a {family.name}")
        return replies, figures

    def _shows_errors(self, details: Details) -> bool:
        """Tell whether the rig shows errors now, or did when it was last asked for them."""
        return bool(self._errors if details.errors is None else details.codes)

    async def _look(self, family: Family, at_ms: int, deadline: float) -> Sequence[Record]:
        """Ask what changes seldom; a rig that does not say costs its reading nothing."""
        replies = Replies()
        with contextlib.suppress(DriverError):
            await self._ask_all(family.slow, replies, deadline)
        details = family.details(replies)
        if details.errors is None:
            return details.points(self._number, at_ms)
        gone, self._errors = self._errors - details.codes, details.codes
        return details.points(self._number, at_ms, gone)

    async def _introduction(self) -> tuple[Family, Replies]:
        """Ask the rig all about itself; a page that asked us for a login has said nothing of it."""
        deadline = self._deadline()
        family, replies = await self._recognise(deadline)
        for page in [c for c, body in replies.by_command.items() if body.keys() == {"realm"}]:
            del replies.by_command[page]
        await self._ask_all(family.about, replies, deadline)
        return family, replies

    async def _recognise(self, deadline: float) -> tuple[Family, Replies]:
        """Try one door after the other; a rig from which nothing comes has no second one."""
        replies = Replies()
        for door in DOORS:
            try:
                family = await self._knock(door, replies, deadline)
            except TimedOut:
                if not replies.by_command:
                    raise
                break
            if family is not None:
                family = (family.better and await family.better(self._rig, deadline)) or family
                self._became(family)
                return family, replies
        if not replies.by_command:
            raise next(iter(replies.failed.values()))
        if replies.quality:
            raise BadAnswer(f"{self.address}: its answers are too broken to tell what it is")
        raise Unsupported(f"{self.address}: answers, but is no rig of a known family")

    async def _knock(self, door: Door, replies: Replies, deadline: float) -> Family | None:
        with contextlib.suppress(Refused, Unsupported):
            link = door.link(self._rig)
            for question in door.questions:
                with contextlib.suppress(Unsupported, BadAnswer):
                    await self._ask(link, question, replies, deadline)
                if family := recognise(replies):
                    return family
        return None

    def _became(self, family: Family) -> None:
        if self._family is not family:
            self._hands = None
        self._family, self._link = family, family.link(self._rig)

    async def _ask_all(self, commands: Iterable[str], replies: Replies, deadline: float) -> None:
        """Ask what can be asked; a missing part flags the rest, silence ends the asking."""
        for command in commands:
            if command in replies.by_command:
                continue
            try:
                await self._ask_unless_held(command, replies, deadline)
            except NotNow:
                continue  # the family's parser looks at what failed
            except (Unreachable, Busy) as error:
                if not replies.by_command:
                    raise
                replies.quality |= _lacking(error)
                return
            except (BadAnswer, Unsupported) as error:
                replies.quality |= _lacking(error)

    async def _ask_unless_held(self, command: str, replies: Replies, deadline: float) -> None:
        """Ask, but not what is refused again and again; that stands as it was refused before."""
        if (held := self._refusals.held(command)) is not None:
            replies.failed[command] = held
            raise held
        try:
            await self._ask(self._link, command, replies, deadline)
        except Unsupported as error:
            self._refusals.refused(command, error)
            raise
        self._refusals.answered(command)

    async def _ask(self, link: Link, command: str, replies: Replies, deadline: float) -> None:
        place = f"{self.address} {command}"
        try:
            async with contextlib.AsyncExitStack() as turn:
                try:
                    async with asyncio.timeout_at(deadline):
                        await turn.enter_async_context(self._turns.to_read())
                except TimeoutError as error:
                    raise Busy(f"{place}: an order to it was under way") from error
                reply = decode(await link.ask(command, deadline=deadline), place)
            check(reply.body, place)
        except DriverError as error:
            replies.failed[command] = error
            raise
        replies.by_command[command] = reply.body
        replies.quality |= reply.quality

    def _facts(self, said: Identity, *, rating_is_due: bool) -> Facts:
        """Complete what the rig said; its own rating, should it come later, is not stood in for."""
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
            rated_hashrate_ths=said.rated_hashrate_ths
            or (None if rating_is_due else profile.hashrate_ths),
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
            self._family = self._hands = None
            self._refusals.forget()
        self._uptime_s = now

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout_s


def _lacking(error: DriverError) -> Quality:
    """Flag what lacks a part; one that is merely not offered is no refusal of us."""
    is_offered = not isinstance(error, Unsupported) or isinstance(error, Denied)
    return Quality.PARTIAL | (error.quality if is_offered else Quality.GOOD)


def _profile(entry: DeviceEntry) -> RigProfile | None:
    if not entry.profile:
        return None
    return described(entry, RigProfile, "describes no rig")
