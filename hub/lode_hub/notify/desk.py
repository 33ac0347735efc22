"""What people may change about telling, and try: ways, habits, schedules, policies, channels."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lode_hub.access import Access, Person, Right
from lode_hub.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from lode_hub.notify import proper
from lode_hub.notify.errors import DeliveryError
from lode_hub.notify.senders import Senders
from lode_hub.notify.text import Message
from lode_hub.store import Connection, Store, telling_edit
from lode_hub.store.asking import asking
from lode_hub.store.outbox_sending import Overview
from lode_hub.store.telling import Habit, Layer, Step

MAX_WAYS, MAX_SCHEDULES, MAX_POLICIES, MAX_OVERRIDES = 10, 100, 100, 1000

_NOTHING = Overview(
    alerts=0, members=0, by_what={}, by_cause={}, racks=[], feeders=[], sites=[], is_open=False
)


class Who(Protocol):
    """Who does it."""

    @property
    def name(self) -> str:
        """The login name."""

    @property
    def role(self) -> str:
        """The role at login."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tested:
    """What became of a test message."""

    is_taken: bool
    said: str  # the true error, or what the channel calls the message
    took_s: float


class TellingDesk:
    """Changes who is told how, each time for somebody who may.

    Everybody may change their own ways and habits; `telling.schedule` is needed for schedules,
    policies and tests, `telling.manage` for other people's ways and for webhooks.
    """

    def __init__(self, store: Store, access: Access, senders: Senders) -> None:
        self._store = store
        self._access = access
        self._senders = senders

    async def put_way(  # noqa: PLR0913 -- what a way has
        self,
        person: str,
        kind: str,
        address: str,
        by: Who,
        *,
        min_severity: str = "warning",
        is_on_call_only: bool = False,
        is_resolved_told: bool = True,
    ) -> int:
        """Add a way to tell a person, or change what goes there; give its number.

        Raises:
            ForbiddenError: it is another's, or a webhook, and `by` may not.
            InvalidError: the address cannot be, or there are too many.
            NotFoundError: there is no such person.
        """
        # A webhook makes the hub itself call an address: an administrator's to say.
        await self._demand(by, "telling.manage", is_free=person == by.name and kind != "webhook")
        proper.severity(min_severity)
        address = proper.address(kind, address)
        async with asking(self._store) as conn:
            number = await _person(conn, person)
            if await telling_edit.count_ways(conn, number, address) >= MAX_WAYS:
                raise InvalidError(f"ways: {person} has {MAX_WAYS} already; remove one")
            return await telling_edit.put_way(
                conn,
                number,
                kind,
                address,
                min_severity=min_severity,
                is_on_call_only=is_on_call_only,
                is_resolved_told=is_resolved_told,
            )

    async def remove_way(self, way_id: int, by: Who) -> None:
        """Tell a person this way no more; what waits for it is given up."""
        async with asking(self._store) as conn:
            found = await self._way(conn, way_id)
        await self._demand(by, "telling.manage", is_free=found.person == by.name)
        async with asking(self._store) as conn:
            await telling_edit.remove_way(conn, way_id)

    async def set_habit(self, person: str, habit: Habit, by: Who) -> None:
        """Set a person's quiet hours and digest."""
        await self._demand(by, "telling.manage", is_free=person == by.name)
        proper.habit(habit)
        async with asking(self._store) as conn:
            await telling_edit.put_habit(conn, await _person(conn, person), habit)

    async def save_schedule(
        self,
        name: str,
        time_zone: str,
        layers: Sequence[Layer],
        by: Who,
        *,
        sites: Sequence[str] | None = None,
    ) -> None:
        """Write a schedule, new or changed; without `sites` it is for all."""
        await self._demand(by, "telling.schedule")
        proper.schedule(name, time_zone, layers)
        async with asking(self._store) as conn:
            for person in {person for layer in layers for person in layer.people}:
                await _person(conn, person)
            if await telling_edit.count(conn, "schedule", name) >= MAX_SCHEDULES:
                raise InvalidError(f"schedules: there are {MAX_SCHEDULES} already; remove one")
            await telling_edit.put_schedule(conn, name, time_zone, sites, layers)

    async def remove_schedule(self, name: str, by: Who) -> None:
        """Remove a schedule; a policy that names it tells nobody in its place."""
        await self._demand(by, "telling.schedule")
        async with asking(self._store) as conn:
            if not await telling_edit.remove_schedule(conn, name):
                raise NotFoundError(f"schedule {name}: there is none; reload the page")

    async def add_override(
        self, schedule: str, person: str, from_ms: int, until_ms: int, by: Who
    ) -> int:
        """Let somebody stand in from one moment to another; give the override's number."""
        await self._demand(by, "telling.schedule")
        begin, end = proper.span(from_ms, until_ms)
        async with asking(self._store) as conn:
            if await telling_edit.count(conn, "override") >= MAX_OVERRIDES:
                raise InvalidError(f"overrides: there are {MAX_OVERRIDES} already; remove some")
            whom = await _person(conn, person)
            number = await telling_edit.add_override(conn, schedule, whom, begin, end)
        if number is None:
            raise NotFoundError(f"schedule {schedule}: there is none; reload the page")
        return number

    async def remove_override(self, override_id: int, by: Who) -> None:
        """Take an override back."""
        await self._demand(by, "telling.schedule")
        async with asking(self._store) as conn:
            if not await telling_edit.remove_override(conn, override_id):
                raise NotFoundError(f"override {override_id}: there is none; reload the page")

    async def save_policy(
        self, name: str, steps: Sequence[Step], by: Who, *, sites: Sequence[str] | None = None
    ) -> None:
        """Write a policy, new or changed; without `sites` it is for those that no other names."""
        await self._demand(by, "telling.schedule")
        proper.policy(name, steps)
        async with asking(self._store) as conn:
            if await telling_edit.count(conn, "policy", name) >= MAX_POLICIES:
                raise InvalidError(f"policies: there are {MAX_POLICIES} already; remove one")
            await telling_edit.put_policy(conn, name, sites, steps)

    async def remove_policy(self, name: str, by: Who) -> None:
        """Remove a policy and end its timers."""
        await self._demand(by, "telling.schedule")
        async with asking(self._store) as conn:
            if not await telling_edit.remove_policy(conn, name):
                raise NotFoundError(f"policy {name}: there is none; reload the page")

    async def send_again(self, delivery_id: int, by: Who) -> None:
        """Try a delivery again that was given up."""
        await self._demand(by, "telling.schedule")
        async with asking(self._store) as conn:
            if not await telling_edit.send_again(conn, delivery_id):
                raise ConflictError(f"delivery {delivery_id}: it was not given up; reload the page")

    async def test_channel(self, name: str, by: Who, to: str = "") -> Tested:
        """Send a test message by a channel to its own recipients, or to one address.

        Raises:
            ForbiddenError: the person's role does not allow it.
            NotFoundError: there is no such channel.
            InvalidError: it has no recipients of its own and none was given.
        """
        await self._demand(by, "telling.manage" if to else "telling.schedule")
        channel = self._senders.channels.get(name)
        if channel is None:
            raise NotFoundError(f"channel {name}: there is none; see notify in the settings")
        recipients = [proper.address(channel.way, to)] if to else list(self._senders.own(name))
        if not recipients:
            raise InvalidError(f"channel {name}: nobody is told by it always; give an address")
        return await self._test(name, recipients[0])

    async def test_way(self, way_id: int, by: Who) -> Tested:
        """Send a test message to a person."""
        async with asking(self._store) as conn:
            found = await self._way(conn, way_id)
        await self._demand(by, "telling.schedule", is_free=found.person == by.name)
        channel = self._senders.serving(found.kind)
        if channel is None:
            raise ConflictError(f"way {way_id}: no channel for {found.kind}; set one in notify")
        return await self._test(channel.name, found.address)

    async def _test(self, name: str, to: str) -> Tested:
        message = Message(
            key=str(uuid.uuid4()),
            site=None,
            cause="",
            what="test",
            items=(),
            overview=_NOTHING,
            base_url="",
        )
        begun = time.monotonic()
        try:
            receipt = await self._senders.send(name, message, to)
        except DeliveryError as error:
            return Tested(is_taken=False, said=str(error), took_s=time.monotonic() - begun)
        return Tested(
            is_taken=receipt.complaint is None,
            said=receipt.complaint or receipt.reference,
            took_s=time.monotonic() - begun,
        )

    async def _way(self, conn: Connection, way_id: int) -> telling_edit.Owned:
        found = await telling_edit.way(conn, way_id)
        if found is None:
            raise NotFoundError(f"way {way_id}: there is none; reload the page")
        return found

    async def _demand(self, by: Who, right: Right, *, is_free: bool = False) -> None:
        if is_free:
            return
        if not await self._access.may(Person(name=by.name, role=by.role), right):
            raise ForbiddenError(
                f"{right}: {by.name} as {by.role} may not do that; ask an administrator"
            )


async def _person(conn: Connection, name: str) -> int:
    number = await telling_edit.person_id(conn, name)
    if number is None:
        raise NotFoundError(f"person {name}: there is none; check the name")
    return number
