"""Troubles of what devices say: units, flat lines, counters; one a model and site.

sheet ─► confirmed devices by class ─► Trouble, with who, what and what to do
"""

from collections.abc import Iterator, Sequence

import numpy as np

from lode_hub.sites.quality import units
from lode_hub.sites.quality.book import Trouble
from lode_hub.sites.quality.counters import Move
from lode_hub.sites.quality.sheet import METER, USUAL_INTERVAL_S, Sheet
from lode_hub.sites.quality.units import Floats
from lode_hub.sites.tables import Mask, Slots

FLAT_RUN = 30
FLAT_S = 30.0
"""So many equal readings in a row, over so long, are a flat line where peers of the model move."""

USUAL_TIMES = 4
"""A flat line is so much longer than its class, and the device itself, usually repeats a value."""

UNPROVED_TIMES = 2
"""A device that never showed how it repeats, because it was flat from the first, is given time."""

MOVING_RUN = 15
MOVING_S = 300.0
"""Peers move that usually repeat a value for fewer readings, or for less long."""

USUAL_SHARE = 0.8
LEAST_PEERS = 3
HEARD_MS = 120_000
EVENT_MS = 3_600_000
NAMED = 5

WORDS = {
    "hashrate_ths": "hashrate", "power_w": "power", "board_temp_c": "board temperature",
    "chip_temp_c": "chip temperature", "inlet_temp_c": "inlet temperature", "fan_rpm": "fan speed",
    "voltage_v": "voltage", "current_a": "current", "freq_hz": "frequency",
    "energy_in_kwh": "import counter", "energy_out_kwh": "export counter",
}  # fmt: skip


def wrong_units(sheet: Sheet) -> Iterator[Trouble]:
    """Say which devices report in another unit than they are read in."""
    state = sheet.state
    wrong = (state["strikes"] >= units.CONFIRMED) & (state["code"] != 0)
    wrong &= sheet.is_configured[:, None]
    if not wrong.any():
        return
    for cls in np.unique(sheet.cls[wrong.any(axis=1)]).tolist():
        mine = sheet.cls == cls
        lines, facts = [], []
        for place, metric in enumerate(sheet.kind.metrics):
            for code in np.unique(state["code"][mine & wrong[:, place], place]).tolist():
                slots = np.flatnonzero(mine & wrong[:, place] & (state["code"][:, place] == code))
                unit, word = units.unit_of(metric, code), WORDS[metric]
                value, expected = _usual(sheet, slots, place)
                lines.append((len(slots), f"report {word} in {unit}"))
                facts.append(
                    f"{_names(sheet, slots)}: {word} {_shown(value)}, expected about "
                    f"{_shown(expected)} {units.WANTED.get(metric, '°C')}: set {unit} as its unit"
                )
        slots = np.flatnonzero(mine & wrong.any(axis=1))
        total = int((mine & sheet.is_configured).sum())
        title = f"{len(slots)} of {total} {_model(sheet, cls)} {max(lines)[1]}"
        advice = "; ".join(facts[:NAMED]) + "; until then these values are shown and not judged"
        yield _trouble("quality-units", sheet, cls, slots, title, advice)


def flat_lines(sheet: Sheet, now_ms: int) -> Iterator[Trouble]:
    """Say which devices repeat one value while their peers' move."""
    flat = _flat(sheet, now_ms)
    for cls in np.unique(sheet.cls[flat.any(axis=1)]).tolist():
        mine = sheet.cls == cls
        slots = np.flatnonzero(mine & flat.any(axis=1))
        first = slots[0]
        place = int(np.flatnonzero(flat[first])[0])
        metric = sheet.kind.metrics[place]
        value, run = float(sheet.state["last"][first, place]), int(sheet.state["run"][first, place])
        title = f"{_names(sheet, slots)}: {WORDS[metric]} is always the same"
        advice = (
            f"{sheet.rows[first].name} has said {value:g} for {run} readings in a row, while its "
            "peers' moves: the sensor or what reads it hangs; restart the device's own program, "
            "then the device"
        )
        yield _trouble("quality-flatline", sheet, cls, slots, title, advice)


def _flat(sheet: Sheet, now_ms: int) -> Mask:
    state, n_classes = sheet.state, len(sheet.classes)
    heard = sheet.is_configured & (now_ms - state["received_ms"] < HEARD_MS)
    interval_s = np.where(sheet.interval_s > 0, sheet.interval_s, USUAL_INTERVAL_S)
    least, moving = (
        np.maximum(FLAT_RUN, FLAT_S / interval_s),
        np.maximum(MOVING_RUN, MOVING_S / interval_s),
    )
    is_long = (state["run"] >= least[:, None]) & heard[:, None]
    flat: Mask = np.zeros(is_long.shape, bool)
    for place in np.flatnonzero(is_long.any(axis=0)).tolist():
        run, own = state["run"][:, place], state["longest"][:, place]
        longest = np.maximum(own, run)
        peers = heard & (state["seen"] >= FLAT_RUN) & (longest > 0)
        usual = _usual_run(sheet.cls, n_classes, longest, peers)[sheet.cls]
        limit = np.maximum(least, USUAL_TIMES * np.fmax(usual, own))
        is_unproved = state["seen"] < run + FLAT_RUN
        limit = np.where(is_unproved, UNPROVED_TIMES, 1) * limit
        flat[:, place] = is_long[:, place] & (run >= limit) & (usual < moving)
    return flat


def _usual_run(cls: Slots, n_classes: int, longest: Floats, who: Mask) -> Floats:
    """Give what USUAL_SHARE of a class's devices do not exceed, its most still one left out.

    NaN where fewer than LEAST_PEERS are left: nobody knows what is usual there.
    """
    chosen = np.flatnonzero(who)
    order = chosen[np.lexsort((longest[chosen], cls[chosen]))]
    peers = np.bincount(cls[order], minlength=n_classes) - 1
    there = np.flatnonzero(peers >= LEAST_PEERS)
    begins = np.searchsorted(cls[order], there)
    usual = np.full(n_classes, np.nan, np.float32)
    at = begins + np.ceil(USUAL_SHARE * peers[there]).astype(np.intp) - 1
    usual[there] = longest[order][at]
    return usual


def odd_counters(sheet: Sheet, now_ms: int) -> Iterator[Trouble]:
    """Say which meters' counters fell, ran over or leapt in the last hour."""
    if sheet.kind is not METER:
        return  # a rig's shares begin anew with each of its starts
    recent = sheet.is_configured & (now_ms - sheet.state["event_ms"] < EVENT_MS)
    for cls in np.unique(sheet.cls[recent]).tolist():
        slots = np.flatnonzero(recent & (sheet.cls == cls))
        lines = []
        for slot in slots[:NAMED].tolist():
            place, how, before, after = sheet.state["event"][slot].tolist()
            word = WORDS[sheet.kind.counters[int(place)]]
            what = {Move.RESET: "began anew", Move.ROLLED_OVER: "ran over its end"}.get(
                Move(int(how)), "leapt further than its power allows"
            )
            name = sheet.rows[slot].name
            lines.append(f"{name}'s {word} {what}: {before:,.1f} to {after:,.1f} kWh")
        advice = (
            "; ".join(lines) + ". Energy is counted on from there; was the meter changed or reset, "
            "compare it with the bill"
        )
        yield _trouble("quality-counter", sheet, cls, slots, lines[0], advice)


def _trouble(rule: str, sheet: Sheet, cls: int, slots: Slots, title: str, advice: str) -> Trouble:
    site_id, model = sheet.classes[cls]
    return Trouble(
        rule=rule,
        subject=f"site:{site_id}:model:{model[:100] or 'unknown'}",
        severity="warning",
        title=title,
        advice=advice,
        members=tuple(f"device:{sheet.rows[slot].device_id}" for slot in slots.tolist()),
        evidence={"model": model, "devices": _all_names(sheet, slots)},
    )


def _usual(sheet: Sheet, slots: Slots, place: int) -> tuple[float, float]:
    value = float(np.nanmedian(sheet.state["last"][slots, place]))
    return value, float(np.median(sheet.state["expected"][slots, place]))


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004


def _model(sheet: Sheet, cls: int) -> str:
    return sheet.classes[cls][1] or f"{sheet.kind.tag}s of unknown model"


def _all_names(sheet: Sheet, slots: Slots) -> list[str]:
    return [sheet.rows[slot].name for slot in slots[: 4 * NAMED].tolist()]


def _names(sheet: Sheet, slots: Sequence[int] | Slots) -> str:
    listed = [sheet.rows[int(slot)].name for slot in slots[:NAMED]]
    more = f" and {len(slots) - NAMED} more" if len(slots) > NAMED else ""
    return ", ".join(listed) + more
