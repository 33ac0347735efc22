"""What an order that has passed the gate brings about: a lease, a plan, a task, a stop.

target ─► offered? ─► precondition ─► envelope ─► stopped? ─► approvals ─► taken into the book
"""

from collections.abc import Mapping, Sequence

import msgspec

from lode_edge.control.allowed import offer_refusal, wish_refusal
from lode_edge.control.book import Book, Named, Task, is_own
from lode_edge.control.gate import Refused
from lode_edge.control.now import Now
from lode_edge.control.site import Device, Site
from lode_edge.control.stop import Stop, StopFile
from lode_edge.control.wishes import Lease, Plan, ended
from lode_wire.aspects import aspect
from lode_wire.orders import (
    OF_THE_SITE,
    TWO_PEOPLE,
    WISHES,
    Curtail,
    DryRun,
    EndStop,
    Evidence,
    FaultLight,
    Intent,
    Order,
    Precondition,
    Probe,
    ReadRegisters,
    Reason,
    Release,
    Sleep,
    StandingPlan,
    Step,
    StopAll,
    Terms,
    Wake,
)
from lode_wire.records import Command, Stage

MAX_LEASES, MAX_TASKS = 2000, 256
_WHILE_STOPPED = (Sleep, FaultLight, Release, Probe, ReadRegisters, DryRun, StopAll, EndStop)
_PEOPLE = 2


class Orders:
    """Takes orders into the book, within a transaction."""

    def __init__(self, book: Book, site: Site, stop: StopFile, now: Now) -> None:
        self._book, self._site, self._stop, self._now = book, site, stop, now

    def take(self, command: Command, order: Order) -> None:
        """Check what an order wants, and have it done; while the agent only reads, only questions.

        Raises:
            Refused: its target, the device, the envelope or a stop stands against it.
        """
        intent = order.intent
        device = self.check(command.target, order)
        if isinstance(intent, TWO_PEOPLE) and len({*order.approved_by, command.actor}) < _PEOPLE:
            raise Refused(Reason.APPROVAL, f"{intent.action} takes two people")
        self._bring_about(command, order, device)

    def check(self, target: str, order: Order) -> Device | None:
        """Check all that may have changed when an order is sent at last; give its device.

        Raises:
            Refused: its target, the device, the envelope or a stop stands against it.
        """
        intent = order.intent
        device = self._target(target, intent)
        if self._site.blocked and not isinstance(intent, Probe | ReadRegisters):
            raise Refused(Reason.ENVELOPE, self._site.blocked)
        if device is not None:
            self._check(offer_refusal(device, intent))
            self._check_precondition(device, order.precondition or Precondition())
            wish = intent.wish if isinstance(intent, DryRun) else intent
            self._check(wish_refusal(self._book, self._site, device, wish))
        if self._stop.read() is not None and not isinstance(intent, _WHILE_STOPPED):
            raise Refused(Reason.STOPPED, "the site is stopped; end the stop first")
        return device

    def _target(self, target: str, intent: Intent) -> Device | None:
        if isinstance(intent, OF_THE_SITE):
            if target:
                raise Refused(Reason.UNKNOWN_TARGET, f"{intent.action} is for the site")
            return None
        device = self._site.devices.get(target)
        if device is None:
            raise Refused(Reason.UNKNOWN_TARGET, f"no device {target[:128]!r} here")
        return device

    def _check(self, refusal: str) -> None:
        if refusal:
            reason, _, words = refusal.partition(": ")
            raise Refused(Reason(reason), words)

    def _check_precondition(self, device: Device, asked: Precondition) -> None:
        facts, reading = device.facts, device.fresh(self._now.s)
        for name in ("mac", "serial", "model"):
            wanted = getattr(asked, name)
            found = "" if facts is None else getattr(facts, name)
            if wanted is not None and wanted.casefold() != found.casefold():
                raise Refused(Reason.PRECONDITION, f"{name} is {found or 'not known'}")
        if asked.states is not None:
            state = "not known" if reading is None else reading.state.name.lower()
            if state not in asked.states:
                raise Refused(Reason.PRECONDITION, f"its state is {state}")

    def _bring_about(self, command: Command, order: Order, device: Device | None) -> None:
        about, intent = Named(command.id, command.sequence), order.intent
        match intent:
            case Curtail(steps=steps, terms=terms):
                kept, refused = self._allowed(steps)
                self._lease(about, kept, terms, is_single=False)
                for name, why in refused.items():
                    self._book.note(about, Stage.REFUSED, why, Evidence(target=name))
            case Release(lease=lease):
                self._release(about, lease)
            case StandingPlan():
                self._plan(about, intent)
            case StopAll(reason=reason):
                self._begin_stop(
                    Stop(by="hub", command=about.id, sequence=about.sequence, reason=reason)
                )
            case EndStop():
                self._end_stop(about)
            case _ if isinstance(intent, WISHES) and device is not None:
                self._wish(about, intent, order.terms, device)
            case _:
                self._task(command)

    def _wish(self, about: Named, wish: Intent, terms: Terms | None, device: Device) -> None:
        step = msgspec.convert({"wish": wish, "devices": (device.name,)}, Step)
        if isinstance(wish, Wake):
            held = self._sleeps_by(device.name)
            if held:
                raise Refused(Reason.SUPERSEDED, f"{device.name} sleeps by {held}")
        for lease in self._holding(device.name, aspect(step.wish)):
            if lease.is_single:
                self._book.leases.put(lease.id, ended(lease, f"{Reason.SUPERSEDED}: by {about.id}"))
        self._lease(about, (step,), terms or Terms(), is_single=True)

    def _sleeps_by(self, device: str) -> str:
        """Name what holds a rig asleep, but for an order for it alone, and how that is ended."""
        for lease in self._holding(device, aspect(Sleep())):
            if not lease.is_single and _is_to_sleep(lease.steps, device):
                return f"{lease.id}; {'it ends by itself' if is_own(lease.id) else 'release that'}"
        plan = self._book.plan
        if plan is None or not _is_to_sleep(plan.at(self._now.ms), device):
            return ""
        return f"the standing plan {plan.id}; change that"

    def _holding(self, device: str, about: str) -> Sequence[Lease]:
        """List the leases that wish something for an aspect of a device."""
        return [
            lease
            for lease in self._book.leases.all.values()
            if not lease.ended
            and any(device in s.devices and aspect(s.wish) == about for s in lease.steps)
        ]

    def _allowed(self, steps: Sequence[Step]) -> tuple[Sequence[Step], Mapping[str, str]]:
        """Keep of the steps the devices that may be asked, and say of every other why not."""
        kept: list[Step] = []
        refused: dict[str, str] = {}
        for step in steps:
            names = []
            for name in step.devices:
                device = self._site.devices.get(name)
                why = f"{Reason.UNKNOWN_TARGET}: no such device here"
                if device is not None:
                    why = wish_refusal(self._book, self._site, device, step.wish)
                if why:
                    refused.setdefault(name, why)
                else:
                    names.append(name)
            if names:
                kept.append(Step(wish=step.wish, devices=tuple(names)))
        if refused and not kept:
            self._check(next(iter(refused.values())))
        return kept, refused

    def _lease(self, about: Named, steps: Sequence[Step], terms: Terms, *, is_single: bool) -> None:
        if len(self._book.leases.all) >= MAX_LEASES:
            raise Refused(Reason.ENVELOPE, f"{MAX_LEASES} leases are held already")
        if terms.until_ms is not None and terms.until_ms <= self._now.ms:
            raise Refused(Reason.TOO_LATE, "its terms have ended already")
        self._book.note(about, Stage.ACCEPTED)
        lease = Lease(
            id=about.id,
            number=self._book.number(),
            begun_ms=self._now.ms,
            sequence=about.sequence,
            steps=tuple(steps),
            terms=terms,
            is_single=is_single,
        )
        self._book.leases.put(lease.id, lease)

    def _release(self, about: Named, lease: str) -> None:
        found = self._book.leases.get(lease)
        if found is None or found.ended:
            raise Refused(Reason.UNKNOWN_TARGET, f"no lease {lease!r} is held")
        if is_own(lease):
            raise Refused(Reason.ENVELOPE, f"{lease} is the site's own; it ends by itself")
        self._book.leases.put(lease, ended(found, f"released by {about.id}"))
        self._done(about)

    def _plan(self, about: Named, plan: StandingPlan) -> None:
        refused: dict[str, str] = {}
        for period in plan.periods:
            refused.update(self._allowed(period.steps)[1])
        before = self._book.plan
        if before is not None:
            reason = f"{Reason.SUPERSEDED}: by {about.id}"
            self._book.note(Named(before.id, before.sequence), Stage.RELEASED, reason)
        self._book.note(about, Stage.ACCEPTED)
        for name, why in refused.items():
            self._book.note(about, Stage.REFUSED, why, Evidence(target=name))
        kept = Plan(
            id=about.id,
            number=self._book.number(),
            sequence=about.sequence,
            periods=plan.periods,
        )
        self._book.plans.put("", kept)

    def _begin_stop(self, stop: Stop) -> None:
        self._book.note(Named(stop.command, stop.sequence), Stage.ACCEPTED)
        self._stop.begin(stop)

    def _end_stop(self, about: Named) -> None:
        stop = self._stop.read()
        if stop is not None and stop.by != "hub":
            raise Refused(Reason.STOPPED, "it was begun at the site, and only ends there")
        self._stop.end()
        self._done(about)

    def _task(self, command: Command) -> None:
        if len(self._book.tasks.all) >= MAX_TASKS:
            raise Refused(Reason.ENVELOPE, f"{MAX_TASKS} orders wait already")
        self._book.note(Named(command.id, command.sequence), Stage.ACCEPTED)
        task = Task(
            id=command.id,
            number=self._book.number(),
            sequence=command.sequence,
            target=command.target,
            expires_ms=command.expires_ms,
            body=command.body,
        )
        self._book.tasks.put(task.id, task)

    def _done(self, about: Named) -> None:
        for stage in (Stage.ACCEPTED, Stage.EFFECTIVE, Stage.RELEASED):
            self._book.note(about, stage)


def _is_to_sleep(steps: Sequence[Step], device: str) -> bool:
    return any(isinstance(step.wish, Sleep) and device in step.devices for step in steps)
