"""How far a command has come, step by step, with the time of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from lode_hub.queries.command_nouns import CommandDetail, CommandStage
from lode_ui.stages import BAD, ENDLESS, QUESTIONS, TRACK, look
from lode_ui.states import Look
from lode_ui.widgets.age import Age
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import box


@dataclass(frozen=True, slots=True)
class Mark:
    """One step of the way: when it was reached first; None: not yet, or not told of."""

    look: Look
    is_reached: bool
    at_ms: int | None


def marks(detail: CommandDetail) -> list[Mark]:
    """Say which steps a command has reached; a bad end stands behind what it had reached."""
    command = detail.command
    at: dict[CommandStage, int] = {"queued": command.created_ms}
    for step in detail.steps:
        at[step.stage] = min(step.at_ms, at.get(step.stage, step.at_ms))
    is_once = command.action in ENDLESS | QUESTIONS
    way: list[CommandStage] = [s for s in TRACK if not (is_once and s == "released")]
    is_bad = command.stage in BAD
    if is_bad:
        way = [stage for stage in way if stage in at] + [command.stage]
        at.setdefault(command.stage, command.ended_ms or command.created_ms)
    if command.stage == "proposed":
        way.insert(1, "proposed")
        at["proposed"] = command.created_ms
    # What came after has been reached through it, told of or not.
    place = max((n for n, stage in enumerate(way) if stage in at or stage == command.stage))
    return [
        Mark(look(command.action, stage), n <= place, at.get(stage)) for n, stage in enumerate(way)
    ]


class Track:
    """The steps side by side; on a phone below each other."""

    def __init__(self) -> None:
        self._box = box("lode-track", "ol")
        self._shown: Sequence[Mark] = ()

    def hide(self, is_hidden: bool) -> None:
        """Show it or not."""
        self._box.set_visibility(not is_hidden)

    def show(self, detail: CommandDetail) -> None:
        """Show how far it is."""
        shown = marks(detail)
        if shown == self._shown:
            return
        self._shown = shown
        self._box.clear()
        current = max(n for n, mark in enumerate(shown) if mark.is_reached)
        with self._box:
            for n, mark in enumerate(shown):
                style = "lode-track-step" if mark.is_reached else "lode-track-step lode-track-later"
                with box(f"{style} lode-{mark.look.tone}", "li") as step:
                    if n == current:
                        step.props["aria-current"] = "step"
                    Sign(mark.look)
                    Age(mark.at_ms, form="clock", missing="")
