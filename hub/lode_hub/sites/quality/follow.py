"""Follow each device from reading to reading: repeats, late ones, units, flat lines, counters.

slots, columns of a group ─► turns (one reading a device) ─► state moved on ─► verdict a row
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lode_hub.sites.quality import counters, units
from lode_hub.sites.quality.counters import Move
from lode_hub.sites.quality.sheet import METER, RIG, RING, Sheet
from lode_hub.sites.quality.units import Floats
from lode_hub.sites.tables import Mask, Slots, Times
from lode_wire.records import State

MAX_TURNS = 64
"""How many readings of one device are followed in one group; of a longer backlog, the newest."""

SET_BACK_MS = 60_000
"""When only older readings came for so long, the clock was set back, and time begins anew."""

FAR = 5.0
"""No unit is nearer to another than this."""

FORGET = 0.98
FORGET_RUN = 0.995
"""After 140 other runs, half the length of the longest is left: an hour or so of noise."""

MOST_RUN = 60_000
SHARES_A_S = 1_000.0
"""No rig finds more shares a second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What each row of a group is; arrays by row."""

    late: Mask
    duplicate: Mask
    reset: Mask
    rolled_over: Mask
    codes: npt.NDArray[np.uint8]  # (rows, metrics): the unit each value seems to be in


def follow(
    sheet: Sheet,
    slots: Slots,
    at_ms: Times,
    received_ms: Times,
    columns: Mapping[str, npt.NDArray[Any]],
) -> Verdict:
    """Move the devices' state on, and say what each reading is; every slot is a known one."""
    n, kind = len(slots), sheet.kind
    verdict = Verdict(
        late=np.zeros(n, bool),
        duplicate=np.zeros(n, bool),
        reset=np.zeros(n, bool),
        rolled_over=np.zeros(n, bool),
        codes=np.zeros((n, len(kind.metrics)), np.uint8),
    )
    doing = columns["state"] if kind is RIG else np.full(n, State.MINING, np.uint8)
    uptime_s = _whole(columns["uptime_s"]) if kind is RIG else np.zeros(n)
    works = doing == State.MINING
    counts = [_whole(columns[name]) for name in kind.counters]
    for rows in _turns(slots, at_ms):
        fresh = _take_times(sheet, verdict, rows, slots[rows], at_ms[rows], received_ms[rows])
        here, at_work = slots[fresh], works[fresh]
        is_settled = _settled(sheet, here, doing[fresh], at_ms[fresh], uptime_s[fresh])
        for place, name in enumerate(kind.metrics):
            values = columns[name][fresh]
            can_tell = at_work
            if kind is METER and name in {"power_w", "current_a"}:
                can_tell = ~_agree(*(columns[of][fresh] for of in METER.metrics[:3]))
            verdict.codes[fresh, place] = _judge_unit(
                sheet, place, here, values, can_tell, is_settled
            )
            _judge_run(sheet, place, here, values, at_work)
        _note_power(sheet, here)
        for place, counted in enumerate(counts):
            move = _judge_counter(sheet, place, here, counted[fresh], at_ms[fresh])
            verdict.reset[fresh] |= move == Move.RESET
            verdict.rolled_over[fresh] |= move == Move.ROLLED_OVER
    return verdict


def _turns(slots: Slots, at_ms: Times) -> Iterator[Slots]:
    if not len(slots):
        return
    if int(np.bincount(slots).max()) == 1:
        yield np.arange(len(slots))
        return
    order = np.lexsort((at_ms, slots))
    first = np.flatnonzero(np.diff(slots[order], prepend=-1))
    count = np.diff(first, append=len(slots))
    skipped = np.maximum(count - MAX_TURNS, 0)
    first, count = first + skipped, count - skipped
    for turn in range(int(count.max())):
        yield order[first[count > turn] + turn]


def _take_times(
    sheet: Sheet, verdict: Verdict, rows: Slots, slots: Slots, at_ms: Times, received_ms: Times
) -> Slots:
    """Tell new readings from late and repeated ones; give the rows of the new."""
    state = sheet.state
    short = at_ms.astype(np.uint32)
    is_new = at_ms > state["at_ms"][slots]
    if not is_new.all():
        old = np.flatnonzero(~is_new)
        again = (state["ring"][slots[old]] == short[old, None]).any(axis=1)
        verdict.duplicate[rows[old[again]]] = True
        was_set_back = received_ms[old] - state["fresh_ms"][slots[old]] > SET_BACK_MS
        is_new[old[was_set_back & ~again]] = True
        verdict.late[rows[~is_new]] = True
        rows, slots, at_ms = rows[is_new], slots[is_new], at_ms[is_new]
        received_ms, short = received_ms[is_new], short[is_new]
    state["at_ms"][slots], state["fresh_ms"][slots] = at_ms, received_ms
    turn = state["seen"][slots]
    state["ring"][slots, turn % RING] = short
    state["seen"][slots] = turn + 1
    return rows


def _settled(
    sheet: Sheet,
    slots: Slots,
    doing: npt.NDArray[np.uint8],
    at_ms: Times,
    uptime_s: npt.NDArray[np.float64],
) -> Mask:
    """Tell whose state has been the same for a while; a meter has none that could change.

    Of one that is seen for the first time, it has been for as long as it says that it is up.
    """
    if sheet.kind is not RIG:
        return np.ones(len(slots), bool)
    doing_of, changed_of = sheet.state["doing"], sheet.state["changed_ms"]
    since_ms = changed_of.take(slots)
    since_ms = np.where((doing != doing_of.take(slots)) | (at_ms < since_ms), at_ms, since_ms)
    is_first = sheet.state["seen"].take(slots) == 1
    if is_first.any():
        up_ms = np.nan_to_num(1000 * uptime_s[is_first]).astype(np.int64)
        since_ms[is_first] = at_ms[is_first] - up_ms
    doing_of[slots], changed_of[slots] = doing, since_ms
    mask: Mask = at_ms - since_ms >= units.SETTLED_MS
    return mask


def _agree(power_w: Floats, voltage_v: Floats, current_a: Floats) -> Mask:
    """Tell whose power is what volts and amperes make: both are in their own units, however small.

    These may be of one phase or between phases, and the power factor low: that is within ten times,
    and far from a thousand. Without a current there is nothing that could be in another unit.
    """
    apparent_va = voltage_v * current_a
    with np.errstate(invalid="ignore"):
        like = (np.abs(power_w) < 10 * apparent_va) & (10 * np.abs(power_w) > apparent_va)
    mask: Mask = like | (apparent_va == 0)
    return mask


def _judge_unit(
    sheet: Sheet,
    place: int,
    slots: Slots,
    values: npt.NDArray[np.float32],
    can_tell: Mask,
    is_settled: Mask,
) -> npt.NDArray[np.uint8] | int:
    """Say in which unit each value of one metric seems to be; 0: in its own, all of them."""
    metric, code_of = sheet.kind.metrics[place], sheet.state["code"][:, place]
    is_heat = metric in units.HEAT
    expected = sheet.state["expected"][:, place].take(slots)
    odd = (values > FAR * expected) | ((FAR * values < expected) & (values > 0))
    warm = values > expected + 20 if is_heat else odd
    slid_of = sheet.state["slid"][:, place]
    if not (odd.any() or warm.any() or code_of.any() or slid_of.any()):
        return 0
    codes = units.verdict(metric, values, expected) * odd
    known = ~np.isnan(values)
    if not is_heat:
        slid = _slid(sheet, place, slots, odd, codes)
        slid_of[slots[known]] = slid[known]
        codes *= can_tell & ~slid
    if is_heat:
        before, was = sheet.state["last"][:, place].take(slots), code_of.take(slots)
        is_f = units.fahrenheit(values, before, was == units.FAHRENHEIT, expected)
        codes[is_f & (codes == 0)] = units.FAHRENHEIT
    strikes_of = sheet.state["strikes"][:, place]
    strikes = strikes_of.take(slots)
    more = np.where(codes == code_of.take(slots), np.minimum(strikes, 200) + 1, 1)
    more *= (codes != 0) & (is_settled | is_heat)
    strikes_of[slots] = np.where(known, more, strikes)
    code_of[slots[known]] = codes[known]
    return codes


def _slid(sheet: Sheet, place: int, slots: Slots, odd: Mask, codes: npt.NDArray[np.uint8]) -> Mask:
    """Tell which values went off by steps, such as an average of a rig that stops.

    It passes through 1/1000 on its way and is in no other unit for that: a wrong unit comes at
    once, or was there from the first. What is of a usual size again, or zero, may come to a wrong
    one from there.
    """
    state = sheet.state
    before, expected = (state[n][:, place].take(slots) for n in ("last", "expected"))
    was_usual = (before <= FAR * expected) & (FAR * before >= expected)
    begins = (was_usual | np.isnan(before)) & (codes == 0)
    mask: Mask = odd & (state["slid"][:, place].take(slots) | begins)
    return mask


def _judge_run(
    sheet: Sheet, place: int, slots: Slots, values: npt.NDArray[np.float32], works: Mask
) -> None:
    """Count equal values of one metric in a row; a missing value changes nothing.

    A zero is no stuck value: a fan, a flow or a hashrate may be at rest for as long as it likes.
    """
    state = sheet.state
    last_of, run_of, longest_of = (state[n][:, place] for n in ("last", "run", "longest"))
    last, run = last_of.take(slots), run_of.take(slots)
    known = ~np.isnan(values)
    ends = known & (values != last)
    if ends.any():
        longest = longest_of.take(slots)
        longest_of[slots] = np.where(ends, np.fmax(run, longest * FORGET_RUN), longest)
    goes_on = np.minimum(run, MOST_RUN) + known
    counts = works if sheet.kind.metrics[place] in units.HEAT else works & ~(values == 0)
    run_of[slots] = np.where(ends, 1, goes_on) * counts
    last_of[slots] = np.where(known, values, last)


def _note_power(sheet: Sheet, slots: Slots) -> None:
    if sheet.kind is METER:
        power = np.abs(sheet.state["last"][:, METER.metrics.index("power_w")].take(slots))
        peak = sheet.state["peak_w"]
        peak[slots] = np.fmax(peak[slots] * FORGET, np.nan_to_num(power))


def _judge_counter(
    sheet: Sheet, place: int, slots: Slots, after: npt.NDArray[np.float64], at_ms: Times
) -> npt.NDArray[np.uint8]:
    """Say how one counter came to what it shows, and remember where that was not by counting."""
    state = sheet.state
    count_of, ms_of = state["count"][:, place], state["count_ms"][:, place]
    before = count_of.take(slots)
    passed_s = np.maximum(at_ms - ms_of.take(slots), 0) / 1000
    move = np.zeros(len(slots), np.uint8)
    odd = np.flatnonzero((after < before) | (after > before + _most(sheet, slots, passed_s)))
    if len(odd):
        most = _most(sheet, slots[odd], passed_s[odd])
        move[odd] = counters.moved(before[odd], after[odd], most, sheet.kind.wraps).move
        state["event_ms"][slots[odd]] = at_ms[odd]
        which = np.full(len(odd), place)
        state["event"][slots[odd]] = np.stack([which, move[odd], before[odd], after[odd]], axis=1)
    known = ~np.isnan(after)
    count_of[slots[known]] = after[known]
    ms_of[slots[known]] = at_ms[known]
    return move


def _most(sheet: Sheet, slots: Slots, passed_s: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Give the most that a counter can have counted in so many seconds."""
    if sheet.kind is not METER:
        return SHARES_A_S * passed_s + SHARES_A_S
    return counters.most_kwh(sheet.state["peak_w"][slots], passed_s)


def _whole(column: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    if column.dtype.kind == "f":
        return column.astype(np.float64)
    return np.where(column == np.iinfo(column.dtype).min, np.nan, column).astype(np.float64)
