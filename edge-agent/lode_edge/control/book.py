"""Everything of control that is kept: leases, plan, courses, what devices had before, starts.

The book reads and writes the store's shelves; what it says of a step goes into the journal.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from lode_edge.control.journal import Entry
from lode_edge.control.now import Now
from lode_edge.control.store import Store
from lode_edge.control.wishes import Key, Lease, Origin, Plan
from lode_wire.aspects import aspect
from lode_wire.orders import Evidence, PowerLimit, Preset, Sleep, Wake, Wish
from lode_wire.records import Stage

_OWN = "local:"  # begins the id of what the agent does by itself


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How far one wish for one aspect of one device has come.

    `change_w` is what was charged when it was sent, negative for less power; `awake_w` is what
    the device draws when it hashes. A course that gives a device back has `is_restore`.
    """

    id: int
    device: str
    aspect: str
    lease: str
    sequence: int
    origin: Origin
    wish: Wish
    rank: tuple[int, int]
    is_one_of_many: bool = True
    is_restore: bool = False
    stage: Stage = Stage.ACCEPTED
    tries: int = 0
    drifts: int = 0
    sent_ms: int | None = None
    before_w: float | None = None
    change_w: float = 0.0
    start_ms: int | None = None  # when a start was counted that may not have been made yet
    failed_by: tuple[str, ...] = ()  # what it failed by and was told; it is tried again in silence
    is_unproven: bool = False  # it is read back, and nothing measures the device's power
    is_denied: bool = False  # by a meter, against the rig, whose word counts no more

    @property
    def key(self) -> Key:
        """Give what it is about."""
        return Key(self.device, self.aspect)

    @property
    def is_over(self) -> bool:
        """Tell whether it is kept only because its effect is still counted."""
        return self.stage in (Stage.RELEASED, Stage.EXPIRED)

    @property
    def is_urgent(self) -> bool:
        """Tell whether it is a stop or the site's own rule, which waits for nothing."""
        return self.origin in ("stop", "local") and isinstance(self.wish, Sleep)


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What a device had before our first wish, as far as it said; `sent` are our actions since."""

    wishes: tuple[Wish, ...]
    sent: tuple[str, ...] = ()
    rank: tuple[int, int]
    power_w: float | None = None

    @property
    def to_restore(self) -> Sequence[Wish]:
        """List what gives a device back, in order; empty when it had not said how it was.

        A rig that has both a limit and a preset has two names for one setting: given back is the
        one that we have changed, and the other follows.
        """
        named = [wish for wish in self.wishes if isinstance(wish, PowerLimit | Preset)]
        ours = [wish for wish in named if wish.action in self.sent] or named
        return [*ours, *(wish for wish in self.wishes if wish not in named)]


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A change of power that was sent, and since when it is in effect or given up.

    What a `rig` that was restarted will draw again may come long after it says that it has.
    """

    feeder: str
    change_w: float
    sent_ms: int = 0
    rig: str = ""
    seen_ms: int | None = None


class Turned(msgspec.Struct, frozen=True, kw_only=True):
    """When a rig was last sent to sleep and woken by us, and how often woken on a day."""

    slept_ms: int | None = None
    woken_ms: int | None = None
    day: int = 0
    starts: int = 0


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """An order that is carried out once: the command as it came, and how far it is."""

    id: str
    number: int  # by which its power is charged
    sequence: int
    target: str
    expires_ms: int  # what was not sent by then is sent no more
    body: bytes
    stage: Stage = Stage.ACCEPTED
    sent_ms: int = 0
    uptime_s: int | None = None  # of the device, before
    firmware: str = ""  # of the device, before


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """That a command was taken: until when the hub may send it, and since when it knows."""

    expires_ms: int
    heard_ms: int | None = None


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Small things: the last number given, and when the hub was last heard."""

    number: int = 0
    heard_ms: int | None = None


class Named(NamedTuple):
    """Whom a step is about: a command, or what the agent does by itself."""

    id: str
    sequence: int = 0


class Book:
    """What is kept, over the store as it was opened."""

    def __init__(self, store: Store, now: Now) -> None:
        self.store, self._now = store, now
        self.leases = store.shelf("lease", Lease)
        self.plans = store.shelf("plan", Plan)
        self.courses = store.shelf("course", Course)
        self.charges = store.shelf("charge", Charge)
        self.baselines = store.shelf("baseline", Baseline)
        self.turned = store.shelf("turned", Turned)
        self.tasks = store.shelf("task", Task)
        self.answers = store.shelf("answer", Answer)
        self._memory = store.shelf("memory", Memory)

    @property
    def plan(self) -> Plan | None:
        """Give the standing plan."""
        return self.plans.get("")

    @property
    def heard_ms(self) -> int | None:
        """Say when the hub was last heard, as far as it was noted."""
        return self._remembered.heard_ms

    def heard(self, at_ms: int) -> None:
        """Note when the hub was last heard."""
        self._memory.put("", msgspec.structs.replace(self._remembered, heard_ms=at_ms))

    def number(self) -> int:
        """Give the next number, never given before."""
        memory = self._remembered
        self._memory.put("", msgspec.structs.replace(memory, number=memory.number + 1))
        return memory.number + 1

    def course(self, key: Key) -> Course | None:
        """Give the course of an aspect."""
        return self.courses.get(shelved(key))

    def set_course(self, course: Course) -> Course:
        """Keep a course as it is now."""
        self.courses.put(shelved(course.key), course)
        return course

    def starts_left(self, device: str, per_day: int | None) -> int | None:
        """Say how often a rig may still start today; None: it is not limited."""
        if self._now.ms < self.store.life.forgot_until_ms:
            return 0
        if per_day is None:
            return None
        turned = self.turned.get(device)
        return per_day if turned is None or turned.day != self._now.day else per_day - turned.starts

    def count_start(self, device: str) -> None:
        """Count a start, before it is sent."""
        turned, day = self.turned.get(device) or Turned(), self._now.day
        starts = turned.starts + 1 if turned.day == day else 1
        self.turned.put(device, msgspec.structs.replace(turned, day=day, starts=starts))

    def turn(self, device: str, *, is_start: bool) -> None:
        """Note that a rig is sent to sleep or started, or that this has come into effect."""
        turned, now_ms = self.turned.get(device) or Turned(), self._now.ms
        change = {"woken_ms": now_ms} if is_start else {"slept_ms": now_ms}
        self.turned.put(device, msgspec.structs.replace(turned, **change))

    def holds_asleep(self, device: str) -> bool:
        """Tell whether a wish of ours has a rig sleep, or has not let it wake yet."""
        course = self.course(Key(device, aspect(Sleep())))
        if course is None or course.is_over:
            return False
        return isinstance(course.wish, Wake if course.is_restore else Sleep)

    def has_put_to_sleep(self, device: str) -> bool:
        """Tell whether a rig was put to sleep by us, and not woken by us since."""
        turned = self.turned.get(device)
        if turned is None or turned.slept_ms is None:
            return False
        return turned.woken_ms is None or turned.slept_ms >= turned.woken_ms

    def note(
        self, about: Named, stage: Stage, reason: str = "", evidence: Evidence | None = None
    ) -> Entry:
        """Write a step into the journal, whence it is told."""
        evidence = evidence or Evidence()
        entry = Entry(
            at_ms=self._now.wall_ms,
            command=about.id,
            sequence=about.sequence,
            stage=stage,
            target=evidence.target,
            reason=reason,
        )
        return self.store.journal.write(entry, evidence)

    def note_course(
        self, course: Course, stage: Stage, reason: str = "", evidence: Evidence | None = None
    ) -> Course:
        """Write down that a course has come to a stage; the device is named where it is of many."""
        evidence = evidence or Evidence()
        if course.is_one_of_many:
            evidence = msgspec.structs.replace(evidence, target=course.device)
        self.note(Named(course.lease, course.sequence), stage, reason, evidence)
        return self.set_course(msgspec.structs.replace(course, stage=stage))

    @property
    def _remembered(self) -> Memory:
        return self._memory.get("") or Memory()


def shelved(key: Key) -> str:
    """Name an aspect of a device on a shelf."""
    return f"{key.aspect} {key.device}"


def own_id(what: str, device: str = "") -> str:
    """Name a lease that the agent begins by itself."""
    return f"{_OWN}{what}:{device}" if device else f"{_OWN}{what}"


def is_own(command: str) -> bool:
    """Tell whether the agent began it by itself."""
    return command.startswith(_OWN)
