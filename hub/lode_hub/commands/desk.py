"""Where people ask for commands: allowed, possible, not too many, and written down.

A command is in the database before anything is sent; the dispatcher sends it from there.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from lode_hub.access import Access, Right
from lode_hub.access import Person as Member
from lode_hub.commands import orders as rules
from lode_hub.commands import truth
from lode_hub.commands.make import Sited, Wanted, make, sited
from lode_hub.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TooManyError,
)
from lode_hub.store import Connection, Store, commands
from lode_hub.store.asking import asking
from lode_wire import orders
from lode_wire.orders import AnyIntent, Terms

MAX_A_MINUTE = 300
"""So many commands one person may ask for; stops and releases are never held up."""

PROPOSAL_S = 3600.0
"""How long a proposal waits for its approval."""

MAX_KEY_CHARS = 128
MAX_NOTE_CHARS = 256

_NEVER_HELD_UP = (orders.StopAll, orders.Release)


class Person(Protocol):
    """Who asks."""

    @property
    def name(self) -> str:
        """The login name."""

    @property
    def role(self) -> str:
        """The role at login."""


class Desk:
    """Takes what people ask for; `request` makes the same request, sent again, be done once.

    Every call raises ForbiddenError when the person may not do it there, TooManyError when they
    ask for too much, and UnavailableError when the database is away: then nothing was done, or
    the same request tells what was.
    """

    def __init__(self, store: Store, access: Access, clock_ms: Callable[[], int]) -> None:
        self.store = store
        self._access = access
        self.clock_ms = clock_ms

    async def order(  # noqa: PLR0913 -- the parts of an order
        self,
        person: Person,
        intent: AnyIntent,
        *,
        device_id: int | None = None,
        agent: str | None = None,
        terms: Terms | None = None,
        valid_s: float | None = None,
        request: str = "",
    ) -> str:
        """Order something of a device, or propose what needs two people; give the command's id.

        Args:
            person: who orders it.
            intent: what is to be done.
            device_id: of this device; None for what is asked of the site.
            agent: at this agent's site, by its name; None for what is asked of a device.
            terms: how long a wish holds.
            valid_s: how long it may wait to be accepted; None: as usual for the intent.
            request: the caller's own name for this request.

        Raises:
            NotFoundError: there is no such device or agent.
            InvalidError: it cannot be understood, or is outside of the device's limits.
            ConflictError: the device does not offer it now.
        """
        rules.check_whole(intent, terms, self.clock_ms())
        rules.check_scope(intent, device_id, agent)
        place = await self._place(device_id, agent)
        await self.demand(person, "commands.order", place.site)
        wait_s = rules.valid_s(intent, valid_s)
        wanted = Wanted(person.name, intent, place, wait_s, terms=terms, device_id=device_id)
        asked = [intent, terms, valid_s, device_id, agent]
        return (await self.write_down(person, [wanted], asked, request))[0]

    async def stop_all(
        self, person: Person, site: str, *, reason: str = "", request: str = ""
    ) -> list[str]:
        """Put every rig of a site to sleep at once; give the commands, one for each agent.

        Raises:
            NotFoundError: there is no such site.
            InvalidError: the reason is too long.
        """
        if len(reason) > MAX_NOTE_CHARS:
            raise InvalidError(f"reason: {len(reason)} characters, expected at most 256")
        return await self._at_site(person, site, orders.StopAll(reason=reason), request)

    async def end_stop(self, person: Person, site: str, *, request: str = "") -> list[str]:
        """End a stop of all rigs; give the commands, one for each agent.

        Raises:
            NotFoundError: there is no such site.
        """
        return await self._at_site(person, site, orders.EndStop(), request)

    async def release(self, person: Person, command_id: str, *, request: str = "") -> str:
        """End a lease now, as its terms say; give the command that does.

        Raises:
            NotFoundError: there is no such command.
            ConflictError: it holds nothing, or no more.
        """
        held = await self._known(command_id)
        if held.action != "curtail" and held.action not in {w.action for w in orders.WISHES}:
            raise ConflictError(f"command {command_id}: {held.action} holds nothing to release")
        if truth.is_over(held.stage, held.action):
            raise ConflictError(f"command {command_id}: it is {held.stage}, and holds nothing")
        release = orders.Release(lease=command_id)
        return await self.order(person, release, agent=held.agent, request=request)

    async def approve(self, person: Person, command_id: str) -> None:
        """Approve what another person proposed; it is sent now.

        Raises:
            NotFoundError: there is no such command.
            ConflictError: it waits for no approval, or the person has had their say.
        """
        proposed = await self._known(command_id)
        await self.demand(person, "commands.approve", proposed.site)
        actor = Member(name=proposed.actor, role="")
        if not await self._access.may(actor, "commands.order", proposed.site):
            raise ConflictError(
                f"command {command_id}: {actor.name} may no longer order it; decline it"
            )

        async def done(conn: Connection, proposal: commands.Known) -> None:
            if not await commands.decide(conn, command_id, person.name, "approved"):
                raise ConflictError(
                    f"command {command_id}: {person.name} has had their say; another must approve"
                )
            order = rules.approved(proposal.body or b"", (proposal.actor, person.name))
            body = orders.encode_order(order)
            await commands.approve(conn, command_id, body, rules.shown(order))

        await self._decide(command_id, done)

    async def decline(self, person: Person, command_id: str) -> None:
        """Decline a proposal, or take one's own back.

        Raises:
            NotFoundError: there is no such command.
            ConflictError: it waits for no approval.
        """
        proposed = await self._known(command_id)
        await self.demand(person, "commands.approve", proposed.site)

        async def done(conn: Connection, proposal: commands.Known) -> None:
            await commands.decide(conn, command_id, person.name, "declined")
            is_own = proposal.actor == person.name
            said = f"{person.name} took it back" if is_own else f"{person.name} declined it"
            await commands.decline(conn, command_id, said)

        await self._decide(command_id, done)

    async def maintain(
        self, person: Person, device_id: int, *, is_on: bool, note: str = ""
    ) -> None:
        """Put a device in maintenance, in which no curtailment takes it, or out of it.

        Raises:
            NotFoundError: there is no such device.
            InvalidError: the note is too long.
        """
        if len(note) > MAX_NOTE_CHARS:
            raise InvalidError(f"note: {len(note)} characters, expected at most 256")
        place = await self._place(device_id, None)
        await self.demand(person, "commands.order", place.site)
        async with asking(self.store) as conn:
            if is_on:
                await commands.maintain(conn, device_id, person.name, note)
            else:
                await commands.end_maintenance(conn, device_id)

    async def write_down(
        self,
        person: Person,
        wanted: Sequence[Wanted],
        asked: object,
        request: str,
        first: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> list[str]:
        """Make commands in one transaction, unless the same request has made them before.

        Args:
            person: who asks.
            wanted: what to make.
            asked: what tells this request from another of the same name.
            request: the caller's name for it; empty: it has none.
            first: what comes first in the transaction.

        Raises:
            ConflictError: the request's name was used for something else.
            TooManyError: the person asks for too much.
        """
        digest = _digest(asked, request)
        async with asking(self.store) as conn, conn.transaction():
            await commands.serialise(conn, person.name)
            done = await commands.requested(conn, person.name, request) if request else None
            if done is not None:
                if done[0] != digest:
                    raise ConflictError(f"request {request!r}: was something else; name it anew")
                return done[1]
            if not all(isinstance(one.intent, _NEVER_HELD_UP) for one in wanted):
                await _check_rate(conn, person.name)
            if first is not None:
                await first(conn)
            made = [await make(conn, one) for one in wanted]
            ids = [await commands.add(conn, new, proposal_s=PROPOSAL_S) for new in made]
            if request:
                await commands.note_request(conn, person.name, request, digest, ids)
            await commands.announce(conn, ids)
        return ids

    async def demand(self, person: Person, right: Right, site: str) -> None:
        """Let nobody pass who may not do that at that site.

        Raises:
            ForbiddenError: the person may not.
        """
        if not await self._access.may(Member(name=person.name, role=person.role), right, site):
            raise ForbiddenError(
                f"{right}: {person.name} as {person.role} may not do that at {site}; "
                "ask an administrator"
            )

    async def _known(self, command_id: str) -> commands.Known:
        async with asking(self.store) as conn:
            found = await commands.known(conn, command_id)
        if found is None:
            raise NotFoundError(f"command {command_id}: there is no such command")
        return found

    async def _decide(
        self,
        command_id: str,
        decide: Callable[[Connection, commands.Known], Awaitable[None]],
    ) -> None:
        async with asking(self.store) as conn, conn.transaction():
            proposal = await commands.known(conn, command_id)
            if proposal is None or proposal.stage != "proposed" or proposal.is_over:
                raise ConflictError(f"command {command_id}: it waits for no approval; reload")
            await decide(conn, proposal)
            await commands.announce(conn, [command_id])

    async def _at_site(
        self, person: Person, site: str, intent: orders.StopAll | orders.EndStop, request: str
    ) -> list[str]:
        async with asking(self.store) as conn:
            places = await commands.places_of_site(conn, site)
        if not places:
            raise NotFoundError(f"site {site!r}: no agent is there; see /api/v1/sites")
        await self.demand(person, "commands.order", site)
        wait_s = rules.valid_s(intent, None)

        wanted = [Wanted(person.name, intent, sited(place), wait_s) for place in places]
        return await self.write_down(person, wanted, [intent, site], request)

    async def _place(self, device_id: int | None, agent: str | None) -> Sited:
        async with asking(self.store) as conn:
            if device_id is not None:
                found = await commands.place_of_device(conn, device_id)
            else:
                found = await commands.place_of_agent(conn, agent or "")
        if found is None:
            what = f"agent {agent!r}" if device_id is None else f"device {device_id}"
            raise NotFoundError(f"{what}: there is no such thing now; see its site")
        return sited(found)


def _digest(asked: object, request: str) -> bytes:
    if len(request) > MAX_KEY_CHARS:
        raise InvalidError(f"request: a name of {len(request)} characters, at most 128")
    return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).digest()


async def _check_rate(conn: Connection, name: str) -> None:
    if await commands.recent(conn, name, 60.0) >= MAX_A_MINUTE:
        raise TooManyError(
            f"commands: {name} asked for {MAX_A_MINUTE} in a minute; wait", retry_s=30.0
        )
