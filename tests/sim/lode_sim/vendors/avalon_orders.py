"""What an Avalon is told: `ascset 0,word,value`, and sleep at a moment of its own clock."""

import asyncio

from lode_sim.rig import Rig, Snapshot
from lode_sim.vendors.recorded import Reply, Row, load_flat, refuse
from lode_sim.writes import WriteFault

FOLDER = "avalonminer"
DESCRIPTION = "cgminer 4.11.1"
WRITES = frozenset({"ascset", "restart"})
READS = frozenset({"0,help", "0,workmode,get"})
MODES = {"0": "low", "1": "normal", "2": "high"}
_WORDS_1246 = "help|voltage|fan-spd|led|workmode|softon|softoff|reboot|"
_FAILED, _INFO, _OK = 120, 118, 119


def obey(rig: Rig, order: Row, now: Snapshot) -> Reply | None:
    """Carry out an order, or say why not."""
    command, parameter = str(order.get("command")), str(order.get("parameter", ""))
    if command not in WRITES:
        return None
    if parameter not in READS and WriteFault.REFUSED in rig.writes:
        return refuse(DESCRIPTION, _FAILED, "ASC 0 set failed: not permitted", now.when)
    if command == "restart":
        rig.writes.do(rig.restart_mining)
        return {"STATUS": "RESTART"}
    _, word, *values = [*parameter.split(","), "", ""]
    if word not in words(rig):
        message = f"ASC 0 set failed: Unknown option: {word}"
        return refuse(DESCRIPTION, _FAILED, message, now.when)
    return _done(rig, word, [value for value in values if value], now)


def words(rig: Rig) -> list[str]:
    """List the words that the firmware knows."""
    return _help(rig).rpartition(": ")[2].strip("|").split("|")


def mode(rig: Rig) -> str:
    """Give the number of the mode in which the rig works when it is awake."""
    return str(rig.kept.get("workmode", "1"))


def _done(rig: Rig, word: str, values: list[str], now: Snapshot) -> Reply:
    match word, values:
        case "help", []:
            return _said("I", _INFO, _help(rig), now)
        case "workmode", ["get"]:
            return _said("I", _INFO, f"ASC 0 set info: workmode {mode(rig)}", now)
        case "softoff" | "softon", [moment] if moment.startswith("1:"):
            _switch(rig, word, int(moment[2:]) - now.when)
            return _said("I", _INFO, f"ASC 0 set info: success {word}:{moment[2:]}", now)
    if _is_set(rig, word, values):
        return _said("S", _OK, "ASC 0 set OK", now)
    return refuse(DESCRIPTION, _FAILED, "ASC 0 set failed: wrong value", now.when)


def _is_set(rig: Rig, word: str, values: list[str]) -> bool:
    match word, values:
        case "workmode", ["set", number] if number in MODES:
            rig.writes.do(lambda: _work(rig, number))
        case "fan-spd", [speed] if -1 <= int(speed) <= 100:
            rig.writes.do(lambda: _fans(rig, int(speed)))
        case "led", ["1-0" | "1-1" as state]:
            rig.writes.do(lambda: rig.kept.update(led=state[-1]))
        case "reboot", [_]:
            rig.writes.do(rig.reboot)
        case _:
            return False
    return True


def _switch(rig: Rig, word: str, after_s: float) -> None:
    """Sleep or wake at a moment; one that has passed is none."""
    target = "sleep" if word == "softoff" else MODES[mode(rig)]
    if after_s >= 0:
        rig.writes.do(lambda: _later(rig, after_s, target))


def _later(rig: Rig, after_s: float, target: str) -> None:
    asyncio.get_running_loop().call_later(after_s, rig.set_mode, target)


def _work(rig: Rig, number: str) -> None:
    rig.kept["workmode"] = number
    if rig.mode != "sleep":
        rig.set_mode(MODES[number])


def _fans(rig: Rig, percent: int) -> None:
    rig.kept["fans"] = percent
    rig.fix_fans(None if percent < 0 else percent)


def _help(rig: Rig) -> str:
    if rig.model.vendor == "avalon-1246":
        return f"ASC 0 set info: {_WORDS_1246}"
    status = load_flat(FOLDER, "ascset_help")["STATUS"]
    assert isinstance(status, list)
    return str(status[0]["Msg"])


def _said(letter: str, code: int, message: str, now: Snapshot) -> Reply:
    row = {"STATUS": letter, "When": now.when, "Code": code, "Msg": message}
    return {"STATUS": [{**row, "Description": DESCRIPTION}], "id": 1}
