"""From what is wished to what is so: each course is looked at, and what is due for it decided.

wished ─► courses ─► due, allowed by envelope and ramps? ─► errands ─► (commit) ─► devices
             ▲                                                                       │
             └───────────── answers, read-back, power ◄──────────────────────────────┘
"""

from collections.abc import Mapping, Sequence

import msgspec

from lode_edge.control import proof
from lode_edge.control.allowed import wish_refusal
from lode_edge.control.book import Baseline, Book, Course, shelved
from lode_edge.control.charges import SETTLE_S, Turn
from lode_edge.control.errands import Answer, Errand
from lode_edge.control.now import Now
from lode_edge.control.proof import Draws, Shown
from lode_edge.control.scales import Weighed
from lode_edge.control.site import Device, Sample, Site
from lode_edge.control.stages import KNOWN_S, LOOK_S, WATCH_S, Pulse, Stages
from lode_edge.control.turns import NO_START
from lode_edge.control.wishes import Held, Key
from lode_edge.drivers.acting import Deed, Posture
from lode_edge.errors import DriverError
from lode_wire.orders import (
    FanSpeed,
    PowerLimit,
    PowerMode,
    Preset,
    Sleep,
    SwitchOutlet,
    Wake,
)
from lode_wire.records import Stage

_DOWN_S, _UP_S = 180.0, SETTLE_S  # for power to show it
_LOOK_MOST_S = 15.0  # between two looks at what is not proved yet
_PROVE_S = 1.0  # between two looks at what the devices themselves have said nothing new of
_METER_S = 10.0  # for which a feeder's meter is waited for before the rig itself is believed
_INFINITE_W = float("inf")
_OPEN = (Stage.ACCEPTED, Stage.SENT, Stage.ACKNOWLEDGED, Stage.DRIFTED)
_TO_SEND = (Stage.ACCEPTED, Stage.SENT, Stage.DRIFTED, Stage.FAILED)


class Reconciler:
    """All courses at work. It decides; whoever calls it commits, and then runs the errands."""

    def __init__(self, book: Book, site: Site, now: Now) -> None:
        self._book, self._site, self._now = book, site, now
        self.stages = Stages(book, site, now)
        self._errands: list[Errand] = []
        self._taken: set[str] = set()  # devices that one of the errands is for
        self._places = 0
        self._open: list[str] = []  # courses that something is due for, in their order

    def follow(self, ruling: Mapping[Key, Held]) -> None:
        """Have the courses that are ruled, and every one of them looked at in the next step."""
        self.stages.courses.follow(ruling)
        self.stages.keep_house()
        courses = sorted(self._book.courses.all.values(), key=self._order)
        self._open = [shelved(course.key) for course in courses]

    def _order(self, course: Course) -> tuple[int, float, bool, int, int]:
        """Take wishes in their leases' order, and what is given back after them, in reverse.

        What is urgent comes first, and of that who answers, and is due longest: who does not
        answer is asked again and again, and must keep nobody waiting.
        """
        number, place = course.rank
        if course.is_restore:
            return 2, 0.0, True, -number, -place
        if not course.is_urgent:
            return 2, 0.0, False, number, place
        pulse = self.stages.pulse(course)
        return int(pulse.lost_s is not None), pulse.due_s, False, number, place

    def step(self, places: int) -> Sequence[Errand]:
        """Look at every course that is open; give what is to be done after the commit."""
        self._errands, self._taken = [], set()
        self.stages.turns.begin_step()
        self._places = places
        courses = [c for key in self._open if (c := self._book.courses.get(key)) is not None]
        self._open = [shelved(c.key) for c in courses if c.stage in _OPEN]
        for course in courses:
            device = self._site.devices.get(course.device)
            if device is None or course.is_over or device.is_busy or device.name in self._taken:
                continue
            self._look_at(course, device)
        return self._errands

    def answered(self, answer: Answer) -> None:
        """Take in what came of an order."""
        course = self._book.courses.get(answer.errand.id)
        if answer.errand.kind == "look":
            if isinstance(answer.deed, DriverError) and course and course.stage in _TO_SEND:
                self.stages.not_read(course, answer.deed)
            return
        if course is None or course.wish != answer.errand.intent:
            return
        if isinstance(answer.deed, DriverError):
            self.stages.went_wrong(course, answer.deed)
        elif isinstance(answer.deed, Deed):
            self.stages.said_yes(course, answer.deed, answer.at_s)

    def _look_at(self, course: Course, device: Device) -> None:
        if course.stage in _TO_SEND:
            if self._places > 0 and self.stages.is_due(course, device):
                self._begin(course, device, self.stages.pulse(course))
            return
        pulse = self.stages.pulse(course)
        if course.stage is Stage.ACKNOWLEDGED:
            if device.heard_s > pulse.proved_s or self._now.s - pulse.proved_s >= _PROVE_S:
                pulse.proved_s = self._now.s
                self._prove(course, device, pulse)
        elif course.stage is Stage.EFFECTIVE:
            self._watch(course, device, pulse)

    def _begin(self, course: Course, device: Device, pulse: Pulse) -> None:
        now_s = self._now.s
        refused = wish_refusal(self._book, self._site, device, course.wish)
        if refused and not course.is_restore:
            self.stages.failed(course, refused)
        elif not course.is_urgent and now_s - device.posture_s > KNOWN_S:
            self._look(course, device, pulse)
        elif proof.reads_back(course.wish, device, now_s, now_s - KNOWN_S, is_exact=True):
            self.stages.already(course, device)
        else:
            turns = self.stages.turns
            turn = turns.of(course, device)
            is_new = turns.is_new_start(course, turn)
            if is_new and turns.has_no_start(turn.device):
                self.stages.failed(course, NO_START)
            elif course.is_urgent or (_is_known(course, device) and not turns.hindrance(turn)):
                self._send(course, device, turn, is_new_start=is_new)
            elif now_s - device.posture_s > KNOWN_S / 2:
                self._look(course, device, pulse)  # so that it is known when its turn comes

    def _send(self, course: Course, device: Device, turn: Turn, *, is_new_start: bool) -> None:
        self._keep_baseline(course, device)
        if is_new_start:
            self.stages.turns.count(turn)
        sent = msgspec.structs.replace(
            course,
            sent_ms=self._now.ms,
            change_w=turn.change_w,
            before_w=self._site.draws_w(turn.device, self._now.s),
            start_ms=self._now.ms if is_new_start else course.start_ms,
        )
        self.stages.sent(sent, turn)
        self._run(Errand(device, course.wish, shelved(course.key)))

    def _prove(self, course: Course, device: Device, pulse: Pulse) -> None:
        now_s = self._now.s
        is_set = proof.reads_back(course.wish, device, now_s, pulse.since_s)
        shown = self._shown(course, device, pulse.since_s)
        if is_set and (shown.is_so or not self._needs_power(course, device, shown)):
            self.stages.effective(course, device, shown)
            return
        if is_set and not self._is_measured(course, device):
            self.stages.in_effect(course)  # nothing else will ever show when it came
        if course.is_unproven:
            return
        if now_s - pulse.since_s <= (_UP_S if course.change_w > 0 else _DOWN_S):
            self._look(course, device, pulse)
        elif is_set and shown.is_so is None:
            self.stages.unproven(course, device)
        else:
            if shown == (False, "meter", *shown[2:]) and self._says_so(
                course, device, pulse.since_s
            ):
                course = msgspec.structs.replace(course, is_denied=True)
            self.stages.not_proved(course, device, is_set, shown)

    def _watch(self, course: Course, device: Device, pulse: Pulse) -> None:
        """Look whether what was proved is so still; it takes two signs to say that it is not."""
        is_set = proof.reads_back(course.wish, device, self._now.s, pulse.since_s)
        found = proof.measured(self._site, device, course.wish, pulse.since_s)
        is_drawn = found is None or not _may_not_draw(course) or self._fits(course, found[1])
        sign_s = max(device.posture_s, device.reading_s)
        if is_set is False or not is_drawn:
            if pulse.doubt_s is not None and sign_s > pulse.doubt_s:
                self.stages.drifted(course, device, "power" if is_set else "read-back")
                return
            if pulse.doubt_s is None:
                pulse.doubt_s = sign_s
                pulse.look_s, pulse.look_every_s = self._now.s, LOOK_S
        else:
            pulse.doubt_s, pulse.look_every_s = None, WATCH_S
        self._look(course, device, pulse)

    def _look(self, course: Course, device: Device, pulse: Pulse) -> None:
        """Have a device say how it is, when that is due."""
        if self._now.s >= pulse.look_s and self._places > 0:
            pulse.look_s = self._now.s + pulse.look_every_s
            if pulse.look_every_s < _LOOK_MOST_S:
                pulse.look_every_s *= 1.5
            self._run(Errand(device, None, shelved(course.key), "look"))

    def _run(self, errand: Errand) -> None:
        self._errands.append(errand)
        if errand.device is not None:
            self._taken.add(errand.device.name)
        self._places -= 1

    def _shown(self, course: Course, device: Device, since_s: float) -> Shown:
        """Say what power shows: the feeder's meter before the outlet before the rig."""
        now_s, weighing = self._now.s, self.stages.weighing
        weighed = weighing.weigh(course.id, now_s)
        if weighed is not None and (weighed.is_shown or self._is_denied(course, weighed)):
            return Shown(weighed.is_shown, "meter", weighed.before_w, weighed.after_w)
        if weighing.can_tell(course.id) and now_s - since_s < _METER_S:
            return Shown(None, "meter")
        found = proof.measured(self._site, device, course.wish, since_s)
        if found is None:
            return Shown(None)
        source, sample = found
        if course.is_denied and source == "rig":
            return Shown(False, "meter")
        return Shown(self._fits(course, sample), source, course.before_w, sample.power_w)

    def _is_denied(self, course: Course, weighed: Weighed) -> bool:
        """Tell whether a meter clearly shows that a wish was not done.

        More power that is only allowed need not be drawn: a rig's limit binds what else is wished.
        """
        if weighed.is_shown is not False or course.change_w < 0:
            return weighed.is_shown is False
        draws = self._draws(course, self._site.devices[course.device])
        match course.wish:
            case PowerLimit():
                return False
            case Wake():
                return draws.awake_w >= course.change_w
            case PowerMode() | Preset() if draws.wished_w is not None:
                return draws.wished_w >= (course.before_w or 0.0) + course.change_w
        return True

    def _says_so(self, course: Course, device: Device, since_s: float) -> bool:
        """Tell whether the device's own figure says that a wish holds."""
        found = proof.measured(self._site, device, course.wish, since_s)
        return found is not None and self._fits(course, found[1])

    def _fits(self, course: Course, sample: Sample) -> bool:
        draws = self._draws(course, self._site.devices[course.device])
        return proof.is_drawn(course.wish, sample.power_w, draws)

    def _draws(self, course: Course, device: Device) -> Draws:
        """Say what a device draws, as far as it is known; asleep no setting shows by power."""
        said, awake_w = device.posture or Posture(), self.stages.turns.awake_w(course, device)
        limit_w = _INFINITE_W if said.power_limit_w is None else said.power_limit_w
        wished_w = None
        if not device.is_asleep(self._now.s):
            wished_w = min(self._site.expected_w(device.name, course.wish), limit_w)
        if isinstance(course.wish, Wake):
            preset_w = self._site.preset_w(device, said.preset)
            awake_w = min(awake_w, limit_w, _INFINITE_W if preset_w is None else preset_w)
        asleep_w = self._site.expected_w(device.name, Sleep())
        return Draws(course.before_w, awake_w, asleep_w, wished_w)

    def _needs_power(self, course: Course, device: Device, shown: Shown) -> bool:
        """Tell whether power must show a wish; an outlet that nothing measures is read back."""
        if isinstance(course.wish, SwitchOutlet):
            return bool(shown.source) or self._is_measured(course, device)
        return not isinstance(course.wish, FanSpeed)

    def _is_measured(self, course: Course, device: Device) -> bool:
        """Tell whether the device's own power will show when something takes effect."""
        since_s = self._now.s - device.stale_s
        return proof.measured(self._site, device, course.wish, since_s) is not None

    # What is sent, and whether it may be.

    def _keep_baseline(self, course: Course, device: Device) -> None:
        """Note what a device has, before the first wish that changes it."""
        key, action = shelved(course.key), course.wish.action
        kept = self._book.baselines.get(key)
        if course.is_restore or (kept is not None and action in kept.sent):
            return
        if kept is None:
            found = self._site.own_w(device)
            kept = Baseline(
                wishes=proof.settings(course.wish, device, self._now.s),
                rank=course.rank,
                power_w=None if found is None else found.power_w,
            )
        self._book.baselines.put(key, msgspec.structs.replace(kept, sent=(*kept.sent, action)))


def _is_known(course: Course, device: Device) -> bool:
    """Tell whether a device has said all that a wish is checked against."""
    has_offered = device.abilities is not None or not isinstance(course.wish, Preset)
    return device.facts is not None and has_offered


def _may_not_draw(course: Course) -> bool:
    """Tell whether more power than is wished would speak against a wish; less never does."""
    return isinstance(course.wish, Sleep | PowerLimit) or course.change_w < 0
