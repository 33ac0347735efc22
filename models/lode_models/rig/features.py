"""What the learned opinion looks at: of each rig, how it differs from its class and from its past.

readings ─► Window: means of 3 min and 1 h, counts, shares ─► (rig, feature), NaN for unknown

Training and run time both go through `Window`, so a model is asked what it was taught.
"""

from dataclasses import dataclass

import numpy as np

from lode_models.features import Floats
from lode_models.peers import Rigs
from lode_models.peers.sample import (
    BOARD,
    CHIP,
    COUNTED,
    HASH,
    METRICS,
    POWER,
    RESTING,
    Mask,
    Slots,
    Table,
    measures,
    says_something,
)
from lode_wire.records import State

FAST_S, SLOW_S, SHARES_S = 180.0, 3600.0, 1800.0
SETTLE_MS, WARM_MS = 300_000, 600_000
"""After a rest, a restart, a commanded change or a long silence a rig's past begins anew: what it
does at first is not taken, and it is not looked at until the second has passed."""

LEAST_HASH = 0.3
"""Of its rating: a rig that makes less hardly hashes, which needs no opinion but a plain rule."""

STALE_MS = 300_000
GAP_MS = 180_000
UPTIME_S = 6 * 3600.0  # a longer one says nothing more
LEAST_CLASS, CLASS_SHARE = 4, 0.6
"""So many rigs, and so much of a class, must be looked at: what hits a whole class is for others
to say, and what is left of it is no measure."""

NOT_MINING = (*RESTING, State.UNREACHABLE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """One thing that is looked at.

    `least` is the smallest spread that it is measured in; `is_log` says that it is a natural
    logarithm of a ratio and told as a percentage.
    """

    name: str
    words: str
    least: float
    is_log: bool = False


_CHARTED = (
    ("hashrate", "hashrate", 0.01, True),
    ("power", "power", 0.01, True),
    ("efficiency", "energy per hash", 0.01, True),
    ("chip_temp", "chip temperature, °C", 0.7, False),
    ("board_temp", "board temperature, °C", 0.7, False),
    ("fan_rpm", "fan speed", 0.02, True),
    ("chip_over_board", "chip above board temperature, °C", 0.5, False),
)
FEATURES: tuple[Feature, ...] = (
    *(Feature(name=n, words=f"{w}, against its class", least=s, is_log=g)
      for n, w, s, g in _CHARTED),
    *(Feature(name=f"{n}_change", words=f"{w}, 3 min against 1 h", least=s / 2, is_log=g)
      for n, w, s, g in _CHARTED),
    Feature(name="boards", words="hash boards alive, share", least=0.02),
    Feature(name="chips", words="chips alive, share", least=0.003),
    Feature(name="fans", words="fans alive, share", least=0.02),
    Feature(name="rejects", words="rejected shares (root), against its class", least=0.02),
    Feature(name="uptime", words="uptime, share of 6 h", least=0.3),
)  # fmt: skip
"""All of them, in the order of the columns. Change anything here or below, and `SCHEMA` rises."""

SCHEMA = 1
"""The version of the features; a model of another one is refused."""

_N = len(_CHARTED)
_OVER = len(METRICS)  # the last of the charted: chip above board


class Window:
    """What is remembered of each rig to tell its features: arrays by (metric, slot) or (slot)."""

    def __init__(self, rigs: Rigs) -> None:
        self.rigs = rigs
        n = len(rigs)
        self._rated = np.array(
            [[np.log(r.rated_hashrate_ths), np.log(r.rated_power_w)] for r in rigs.rows],
            np.float32,
        ).reshape(n, 2).T  # fmt: skip
        self._at_ms = np.zeros(n, np.int64)
        self._since_ms = np.zeros(n, np.int64)  # 0: does not mine
        self._mode: Slots = np.zeros(n, np.intp)
        self._fast = np.full((_N, n), np.nan, np.float32)
        self._slow = self._fast.copy()
        self._known_s = np.zeros((_N, n), np.float32)
        self._alive = np.full((len(COUNTED), n), np.nan, np.float32)
        self._most = self._alive.copy()
        self._totals = np.full((2, n), np.nan)  # accepted, rejected
        self._shares = np.zeros((2, n), np.float32)  # of late
        self._uptime_s = np.full(n, np.nan)

    def fitted(self, rigs: Rigs) -> "Window":
        """Give a window of the rigs as they are now, with the past of those that are the same."""
        other, same = Window(rigs), same_slots(self.rigs, rigs)
        for name in ("_at_ms", "_since_ms", "_mode", "_fast", "_slow", "_known_s", "_alive",
                     "_most", "_totals", "_shares", "_uptime_s"):  # fmt: skip
            getattr(other, name)[..., same] = getattr(self, name)[..., same]
        rigs.sort(other._mode)
        return other

    def take(self, slots: Slots, rows: Table) -> None:
        """Take readings, at most one a rig; what is not newer than its rig's last is left out."""
        newer = (rows["at_ms"] > self._at_ms[slots]) & says_something(rows)
        slots, rows = slots[newer], rows[newer]
        step_ms = rows["at_ms"] - self._at_ms[slots]
        mines = ~np.isin(rows["state"], NOT_MINING) & self._hashes(slots, rows)
        with np.errstate(invalid="ignore"):
            restarted = rows["uptime_s"] < self._uptime_s[slots]
            restarted |= rows["accepted_shares"] < self._totals[0, slots]
        begins = (self._since_ms[slots] == 0) | (step_ms > GAP_MS) | restarted
        begins |= rows["mode"] != self._mode[slots]
        self._since_ms[slots] = np.where(
            mines, np.where(begins, rows["at_ms"], self._since_ms[slots]), 0
        )
        self._forget(slots[begins | ~mines])
        if (rows["mode"] != self._mode[slots]).any():
            self._mode[slots] = rows["mode"]
            self.rigs.sort(self._mode)
        self._at_ms[slots], self._uptime_s[slots] = rows["at_ms"], rows["uptime_s"]
        step_s = (np.minimum(step_ms, 120_000) / 1000).astype(np.float32)
        settled = mines & (rows["at_ms"] - self._since_ms[slots] >= SETTLE_MS)
        self._mean(slots[settled], rows[settled], step_s[settled])
        self._count(slots[settled], rows[settled], step_s[settled])

    def features(self, now_ms: int) -> Floats:
        """Give (slot, feature) as of `now_ms`; NaN is unknown, a row of NaN a rig not looked at."""
        levels = np.concatenate([self._fast, self._fast - self._slow, self._rejects()[None]])
        usual = np.full_like(levels, np.nan)
        seen = self._is_seen(now_ms)
        self.rigs.classed.medians(np.where(seen, levels, np.float32(np.nan)), LEAST_CLASS, usual)
        usual = self._stand_in(usual)
        with np.errstate(invalid="ignore"):  # a class without fans: none of none is unknown
            share = self._alive / np.fmax(self._most, self._usual_alive(seen))
        uptime = np.minimum(self._uptime_s / UPTIME_S, 1).astype(np.float32)
        out = np.concatenate([(levels - usual)[:-1], share, (levels - usual)[-1:], uptime[None]])
        return np.ascontiguousarray(np.where(seen, out, np.float32(np.nan)).T)

    def _is_seen(self, now_ms: int) -> Mask:
        fresh = (self._since_ms > 0) & (now_ms - self._at_ms <= STALE_MS)
        seen: Mask = fresh & (self._at_ms - self._since_ms >= WARM_MS) & self.rigs.is_watched
        for slots in self.rigs.classed:
            seen[slots] &= seen[slots].mean() >= CLASS_SHARE
        return seen

    def _hashes(self, slots: Slots, rows: Table) -> Mask:
        """Tell which rigs are not known to make next to nothing."""
        with np.errstate(invalid="ignore"):
            idle: Mask = rows["hashrate_ths"] < LEAST_HASH * np.exp(self._rated[0, slots])
        return ~idle

    def _forget(self, slots: Slots) -> None:
        for array in (self._fast, self._slow, self._alive, self._most, self._totals):
            array[:, slots] = np.nan
        self._known_s[:, slots] = 0
        self._shares[:, slots] = 0

    def _mean(self, slots: Slots, rows: Table, step_s: Floats) -> None:
        x = measures(rows)
        x = np.concatenate([x, (x[CHIP] - x[BOARD])[None]])
        known, is_said = self._known_s[:, slots], ~np.isnan(x)
        for array, memory_s in ((self._fast, FAST_S), (self._slow, SLOW_S)):
            held = array[:, slots]
            share = step_s / (np.minimum(known, np.float32(memory_s)) + step_s)
            moved = np.where(np.isnan(held), x, held + share * (x - held))
            array[:, slots] = np.where(is_said, moved, held)
        self._known_s[:, slots] = known + np.where(is_said, step_s, 0)

    def _count(self, slots: Slots, rows: Table, step_s: Floats) -> None:
        alive = np.stack([rows[name] for name in COUNTED])
        self._alive[:, slots] = np.where(np.isnan(alive), self._alive[:, slots], alive)
        self._most[:, slots] = np.fmax(self._most[:, slots], alive)
        totals = np.stack([rows["accepted_shares"], rows["rejected_shares"]])
        made = totals - self._totals[:, slots]
        made = np.where(made >= 0, made, 0).astype(np.float32)  # NaN and a counter begun anew
        keep = np.exp(-step_s / np.float32(SHARES_S))
        self._shares[:, slots] = self._shares[:, slots] * keep + made
        self._totals[:, slots] = totals

    def _rejects(self) -> Floats:
        accepted, rejected = self._shares
        total = accepted + rejected
        with np.errstate(invalid="ignore", divide="ignore"):
            root = np.sqrt(rejected / total)
        return np.where(total >= 20, root, np.float32(np.nan))  # noqa: PLR2004 -- too few to tell

    def _stand_in(self, usual: Floats) -> Floats:
        """Let ratings stand in where a rig has no class, and no change where none is known."""
        unmoded = self._mode == 0
        for metric, rated in zip((HASH, POWER), self._rated, strict=True):
            usual[metric] = np.where(np.isnan(usual[metric]) & unmoded, rated, usual[metric])
        usual[_N : 2 * _N] = np.nan_to_num(usual[_N : 2 * _N])
        return usual

    def _usual_alive(self, seen: Mask) -> Floats:
        usual = np.full_like(self._alive, np.nan)
        alive = np.where(seen, self._alive, np.float32(np.nan))
        self.rigs.classed.medians(alive, LEAST_CLASS, usual)
        return usual


def same_slots(before: Rigs, now: Rigs) -> Slots:
    """Give the slots that have the same rig in both."""
    pairs = enumerate(zip(before.rows, now.rows, strict=False))
    # By their words, since an unknown rating is NaN, which equals nothing.
    return np.array([slot for slot, (a, b) in pairs if repr(a) == repr(b)], np.intp)


def told(feature: Feature, value: float) -> str:
    """Put a feature's value into words: a percentage where it is a logarithm."""
    return f"{np.expm1(value):+.1%}" if feature.is_log else f"{value:+.3g}"
