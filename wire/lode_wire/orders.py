"""What may be asked of a site: one intent per order, the terms it holds for, and what proves it.

A `Command` carries an `Order` as its `body`; `lode_wire.seal` signs and checks the whole.
"""

import enum
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

import msgspec

from lode_wire.errors import DecodeError

MAX_BODY_BYTES = 2 << 20  # 10,000 rigs by name, with room
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Watts = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]


class _Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen, named, and nothing else in it."""


class Terms(_Form, frozen=True, kw_only=True):
    """How long a wish holds, and what becomes of it at its end or without the hub.

    `until_ms` None holds it until it is released. `at_end` says what then: `restore` gives the
    device back what it had before, `hold` leaves it as it is. The hub counts as lost when it has
    not been heard for `lost_after_s`; then the wish is held, ended, or the plan takes over.
    """

    until_ms: int | None = None
    at_end: Literal["restore", "hold"] = "restore"
    if_lost: Literal["hold", "restore", "plan"] = "hold"
    lost_after_s: Annotated[float, msgspec.Meta(ge=5, le=7 * 86_400)] = 300.0


class Intent(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action"
):
    """Something to be done; its tag is the action's name, which a command repeats."""

    action: ClassVar[str]


# What holds: a desired state, re-asserted until its terms end it.


class Sleep(Intent, frozen=True, kw_only=True, tag="sleep"):
    """Stop hashing and draw next to nothing."""

    action = "sleep"


class Wake(Intent, frozen=True, kw_only=True, tag="wake"):
    """Hash again, with the settings there were."""

    action = "wake"


class PowerLimit(Intent, frozen=True, kw_only=True, tag="power_limit"):
    """Draw at most so much."""

    action = "power_limit"
    power_w: Watts


class PowerMode(Intent, frozen=True, kw_only=True, tag="power_mode"):
    """Run in one of the vendor's modes."""

    action = "power_mode"
    mode: Literal["low", "normal", "high"]


class Preset(Intent, frozen=True, kw_only=True, tag="preset"):
    """Run with a tuning preset, by the name the firmware gives it."""

    action = "preset"
    name: Name


class FanSpeed(Intent, frozen=True, kw_only=True, tag="fan_speed"):
    """Turn the fans at a fixed speed; None gives them back to the device."""

    action = "fan_speed"
    percent: Percent | None


class SwitchOutlet(Intent, frozen=True, kw_only=True, tag="outlet"):
    """Switch one outlet of a PDU, counted from 1."""

    action = "outlet"
    outlet: Annotated[int, msgspec.Meta(ge=1, le=1024)]
    is_on: bool


Wish = Sleep | Wake | PowerLimit | PowerMode | Preset | FanSpeed | SwitchOutlet

# What is done once.


class RestartMining(Intent, frozen=True, kw_only=True, tag="restart_mining"):
    """Restart the mining program, not the device."""

    action = "restart_mining"


class Reboot(Intent, frozen=True, kw_only=True, tag="reboot"):
    """Restart the whole device."""

    action = "reboot"


class FaultLight(Intent, frozen=True, kw_only=True, tag="fault_light"):
    """Blink, so that a person finds it; or stop."""

    action = "fault_light"
    is_on: bool


class Pool(_Form, frozen=True, kw_only=True):
    """Where a rig mines, as whom."""

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    user: Annotated[str, msgspec.Meta(max_length=256)] = ""
    password: Annotated[str, msgspec.Meta(max_length=256)] = ""


class ChangePools(Intent, frozen=True, kw_only=True, tag="pools"):
    """Mine elsewhere. Takes two people."""

    action = "pools"
    pools: Annotated[tuple[Pool, ...], msgspec.Meta(min_length=1, max_length=8)]


class UpdateFirmware(Intent, frozen=True, kw_only=True, tag="firmware"):
    """Install the firmware image of this SHA-256, from the agent's own image folder.

    Takes two people.
    """

    action = "firmware"
    image: Name
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


# What is only asked; the answer is in the evidence.


class Probe(Intent, frozen=True, kw_only=True, tag="probe"):
    """Say what listens at an address of the site."""

    action = "probe"
    address: Name


class ReadRegisters(Intent, frozen=True, kw_only=True, tag="registers"):
    """Read raw registers of the target, a Modbus device."""

    action = "registers"
    function: Literal[1, 2, 3, 4] = 3
    register: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
    count: Annotated[int, msgspec.Meta(ge=1, le=125)] = 1


class DryRun(Intent, frozen=True, kw_only=True, tag="dry_run"):
    """Say what a wish would change on the target, and change nothing."""

    action = "dry_run"
    wish: Wish


# What is asked of the site; the target is empty.


class Step(_Form, frozen=True, kw_only=True):
    """One wish for several devices, in the order in which they are to be taken."""

    wish: Wish
    devices: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=20_000)]


class Curtail(Intent, frozen=True, kw_only=True, tag="curtail"):
    """Hold wishes for many devices as one lease, which bears the command's id.

    Devices are taken in the order given, as fast as the envelope's ramps allow, and released in
    the reverse order: the least efficient first down, the most efficient first up.
    """

    action = "curtail"
    steps: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1, max_length=1000)]
    terms: Terms = Terms()


class Release(Intent, frozen=True, kw_only=True, tag="release"):
    """End a lease now, as its terms say."""

    action = "release"
    lease: Name


class Period(_Form, frozen=True, kw_only=True):
    """What holds from one moment to another (Unix ms)."""

    from_ms: int
    to_ms: int
    steps: Annotated[tuple[Step, ...], msgspec.Meta(max_length=1000)] = ()


class StandingPlan(Intent, frozen=True, kw_only=True, tag="plan"):
    """The site's orders for the time to come; replaces the plan before it.

    It runs without the hub. After its last period devices are given back what they had.
    """

    action = "plan"
    periods: Annotated[tuple[Period, ...], msgspec.Meta(max_length=2000)] = ()


class StopAll(Intent, frozen=True, kw_only=True, tag="stop_all"):
    """Put every rig to sleep at once, whatever ramps and minimum times say."""

    action = "stop_all"
    reason: Annotated[str, msgspec.Meta(max_length=256)] = ""


class EndStop(Intent, frozen=True, kw_only=True, tag="end_stop"):
    """End a stop of all rigs; they come back by the envelope's ramps."""

    action = "end_stop"


AnyIntent = (
    Wish
    | RestartMining
    | Reboot
    | FaultLight
    | ChangePools
    | UpdateFirmware
    | Probe
    | ReadRegisters
    | DryRun
    | Curtail
    | Release
    | StandingPlan
    | StopAll
    | EndStop
)
WISHES: tuple[type[Intent], ...] = (
    *(Sleep, Wake, PowerLimit, PowerMode, Preset, FanSpeed, SwitchOutlet),
)


def mode_offer(mode: str) -> str:
    """Name one power mode among what `Controls` offers, beside the action itself."""
    return f"{PowerMode.action}:{mode}"


def offered(offers: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divide what `Controls` offers into actions and power modes."""
    split = [offer.partition(":") for offer in offers]
    actions = tuple(action for action, _, mode in split if not mode)
    return actions, tuple(m for action, _, m in split if m and action == PowerMode.action)


DEEDS: tuple[type[Intent], ...] = (
    *(RestartMining, Reboot, FaultLight, ChangePools, UpdateFirmware),
)
OF_THE_SITE: tuple[type[Intent], ...] = (Probe, Curtail, Release, StandingPlan, StopAll, EndStop)
TWO_PEOPLE: tuple[type[Intent], ...] = (ChangePools, UpdateFirmware)
"""Intents that need the approval of two people, of whom the actor may be one."""


class Precondition(_Form, frozen=True, kw_only=True):
    """What must be true of the target for the order to be carried out; None is not asked.

    It keeps an order from the wrong device: an address given to another rig has another MAC.
    """

    mac: str | None = None
    serial: str | None = None
    model: str | None = None
    states: tuple[str, ...] | None = None  # names of State, in lower case


class Order(_Form, frozen=True, kw_only=True):
    """The body of a command."""

    intent: AnyIntent
    terms: Terms | None = None  # of a wish for one device; None: held until another wish
    precondition: Precondition | None = None
    approved_by: tuple[str, ...] = ()


class Reason(enum.StrEnum):
    """Why a command was refused, or how it ended badly; followed by words in its state's reason."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown-key"
    FORGED = "forged"
    WRONG_AGENT = "wrong-agent"
    NOT_YET = "not-yet"
    TOO_LATE = "too-late"
    CLOCK = "clock"  # ours is too far from the hub's to tell
    OUT_OF_ORDER = "out-of-order"  # its sequence is not above the highest seen
    REPLAYED = "replayed"  # it was taken before, and the hub has the answer
    UNKNOWN_TARGET = "unknown-target"
    UNSUPPORTED = "unsupported"
    PRECONDITION = "precondition"
    APPROVAL = "approval"
    ENVELOPE = "envelope"
    STOPPED = "stopped"  # the site is stopped by hand
    SUPERSEDED = "superseded"
    DEVICE = "device"  # it refused, or did not answer
    NO_EFFECT = "no-effect"  # it said yes, and neither read-back nor power shows it
    DISOBEYED = "disobeyed"  # it was effective, and is no longer


class Change(_Form, frozen=True, kw_only=True):
    """One key of a device's settings: as it was, and as it is to be."""

    key: str
    before: str
    after: str


class Evidence(_Form, frozen=True, kw_only=True, omit_defaults=True):
    """What a `CommandState` rests on; its `evidence` is this as JSON.

    `target` is the device of a lease that the state is about; empty for the whole command.
    Power is what `source` (meter, pdu, rig) showed before and after.
    """

    target: str = ""
    entry: int = 0  # the number in the agent's journal
    source: str = ""
    power_before_w: float | None = None
    power_after_w: float | None = None
    expected_w: float | None = None
    read_back: str = ""
    changes: tuple[Change, ...] = ()
    said: str = ""
    answer: msgspec.Raw | None = None  # of a probe or of registers: JSON


class _ReadEvidence(Evidence, frozen=True, kw_only=True, omit_defaults=True):
    """Evidence as it is read: msgspec reads raw JSON only where nothing else may be."""

    answer: msgspec.Raw = msgspec.Raw()


_ORDER = msgspec.msgpack.Decoder(Order)
_EVIDENCE = msgspec.json.Decoder(_ReadEvidence)


def encode_order(order: Order) -> bytes:
    """Write an order as a command's body."""
    return msgspec.msgpack.encode(order)


def decode_order(body: bytes) -> Order:
    """Read a command's body.

    Raises:
        DecodeError: it holds no order.
    """
    if len(body) > MAX_BODY_BYTES:
        raise DecodeError(f"order: {len(body)} bytes, more than {MAX_BODY_BYTES}")
    try:
        return _ORDER.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DecodeError(f"order: {error}") from error


def encode_evidence(evidence: Evidence) -> str:
    """Write evidence as a command state carries it."""
    return msgspec.json.encode(evidence).decode()


def decode_evidence(text: str) -> Evidence:
    """Read a command state's evidence; an empty text holds none.

    Raises:
        DecodeError: it is no evidence.
    """
    if not text:
        return Evidence()
    try:
        read = _EVIDENCE.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DecodeError(f"evidence: {error}") from error
    known = {name: getattr(read, name) for name in Evidence.__struct_fields__}
    return Evidence(**{**known, "answer": msgspec.Raw(bytes(read.answer)) if read.answer else None})
