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
from lode_models.peers.rigs import LEVELS, Group, Rigs, count
from lode_models.peers.sample import Mask, Slots, Times, rests
from lode_models.peers.split import median

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
OWN = {
    HASH_LOSS: (OWN_HASH, RIPE_MS),
    OVERHEATING: (OWN_HEAT, RIPE_MS),
    REJECTED: (OWN_REJECTS, 120_000),  # by chance a rack shows it minutes before its site does
}
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

    def kinds(self) -> list[int]:
        """Give the kinds of trouble that enough may have for an event."""
        count = [np.count_nonzero(phase) for phase in self.m.phase]
        count[OFFLINE] = np.count_nonzero(self.late)
        for kind, (own, _) in OWN.items():
            count[kind] += np.count_nonzero(self.m.own_ms[own])
        return [kind for kind, n in enumerate(count) if n >= LEAST_MEMBERS]

    def of(self, kind: int) -> tuple[Slots, Mask, Times]:
        """Give the slots that may have a kind of trouble, which surely have, and since when."""
        m, phase = self.m, self.m.phase[kind]
        may = self.late if kind == OFFLINE else phase > book.IDLE
        if kind == HASH_DECAY:  # who lost its hashrate at once does not lose it by and by
            may &= m.own_ms[OWN_HASH] == 0
        if kind in OWN:
            # What an event covers would keep the event: its slow charts forget slowly.
            may &= phase != book.COVERED
            may |= (m.own_ms[OWN[kind][0]] > 0) & ~self.late
        slots = np.flatnonzero(may)
        sure = self.ripe[kind][slots] | (phase[slots] >= book.FOUND)
        if kind == OFFLINE:
            return slots, sure, self.due_ms[slots]
        begun_ms = m.pending_ms[kind][slots]
        if kind in OWN:
            own, ripe_ms = OWN[kind]
            own_ms = m.own_ms[own][slots]
            has = (own_ms > 0) & ~self.late[slots]
            sure |= has & (m.own_n[own][slots] >= 2) & (m.heard_ms[slots] - own_ms >= ripe_ms)  # noqa: PLR2004
            begun_ms = np.where(has, own_ms, begun_ms)
        return slots, sure, begun_ms


def begin(m: Memory, rigs: Rigs, found: Suspects, events: list[Event], now_ms: int) -> list[Event]:
    """Find new events, each of the group that is most like who has it."""
    new: list[Event] = []
    kinds = found.kinds()
    if not kinds:
        return new
    counted = rigs.is_watched & (m.heard_ms > 0) & ~rests(m.state)
    sizes = _sizes(rigs, counted)
    for kind in kinds:
        window = LONG_WINDOW_MS if KINDS[kind].name in SLOW else WINDOW_MS
        if kind == OFFLINE:
            window += int(2000 * np.fmax.reduce(m.interval_s, initial=0))
        slots, ripe, begun_ms = found.of(kind)
        is_fresh = counted[slots] & (begun_ms >= now_ms - window)
        is_fresh &= ~_covered(rigs, [*events, *new], kind, slots)
        while True:
            fresh, sure = slots[is_fresh], slots[is_fresh & ripe]
            if len(fresh) < LEAST_MEMBERS or len(sure) < LEAST_RIPE:
                break
            event = _largest(rigs, kind, fresh, sure, counted, sizes)
            if event is None:
                break
            event.since_ms = int(median(begun_ms[np.isin(slots, event.members)]))
            event.hit_ms = now_ms
            new.append(event)
            is_fresh &= ~event.holds(rigs)[slots]
    return new


def _sizes(rigs: Rigs, counted: Mask) -> list[Slots]:
    """Count by level the rigs of each group that are counted: all but a few."""
    rest = np.flatnonzero(~counted)
    levels = zip(rigs.group_of, rigs.sizes, strict=True)
    return [size - count(of[rest], len(size)) for of, size in levels]


def _largest(
    rigs: Rigs, kind: int, fresh: Slots, ripe: Slots, counted: Mask, sizes: list[Slots]
) -> Event | None:
    best: tuple[tuple[bool, float], int, int, float] | None = None
    for level, (of, size) in enumerate(zip(rigs.group_of, sizes, strict=True)):
        if LEVELS[level] == "fleet" and len(rigs.groups[_SITE]) < 2:  # noqa: PLR2004
            continue
        hit = count(of[fresh], len(size))
        for number in np.flatnonzero((hit >= LEAST_MEMBERS) & (hit > SHARE * size)).tolist():
            if np.count_nonzero(of[ripe] == number) < LEAST_RIPE:
                continue
            holds_all = hit[number] >= HOLDS * len(fresh)
            alike = hit[number] / (size[number] + len(fresh) - hit[number])
            order = (bool(holds_all), alike if holds_all else hit[number])
            if best is None or order > best[0]:
                best = (order, level, number, float(hit[number] / size[number]))
    if best is None:
        return None
    _, level, number, share = best
    site = _site_of(rigs, level, number)
    rest = (rigs.group_of[_SITE] == site) & (rigs.group_of[level] != number) & counted
    if level != _SITE and site >= 0 and rest[fresh].sum() > SPREADS * rest.sum() > 0:
        level, number = _SITE, site
        share = float((rigs.group_of[_SITE][fresh] == site).sum() / sizes[_SITE][site])
    members = fresh[rigs.group_of[level][fresh] == number]
    return Event(kind=kind, level=level, number=number, since_ms=0, members=members,
                 share=share, hit_ms=0)  # fmt: skip


def _site_of(rigs: Rigs, level: int, number: int) -> int:
    """Give the number of the site that a group is at; -1 for the fleet."""
    if LEVELS[level] == "fleet":
        return -1
    return int(rigs.group_of[_SITE][rigs.group_of[level] == number][0])


def _covered(rigs: Rigs, events: list[Event], kind: int, slots: Slots) -> Mask:
    mask = np.zeros(len(slots), bool)
    for event in events:
        if event.kind == kind or EXPLAINS[event.kind, kind]:
            mask |= event.holds(rigs)[slots]
    return mask


def covered(rigs: Rigs, events: list[Event]) -> Mask:
    """Tell by (kind, slot) which troubles an event of their group explains."""
    mask = np.zeros((len(KINDS), len(rigs)), bool)
    for event in events:
        holds = event.holds(rigs)
        for kind in [event.kind, *np.flatnonzero(EXPLAINS[event.kind]).tolist()]:
            mask[kind] |= holds
    return mask


def go_on(m: Memory, rigs: Rigs, found: Suspects, events: list[Event], now_ms: int) -> list[Event]:
    """Follow events: take in further members, and give those that are over now."""
    over: list[Event] = []
    for event in events:
        slots, ripe, _ = found.of(event.kind)
        is_hit = event.holds(rigs)[slots]
        is_member = np.zeros(len(rigs), bool)
        is_member[event.members] = is_member[slots[is_hit & ripe]] = True
        event.members = np.flatnonzero(is_member)
        still = np.count_nonzero(is_member[slots[is_hit]])
        if still >= max(1.0, OVER_SHARE * len(event.members)):
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
