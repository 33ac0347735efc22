"""What is carried out once: deeds that are sent at most once and then looked for, and questions.

accepted ─► allowed still? its turn? ─► sent (on disk first) ─► acknowledged ─► effective, released
              └► not in time: expired     └► the agent was killed meanwhile: failed, for nobody
                                             knows what was done
"""

from collections.abc import Callable, Collection, Sequence

import msgspec

from lode_edge.control.book import Book, Named, Task
from lode_edge.control.errands import Answer, Errand
from lode_edge.control.gate import Refused
from lode_edge.control.now import Now
from lode_edge.control.orders import Orders
from lode_edge.control.site import Device, Site
from lode_edge.control.stages import Stages
from lode_edge.control.turns import NO_START
from lode_edge.drivers.acting import Deed
from lode_edge.errors import DriverError, Unreachable, Unsupported
from lode_wire.orders import (
    ChangePools,
    DryRun,
    Evidence,
    FaultLight,
    Intent,
    Order,
    Probe,
    ReadRegisters,
    Reason,
    Reboot,
    RestartMining,
    UpdateFirmware,
    decode_order,
)
from lode_wire.records import Stage

_QUESTIONS = (Probe, ReadRegisters, DryRun)
_RESTARTS = (Reboot, RestartMining, UpdateFirmware)
_PROVE_S = 900.0  # for a deed to show
_LOOK_S = 10.0
_BOOT_S = 60  # by which an uptime may differ


class Tasks:
    """The orders that are carried out once."""

    def __init__(
        self,
        book: Book,
        site: Site,
        orders: Orders,
        stages: Stages,
        now: Now,
        changed: Callable[[str], None],
    ) -> None:
        """Carry orders out; `changed` is told of a device that has become another."""
        self._book, self._site, self._now, self._changed = book, site, now, changed
        self._orders, self._charges, self._turns = orders, stages.charges, stages.turns
        self._looked_s: dict[str, float] = {}
        self._waited: dict[str, str] = {}  # what each one waits for
        # What was sent when the agent was killed is not sent again.
        self._orphans = {t.id for t in book.tasks.all.values() if t.stage is Stage.SENT}

    def step(self, busy: Collection[str], places: int) -> Sequence[Errand]:
        """Give what is to be sent and looked at after the commit."""
        errands: list[Errand] = []
        for task in list(self._book.tasks.all.values()):
            device = self._site.devices.get(task.target)
            if task.id in self._orphans:
                self._orphans.discard(task.id)
                lost = "the agent was restarted while it was sent; nobody knows whether it was done"
                self._end(task, Stage.FAILED, f"{Reason.DEVICE}: {lost}")
            elif task.stage is Stage.ACCEPTED and self._now.ms >= task.expires_ms:
                why = f"; it waited for {self._waited[task.id]}" if task.id in self._waited else ""
                words = f"{Reason.TOO_LATE}: it expired before it could be sent{why}"
                self._end(task, Stage.EXPIRED, words)
            elif len(errands) < places and not _is_taken(device, busy, errands):
                errands += self._due(task, device)
        return errands

    def answered(self, answer: Answer) -> bool:
        """Take in an answer; tell whether it was a task's."""
        task = self._book.tasks.get(answer.errand.id)
        if task is None:
            return False
        intent = decode_order(task.body).intent
        if answer.errand.kind == "preview":
            self._take_preview(task, intent, answer)
        elif isinstance(answer.deed, DriverError):
            if not isinstance(answer.deed, Unreachable):
                self._charges.free(task.number)  # it was surely not done
            code = Reason.UNSUPPORTED if isinstance(answer.deed, Unsupported) else Reason.DEVICE
            self._end(task, Stage.FAILED, f"{code}: {answer.deed}")
        elif isinstance(intent, _QUESTIONS):
            raw = msgspec.Raw(answer.data) if answer.data else None
            changes = answer.deed.changes if isinstance(answer.deed, Deed) else ()
            self._end(task, Stage.EFFECTIVE, evidence=Evidence(answer=raw, changes=changes))
        elif isinstance(answer.deed, Deed):
            said = Evidence(changes=answer.deed.changes, said=answer.deed.said)
            if isinstance(intent, UpdateFirmware):
                task = msgspec.structs.replace(task, firmware=_firmware(answer.deed))
            self._note(task, Stage.ACKNOWLEDGED, said)
        return True

    def _due(self, task: Task, device: Device | None) -> Sequence[Errand]:
        order = decode_order(task.body)
        intent = order.intent
        if task.stage is Stage.ACCEPTED:
            return self._send(task, device, order)
        if task.stage is not Stage.ACKNOWLEDGED:
            return ()
        if device is not None and self._is_shown(task, device, intent):
            self._end(task, Stage.EFFECTIVE, evidence=Evidence(read_back=_read_back(device)))
        elif self._now.ms - task.sent_ms > _PROVE_S * 1000:
            words = "it said yes, and nothing shows that it was done"
            self._end(task, Stage.FAILED, f"{Reason.NO_EFFECT}: {words}")
        elif device is not None and self._now.s - self._looked_s.get(task.id, 0.0) >= _LOOK_S:
            self._looked_s[task.id] = self._now.s
            if isinstance(intent, ChangePools | UpdateFirmware):
                return (Errand(device, intent, task.id, "preview"),)
            return (Errand(device, kind="look"),)
        return ()

    def _send(self, task: Task, device: Device | None, order: Order) -> Sequence[Errand]:
        """Send a task, unless something stands against it by now, or it has to wait."""
        intent = order.intent
        if device is not None and not self._is_known(device, order):
            self._waited[task.id] = "the device to say what it is"
            return ()
        try:
            self._orders.check(task.target, order)
        except Refused as refused:
            self._end(task, Stage.REFUSED, str(refused))
            return ()
        uptime_s = None
        if isinstance(intent, _RESTARTS) and device is not None:
            if not self._may_restart(task, device):
                return ()
            uptime_s = None if device.reading is None else device.reading.uptime_s
        sent = msgspec.structs.replace(task, sent_ms=self._now.ms, uptime_s=uptime_s)
        self._note(sent, Stage.SENT)
        self._looked_s[task.id] = self._now.s
        return (Errand(device, intent, task.id),)

    def _is_known(self, device: Device, order: Order) -> bool:
        """Tell whether a device has said enough, since the agent's start, to be told a thing."""
        asked, intent = order.precondition, order.intent
        if asked is not None and asked.states is not None and not device.fresh(self._now.s):
            return False
        is_asked = asked is not None or isinstance(intent, (*_RESTARTS, ChangePools))
        return device.facts is not None or not is_asked

    def _may_restart(self, task: Task, device: Device) -> bool:
        """Tell whether a rig may be restarted now, and count it as a start if so."""
        turn = self._turns.restart(device)
        if turn.is_start and self._turns.has_no_start(device):
            self._end(task, Stage.REFUSED, NO_START)
            return False
        early_s = self._turns.early_s(turn)
        if self._now.ms + early_s * 1000 >= task.expires_ms:
            words = f"its least time up or down lasts {early_s:.0f} s more"
            self._end(task, Stage.REFUSED, f"{Reason.ENVELOPE}: {words}")
            return False
        if why := self._turns.hindrance(turn):
            self._waited[task.id] = why
            return False
        if turn.is_start:
            self._turns.count(turn)
        self._turns.note(turn)
        self._charges.charge(task.number, turn)
        return True

    def _is_shown(self, task: Task, device: Device, intent: Intent) -> bool:
        """Tell whether the device shows that a deed was done."""
        sent_s = self._now.s - (self._now.ms - task.sent_ms) / 1000
        if isinstance(intent, FaultLight):
            said = device.posture if device.posture_s > sent_s else None
            return said is not None and said.is_light_on == intent.is_on
        reading = device.reading if device.reading_s > sent_s else None
        if not isinstance(intent, Reboot | RestartMining) or reading is None:
            return False
        if reading.uptime_s is None:
            return False
        if task.uptime_s is not None:
            return reading.uptime_s < task.uptime_s
        return reading.uptime_s <= device.reading_s - sent_s + _BOOT_S

    def _take_preview(self, task: Task, intent: Intent, answer: Answer) -> None:
        """Take settings that nothing would change any more for those that were asked for.

        Of firmware only its version is told: another one than before is the new one.
        """
        if not isinstance(answer.deed, Deed):
            return
        if isinstance(intent, UpdateFirmware):
            runs = _firmware(answer.deed)
            if runs and task.firmware and runs != task.firmware:
                self._changed(task.target)
                self._end(task, Stage.EFFECTIVE, evidence=Evidence(read_back=f"firmware {runs}"))
        elif not answer.deed.changes:
            self._end(task, Stage.EFFECTIVE, evidence=Evidence(read_back="as ordered"))

    def _end(
        self, task: Task, stage: Stage, reason: str = "", evidence: Evidence | None = None
    ) -> None:
        self._book.note(Named(task.id, task.sequence), stage, reason, evidence)
        if stage is Stage.EFFECTIVE:
            self._book.note(Named(task.id, task.sequence), Stage.RELEASED)
        self._book.tasks.drop(task.id)
        self._looked_s.pop(task.id, None)
        self._waited.pop(task.id, None)

    def _note(self, task: Task, stage: Stage, evidence: Evidence | None = None) -> None:
        self._book.note(Named(task.id, task.sequence), stage, "", evidence)
        self._book.tasks.put(task.id, msgspec.structs.replace(task, stage=stage))


def _firmware(deed: Deed) -> str:
    """Give what ran when a deed was begun, or previewed; empty when that is not known."""
    return next((one.before for one in deed.changes if one.key == UpdateFirmware.action), "")


def _is_taken(device: Device | None, busy: Collection[str], errands: Sequence[Errand]) -> bool:
    if device is None:
        return False
    is_planned = any(errand.device is device for errand in errands)
    return device.is_busy or device.name in busy or is_planned


def _read_back(device: Device) -> str:
    uptime_s = None if device.reading is None else device.reading.uptime_s
    known = str(device.posture or "")
    return known if uptime_s is None else f"{known} uptime_s {uptime_s}".strip()
