"""ePIC's PowerPlay on an Antminer S19 XP: pages on port 4028, orders with the password in them."""

import hashlib
from collections.abc import Callable
from typing import cast

import msgspec

from lode_sim.rig import Rig, Snapshot
from lode_sim.vendors import flash
from lode_sim.vendors.recorded import Page, Request, Row, Vendor, load_flat, refuse
from lode_sim.writes import WriteFault

FOLDER = "epic/v1"
PASSWORD = "letmein"
FANS = 12  # places for fans


def web(rig: Rig, request: Request) -> Page:
    """Serve a page, or carry out an order."""
    now = rig.snapshot()
    if request.method == "POST":
        return _told(rig, request)
    if request.path == "/summary":
        return Page(200, summary(rig, now))
    if request.path == "/network":
        told = cast("dict[str, Row]", load_flat(FOLDER, "network"))["dhcp"]
        return Page(200, {"dhcp": {**told, "mac_address": rig.identity.mac}})
    if request.path == "/capabilities":
        return Page(200, load_flat(FOLDER, "capabilities"))
    return Page(404)


def settings(rig: Rig) -> Row:
    """Give what the rig keeps, in the words of its summary."""
    told = load_flat(FOLDER, "summary")
    first: Row = {
        "Fan Mode": cast("dict[str, Row]", told)["Fans"]["Fan Mode"],
        "Locate": False,
        "Algorithm": cast("dict[str, Row]", told)["PerpetualTune"]["Algorithm"],
        "StratumConfigs": told["StratumConfigs"],
        "Coin": "BTC",
        "Worker Unique Id": True,
        "odd": "kept",
    }
    return cast("Row", rig.kept.setdefault("settings", first))


def summary(rig: Rig, now: Snapshot) -> Row:
    """Make the page with nearly everything."""
    told = cast("dict[str, Row]", load_flat(FOLDER, "summary"))
    kept, software = settings(rig), str(told["Software"])
    boards = [
        {
            "Core Clock Avg": 487.5,
            "Hashrate": [board.hashrate_ths * 1e6, 100.0, 0.8],
            "Index": index,
            "Temperature": round(board.board_temp_c, 3),
        }
        for index, board in enumerate(now.boards)
        if board.is_alive and now.mode != "sleep"
    ]
    rpm = {f"Fans Speed {n + 1}": None for n in range(FANS)}
    rpm |= {f"Fans Speed {n + 1}": speed for n, speed in enumerate(now.fans_rpm)}  # type: ignore[misc]
    return {
        **told,
        "Fans": {**told["Fans"], "Fan Mode": kept["Fan Mode"], "Fans Speed": now.fan_percent},
        "Fans Rpm": rpm,
        "HBStatus": [
            {"Detected": True, "Enabled": board.is_alive, "Index": index}
            for index, board in enumerate(now.boards)
        ],
        "HBs": boards,
        "Hostname": rig.name,
        "Misc": {**told["Misc"], "Locate Miner State": kept["Locate"]},
        "PerpetualTune": {"Algorithm": kept["Algorithm"], "Running": True},
        "Power Supply Stats": {**told["Power Supply Stats"], "Input Power": now.power_w},
        "Session": {
            **told["Session"],
            "Accepted": now.accepted,
            "Rejected": now.rejected,
            "Uptime": now.elapsed_s,
        },
        "Software": flash.version(rig, software),
        "Status": {**told["Status"], "Operating State": _state(now)},
        "Stratum": {**told["Stratum"], "Worker Unique Id": kept["Worker Unique Id"]},
        "StratumConfigs": kept["StratumConfigs"],
    }


def _state(now: Snapshot) -> str:
    return "Idling" if now.mode == "sleep" else "Mining"


def _told(rig: Rig, request: Request) -> Page:
    if request.path == "/systemupdate":
        return _update(rig, flash.parts(request))
    order = cast("Row", msgspec.json.decode(request.body))
    if order.get("password") != PASSWORD or WriteFault.CLOSED in rig.writes:
        return _no("BadPassword")
    if WriteFault.REFUSED in rig.writes or WriteFault.TAKEN in rig.writes:
        return _no({"LastCmdStillPending": "Stop"})
    param = order.get("param")
    if request.path not in _DONE:
        return Page(404)
    rig.writes.do(lambda: _DONE[request.path](rig, param))
    return Page(200, {"result": True, "error": None})


def _update(rig: Rig, told: dict[str, bytes]) -> Page:
    if told.get("password") != PASSWORD.encode():
        return _no("BadPassword")
    image = told["update.zip"]
    is_right = hashlib.sha256(image).hexdigest().encode() == told.get("checksum")
    if not is_right or not flash.install(rig, "epic", image):
        return _no("InvalidUpdate")
    if told.get("keepsettings") != b"true":
        del rig.kept["settings"]
    return Page(200, {"result": True, "error": None})


def _no(error: object) -> Page:
    return Page(200, {"result": False, "error": error})


def _miner(rig: Rig, param: object) -> None:
    rig.set_mode("sleep" if param == "Stop" else "normal")


def _fans(rig: Rig, param: object) -> None:
    settings(rig)["Fan Mode"] = param
    fixed = cast("dict[str, int]", param).get("Manual")
    rig.fix_fans(fixed)


def _tune(rig: Rig, param: object) -> None:
    """Tune anew; what was not told falls back to its default."""
    told = cast("Row", param)
    target = cast("int", told["target"])
    named = {"Target": target, "Unit": "TH/s", "Optimized": False, "Throttle Target": None}
    named |= {"Min Throttle Target": told.get("min_throttle")}
    named |= {"Throttle Step": told.get("throttle_step")}
    settings(rig)["Algorithm"] = {str(told["algo"]): named}
    rig.limit_power(rig.model.power_w * target / rig.model.hashrate_ths)


def _coin(rig: Rig, param: object) -> None:
    told = cast("Row", param)
    kept = settings(rig)
    kept["StratumConfigs"], kept["Coin"] = told["stratum_configs"], told["coin"]
    kept["Worker Unique Id"] = told["unique_id"]


_DONE: dict[str, Callable[[Rig, object], None]] = {
    "/miner": _miner,
    "/identify": lambda rig, param: settings(rig).update({"Locate": param}),
    "/fanspeed": _fans,
    "/perpetualtune/algo": _tune,
    "/coin": _coin,
    "/softreboot": lambda rig, _param: rig.reboot(),
    "/reboot": lambda rig, _param: rig.reboot(),
}


VENDOR = Vendor(
    commands={},
    joins=False,
    description="PowerPlay",
    refuse=refuse,
    web=web,
    api=False,
    has_web_on_api=True,
)
