"""One device before a technician: found by name, blinking, read, its registers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from lode_hub.queries.command_nouns import CommandRow, ControlsRow
from lode_hub.queries.nouns import MeterRow, PointRow, RigRow
from lode_ui import figures
from lode_ui.acts import Hand, why_not
from lode_ui.desk import FOUND_LIMIT, Desk
from lode_ui.pages.probe_tool import offline
from lode_ui.widgets.layout import Empty, columns
from lode_ui.widgets.light import Light
from lode_ui.widgets.register_form import RegisterForm
from lode_ui.widgets.subject import Found, Subject
from lode_wire.orders import FaultLight, ReadRegisters

LIGHT_LACKS = "It does not offer a fault light."
UNSAID = "Its agent has not said whether it has a light."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chosen:
    """The device that is worked with."""

    device_id: int
    agent: str
    shown: Found
    is_rig: bool


class DeviceTools:
    """Search, then the tools for what was chosen; `points` is what was read of it last."""

    def __init__(self, desk: Desk, device_id: int) -> None:
        self._desk = desk
        self._device_id = device_id
        self._words = ""
        self.points: Sequence[PointRow] = ()
        self._light_hand, self._register_hand = Hand(desk), Hand(desk)
        self._subject = Subject(self._search, desk.site_id)
        self._none = Empty(
            "No device is chosen.", "Search it above, by name, serial number, MAC or address."
        )
        with columns("stack") as self._tools:
            self._light = Light(self._blink, why_not(desk))
            self._registers = RegisterForm(self._read, why_not(desk))

    async def refresh(self) -> None:
        """Ask for the device, or for those that the words fit."""
        answers = self._desk.answers
        chosen = await self._chosen()
        self._tools.set_visibility(chosen is not None)
        self._none.show(chosen is None and not self._words)
        self._subject.show(chosen.shown if chosen else None)
        if self._words:
            self._subject.offer(await self._found())
        if chosen is None:
            return
        controls, commands, points, agents = await asyncio.gather(
            answers.commands.controls(chosen.device_id),
            answers.commands.of_device(chosen.device_id),
            answers.points(chosen.device_id),
            answers.agents(),
        )
        agent = next((each for each in agents if each.name == chosen.agent), None)
        self._subject.warn(offline(agent))
        self._light.show(_no_light(controls), _blinking_since(commands))
        self._registers.show(has_registers=not chosen.is_rig)
        self.points = points
        await self._show_outcomes()

    async def _show_outcomes(self) -> None:
        ask = self._desk.answers.commands.command
        light, read = self._light_hand.last, self._register_hand.last
        self._light.outcome.show(await ask(light) if light else None)
        detail = await ask(read) if read else None
        self._registers.outcome.show(detail)
        self._registers.answer.show(detail)

    async def _chosen(self) -> _Chosen | None:
        if not self._device_id:
            return None
        answers = self._desk.answers
        rig = await answers.rig(self._device_id)
        if rig is not None:
            return _Chosen(device_id=rig.device_id, agent=rig.agent, shown=_rig(rig), is_rig=True)
        for meter in await answers.meters():
            if meter.device_id == self._device_id:
                shown = _meter(meter)
                return _Chosen(
                    device_id=meter.device_id, agent=meter.agent, shown=shown, is_rig=False
                )
        return None

    async def _found(self) -> Sequence[Found]:
        answers = self._desk.answers
        site = self._desk.site_name(await answers.sites())
        words = self._words.lower()
        meters = [
            _meter(meter)
            for meter in await answers.meters()
            if site in (None, meter.site) and words in f"{meter.name} {meter.address}".lower()
        ]
        rigs = await answers.rigs_like(site, self._words)
        return [*meters, *(_rig(rig) for rig in rigs)][:FOUND_LIMIT]

    async def _search(self, words: str) -> None:
        self._words = words.strip()
        self._none.show(not self._words and not self._device_id)
        if self._words:
            self._subject.offer(await self._found())
        else:
            self._subject.offer(None)

    async def _blink(self, is_on: bool) -> None:
        await self._light_hand.order(FaultLight(is_on=is_on), device_id=self._device_id)
        await self.refresh()

    async def _read(self, asked: ReadRegisters) -> None:
        await self._register_hand.order(asked, device_id=self._device_id)
        await self.refresh()


def _no_light(controls: ControlsRow | None) -> str:
    if controls is None:
        return UNSAID
    if "fault_light" in controls.offers:
        return ""
    return f"{LIGHT_LACKS} {controls.blocked}".strip()


def _blinking_since(commands: Sequence[CommandRow]) -> int | None:
    """Say since when the light blinks, by the last order that came to hold; None: it does not."""
    for command in commands:
        if command.action == "fault_light" and command.stage == "effective":
            is_on = (command.order.get("intent") or {}).get("is_on")
            return (command.ended_ms or command.answered_ms) if is_on else None
    return None


def _rig(rig: RigRow) -> Found:
    return Found(
        device_id=rig.device_id,
        name=rig.name,
        about=f"{rig.model or 'model not known'}, rack {rig.rack or 'not known'}",
        state=rig.state,
        at_ms=rig.at_ms,
        is_rig=True,
        facts={
            "Profile": rig.profile,
            "Model": f"{rig.vendor} {rig.model}".strip(),
            "Firmware": rig.firmware,
            "Address": rig.address,
            "Serial": rig.serial,
            "MAC": rig.mac,
            "Rack": rig.rack,
            "Agent": f"{rig.agent}, {rig.site}",
            "Hashrate": str(figures.hashrate(rig.hashrate_ths)),
            "Power": str(figures.power(rig.power_w)),
            "Chip": str(figures.temperature(rig.chip_temp_c)),
            "Fan": str(figures.fan(rig.fan_rpm)),
        },
    )


def _meter(meter: MeterRow) -> Found:
    return Found(
        device_id=meter.device_id,
        name=meter.name,
        about=f"{meter.model or 'model not known'}, {meter.address}",
        state=None,
        at_ms=meter.at_ms,
        is_rig=False,
        facts={
            "Model": meter.model,
            "Address": meter.address,
            "Agent": f"{meter.agent}, {meter.site}",
            "Power": str(figures.power(meter.power_w)),
            "Energy": str(figures.energy(meter.energy_in_kwh)),
            "Voltage": str(figures.number(meter.voltage_v, "V", 1)),
            "Current": str(figures.number(meter.current_a, "A", 1)),
            "Frequency": str(figures.number(meter.freq_hz, "Hz")),
        },
    )
