"""Make a command of what a person asks, after a last look at what its devices offer."""

import uuid
from dataclasses import KW_ONLY, dataclass

from lode_hub.commands import orders as rules
from lode_hub.errors import ConflictError, NotFoundError
from lode_hub.store import Connection, commands
from lode_hub.store.commands import New, Part
from lode_wire import aspects, orders
from lode_wire.orders import AnyIntent, Order, Terms


@dataclass(frozen=True, kw_only=True, slots=True)
class Sited:
    """An agent that has told its site."""

    agent_id: int
    agent: str
    site_id: int
    site: str


def sited(place: commands.Place) -> Sited:
    """Give an agent that can be asked something.

    Raises:
        ConflictError: its site is not known yet.
    """
    if place.site_id is None or place.site is None:
        raise ConflictError(f"agent {place.agent}: it has not told its site yet; wait for it")
    return Sited(agent_id=place.agent_id, agent=place.agent, site_id=place.site_id, site=place.site)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants of one agent."""

    actor: str
    intent: AnyIntent
    place: Sited
    valid_s: float
    _: KW_ONLY
    terms: Terms | None = None
    device_id: int | None = None
    curtailment_id: str | None = None
    expected_w: dict[str, float] | None = None  # by device name


async def make(conn: Connection, wanted: Wanted) -> New:
    """Make the command, not yet written down.

    Raises:
        NotFoundError: the device is gone.
        ConflictError: a device does not offer it.
        InvalidError: it is outside of a device's limits.
    """
    intent, place = wanted.intent, wanted.place
    target = await _target(conn, wanted)
    name = target.name if target else ""
    wishes = {name: intent.action} if target else await _wishes(conn, wanted)
    order = Order(
        intent=intent,
        terms=wanted.terms,
        precondition=rules.precondition(target) if target else None,
    )
    expected_w = wanted.expected_w or {}
    return New(
        id=uuid.uuid4().hex,
        agent_id=place.agent_id,
        site_id=place.site_id,
        device_id=wanted.device_id,
        target=name,
        actor=wanted.actor,
        action=intent.action,
        about=aspects.about(intent, name),
        asked=rules.shown(order),
        body=orders.encode_order(order),
        stage="proposed" if isinstance(intent, orders.TWO_PEOPLE) else "queued",
        valid_s=wanted.valid_s,
        devices=[Part(target=n, wish=w, expected_w=expected_w.get(n)) for n, w in wishes.items()],
        curtailment_id=wanted.curtailment_id,
        lease=intent.lease if isinstance(intent, orders.Release) else None,
    )


async def _target(conn: Connection, wanted: Wanted) -> commands.Target | None:
    if wanted.device_id is None:
        return None
    target = await commands.target(conn, wanted.device_id)
    if target is None:
        raise NotFoundError(f"device {wanted.device_id}: there is no such thing now")
    rules.check_device(wanted.intent, target)
    return target


async def _wishes(conn: Connection, wanted: Wanted) -> dict[str, str]:
    """Give what a lease asks of which device; of a plan its agent says it as it comes."""
    intent = wanted.intent
    named = rules.named_devices(intent)
    if named:
        targets = await commands.targets(conn, wanted.place.agent_id, named)
        rules.check_steps(intent, targets)
    if not isinstance(intent, orders.Curtail):
        return {}
    return {name: step.wish.action for step in intent.steps for name in step.devices}
