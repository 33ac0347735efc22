"""What LuxOS is told on port 4028: most of it within the one session that there can be."""

import secrets
from collections.abc import Callable

from lode_sim.rig import Rig, Snapshot
from lode_sim.vendors import cgminer_pools
from lode_sim.vendors.recorded import Reply, Row, load, refuse
from lode_sim.writes import WriteFault

FOLDER = "luxminer/v1"
DESCRIPTION = "LUXminer 2025.4.8.220305-57b389c7"
SESSION_S = 60
_NO = 1
_POOLS = {"addpool", "switchpool", "removepool"}
_WITH_SESSION = {"curtail", "fanset", "ledset", "powertargetset", "profileset", "rebootdevice"}
_WITH_SESSION |= {"resetminer"}
WRITES = frozenset(_POOLS | _WITH_SESSION)


def obey(rig: Rig, order: Row, now: Snapshot) -> Reply | None:
    """Carry out an order, or say why not."""
    command, parameter = str(order.get("command")), str(order.get("parameter", ""))
    if command in ("logon", "logoff", "session"):
        return _session(rig, command, parameter, now)
    if command not in WRITES:
        return None
    if WriteFault.REFUSED in rig.writes:
        return _no("Command refused", now)
    if command in _POOLS:
        why_not = cgminer_pools.change(rig, pools(rig), command, parameter)
        return _no(why_not, now) if why_not else _yes(55, "Pools changed", now)
    if WriteFault.LOST in rig.writes:
        rig.kept.pop("session", None)
    session, *words = parameter.split(",")
    if not session or session != _active(rig, now):
        return _no("Invalid session", now)
    rig.kept["session"] = (session, now.when + SESSION_S)
    why_not = _DONE[command](rig, words)
    return _no(why_not, now) if why_not else _yes(335, f"{command} done", now)


def pools(rig: Rig) -> list[Row]:
    """Give the rig's pools, as it keeps them."""
    return cgminer_pools.pools(rig, load(FOLDER, "pools").rows)


def profiles() -> list[Row]:
    """Give the profiles that can be chosen."""
    return load(FOLDER, "profiles").rows


def settings(rig: Rig) -> Row:
    """Give what the rig keeps, beside its pools."""
    kept = rig.kept.setdefault("settings", {"Profile": "default", "IsAtmEnabled": False})
    assert isinstance(kept, dict)
    return kept


def _session(rig: Rig, command: str, parameter: str, now: Snapshot) -> Reply:
    active = _active(rig, now)
    if command == "logoff" and parameter == active:
        del rig.kept["session"]
        return _yes(317, "Session terminated", now)
    if command == "logon" and not active:
        active = secrets.token_urlsafe(6).replace("-", "a").replace("_", "b")
        rig.kept["session"] = (active, now.when + SESSION_S)
    elif command != "session":
        return _no("Session in use" if active else "Invalid session", now)
    return {**_yes(316, "Session", now), "SESSION": [{"SessionID": active}]}


def _active(rig: Rig, now: Snapshot) -> str:
    if WriteFault.TAKEN in rig.writes:
        return "somebody"
    held = rig.kept.get("session")
    if not isinstance(held, tuple) or held[1] < now.when:
        rig.kept.pop("session", None)
        return ""
    return str(held[0])


def _curtail(rig: Rig, words: list[str]) -> str:
    if words[:1] not in (["sleep"], ["wakeup"]):
        return "Invalid action"
    mode = "sleep" if words[0] == "sleep" else "normal"
    rig.writes.do(lambda: rig.set_mode(mode))
    return ""


def _profile(rig: Rig, words: list[str]) -> str:
    found = [row for row in profiles() if row["Profile Name"] == words[0]]
    if not found:
        return "Profile not found"
    if settings(rig)["IsAtmEnabled"]:
        return "Profile cannot be changed while ATM is enabled"
    watts = float(str(found[0]["Watts"]))

    def change() -> None:
        settings(rig)["Profile"] = words[0]
        rig.limit_power(watts)

    rig.writes.do(change)
    return ""


def _target(rig: Rig, words: list[str]) -> str:
    key, _, value = words[0].partition("=")
    if not settings(rig).get("IsPowerTargetSupported"):
        return "Power target is not supported"
    if key != "power" or not value.isdigit():
        return "Invalid key/value format"

    def change() -> None:
        settings(rig).update({"IsPowerTargetEnabled": True, "ActualPowerTarget": int(value)})
        rig.limit_power(float(value))

    rig.writes.do(change)
    return ""


def _fans(rig: Rig, words: list[str]) -> str:
    key, _, value = words[0].partition("=")
    if key != "speed" or not -1 <= int(value) <= 100:
        return "Invalid key/value format"

    def change() -> None:
        rig.kept["fans"] = value
        rig.fix_fans(None if value == "-1" else int(value))

    rig.writes.do(change)
    return ""


def _led(rig: Rig, words: list[str]) -> str:
    if words[0] != "red" or words[1] not in ("on", "off", "blink", "auto"):
        return "Invalid led"
    rig.writes.do(lambda: settings(rig).update(RedLed=words[1]))
    return ""


def _restart(rig: Rig, _words: list[str]) -> str:
    rig.writes.do(rig.restart_mining)
    return ""


def _reboot(rig: Rig, _words: list[str]) -> str:
    rig.writes.do(rig.reboot)
    return ""


_DONE: dict[str, Callable[[Rig, list[str]], str]] = {
    "curtail": _curtail,
    "profileset": _profile,
    "powertargetset": _target,
    "fanset": _fans,
    "ledset": _led,
    "resetminer": _restart,
    "rebootdevice": _reboot,
}


def _yes(code: int, message: str, now: Snapshot) -> Reply:
    row = {"STATUS": "S", "When": now.when, "Code": code, "Msg": message}
    return {"STATUS": [{**row, "Description": DESCRIPTION}], "id": 1}


def _no(message: str, now: Snapshot) -> Reply:
    return refuse(DESCRIPTION, _NO, message, now.when)
