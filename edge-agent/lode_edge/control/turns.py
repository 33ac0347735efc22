"""Whether a device's power may be changed now, and what counts when it is.

turn ─► starts of the day ─► the rig's least times ─► its feeder's queue, ramp, limit, spacing

A rig starts when it is woken or restarted, and when the outlet that feeds it is switched on.
"""

from lode_edge.control.book import Book, Course, Turned, shelved
from lode_edge.control.charges import SETTLE_S, Charges, Turn
from lode_edge.control.envelope import UNNAMED
from lode_edge.control.now import Now
from lode_edge.control.site import Device, Site
from lode_edge.control.wishes import Key
from lode_wire.aspects import aspect
from lode_wire.orders import FanSpeed, Reason, Sleep, SwitchOutlet, Wake

NO_START = f"{Reason.ENVELOPE}: no start is left today"


class Turns:
    """What may be sent now, in one step after another; who waits lets nobody overtake."""

    def __init__(self, book: Book, site: Site, charges: Charges, now: Now) -> None:
        self._book, self._site, self._charges, self._now = book, site, charges, now
        self._queues: set[tuple[str, bool]] = set()  # feeders, and which way somebody waits there

    def begin_step(self) -> None:
        """Forget who waited in the step before."""
        self._queues.clear()

    def of(self, course: Course, device: Device) -> Turn:
        """Say what a course's wish does to power."""
        wish, drawn_w = course.wish, self._site.draws_w(device, self._now.s)
        match wish:
            case Sleep():
                return Turn(device, -drawn_w, is_stop=True)
            case Wake():
                return Turn(device, self.awake_w(course, device), is_start=True)
            case SwitchOutlet(is_on=is_on):
                return self._outlet(course, device, is_on=is_on)
            case _ if isinstance(wish, FanSpeed) or device.is_asleep(self._now.s):
                return Turn(device, 0.0)
        return Turn(device, self._site.expected_w(device.name, wish) - drawn_w)

    def restart(self, device: Device) -> Turn:
        """Say what a restart does to power; only rigs start."""
        if not device.is_rig:
            return Turn(device, 0.0)
        drawn_w, awake_w = self._site.draws_w(device, self._now.s), self._site.awake_w(device)
        return Turn(device, max(drawn_w, awake_w), drop_w=drawn_w, is_start=True, is_stop=True)

    def awake_w(self, course: Course, device: Device) -> float:
        """Give what a rig draws when it hashes: as rated, or as before a wish put it to sleep."""
        baseline = self._book.baselines.get(shelved(course.key))
        before_w = 0.0 if baseline is None or baseline.power_w is None else baseline.power_w
        return max(before_w, self._site.awake_w(device))

    def is_new_start(self, course: Course, turn: Turn) -> bool:
        """Tell whether a start is not counted yet.

        An order that was not answered may be sent again as the same start until it has settled.
        """
        since_ms = course.start_ms
        if not turn.is_start or since_ms is None:
            return turn.is_start
        return self._now.ms - since_ms >= SETTLE_S * 1000

    def has_no_start(self, device: Device) -> bool:
        """Tell whether a rig has used up its starts of the day."""
        model = self._site.model(device) or UNNAMED
        return self._book.starts_left(device.name, model.starts_per_day) == 0

    def early_s(self, turn: Turn) -> float:
        """Say for how long a rig has to be left as it is by its least times; 0: it need not."""
        model = self._site.model(turn.device) or UNNAMED
        turned = self._book.turned.get(turn.device.name) or Turned()
        up_s = self._left_s(turned.woken_ms, model.min_up_s) if turn.is_stop else 0.0
        down_s = self._left_s(turned.slept_ms, model.min_down_s) if turn.is_start else 0.0
        return max(up_s, down_s)

    def hindrance(self, turn: Turn) -> str:
        """Say what a turn has to wait for; empty when it may be sent now."""
        if turn.is_start and self._is_held_asleep(turn.device):
            return "the end of what holds it asleep at the site"
        if self.early_s(turn):
            return "its least time up or down"
        if not (turn.change_w or turn.is_start):
            return ""
        queue = (turn.feeder, turn.change_w > 0)
        found = "others at its feeder" if queue in self._queues else self._charges.hindrance(turn)
        if found:
            self._queues.add(queue)
        return found

    def count(self, turn: Turn) -> None:
        """Count a start among the day's before it is sent, within a transaction."""
        self._book.count_start(turn.device.name)

    def note(self, turn: Turn) -> None:
        """Note that a rig is turned, or that this has come into effect, within a transaction."""
        if turn.is_start or turn.is_stop:
            self._book.turn(turn.device.name, is_start=turn.is_start)

    def _is_held_asleep(self, device: Device) -> bool:
        """Tell whether a stop or the site's own rule holds a rig asleep."""
        course = self._book.course(Key(device.name, aspect(Sleep())))
        return course is not None and course.is_urgent and not course.is_over

    def _outlet(self, course: Course, device: Device, *, is_on: bool) -> Turn:
        fed = self._site.fed_by(course.key)
        if fed is None:
            return Turn(device, 0.0)
        if is_on:
            return Turn(fed, self._site.awake_w(fed), is_start=fed.is_rig)
        return Turn(fed, -self._site.draws_w(fed, self._now.s), is_stop=fed.is_rig)

    def _left_s(self, since_ms: int | None, for_s: float) -> float:
        passed_s = None if since_ms is None else (self._now.ms - since_ms) / 1000
        return for_s - passed_s if passed_s is not None and 0 <= passed_s < for_s else 0.0
