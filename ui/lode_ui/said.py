"""Commands in plain words: what was ordered, how far it is, why it ended badly."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lode_hub.queries.command_nouns import CommandDeviceRow, CommandRow
from lode_ui import figures
from lode_ui.figures import MISSING
from lode_ui.stages import STAGE, STAGE_ORDER

ACTION = {
    "sleep": "Sleep",
    "wake": "Wake",
    "power_limit": "Power limit",
    "power_mode": "Power mode",
    "preset": "Tuning preset",
    "fan_speed": "Fan speed",
    "outlet": "Outlet",
    "restart_mining": "Restart mining",
    "reboot": "Reboot",
    "fault_light": "Fault light",
    "pools": "Change pools",
    "firmware": "Update firmware",
    "probe": "Probe",
    "registers": "Read registers",
    "dry_run": "Dry run",
    "curtail": "Curtailment",
    "release": "Release",
    "plan": "Standing plan",
    "stop_all": "Stop all rigs",
    "end_stop": "End the stop",
}

REASON = {
    "malformed": "The agent could not read the order",
    "unknown-key": "The agent does not know the key it was signed with",
    "forged": "Its signature does not fit",
    "wrong-agent": "It was meant for another agent",
    "not-yet": "It came before its time",
    "too-late": "It came too late",
    "clock": "The agent's clock is too far from the hub's",
    "out-of-order": "A later order had come before it",
    "replayed": "Somebody sent a copy of it",
    "unknown-target": "The agent has no such device, or no such order",
    "unsupported": "The device does not offer it",
    "precondition": "Another device answers at its address",
    "approval": "A second person's approval is missing",
    "envelope": "The site's safety limits forbid it",
    "stopped": "The site is stopped by hand",
    "superseded": "Another order took its place",
    "device": "The device refused it, or did not answer",
    "no-effect": "The device said yes, but nothing shows it",
    "disobeyed": "It was effective, and is no longer",
}

LOCAL = {
    "over-temperature": "Too hot",
    "overload": "Feeder overloaded",
    "site-overload": "Site overloaded",
    "stop": "Stopped by hand",
    "store": "The agent's own memory",
    "envelope": "The safety limits",
    "identity": "Who answers",
}

SOURCE = {"meter": "site meter", "pdu": "outlet of the PDU", "rig": "the rig itself"}


def ordered(action: str, order: Mapping[str, Any]) -> str:
    """Say what was ordered: `Power limit 2,500 W`."""
    name = ACTION.get(action, action.replace("_", " ").capitalize())
    describe = _DETAIL.get(action)
    return f"{name} {describe(order.get('intent') or {})}" if describe else name


def _registers(intent: Mapping[str, Any]) -> str:
    first, count = intent.get("register") or 0, intent.get("count") or 1
    last = "" if count == 1 else f" to {first + count - 1}"
    return f"{first}{last}, function {intent.get('function') or 3}"


def _percent(intent: Mapping[str, Any]) -> str:
    percent = intent.get("percent")
    return "by the device itself" if percent is None else f"{percent}%"


def _wish(intent: Mapping[str, Any]) -> str:
    wish = intent.get("wish") or {}
    words = ordered(str(wish.get("action")), {"intent": wish})
    return f"of {words[:1].lower()}{words[1:]}"


def _on(intent: Mapping[str, Any]) -> str:
    return "on" if intent.get("is_on") else "off"


_DETAIL: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "power_limit": lambda intent: str(figures.power(intent.get("power_w"))),
    "power_mode": lambda intent: str(intent.get("mode")),
    "preset": lambda intent: str(intent.get("name")),
    "fan_speed": _percent,
    "outlet": lambda intent: f"{intent.get('outlet')} {_on(intent)}",
    "fault_light": _on,
    "firmware": lambda intent: f"to {intent.get('image')}",
    "probe": lambda intent: str(intent.get("address")),
    "registers": _registers,
    "dry_run": _wish,
}


def reason(text: str) -> str:
    """Say a reason in plain words; what follows its code is kept."""
    code, _, detail = text.partition(":")
    words = REASON.get(code.strip())
    if words is None:
        return text
    detail = detail.strip()
    return f"{words}: {detail}" if detail else words


def unordered(command_id: str) -> tuple[str, str]:
    """Say what was not ordered here, and of which device where its name says so."""
    whose, _, rest = command_id.partition(":")
    if whose != "local":
        return command_id or "unreadable", ""
    what, _, device = rest.partition(":")
    return LOCAL.get(what, what), device


def progress(command: CommandRow) -> str:
    """Count the devices of a command by stage; a single one needs no count."""
    if command.devices <= 1:
        return ""
    told = [
        f"{command.counts[stage]:,} {STAGE[stage].word.lower()}"
        for stage in STAGE_ORDER
        if command.counts.get(stage)
    ]
    if waiting := command.counts.get("waiting"):
        told.append(f"{waiting:,} waiting")
    return ", ".join(told) or figures.plural(command.devices, "device")


def target(command: CommandRow) -> str:
    """Say whom a command is for."""
    if command.target:
        return command.target
    if command.action == "probe":
        return f"agent {command.agent}"
    if command.devices > 1 or command.action == "curtail":
        return f"{figures.plural(command.devices, 'rig')} of {command.site}"
    return f"site {command.site}"


def power(before_w: float | None, after_w: float | None) -> str:
    """Say what power showed: `3.068 kW → 12 W`."""
    if before_w is None and after_w is None:
        return MISSING
    return f"{figures.power(before_w)} \N{RIGHTWARDS ARROW} {figures.power(after_w)}"


def proof(device: CommandDeviceRow) -> str:
    """Say what shows that it holds: the meter, or what was read back."""
    told = [f"by {SOURCE.get(device.power_source, device.power_source)}"]
    told = told if device.power_source else []
    if device.read_back:
        told.append(f"read back: {device.read_back}")
    return " · ".join(told)


def changes(listed: Sequence[Mapping[str, str]]) -> str:
    """Say which keys changed: `sleep: false → true`."""
    return ", ".join(
        f"{each.get('key')}: {each.get('before') or MISSING} "
        f"\N{RIGHTWARDS ARROW} {each.get('after') or MISSING}"
        for each in listed
    )


def moment(at_ms: int) -> str:
    """Say a time of day that everybody reads alike."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
