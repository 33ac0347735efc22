"""A plan in words: modes, why rigs are left out, what rigs do and when that changes."""

from collections.abc import Mapping

from lode_hub.queries.planner import PlanPeriod, PlanRow
from lode_ui import figures

SLEEP, FULL = "sleep", "full"
COLORS = ("--info", "--gone", "--warn")
"""Of the modes between full and asleep."""

LEFT_OUT: Mapping[str, str] = {
    "in maintenance": "somebody works on them; end it on the rig's page",
    "unreachable": "they do not answer their agent",
    "silent": "the hub has no fresh reading of them",
    "state unknown": "the hub has not heard how they are",
    "faulted": "they report a fault; see the rig",
    "tuning": "their firmware is tuning them; they come back by themselves",
    "held by a person's order": "end that order first, or leave them to it",
    "does not obey": "they were told, and did something else",
    "its agent has not said what it can do": "is control switched on there?",
    "cannot be put to sleep": "their firmware or their site's envelope does not offer it",
    "asleep, and not by a plan": "somebody put them to sleep, and has to wake them",
    "power figure implausible": "it cannot be true; see the rig",
    "no figure of its power or hashrate": "neither a reading nor a rating says what they draw",
}
"""What each reason means, and what to do about it."""


def mode(name: str) -> str:
    """Call a mode: `power_mode:low` is `low`, `preset:2800W` is `preset 2800W`."""
    if name == SLEEP:
        return "asleep"
    kind, _, rest = name.partition(":")
    return f"preset {rest}" if kind == "preset" else rest or kind


def modes(plan: PlanRow, only: str = "") -> list[str]:
    """Give the modes that rigs of a class, or of any, are in: full, lower ones, asleep."""
    found = {
        name
        for period in plan.periods
        for kind, counts in period.rigs.items()
        if only in ("", kind)
        for name, n in counts.items()
        if n
    }
    return sorted(found, key=lambda name: (name == SLEEP, name != FULL, name))


def counts(period: PlanPeriod, only: str = "") -> dict[str, int]:
    """Count the rigs of a class, or of all, by mode."""
    found: dict[str, int] = {}
    for kind, rigs in period.rigs.items():
        if only in ("", kind):
            for name, n in rigs.items():
                found[name] = found.get(name, 0) + n
    return found


def said(rigs: Mapping[str, int]) -> str:
    """Say how many are in which mode: `18 full, 4 low, 2 asleep`."""
    order = sorted(rigs, key=lambda name: (name == SLEEP, name != FULL, name))
    return ", ".join(f"{rigs[name]:,} {mode(name)}" for name in order if rigs[name]) or "none"


def at(plan: PlanRow, now_ms: int) -> int:
    """Give the place of the period that a moment is in; the first one before all of them."""
    places = [n for n, period in enumerate(plan.periods) if period.from_ms <= now_ms]
    return places[-1] if places else 0


def change(plan: PlanRow, only: str, now_ms: int) -> tuple[int | None, str]:
    """Say when a class changes next, and to what; None: it does not."""
    place = at(plan, now_ms)
    before = counts(plan.periods[place], only)
    for period in plan.periods[place + 1 :]:
        after = counts(period, only)
        if _awake(after) != _awake(before):
            return period.from_ms, said(after)
    return None, "stays so to the end"


def fewest(plan: PlanRow, only: str = "") -> PlanPeriod:
    """Give the period in which the fewest are awake, the first of several."""
    return min(plan.periods, key=lambda period: sum(_awake(counts(period, only)).values()))


def awake(rigs: Mapping[str, int]) -> int:
    """Count those that are not asleep."""
    return sum(_awake(rigs).values())


def left_out(by_reason: Mapping[str, int]) -> str:
    """Say who is left out: `2 unreachable, 1 in maintenance`."""
    return ", ".join(f"{n:,} {reason}" for reason, n in by_reason.items()) or "none"


def sentence(plan: PlanRow) -> str:
    """Say in a sentence what a plan does; when that is stands in `fewest`."""
    low = fewest(plan)
    n, rigs = awake(counts(low)), figures.plural(sum(kind.rigs for kind in plan.classes), "rig")
    hours = (plan.periods[-1].until_ms - plan.periods[0].from_ms) / 3_600_000
    if not change(plan, "", 0)[0]:
        return f"{said(counts(low))} of {rigs}, all of {hours:.3g} h; {figures.power(low.power_w)}."
    return f"Down to {n:,} of {rigs} awake, {figures.power(low.power_w)} at the meter, from "


def _awake(rigs: Mapping[str, int]) -> dict[str, int]:
    return {name: n for name, n in rigs.items() if name != SLEEP and n}
