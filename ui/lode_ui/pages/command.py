"""One command: its way with times, every device with its proof, and what can be done about it."""

from lode_hub.queries.command_nouns import CommandDetail, CommandRow, CommandStepRow
from lode_ui import figures, said
from lode_ui.acts import Once, attempt
from lode_ui.desk import Desk
from lode_ui.pages.commands import says
from lode_ui.stages import STAGE, look
from lode_ui.widgets.age import Age
from lode_ui.widgets.answer import AnswerView
from lode_ui.widgets.approvals import Approval
from lode_ui.widgets.button import Button
from lode_ui.widgets.command_head import CommandHead
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, Facts, blank, card, cell, columns, table
from lode_ui.widgets.pager import Pager
from lode_ui.widgets.proofs import Proofs
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box
from lode_ui.widgets.track import Track

STEP_HEADS = ("When", "Device", "Step", "Reason", "Journal#")
STEPS = 25
FACTS = (
    "Ordered by",
    "Approved by",
    "Site",
    "Agent",
    "Holds until",
    "At the end",
    "Without the hub",
    "Sequence",
    "Power expected",
    "Power before and after",
)
AT_END = {"restore": "gives back what there was", "hold": "stays as it is"}
IF_LOST = {
    "hold": "holds on",
    "restore": "gives back what there was",
    "plan": "follows the standing plan",
}
NO_STEPS = "Its agent has not said anything yet."


class CommandPage:
    """One command by its id."""

    title = "Command"

    def __init__(self, desk: Desk, command_id: str) -> None:
        self._desk = desk
        self._command_id = command_id
        self._once = Once()
        self._detail: CommandDetail | None = None
        self._head = CommandHead(desk.site_id)
        self._missing = Empty("There is no such command.", "See the list of commands.")
        self._missing.show(False)
        with columns("stack") as self._body:
            self._approval = Keyed[CommandRow](
                box(), lambda c: c.command_id, lambda c: Approval(c, says(desk, c, self.refresh))
            )
            with card("How far it is"):
                self._track = Track()
                self._progress = Words("", "lode-note", "p")
                with columns("buttons") as self._buttons:
                    self._release = Button("Release now", self._end, "lode-button-main")
                    self._about = Words("ends what it holds, as its terms say", "lode-note")
            self._answer = AnswerView()
            with card("Devices and proof") as self._devices:
                self._proofs = Proofs()
            with columns("wide-narrow"):
                with card("Steps", aside="as the agent told them"):
                    self._steps = _Steps()
                with card("Facts"):
                    self._facts = Facts(FACTS)

    async def refresh(self) -> None:
        """Ask for the command."""
        detail = await self._desk.answers.commands.command(self._command_id)
        self._detail = detail
        self._missing.show(detail is None)
        self._body.set_visibility(detail is not None)
        self._head.show(detail.command if detail else None)
        if detail is None:
            return
        command = detail.command
        self.title = said.ordered(command.action, command.order)
        self._approval.show([command] if command.stage == "proposed" else [])
        self._track.show(detail)
        self._progress.text = said.progress(command)
        self._buttons.set_visibility(command.is_held and self._desk.may_act)
        self._answer.show(detail)
        self._devices.set_visibility(bool(detail.devices))
        self._proofs.show(command.action, detail.devices)
        self._steps.show(detail)
        self._facts.show(_facts(command))

    async def _end(self) -> None:
        desk, command_id = self._desk, self._command_id
        request = self._once.name(command_id)
        release = desk.actions.commands.release(desk.person, command_id, request=request)
        if await attempt(desk, release, "Released; it is sent now") is not None:
            self._once.done()
        await self.refresh()


class _Steps:
    def __init__(self) -> None:
        self._detail: CommandDetail | None = None
        self._none = Empty(NO_STEPS)
        with table(STEP_HEADS, label="Steps") as body:
            self._lines = Keyed[CommandStepRow](body, lambda step: step.step_id, lambda _: _Step())
        self._pager = Pager(STEPS, self._turned, ("Newer", "Older"))

    def show(self, detail: CommandDetail) -> None:
        self._detail = detail
        self._none.show(not detail.steps)
        self._pager.show(len(detail.steps))
        start = self._pager.offset
        self._lines.show(detail.steps[start : start + STEPS])

    async def _turned(self) -> None:
        if self._detail:
            self.show(self._detail)


class _Step:
    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._at = Age(form="clock")
            with cell(head="Device"):
                self._target = Words("", "lode-wrap")
            with cell(head="Step"):
                self._stage = Sign(STAGE["queued"])
            with cell(head="Reason") as self._reason_cell:
                self._reason = Words("", "lode-wrap")
            with cell(numeric=True, head="Journal"):
                self._entry = Words("")

    def show(self, step: CommandStepRow) -> None:
        self._at.show(step.at_ms)
        self._target.text = step.target or "the whole"
        self._stage.show(look("", step.stage))
        self._reason.text = said.reason(step.reason) or figures.MISSING
        blank(self._reason_cell, is_blank=not step.reason)
        self._entry.text = f"{step.entry:,}" if step.entry else figures.MISSING


def _facts(command: CommandRow) -> dict[str, str]:
    intent = command.order.get("intent") or {}
    terms = command.order.get("terms") or intent.get("terms") or {}
    until = terms.get("until_ms")
    holds = "until it is released" if terms or command.is_held else ""
    return {
        "Ordered by": command.actor,
        "Approved by": ", ".join(n for n in command.approved_by if n != command.actor),
        "Site": command.site,
        "Agent": command.agent,
        "Holds until": said.moment(until) if until else holds,
        "At the end": AT_END.get(terms.get("at_end", ""), ""),
        "Without the hub": IF_LOST.get(terms.get("if_lost", ""), ""),
        "Sequence": "" if command.sequence is None else f"{command.sequence:,}",
        "Power expected": str(figures.power(command.expected_w)),
        "Power before and after": said.power(command.power_before_w, command.power_after_w),
    }
