"""What one poll of a rig told, before it becomes records; what cannot be true is left out."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from lode_wire.records import PointReading, PowerSource, Quality, RigReading, State

# What a figure of any rig can be at all; beyond it the sensor or the firmware is wrong.
# The largest rig sold in 2026 makes about 1,200 TH/s from 13 kW; silicon is dead above 150 °C.
_LIMITS: dict[str, tuple[float, float]] = {
    "hashrate_ths": (0.0, 3000.0),
    "power_w": (0.0, 25_000.0),
    "temp_c": (-40.0, 150.0),
    "inlet_temp_c": (-40.0, 90.0),
    "fan_rpm": (0.0, 30_000.0),
    "boards": (0.0, 100.0),
    "chips": (0.0, 20_000.0),
    "shares": (0.0, 2.0**62),
    "uptime_s": (0.0, 10 * 366 * 86_400.0),
}


@dataclass(slots=True, kw_only=True)
class Board:
    """One hash board; None is not known."""

    temp_c: float | None = None
    chip_temp_c: float | None = None
    hashrate_ths: float | None = None
    chips: float | None = None


@dataclass(slots=True, kw_only=True)
class Figures:
    """All that a rig said in one poll, in Lode's units; None is not known."""

    hashrate_ths: float | None = None
    power_w: float | None = None
    inlet_temp_c: float | None = None
    board_temp_c: float | None = None  # where the rig gives the hottest, not each
    chip_temp_c: float | None = None
    boards_alive: float | None = None
    boards: list[Board] = field(default_factory=list)
    fans_rpm: list[float | None] = field(default_factory=list)
    accepted: float | None = None
    rejected: float | None = None
    uptime_s: float | None = None
    ideal_ths: float | None = None  # what the rig itself expects of its present mode
    is_asleep: bool = False  # the rig says so; so of the next two
    is_tuning: bool = False
    is_faulted: bool = False

    @property
    def state(self) -> State:
        """Give what the figures prove; a rig that neither hashes nor says why is unknown."""
        if self.is_asleep:
            return State.SLEEPING
        if self.is_tuning or self.is_faulted:
            return State.TUNING if self.is_tuning else State.FAULTED
        return State.MINING if any(self._rates()) else State.UNKNOWN

    @property
    def makes_nothing(self) -> bool:
        """Tell whether all of its rates are known, and are zero."""
        rates = self._rates()
        return bool(rates) and not any(rates) and None not in rates

    @property
    def is_empty(self) -> bool:
        """Tell whether the rig gave no figure at all, which is no answer; nor is a name plate."""
        parts = [*self.fans_rpm, *(board for board in self.boards if board != Board())]
        has_parts = any(part is not None for part in parts)
        nothing = Figures(boards=self.boards, fans_rpm=self.fans_rpm, ideal_ths=self.ideal_ths)
        return not has_parts and self == nothing

    def reading(self, rig: int, at_ms: int, quality: Quality = Quality.GOOD) -> RigReading:
        """Make the rig's reading."""
        sieve = _Sieve(quality)
        power = sieve.keep("power_w", self.power_w)
        fans = sieve.all("fan_rpm", self.fans_rpm)
        chips = sieve.all("chips", [board.chips for board in self.boards])
        board_temps = [self.board_temp_c, *(board.temp_c for board in self.boards)]
        chip_temps = [self.chip_temp_c, *(board.chip_temp_c for board in self.boards)]
        return RigReading(
            at_ms=at_ms,
            rig=rig,
            state=self.state,
            hashrate_ths=sieve.keep("hashrate_ths", self.hashrate_ths),
            power_w=power,
            power_source=PowerSource.NONE if power is None else PowerSource.RIG,
            board_temp_c=max(sieve.all("temp_c", board_temps), default=None),
            chip_temp_c=max(sieve.all("temp_c", chip_temps), default=None),
            inlet_temp_c=sieve.keep("inlet_temp_c", self.inlet_temp_c),
            fan_rpm=min(fans, default=None),
            fans_alive=sum(rpm > 0 for rpm in fans) if fans else None,
            boards_alive=sieve.whole("boards", self._boards_alive()),
            chips_alive=int(sum(chips)) if chips else None,
            accepted_shares=sieve.whole("shares", self.accepted),
            rejected_shares=sieve.whole("shares", self.rejected),
            uptime_s=sieve.whole("uptime_s", self.uptime_s),
            quality=int(sieve.quality),  # last: the sieve has seen every figure by now
        )

    def points(
        self, device: int, at_ms: int, quality: Quality = Quality.GOOD
    ) -> list[PointReading]:
        """Make a point for each part: boards and fans are counted from 1 in the rig's order."""
        named: list[tuple[str, str, str, float | None]] = []
        for n, board in enumerate(self.boards, 1):
            named += [
                (f"board.{n}.temp", "°C", "temp_c", board.temp_c),
                (f"board.{n}.chip_temp", "°C", "temp_c", board.chip_temp_c),
                (f"board.{n}.hashrate", "TH/s", "hashrate_ths", board.hashrate_ths),
                (f"board.{n}.chips", "", "chips", board.chips),
            ]
        named += [(f"fan.{n}", "rpm", "fan_rpm", rpm) for n, rpm in enumerate(self.fans_rpm, 1)]
        named.append(("hashrate.ideal", "TH/s", "hashrate_ths", self.ideal_ths))
        records = []
        for name, unit, limit, value in named:
            if value is not None:
                sieve = _Sieve(quality)
                kept = sieve.keep(limit, value)
                bits = int(sieve.quality)
                records.append(
                    PointReading(
                        at_ms=at_ms, device=device, point=name, value=kept, unit=unit, quality=bits
                    )
                )
        return records

    def _rates(self) -> list[float | None]:
        """Give the sum alone, or what stands in where the rig gives none that can be."""
        said = [self.hashrate_ths], [board.hashrate_ths for board in self.boards]
        total, boards = ([_Sieve().keep("hashrate_ths", rate) for rate in rates] for rates in said)
        return boards if total == [None] else total

    def _boards_alive(self) -> float | None:
        if self.boards_alive is not None:
            return self.boards_alive
        known = [board.hashrate_ths for board in self.boards if board.hashrate_ths is not None]
        return sum(ths > 0 for ths in known) if known else None


class _Sieve:
    """Lets through what a figure can be, and remembers that something was not."""

    def __init__(self, quality: Quality = Quality.GOOD) -> None:
        self.quality = quality

    def keep(self, limit: str, value: float | None) -> float | None:
        if value is None:
            return None
        low, high = _LIMITS[limit]
        if low <= value <= high:
            return value
        self.quality |= Quality.OUT_OF_RANGE
        return None

    def whole(self, limit: str, value: float | None) -> int | None:
        kept = self.keep(limit, value)
        return None if kept is None else int(kept)

    def all(self, limit: str, values: Iterable[float | None]) -> list[float]:
        kept = (self.keep(limit, value) for value in values)
        return [value for value in kept if value is not None]
