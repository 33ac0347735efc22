"""How far leases are as wholes, when they end, and what the site begins by itself: a stop.

begun ─► sent ─► acknowledged ─► effective ─► ended ─► (all given back) released, forgotten
"""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from lode_edge.control.book import Book, Course, Named, own_id
from lode_edge.control.now import Now
from lode_edge.control.site import Site
from lode_edge.control.stop import Stop
from lode_edge.control.wishes import Lease, ended, ended_by_now
from lode_wire.orders import Evidence, Sleep, Step, Wake
from lode_wire.records import Stage

_HEARD_S = 30.0  # between two notes of when the hub was heard
_AHEAD = (Stage.SENT, Stage.ACKNOWLEDGED, Stage.EFFECTIVE)


class Wholes:
    """The leases of the book, one after another."""

    def __init__(self, book: Book, site: Site, now: Now) -> None:
        self._book, self._site, self._now = book, site, now
        # Not heard since the start counts from when it was last heard before, if that was noted.
        self._silent_before_s = 0.0
        if book.heard_ms is not None:
            self._silent_before_s = max(0, now.ms - book.heard_ms) / 1000
        self._began_s, self._noted_s = now.s, 0.0

    def end_what_is_over(self) -> None:
        """End the leases whose time is over, or whose hub is lost."""
        silent_s = self._silent_s()
        for lease in list(self._book.leases.all.values()):
            now = ended_by_now(lease, self._now.ms, silent_s)
            if now is not lease and not lease.ended:
                self._book.leases.put(lease.id, now)

    def follow_stop(self, stop: Stop | None) -> None:
        """Hold all rigs asleep while there is a stop."""
        held = [lease for lease in self._book.leases.all.values() if lease.origin == "stop"]
        rigs = tuple(device.name for device in self._site.devices.values() if device.is_rig)
        wanted = "" if stop is None else stop.command or own_id("stop")
        for lease in held:
            if lease.id != wanted and not lease.ended:
                self._book.leases.put(lease.id, ended(lease, "the stop was ended"))
        if stop is None or not rigs:
            return
        steps = (Step(wish=Sleep(), devices=rigs),)
        under_way = next((x for x in held if x.id == wanted and not x.ended), None)
        if under_way is not None:
            if under_way.steps != steps:  # the site has been given other rigs
                self._book.leases.put(wanted, msgspec.structs.replace(under_way, steps=steps))
            return
        lease = Lease(
            id=wanted,
            number=self._book.number(),
            begun_ms=self._now.ms,
            sequence=stop.sequence,
            steps=steps,
            origin="stop",
        )
        self._book.leases.put(lease.id, lease)
        if not stop.command:
            self._book.note(Named(lease.id), Stage.ACCEPTED, stop.reason)

    def tell(self) -> None:
        """Say how far each lease is, and forget those whose devices are all given back."""
        of_lease: dict[str, list[Course]] = defaultdict(list)
        for course in self._book.courses.all.values():
            of_lease[course.lease].append(course)
        for lease in list(self._book.leases.all.values()):
            courses = of_lease[lease.id]
            if lease.ended:
                self._forget(lease, courses)
            elif lease.is_single:
                self._end_wake(lease, courses)
            else:
                self._tell_progress(lease, courses)
        self._forget_plan(of_lease)

    def _tell_progress(self, lease: Lease, courses: Sequence[Course]) -> None:
        if not courses:
            return
        least = min((course.stage for course in courses), default=Stage.ACCEPTED)
        is_bad = any(course.stage not in _AHEAD for course in courses)
        is_sent = any(course.sent_ms is not None for course in courses)
        reached = least if not is_bad else Stage.SENT if is_sent else Stage.ACCEPTED
        for stage in _AHEAD:
            if lease.told < stage <= reached:
                self._book.note(Named(lease.id, lease.sequence), stage, "", _drawn(courses))
        if reached > lease.told:
            self._book.leases.put(lease.id, msgspec.structs.replace(lease, told=reached))

    def _end_wake(self, lease: Lease, courses: Sequence[Course]) -> None:
        """End a wish to wake that has come true: it holds nothing."""
        is_wake = all(isinstance(step.wish, Wake) for step in lease.steps)
        is_open = lease.terms.until_ms is None
        if is_wake and is_open and any(c.stage is Stage.EFFECTIVE for c in courses):
            awake = msgspec.structs.replace(lease, ended="it hashes", is_held=True)
            self._book.leases.put(lease.id, awake)

    def _forget(self, lease: Lease, courses: Sequence[Course]) -> None:
        if any(not course.is_over for course in courses):
            return
        is_over = lease.is_single and any(course.is_over for course in courses)
        is_told = is_over or lease.told is Stage.RELEASED
        if not is_told:
            self._book.note(Named(lease.id, lease.sequence), Stage.RELEASED, lease.ended)
        self._book.leases.drop(lease.id)

    def _forget_plan(self, of_lease: dict[str, list[Course]]) -> None:
        plan = self._book.plan
        if plan is None or not plan.is_over(self._now.ms):
            return
        if all(course.is_over for course in of_lease[plan.id]):
            self._book.note(Named(plan.id, plan.sequence), Stage.RELEASED, "its periods are over")
            self._book.plans.drop("")

    def _silent_s(self) -> float:
        """Say for how long the hub has not been heard; note now and then when it was."""
        heard_s = self._now.heard_s
        if heard_s is None:
            return self._silent_before_s + self._now.s - self._began_s
        if heard_s - self._noted_s >= _HEARD_S and self._book.leases.all:
            self._noted_s = heard_s
            self._book.heard(self._now.ms)
        return self._now.s - heard_s


def _drawn(courses: Sequence[Course]) -> Evidence:
    """Add up what the devices drew before and what was expected of the change."""
    known = [course for course in courses if course.before_w is not None]
    before_w = sum(course.before_w or 0.0 for course in known)
    change_w = sum(course.change_w for course in known)
    if not known:
        return Evidence()
    return Evidence(power_before_w=before_w, expected_w=max(0.0, before_w + change_w))
