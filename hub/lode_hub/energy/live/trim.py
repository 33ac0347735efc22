"""The closed loop of a site, without any I/O: the meter against the setpoint.

measured + what is under way ─► above: more rigs sleep, least efficient first
                             └► below: rigs wake part by part, most efficient first
told, and not so in time ─► disobeying ─► others are taken in their place

Each move is taken from what is left of the error, so that moves add up as an integrator does.
"""

import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lode_hub.energy.live.rig import Rig
from lode_hub.energy.live.wishes import FULL, SLEEP, modes_of, power_share

AIM = 0.996
"""Of the setpoint, where taking off ends."""

BACK = 0.993
"""Of the setpoint, where giving back ends: lower, or a meter's noise would have it taken again."""

BAND = 0.012
"""So far below the setpoint nothing is moved."""

SPARE = 0.03
"""So far below a limit what was taken off for it is given back."""

MEDIAN_OF = 3
METER_LAG_S = 10.0
COUNTED_S = 45.0
"""For so long an order to sleep is counted on; then others are taken in its place."""

OBEY_S = 120.0
WAKE_S = 600.0
RESTORE_EVERY_S = 20.0
RESTORE_SHARE = 0.05
DISOBEYS_S = 1800.0
"""After which one that did not obey is tried again."""

SETTLED_SHARE = 0.05
"""Of full power: who is nearer to its mode than this is in it."""

ASLEEP_SHARE = 0.5
"""Whoever draws less of its lowest mode's power sleeps, whatever it says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What the meter may show now.

    `is_bound` when it is to be reached from both sides: a promise that the plan has run up to.
    `response_s` is how long the agents' ramps may take for what was asked. `is_metered` unless the
    power is only reckoned by the rigs: then nothing is given back on the strength of it.
    """

    setpoint_w: float
    is_bound: bool
    response_s: float = 0.0
    is_metered: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A rig for the loop: as it is, and whether its least times and starts let it change."""

    rig: Rig
    is_asleep: bool | None  # None: not known now
    sleep_w: float
    may_sleep: bool
    may_wake: bool

    @property
    def saves_w(self) -> float:
        """What its sleep takes off the meter: of what it draws, which by a preset is not all."""
        drawn_w = self.rig.power_w if self.is_asleep is False else None
        return max(0.0, (drawn_w or self.rig.full_power_w or 0.0) - self.sleep_w)


@dataclass(kw_only=True, slots=True)
class _Told:
    at_ms: int
    is_asleep: bool
    obeyed_ms: int | None = None
    is_late: bool = False


@dataclass(kw_only=True, slots=True)
class _Turn:
    """A rig's way to another mode, without sleep: what it changes, and since when it is there."""

    mode: str
    at_ms: int = 0
    change_w: float = 0.0
    there_ms: int | None = None

    def is_counted(self, now_ms: int, counted_s: float) -> bool:
        """Tell whether the meter cannot show it yet, and it may still come."""
        if self.there_ms is not None:
            return now_ms <= self.there_ms + 1000 * METER_LAG_S
        return now_ms - self.at_ms <= 1000 * (counted_s if self.change_w < 0 else WAKE_S)


@dataclass(slots=True)
class Trim:
    """A site's loop: `override` is what it wants other than the plan, by rig; True: asleep."""

    override: dict[int, bool] = field(default_factory=dict)
    disobeying: dict[int, int] = field(default_factory=dict)  # since when (Unix ms)
    _told: dict[int, _Told] = field(default_factory=dict)
    _wanted: dict[int, bool] = field(default_factory=dict)
    _modes: dict[int, _Turn] = field(default_factory=dict)
    _measured_w: deque[float] = field(default_factory=lambda: deque(maxlen=MEDIAN_OF))
    _restored_ms: int = 0

    def step(
        self, now_ms: int, measured_w: float, aim: Aim, planned: Mapping[int, str],
        rigs: Sequence[Seen],
    ) -> bool:  # fmt: skip
        """Take in how things are, and move; tell whether `override` has changed."""
        self._measured_w.append(measured_w)
        by_id = {seen.rig.device_id: seen for seen in rigs}
        self._follow(now_ms, planned, by_id, aim.response_s)
        level_w = statistics.median(self._measured_w)
        counted_s = COUNTED_S + aim.response_s
        less_w, more_w = self._under_way(now_ms, by_id, counted_s)
        lower_w, higher_w = self._changing(now_ms, planned, by_id, counted_s)
        less_w, more_w = less_w + lower_w, more_w + higher_w
        error_w = level_w - less_w + more_w - aim.setpoint_w
        before = dict(self.override)
        if error_w > 0:
            self._shed(error_w + (1 - AIM) * aim.setpoint_w, planned, by_id)
        elif aim.is_metered:
            self._restore(now_ms, error_w, less_w, aim, planned, by_id)
        return before != self.override

    def absorb(self, planned: Mapping[int, str]) -> None:
        """Begin anew with a plan that was made of how rigs are; who disobeys is told on."""
        self.override = {rig: True for rig in self.unreliable if planned.get(rig) != SLEEP}

    @property
    def unreliable(self) -> set[int]:
        """Those whom nothing is built on: they disobey, or are late to obey."""
        late = {rig for rig, told in self._told.items() if told.is_asleep and told.is_late}
        return late | set(self.disobeying)

    @property
    def waited_for(self) -> dict[int, int]:
        """Those told to sleep who have not yet, and since when (Unix ms)."""
        return {rig: told.at_ms for rig, told in self._told.items()
                if told.is_asleep and told.obeyed_ms is None}  # fmt: skip

    def resume(self, waited_for: Mapping[int, int]) -> None:
        """Go on with what another process waited for; until it is seen nothing is built on it."""
        for rig, at_ms in waited_for.items():
            self._told[rig] = _Told(at_ms=at_ms, is_asleep=True, is_late=True)
            self._wanted[rig] = True

    def _follow(
        self, now_ms: int, planned: Mapping[int, str], rigs: Mapping[int, Seen], response_s: float
    ) -> None:
        """Note what rigs are told, whether they obey, and who has not in time."""
        for number, since_ms in list(self.disobeying.items()):
            if now_ms - since_ms > 1000 * DISOBEYS_S:
                del self.disobeying[number]
                self.override.pop(number, None)
                self._told.pop(number, None)
        for number, seen in rigs.items():
            wanted = self._asleep(number, planned)
            is_so = seen.is_asleep == wanted
            told = self._told.get(number)
            is_new = self._wanted.get(number, bool(seen.is_asleep)) != wanted
            self._wanted[number] = wanted
            has_left = not is_so and (told is None or told.obeyed_ms is not None)
            if is_new or (has_left and seen.is_asleep is not None):
                self._told[number] = _Told(at_ms=now_ms, is_asleep=wanted)
            elif told is not None and told.obeyed_ms is None:
                self._judge(now_ms, number, told, response_s, is_so=is_so)

    def _judge(
        self, now_ms: int, number: int, told: _Told, response_s: float, *, is_so: bool
    ) -> None:
        """Note that a rig has obeyed, or that it has not for too long."""
        waited_s = (now_ms - told.at_ms) / 1000 - response_s
        told.is_late = not is_so and waited_s > COUNTED_S
        if is_so:
            told.obeyed_ms = now_ms
            self.disobeying.pop(number, None)
        elif told.is_asleep and waited_s > OBEY_S:
            self.disobeying.setdefault(number, now_ms)

    def _under_way(
        self, now_ms: int, rigs: Mapping[int, Seen], counted_s: float
    ) -> tuple[float, float]:
        """Give the watts that were asked off, and on, and that the meter cannot show yet."""
        less = more = 0.0
        for number, told in list(self._told.items()):
            seen = rigs.get(number)
            if seen is None:
                del self._told[number]
                continue
            shown_ms = None if told.obeyed_ms is None else told.obeyed_ms + 1000 * METER_LAG_S
            waited_s = (now_ms - told.at_ms) / 1000
            if shown_ms is not None and now_ms > shown_ms:
                del self._told[number]
            elif told.is_asleep and (shown_ms is not None or waited_s <= counted_s):
                less += seen.saves_w
            elif not told.is_asleep and shown_ms is None and waited_s <= WAKE_S:
                more += seen.saves_w
        return less, more

    def _changing(
        self, now_ms: int, planned: Mapping[int, str], rigs: Mapping[int, Seen], counted_s: float
    ) -> tuple[float, float]:
        """Give the watts that other modes take off, and put on, and the meter cannot show yet."""
        less = more = 0.0
        for number, seen in rigs.items():
            mode, full_w = planned.get(number, FULL), seen.rig.full_power_w
            drawn_w = seen.rig.power_w if seen.is_asleep is False else None
            turn = self._modes.setdefault(number, _Turn(mode=mode))
            if drawn_w is None or not full_w or self._asleep(number, planned):
                turn.mode, turn.change_w = mode, 0.0
                continue
            left_w = full_w * power_share(seen.rig, mode) - drawn_w
            if mode != turn.mode:
                turn = self._modes[number] = _Turn(mode=mode, at_ms=now_ms, change_w=left_w)
            if turn.there_ms is None and abs(left_w) < SETTLED_SHARE * full_w:
                turn.there_ms = now_ms
            if turn.is_counted(now_ms, counted_s):
                less -= min(0.0, turn.change_w)
                more += max(0.0, turn.change_w)
        return less, more

    def _shed(self, over_w: float, planned: Mapping[int, str], rigs: Mapping[int, Seen]) -> None:
        able = [
            seen for number, seen in rigs.items()
            if not self._asleep(number, planned) and seen.is_asleep is False and seen.may_sleep
            and number not in self.disobeying and seen.saves_w > 0
        ]  # fmt: skip
        for seen in sorted(able, key=lambda one: (-one.rig.efficiency_jth, one.rig.name)):
            if over_w <= 0:
                return
            self._want(seen.rig.device_id, True, planned)
            over_w -= seen.saves_w

    def _restore(
        self, now_ms: int, error_w: float, less_w: float, aim: Aim, planned: Mapping[int, str],
        rigs: Mapping[int, Seen],
    ) -> None:  # fmt: skip
        band = BAND if aim.is_bound else SPARE
        is_early = now_ms - self._restored_ms < 1000 * RESTORE_EVERY_S
        if -error_w < band * aim.setpoint_w or less_w > 0 or is_early:
            return
        room_w = -error_w - (1 - BACK) * aim.setpoint_w
        able = [
            seen for number, seen in rigs.items()
            if self._asleep(number, planned) and seen.is_asleep and seen.may_wake
            and number not in self.disobeying
            and (aim.is_bound or planned.get(number, FULL) != SLEEP)
        ]  # fmt: skip
        most = max(1, round(RESTORE_SHARE * len(rigs)))
        for seen in sorted(able, key=lambda one: (one.rig.efficiency_jth, one.rig.name)):
            if most and seen.saves_w <= room_w:
                self._want(seen.rig.device_id, False, planned)
                self._restored_ms = now_ms
                room_w, most = room_w - seen.saves_w, most - 1

    def _asleep(self, number: int, planned: Mapping[int, str]) -> bool:
        return self.override.get(number, planned.get(number, FULL) == SLEEP)

    def _want(self, number: int, is_asleep: bool, planned: Mapping[int, str]) -> None:
        if (planned.get(number, FULL) == SLEEP) == is_asleep:
            self.override.pop(number, None)
        else:
            self.override[number] = is_asleep


def seen_of(rig: Rig, sleep_w: float, *, may_sleep: bool, may_wake: bool) -> Seen:
    """Give a rig for the loop: by its power where that is measured, else by what it says."""
    is_asleep: bool | None = None
    if rig.state in {"mining", "sleeping", "curtailed", "faulted", "tuning"}:
        is_asleep = rig.is_asleep
        if rig.power_w is not None and rig.full_power_w:
            lowest_ratio = min((power for _, power, _ in modes_of(rig)), default=1.0)
            is_asleep = rig.power_w < ASLEEP_SHARE * lowest_ratio * rig.full_power_w
    return Seen(
        rig=rig, is_asleep=is_asleep, sleep_w=sleep_w, may_sleep=may_sleep, may_wake=may_wake
    )
