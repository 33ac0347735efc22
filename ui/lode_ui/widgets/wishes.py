"""What can be asked of a device, one small form for each action."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from lode_hub.queries.command_nouns import ControlsRow
from lode_ui import figures
from lode_ui.widgets.form import NumberField, SelectField
from lode_ui.widgets.layout import columns
from lode_wire import orders
from lode_wire.orders import AnyIntent

Mode = Literal["low", "normal", "high"]
OnOff = Literal["on", "off"]

MODES: dict[Mode, str] = {"low": "Low power", "normal": "Normal", "high": "High performance"}


class Fields(Protocol):
    """The fields of one action."""

    def intent(self) -> AnyIntent | None:
        """Give what is asked for; None while a field lacks its value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """An action: its name, what its button says, what happens, and its fields."""

    name: str
    verb: str
    meaning: str
    fields: Callable[[ControlsRow], Fields]

    @property
    def is_wish(self) -> bool:
        """Tell whether it holds until it ends, and can be run dry."""
        return self.name in _WISHES


_WISHES = frozenset(wish.action for wish in orders.WISHES)


class _None:
    def __init__(self, intent: AnyIntent) -> None:
        self._intent = intent

    def intent(self) -> AnyIntent:
        return self._intent


class _Power:
    def __init__(self, controls: ControlsRow) -> None:
        low, high = controls.power_min_w, controls.power_max_w
        said = [] if low is None else [f"at least {figures.power(low)}"]
        said += [] if high is None else [f"at most {figures.power(high)}"]
        with columns("fields"):
            self._field = NumberField(
                "Draw at most", unit="W", low=low or 0, high=high or 1e9, hint=", ".join(said)
            )

    def intent(self) -> AnyIntent | None:
        power_w = self._field.value
        return None if power_w is None else orders.PowerLimit(power_w=power_w)


class _Mode:
    def __init__(self, controls: ControlsRow) -> None:
        # An agent that lists no modes has not said which there are.
        had = {mode: name for mode, name in MODES.items() if mode in controls.modes} or MODES
        first = "normal" if "normal" in had else next(iter(had))
        with columns("fields"):
            self._field = SelectField[Mode]("Mode", had, first)

    def intent(self) -> AnyIntent:
        return orders.PowerMode(mode=self._field.value)


class _Preset:
    def __init__(self, controls: ControlsRow) -> None:
        names = {name: name for name in controls.presets}
        with columns("fields"):
            hint = "" if names else "the rig has named no preset"
            self._field = SelectField[str]("Preset", names, next(iter(names), ""), hint=hint)

    def intent(self) -> AnyIntent | None:
        return orders.Preset(name=self._field.value) if self._field.value else None


class _Fans:
    WAYS: Mapping[Literal["auto", "fixed"], str] = {
        "auto": "By the device itself",
        "fixed": "At a fixed speed",
    }

    def __init__(self, _: ControlsRow) -> None:
        with columns("fields"):
            self._way = SelectField[Literal["auto", "fixed"]]("Fans", self.WAYS, "auto")
            self._speed = NumberField("Speed", unit="%", low=0, high=100, is_whole=True)
        self._speed.hide(True)
        self._way.changed = lambda: self._speed.hide(self._way.value == "auto")

    def intent(self) -> AnyIntent | None:
        if self._way.value == "auto":
            return orders.FanSpeed(percent=None)
        percent = self._speed.value
        return None if percent is None else orders.FanSpeed(percent=int(percent))


class _Outlet:
    def __init__(self, _: ControlsRow) -> None:
        names: dict[OnOff, str] = {"on": "On", "off": "Off"}
        with columns("fields"):
            self._outlet = NumberField("Outlet", low=1, high=1024, is_whole=True)
            self._to = SelectField[OnOff]("Switch", names, "on")

    def intent(self) -> AnyIntent | None:
        outlet = self._outlet.value
        if outlet is None:
            return None
        return orders.SwitchOutlet(outlet=int(outlet), is_on=self._to.value == "on")


class _Light:
    def __init__(self, _: ControlsRow) -> None:
        names: dict[OnOff, str] = {"on": "Blink, so that it is found", "off": "Stop blinking"}
        with columns("fields"):
            self._to = SelectField[OnOff]("Fault light", names, "on")

    def intent(self) -> AnyIntent:
        return orders.FaultLight(is_on=self._to.value == "on")


ACTS: tuple[Act, ...] = (
    Act(
        name="sleep",
        verb="Put to sleep",
        meaning="Stops hashing and draws next to nothing. Waking it counts as a start.",
        fields=lambda _: _None(orders.Sleep()),
    ),
    Act(
        name="wake",
        verb="Wake up",
        meaning="Hashes again, with the settings there were.",
        fields=lambda _: _None(orders.Wake()),
    ),
    Act(
        name="power_limit",
        verb="Limit power",
        meaning="Draws at most so much; pools and all other settings stay.",
        fields=_Power,
    ),
    Act(
        name="power_mode",
        verb="Change mode",
        meaning="Runs in one of the vendor's modes.",
        fields=_Mode,
    ),
    Act(
        name="preset",
        verb="Use preset",
        meaning="Runs with a tuning preset of its firmware.",
        fields=_Preset,
    ),
    Act(
        name="fan_speed",
        verb="Set fans",
        meaning="Turns the fans at a fixed speed, or gives them back to the device.",
        fields=_Fans,
    ),
    Act(
        name="outlet",
        verb="Switch outlet",
        meaning="Switches power hard: whatever hangs on the outlet loses it at once.",
        fields=_Outlet,
    ),
    Act(
        name="restart_mining",
        verb="Restart mining",
        meaning="Restarts the mining program, not the device; about a minute without hashing.",
        fields=lambda _: _None(orders.RestartMining()),
    ),
    Act(
        name="reboot",
        verb="Reboot",
        meaning="Restarts the whole device; some minutes without hashing.",
        fields=lambda _: _None(orders.Reboot()),
    ),
    Act(
        name="fault_light",
        verb="Switch light",
        meaning="Blinks, so that a person finds it in the rack; mining goes on.",
        fields=_Light,
    ),
)
