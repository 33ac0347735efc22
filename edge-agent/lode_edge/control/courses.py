"""Courses follow what is wished: begun, replaced, given back, dropped.

ruled by another wish ─► a course for it
ruled no longer ─► nothing was sent: dropped · to be held: left so · else: given back
"""

from collections.abc import Mapping

import msgspec

from lode_edge.control.book import Book, Course, shelved
from lode_edge.control.wishes import Held, Key
from lode_wire.orders import Evidence, Reason, Wish
from lode_wire.records import Stage

_DONE = (Stage.EFFECTIVE, Stage.ACKNOWLEDGED)


class Courses:
    """The courses in the book, and the leases whose devices they are for."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def follow(self, ruling: Mapping[Key, Held]) -> None:
        """Have a course for every wish that rules, and give back what is ruled no longer."""
        for key, held in ruling.items():
            self._rule(key, held)
        for course in list(self._book.courses.all.values()):
            if course.key not in ruling and not course.is_restore and not course.is_over:
                self._give_back(course)

    def released(self, course: Course, reason: str = "", evidence: Evidence | None = None) -> None:
        """Note that a device has what it had before."""
        self._book.baselines.drop(shelved(course.key))
        self._book.note_course(course, Stage.RELEASED, reason, evidence)

    def _rule(self, key: Key, held: Held) -> None:
        before = self._book.course(key)
        if before is not None and not before.is_restore and not before.is_over:
            if (before.lease, before.wish) == (held.lease, held.wish):
                return
            self._replace(before, held)
        lease = self._book.leases.get(held.lease)
        plan = self._book.plan
        course = Course(
            id=self._book.number(),
            device=key.device,
            aspect=key.aspect,
            lease=held.lease,
            sequence=lease.sequence if lease is not None else (plan.sequence if plan else 0),
            origin=held.origin,
            wish=held.wish,
            rank=held.rank,
            is_one_of_many=lease is None or not lease.is_single,
        )
        self._book.set_course(course)

    def _replace(self, before: Course, held: Held) -> None:
        """Tell of a lease that ended while another rules its device on."""
        lease = self._book.leases.get(before.lease)
        if before.lease != held.lease and (lease is None or lease.ended):
            reason = f"{Reason.SUPERSEDED}: {held.lease} holds it on"
            self._book.note_course(before, Stage.RELEASED, reason)
            if lease is not None and lease.is_single:  # which is told of as a whole by that
                told = msgspec.structs.replace(lease, told=Stage.RELEASED)
                self._book.leases.put(lease.id, told)

    def _give_back(self, course: Course) -> None:
        lease = self._book.leases.get(course.lease)
        baseline = self._book.baselines.get(shelved(course.key))
        if baseline is None:
            self._drop(course)
        elif lease is not None and lease.is_held:
            self.released(course, "left as it is")
        elif not baseline.to_restore:
            self.lost(course, "it had not said how it was")
        else:
            back = msgspec.structs.replace(
                course, rank=baseline.rank, is_restore=True, drifts=0, failed_by=(), is_denied=False
            )
            self.go_on(back, baseline.to_restore[0])

    def go_on(self, course: Course, wish: Wish) -> None:
        """Give back one more of what a device had."""
        began = msgspec.structs.replace(
            course,
            id=self._book.number(),
            wish=wish,
            stage=Stage.ACCEPTED,
            tries=0,
            sent_ms=None,
            start_ms=None,
            before_w=None,
            change_w=0.0,
            is_unproven=False,
        )
        self._book.set_course(began)

    def lost(self, course: Course, why: str) -> None:
        """Note that a device cannot be given back what it had."""
        self._book.baselines.drop(shelved(course.key))
        self._book.note_course(course, Stage.FAILED, f"{Reason.DEVICE}: {why}")
        self._book.courses.drop(shelved(course.key))

    def _drop(self, course: Course) -> None:
        """End a course of which nothing was sent."""
        if course.stage in _DONE:
            self.released(course, "it was so before")
        elif course.stage is Stage.FAILED:
            self._book.courses.drop(shelved(course.key))
        else:
            reason = f"{Reason.TOO_LATE}: its lease ended before it could be sent"
            self._book.note_course(course, Stage.EXPIRED, reason)
