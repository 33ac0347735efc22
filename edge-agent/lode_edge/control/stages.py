"""What a course comes to, and what follows from it: in the journal, on the ramps, on the scales.

accepted ─► sent ─► acknowledged ─► effective ─► (restore) released
             ▲  └► failed ─┐  └─ no proof in time ─┐   └► drifted ─┐
             └─────────────┴───────────────────────┴───────────────┘  a budget, ever slower
"""

from dataclasses import dataclass

import msgspec

from lode_edge.control import proof
from lode_edge.control.book import Book, Course, shelved
from lode_edge.control.charges import Charges, Turn
from lode_edge.control.courses import Courses
from lode_edge.control.now import Now
from lode_edge.control.proof import Shown
from lode_edge.control.scales import Weighing
from lode_edge.control.site import Device, Site
from lode_edge.control.turns import Turns
from lode_edge.drivers.acting import Deed
from lode_edge.errors import DriverError, Unreachable, Unsupported
from lode_wire.orders import Evidence, Reason
from lode_wire.records import Stage

TRIES = 3
LOOK_S, WATCH_S = 2.0, 60.0  # between two looks at what is not proved yet, and at what is
KNOWN_S = 120.0  # for so long what a device has said may be relied on before an order
_BACKOFF_S, _LATER_S = 5.0, 600.0  # between two tries; after the last, and at most after a drift
_URGENT_S = 10.0  # at most, between two tries of a stop or of the site's own rules
_ROUNDS = 4  # of giving back settings that change each other
_NEVER_S = float("inf")


@dataclass(slots=True)
class Pulse:
    """What is remembered of a course while the agent runs."""

    due_s: float = 0.0  # nothing is sent before
    lost_s: float | None = None  # when it last did not answer an order
    look_s: float = 0.0  # nor read
    look_every_s: float = LOOK_S
    since_s: float = 0.0  # what was said before proves nothing
    proved_s: float = 0.0  # when it was last looked whether it is proved
    doubt_s: float | None = None  # when something first spoke against it


class Stages:
    """The transitions of courses."""

    def __init__(self, book: Book, site: Site, now: Now) -> None:
        self._book, self._site, self._now = book, site, now
        self.courses = Courses(book)
        self.charges, self.weighing = Charges(site, book, now), Weighing(site)
        self.turns = Turns(book, site, self.charges, now)
        self._pulses: dict[int, Pulse] = {}

    def pulse(self, course: Course) -> Pulse:
        """Give what is remembered of a course."""
        return self._pulses.setdefault(course.id, Pulse(since_s=self._now.s))

    def is_due(self, course: Course, device: Device) -> bool:
        """Tell whether it is time to try; what is urgent is due once a device is heard again."""
        pulse = self.pulse(course)
        if self._now.s >= pulse.due_s:
            return True
        is_back = pulse.lost_s is not None and device.answered_s > pulse.lost_s
        return course.is_urgent and is_back

    def keep_house(self) -> None:
        """Forget courses that are over with their lease, and what was remembered of them."""
        for key, course in list(self._book.courses.all.items()):
            is_gone = course.device not in self._site.devices
            if is_gone or (course.is_over and self._book.leases.get(course.lease) is None):
                self._book.courses.drop(key)
                self._book.baselines.drop(key)
        ids = {course.id for course in self._book.courses.all.values()}
        self.charges.keep(ids | {task.number for task in self._book.tasks.all.values()})
        self.weighing.keep(ids, self._now.s)
        self._pulses = {id_: pulse for id_, pulse in self._pulses.items() if id_ in ids}

    def sent(self, course: Course, turn: Turn) -> None:
        """Charge what is about to be sent; tell of it the first time."""
        now_s = self._now.s
        self.turns.note(turn)
        self.charges.charge(course.id, turn)
        self.weighing.lay(course.id, turn.feeder, turn.change_w, now_s)
        pulse = self.pulse(course)
        pulse.since_s, pulse.lost_s = now_s, None
        self._note(course, Stage.SENT, is_quiet=course.stage is Stage.SENT)

    def said_yes(self, course: Course, deed: Deed, at_s: float) -> None:
        """Take the device's yes for what it is: no proof."""
        self.weighing.done(course.id, at_s)
        course = msgspec.structs.replace(course, start_ms=None)  # the next would be another
        self._note(course, Stage.ACKNOWLEDGED, Evidence(changes=deed.changes, said=deed.said))
        pulse = self.pulse(course)
        pulse.since_s, pulse.look_s, pulse.look_every_s = at_s, 0.0, LOOK_S

    def already(self, course: Course, device: Device) -> None:
        """Go on to the proof without an order, because the device says that it is so."""
        said = Evidence(said="it was so already", read_back=str(device.posture or ""))
        self.weighing.done(course.id, self._now.s)
        course = msgspec.structs.replace(course, start_ms=None)
        self._note(course, Stage.ACKNOWLEDGED, said)
        self.pulse(course).since_s = self._now.s - KNOWN_S

    def went_wrong(self, course: Course, error: DriverError) -> None:
        """Try again; what the device refused was surely not done, what it did not answer may be."""
        if isinstance(error, Unreachable):
            self.pulse(course).lost_s = self._now.s
        else:
            self.charges.free(course.id)
            self.weighing.take_off(course.id, self._now.s, is_clean=True)
            if course.start_ms is not None:  # it was not made, and is there for the next try
                course = msgspec.structs.replace(course, start_ms=self._now.ms)
        if isinstance(error, Unsupported):
            self.failed(course, f"{Reason.UNSUPPORTED}: {course.wish.action}: {error}", _NEVER_S)
        else:
            self._again(course, f"{Reason.DEVICE}: {error}")

    def not_read(self, course: Course, error: DriverError) -> None:
        """Try again what was not even sent, because the device does not say how it is."""
        self._again(course, f"{Reason.DEVICE}: {error}")

    def effective(self, course: Course, device: Device, shown: Shown) -> None:
        """Note what is proved; what was to be given back is given back by that."""
        self.in_effect(course)
        if course.sent_ms is not None:
            self.turns.note(self.turns.of(course, device))
        self.weighing.settle(course.id, self._now.s)
        evidence = self.evidence(course, device, shown)
        changed = msgspec.structs.replace(course, tries=0, is_unproven=False, failed_by=())
        if course.is_restore:
            self._gave_back(changed, device, "", evidence)
            return
        self._book.note_course(changed, Stage.EFFECTIVE, "", evidence)
        pulse = self.pulse(course)
        pulse.since_s, pulse.doubt_s = self._now.s, None
        pulse.look_s, pulse.look_every_s = self._now.s + WATCH_S, WATCH_S

    def unproven(self, course: Course, device: Device) -> None:
        """Say that a wish is read back and that nothing measures its power: it is not effective."""
        reason = f"{Reason.NO_EFFECT}: read back, but nothing measures its power"
        self.in_effect(course)
        self.weighing.settle(course.id, self._now.s)
        changed = msgspec.structs.replace(course, is_unproven=True)
        evidence = Evidence(read_back=str(device.posture or ""))
        if course.is_restore:
            self._gave_back(changed, device, reason, evidence)
        else:
            self._book.note_course(changed, Stage.ACKNOWLEDGED, reason, evidence)

    def _gave_back(self, course: Course, device: Device, reason: str, evidence: Evidence) -> None:
        """Go on to what else is not as it was; when all is, the device has what it had."""
        kept = self._book.baselines.get(shelved(course.key))
        had = () if kept is None else kept.to_restore
        has = proof.settings(course.wish, device, self._now.s)
        rest = [
            wish
            for wish in had
            if wish.action != course.wish.action
            and proof.reads_back(wish, device, self._now.s, 0.0, is_exact=True) is False
        ]
        changed = set() if kept is None else set(kept.sent) - {wish.action for wish in kept.wishes}
        unsaid = sorted(changed & {wish.action for wish in has})
        if rest and course.drifts < _ROUNDS:
            self.courses.go_on(msgspec.structs.replace(course, drifts=course.drifts + 1), rest[0])
        elif rest:
            words = f"it does not keep its {rest[0].action} beside its {course.wish.action}"
            self.courses.lost(course, words)
        elif unsaid:
            self.courses.lost(course, f"it had not said its {unsaid[0]}")
        else:
            self.courses.released(course, reason, evidence)

    def not_proved(self, course: Course, device: Device, is_set: bool | None, shown: Shown) -> None:
        """Try again what the device said yes to and did not do."""
        read_back = {None: "nothing", True: "yes", False: "no"}[is_set]
        power = "missing" if shown.after_w is None else f"{shown.after_w:.0f} W by {shown.source}"
        reason = f"{Reason.NO_EFFECT}: read-back says {read_back}, power is {power}"
        course = msgspec.structs.replace(course, stage=Stage.SENT)
        self._again(course, reason, self.evidence(course, device, shown))

    def drifted(self, course: Course, device: Device, sign: str) -> None:
        """Note that what was proved is no longer so; it is asserted again, ever later."""
        drifts = course.drifts + 1
        changed = msgspec.structs.replace(course, drifts=drifts, tries=0)
        reason = f"{Reason.DISOBEYED}: its {sign} says so"
        evidence = Evidence(read_back=str(device.posture or ""))
        self._book.note_course(changed, Stage.DRIFTED, reason, evidence)
        wait_s = 0.0 if drifts == 1 else min(_LATER_S, _BACKOFF_S * 2.0 ** min(drifts, 10))
        self._put_off(course, wait_s)
        self.pulse(course).doubt_s = None

    def failed(
        self,
        course: Course,
        reason: str,
        later_s: float = _LATER_S,
        evidence: Evidence | None = None,
    ) -> None:
        """Note that a course failed; it is tried again much later, and told of when it succeeds."""
        self.in_effect(course)
        self.weighing.take_off(course.id, self._now.s, is_clean=False)
        self._put_off(course, later_s)
        code = reason.partition(":")[0]
        told = tuple(dict.fromkeys((*course.failed_by, code)))
        failed = msgspec.structs.replace(course, tries=0, failed_by=told)
        if code in course.failed_by:
            self._book.set_course(msgspec.structs.replace(failed, stage=Stage.FAILED))
        else:
            self._book.note_course(failed, Stage.FAILED, reason, evidence)

    def in_effect(self, course: Course) -> None:
        """Note that a change is in effect, or given up."""
        self.charges.seen(course.id)

    def evidence(self, course: Course, device: Device, shown: Shown) -> Evidence:
        """Give what a step rests on."""
        before_w = course.before_w if shown.before_w is None else shown.before_w
        expected_w = None if course.before_w is None else course.before_w + course.change_w
        return Evidence(
            source=shown.source,
            power_before_w=before_w,
            power_after_w=shown.after_w,
            expected_w=expected_w,
            read_back=str(device.posture or ""),
        )

    def _again(self, course: Course, reason: str, evidence: Evidence | None = None) -> None:
        tries = course.tries + 1
        changed = self._book.set_course(msgspec.structs.replace(course, tries=tries))
        if tries >= TRIES:
            self.failed(changed, reason, evidence=evidence)
        else:
            self._put_off(course, _BACKOFF_S * 2.0 ** (tries - 1))

    def _put_off(self, course: Course, wait_s: float) -> None:
        """Have a course wait; a stop and the site's own rules are tried again and again."""
        most_s = _URGENT_S if course.is_urgent else _NEVER_S
        self.pulse(course).due_s = self._now.s + min(wait_s, most_s)

    def _note(
        self,
        course: Course,
        stage: Stage,
        evidence: Evidence | None = None,
        *,
        is_quiet: bool = False,
    ) -> None:
        """Note a step, unless it is one of a course that is only tried again."""
        if is_quiet or course.failed_by:
            self._book.set_course(msgspec.structs.replace(course, stage=stage))
        else:
            self._book.note_course(course, stage, "", evidence)
