"""What hits a whole group is one event: a pool, a feeder, the cooling, a link.

suspects of one kind, begun within a short time ─► more than a quarter of a group ─► Event
"""

from dataclasses import dataclass

import numpy as np

from lode_models.peers import book
from lode_models.peers.conditions import OWN_HASH, OWN_HEAT, OWN_REJECTS
from lode_models.peers.hearing import GRACE_MS
from lode_models.peers.kinds import EXPLAINS, KINDS, NUMBER
from lode_models.peers.memory import Memory
from lode_models.peers.rigs import LEVELS, Group, Rigs
from lode_models.peers.sample import Mask, Slots, Times, rests

SHARE, LEAST_MEMBERS, LEAST_RIPE = 0.25, 5, 3
HOLDS = 0.85
"""Of groups that have so much of all suspects, the one that is most like them is named."""

SPREADS = 0.10
"""With so much of the rest of the site it is the site: some models only show it sooner."""

_SITE = LEVELS.index("site")

WINDOW_MS, LONG_WINDOW_MS = 180_000, 900_000
SLOW = frozenset(
    {"overheating", "hash_decay", "rejected_shares", "flatline", "power_up", "restarting"}
)
UNCHARTED = frozenset({"offset", "rejected_shares", "flatline"})
"""What leaves hashrate, power and heat as they are: when it is over, nobody has to come back."""

OVER_SHARE, OVER_MS = 0.10, 60_000
RIPE_MS = 12_000

OFFLINE, HASH_LOSS, OVERHEATING, HASH_DECAY, REJECTED = (
    NUMBER[name]
    for name in ("offline", "hash_loss", "overheating", "hash_decay", "rejected_shares")
)
OWN = (
    (HASH_LOSS, OWN_HASH, RIPE_MS),
    (OVERHEATING, OWN_HEAT, RIPE_MS),
    (REJECTED, OWN_REJECTS, 120_000),  # by chance a rack shows it minutes before its site does
)
"""Kinds that are told by a rig's own measure as well, whatever its peers do; and after how long."""


@dataclass(kw_only=True, slots=True, eq=False)
class Event:
    """One trouble of a group, while it lasts."""

    kind: int
    level: int
    number: int  # of the group within its level
    since_ms: int
    members: Slots
    share: float  # of the group's rigs, when it was found
    hit_ms: int  # when enough members last had it

    def group(self, rigs: Rigs) -> Group:
        """Name the group."""
        return rigs.groups[self.level][self.number]

    def holds(self, rigs: Rigs) -> Mask:
        """Tell by slot who belongs to the group."""
        mask: Mask = rigs.group_of[self.level] == self.number
        return mask


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspects:
    """Who may have a trouble now, who surely has, and since when: by kind, as it is asked for."""

    m: Memory
    ripe: Mask  # by (kind, slot), of the book
    late: Mask
    due_ms: Times

    def numbers(self) -> Slots:
        """Give how many may have each kind of trouble."""
        count: Slots = np.count_nonzero(self.m.phase, axis=1)
        count[OFFLINE] = np.count_nonzero(self.late)
        for kind, own, _ in OWN:
            count[kind] += np.count_nonzero(self.m.own_ms[own])
        return count

    def of(self, kind: int) -> tuple[Mask, Mask, Times]:
        """Tell by slot who may have a kind of trouble, who surely has, and since when."""
        m = self.m
        may: Mask = m.phase[kind] > book.IDLE
        sure, begun_ms = self.ripe[kind] | (m.phase[kind] >= book.FOUND), m.pending_ms[kind]
        if kind == OFFLINE:
            return self.late, sure, self.due_ms
        if kind == HASH_DECAY:  # who lost its hashrate at once does not lose it by and by
            may &= m.own_ms[OWN_HASH] == 0
        for own, ripe_ms in ((own, ripe_ms) for of_kind, own, ripe_ms in OWN if of_kind == kind):
            has = (m.own_ms[own] > 0) & ~self.late
            lasts = has & (m.own_n[own] >= 2) & (m.heard_ms - m.own_ms[own] >= ripe_ms)  # noqa: PLR2004
            begun_ms, sure = np.where(has, m.own_ms[own], begun_ms), sure | lasts
            # What an event covers would keep the event: its slow charts forget slowly.
            may = has | (may & (m.phase[kind] != book.COVERED))
        return may, sure, begun_ms


def begin(m: Memory, rigs: Rigs, found: Suspects, events: list[Event], now_ms: int) -> list[Event]:
    """Find new events, each of the group that is most like who has it."""
    new: list[Event] = []
    for kind in np.flatnonzero(found.numbers() >= LEAST_MEMBERS).tolist():
        window = LONG_WINDOW_MS if KINDS[kind].name in SLOW else WINDOW_MS
        if kind == OFFLINE:
            window += int(2000 * np.fmax.reduce(m.interval_s, initial=0))
        may, ripe, begun_ms = found.of(kind)
        counted = rigs.is_watched & (m.heard_ms > 0) & ~rests(m.state)
        fresh = may & counted & (begun_ms >= now_ms - window)
        fresh &= ~_covered(rigs, [*events, *new], kind)
        while fresh.sum() >= LEAST_MEMBERS and (fresh & ripe).sum() >= LEAST_RIPE:
            event = _largest(rigs, kind, fresh, ripe, counted)
            if event is None:
                break
            event.since_ms = int(np.median(begun_ms[event.members]))
            event.hit_ms = now_ms
            new.append(event)
            fresh = fresh & ~event.holds(rigs)
    return new


def _largest(rigs: Rigs, kind: int, fresh: Mask, ripe: Mask, counted: Mask) -> Event | None:
    best: tuple[tuple[bool, float], int, int, float] | None = None
    for level in range(len(LEVELS)):
        if LEVELS[level] == "fleet" and len(rigs.groups[LEVELS.index("site")]) < 2:  # noqa: PLR2004
            continue
        of, n = rigs.group_of[level], len(rigs.groups[level])
        hit = _count(of[fresh], n)
        if not len(hit) or hit.max() < LEAST_MEMBERS:
            continue
        size, sure = _count(of[counted], n), _count(of[fresh & ripe], n)
        enough = (hit >= LEAST_MEMBERS) & (hit > SHARE * size) & (sure >= LEAST_RIPE)
        for number in np.flatnonzero(enough).tolist():
            holds_all = hit[number] >= HOLDS * fresh.sum()
            alike = hit[number] / (size[number] + fresh.sum() - hit[number])
            order = (bool(holds_all), alike if holds_all else hit[number])
            if best is None or order > best[0]:
                best = (order, level, number, float(hit[number] / size[number]))
    if best is None:
        return None
    _, level, number, share = best
    site = _site_of(rigs, level, number)
    rest = (rigs.group_of[_SITE] == site) & (rigs.group_of[level] != number) & counted
    if level != _SITE and site >= 0 and (fresh & rest).sum() > SPREADS * rest.sum() > 0:
        whole = (rigs.group_of[_SITE] == site) & counted
        level, number, share = _SITE, site, float((fresh & whole).sum() / whole.sum())
    members = np.flatnonzero(fresh & (rigs.group_of[level] == number))
    return Event(kind=kind, level=level, number=number, since_ms=0, members=members,
                 share=share, hit_ms=0)  # fmt: skip


def _site_of(rigs: Rigs, level: int, number: int) -> int:
    """Give the number of the site that a group is at; -1 for the fleet."""
    if LEVELS[level] == "fleet":
        return -1
    return int(rigs.group_of[_SITE][rigs.group_of[level] == number][0])


def _count(groups: Slots, n: int) -> Slots:
    """Count rigs by group; those without one are -1 and not counted."""
    return np.bincount(groups + 1, minlength=n + 1)[1:]


def _covered(rigs: Rigs, events: list[Event], kind: int) -> Mask:
    mask = np.zeros(len(rigs), bool)
    for event in events:
        if event.kind == kind or EXPLAINS[event.kind, kind]:
            mask |= event.holds(rigs)
    return mask


def covered(rigs: Rigs, events: list[Event]) -> Mask:
    """Tell by (kind, slot) which troubles an event of their group explains."""
    mask = np.zeros((len(KINDS), len(rigs)), bool)
    for event in events:
        kinds = EXPLAINS[event.kind].copy()
        kinds[event.kind] = True
        mask |= kinds[:, None] & event.holds(rigs)
    return mask


def go_on(m: Memory, rigs: Rigs, found: Suspects, events: list[Event], now_ms: int) -> list[Event]:
    """Follow events: take in further members, and give those that are over now."""
    over: list[Event] = []
    for event in events:
        may, ripe, _ = found.of(event.kind)
        hit = may & event.holds(rigs)
        event.members = np.union1d(event.members, np.flatnonzero(hit & ripe))
        if hit[event.members].sum() >= max(1.0, OVER_SHARE * len(event.members)):
            event.hit_ms = now_ms
        wait_ms = OVER_MS + int(2000 * np.fmax.reduce(m.interval_s[event.members], initial=0))
        if now_ms - event.hit_ms >= wait_ms:
            over.append(event)
    for event in over:
        _release(m, rigs, event, now_ms)
    return over


def _release(m: Memory, rigs: Rigs, event: Event, now_ms: int) -> None:
    """Give the group's rigs time to come back, then judge those that did not by themselves."""
    slots = np.flatnonzero(event.holds(rigs))
    is_charted = KINDS[event.kind].name not in UNCHARTED
    if is_charted:
        m.grace_ms[slots] = np.maximum(m.grace_ms[slots], now_ms + GRACE_MS)
    if is_charted and event.kind != OFFLINE:
        m.rest_ms[slots] = now_ms
        m.chart[:, :, slots] = 0
    for kind in [event.kind, *np.flatnonzero(EXPLAINS[event.kind]).tolist()]:
        phase = m.phase[kind][slots]
        m.phase[kind, slots] = np.where(phase == book.FOUND, phase, book.IDLE)
