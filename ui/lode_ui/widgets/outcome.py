"""What became of a command that was ordered on this very page, in place."""

from lode_hub.queries.command_nouns import CommandDetail
from lode_ui import said
from lode_ui.stages import BAD, QUESTIONS, STAGE, look
from lode_ui.widgets.changes import Changes
from lode_ui.widgets.commands import address
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box
from lode_ui.widgets.track import Track


class Outcome:
    """The command, its way so far, its proof; hidden until there is one."""

    def __init__(self) -> None:
        with box("lode-outcome") as self._box:
            with box("lode-outcome-head"):
                self._what = Words("", "lode-outcome-what", "b")
                self._sign = Sign(STAGE["queued"], is_pill=True)
                self._link = Words("all of it", "lode-link", "a")
            self._track = Track()
            self._reason = Words("", "lode-outcome-reason", "p")
            self._proof = Words("", "lode-note")
            self._changes = Changes("What changes")
        self._box.props["aria-live"] = "polite"
        self._box.set_visibility(False)

    def show(self, detail: CommandDetail | None) -> None:
        """Show how far it is; nothing for None."""
        self._box.set_visibility(detail is not None)
        if detail is None:
            return
        command = detail.command
        self._what.text = said.ordered(command.action, command.order)
        self._sign.show(look(command.action, command.stage))
        if self._link.props.get("href") != address(command.command_id):
            self._link.props["href"] = address(command.command_id)
            self._link.update()
        # Once a question is answered, the answer itself is what is looked for.
        is_answered = command.action in QUESTIONS and command.stage == "effective"
        self._track.show(detail)
        self._track.hide(is_answered)
        is_bad = command.stage in BAD
        device = detail.devices[0] if len(detail.devices) == 1 else None
        why = command.reason or (device.reason if device else "")
        self._reason.text = said.reason(why) if is_bad else ""
        self._reason.set_visibility(is_bad)
        self._proof.text = _proof(detail)
        self._changes.show(device.changes if device else ())


def _proof(detail: CommandDetail) -> str:
    command = detail.command
    if command.action in QUESTIONS:
        is_empty = (
            command.action == "dry_run"
            and command.stage == "effective"
            and not any(device.changes for device in detail.devices)
        )
        return "It would change nothing: that holds already." if is_empty else ""
    if len(detail.devices) != 1:
        return said.progress(command)
    (device,) = detail.devices
    parts = [said.proof(device)]
    if device.power_before_w is not None or device.power_after_w is not None:
        parts.insert(0, said.power(device.power_before_w, device.power_after_w))
    if device.said:
        parts.append(f"it said: {device.said}")
    return " · ".join(part for part in parts if part)
