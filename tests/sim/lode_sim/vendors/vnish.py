"""VNish 1.2.6 on an Antminer S19: REST pages composed after its OpenAPI document.

Settings are merged as they are sent; a preset takes effect when mining restarts.
"""

import copy
import secrets
from typing import Any

import msgspec

from lode_sim.rig import Board, Rig, Snapshot
from lode_sim.vendors import flash
from lode_sim.vendors.antminer import VENDOR as STOCK
from lode_sim.vendors.recorded import Page, Reply, Request, Row, Vendor, load, refuse
from lode_sim.writes import WriteFault

API = "/api/v1"
PASSWORD = "admin"
VERSION = "1.2.6"
_TUNED = (1500, 2350, 3250)
_UNTUNED = (1100, 2950, 3750)
_UNLOCKED_AT_ONCE = 8
_WITHOUT_TOKEN = {"/info", "/status", "/model"}


def page(rig: Rig, request: Request) -> Page:
    """Answer a request."""
    path = request.path.removeprefix(API)
    if path == "/unlock":
        return _unlock(rig, request)
    if request.method == "POST" and WriteFault.LOST in rig.writes:
        rig.kept["tokens"] = []
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    if path not in _WITHOUT_TOKEN and token not in rig.kept.get("tokens", []):
        return Page(401, b"")
    if request.method == "POST" and path == "/firmware/update":
        return _update(rig, flash.parts(request))
    if request.method == "POST":
        return _told(rig, path, request)
    return _shown(rig, path)


def settings(rig: Rig) -> dict[str, Any]:
    """Give the rig's settings, with some that nobody knows."""
    own = {"user": rig.identity.worker, "pass": "x"}
    factory = {
        "miner": {
            "cooling": {"mode": {"name": "auto", "param": 65}, "fan_min_count": 4},
            "misc": {"quiet_mode": False, "restart_temp": 85, "x-note": "été"},
            "overclock": {"preset": "3250", "globals": {"volt": 1380, "freq": 675}},
            "pools": [{"url": f"p{n}.pool.example:3333", **own} for n in range(1, 4)],
        },
        "regional": {"timezone": {"current": "GMT"}},
        "x-layout": {"lg": {"n": 12345678901}},
    }
    kept: dict[str, Any] = rig.kept.setdefault("settings", factory)
    return kept


def _unlock(rig: Rig, request: Request) -> Page:
    if msgspec.json.decode(request.body).get("pw") != PASSWORD:
        return Page(403, {"err": "Wrong password"})
    token = secrets.token_hex(16)
    tokens = rig.kept.get("tokens", [])
    rig.kept["tokens"] = [*tokens[1 - _UNLOCKED_AT_ONCE :], token]
    return Page(200, {"token": token})


def _shown(rig: Rig, path: str) -> Page:
    now = rig.snapshot()
    match path:
        case "/info":
            return Page(200, _info(rig, now))
        case "/status":
            return Page(200, {**_state(rig, now), **_flags(rig)})
        case "/summary":
            return Page(200, {"miner": _summary(rig, now)})
        case "/settings":
            return Page(200, settings(rig))
        case "/autotune/presets":
            return Page(200, _presets())
    return Page(404, b"")


def _told(rig: Rig, path: str, request: Request) -> Page:
    if WriteFault.REFUSED in rig.writes:
        return Page(409, {"err": "CGMiner err: failed"})
    match path:
        case "/find-miner":
            is_on = msgspec.json.decode(request.body)["on"]
            rig.writes.do(lambda: rig.kept.update(light=is_on))
            return Page(200, {"on": is_on})
        case "/settings":
            return _save(rig, msgspec.json.decode(request.body))
        case "/mining/stop":
            rig.writes.do(lambda: rig.set_mode("sleep"))
        case "/mining/start" | "/mining/restart":
            rig.writes.do(lambda: _start(rig))
        case "/system/reboot":
            rig.writes.do(rig.reboot)
            return Page(200, {"after": 3})
        case _:
            return Page(404, b"")
    return Page(200, b"")


def _update(rig: Rig, told: dict[str, bytes]) -> Page:
    if not flash.install(rig, "vnish", told["file"]):
        return Page(500, {"err": "Invalid firmware file"})
    if told.get("keep_settings") != b"true":
        del rig.kept["settings"]
    return Page(200, {"after": 3})


def _save(rig: Rig, part: dict[str, Any]) -> Page:
    before = copy.deepcopy(settings(rig))
    after = _merged(copy.deepcopy(before), part)
    needs_restart = before["miner"]["overclock"] != after["miner"]["overclock"]
    rig.writes.do(lambda: rig.kept.update(settings=after, restart=needs_restart))
    return Page(200, {"restart_required": needs_restart, "reboot_required": False})


def _merged(kept: Any, part: Any) -> Any:
    if not isinstance(kept, dict) or not isinstance(part, dict):
        return part
    return kept | {key: _merged(kept.get(key), value) for key, value in part.items()}


def _start(rig: Rig) -> None:
    rig.kept["restart"] = False
    rig.limit_power(float(settings(rig)["miner"]["overclock"]["preset"]))
    rig.set_mode("normal")
    rig.restart_mining()


def _info(rig: Rig, now: Snapshot) -> Row:
    days, seconds = divmod(now.elapsed_s, 86_400)
    clock = f"{seconds // 3600}:{seconds // 60 % 60:02d}"
    network = {"mac": rig.identity.mac, "ip": rig.identity.host, "hostname": rig.name}
    return {
        "miner": rig.model.name,
        "model": "s19",
        "fw_name": "Vnish",
        "fw_version": flash.version(rig, VERSION),
        "platform": "xil",
        "algorithm": "sha256d",
        "hr_measure": "GH/s",
        "system": {
            "os": "GNU/Linux",
            "network_status": network,
            "uptime": f"{days} days, {clock}" if days else clock,
        },
        "serial": rig.identity.serial,
    }


def _state(_rig: Rig, now: Snapshot) -> Row:
    state = "mining" if now.average_ths else "starting"
    return {"miner_state": "stopped" if now.mode == "sleep" else state, "miner_state_time": 60}


def _flags(rig: Rig) -> Row:
    return {
        "find_miner": rig.kept.get("light", False),
        "restart_required": rig.kept.get("restart", False),
        "reboot_required": False,
        "unlocked": True,
    }


def _summary(rig: Rig, now: Snapshot) -> Row:
    hottest = max(board.chip_max_c for board in now.boards)
    fans = [
        {"id": number, "rpm": rpm, "max_rpm": 6000, "status": "ok" if rpm else "lost"}
        for number, rpm in enumerate(now.fans_rpm)
    ]
    pools: list[Row] = [
        {"id": n, "url": pool["url"], "user": pool["user"], "pool_type": "UserPool"}
        | {"status": "active" if n == 0 else "working", "accepted": 0, "rejected": 0}
        for n, pool in enumerate(settings(rig)["miner"]["pools"])
    ]
    pools[0] |= {"accepted": now.accepted, "rejected": now.rejected}
    fee = {"id": 3, "url": "DevFee", "user": "DevFee", "pool_type": "DevFee", "accepted": 99}
    return {
        "miner_status": _state(rig, now),
        "miner_type": f"{rig.model.name} (Vnish {VERSION})",
        "hr_realtime": round(now.hashrate_ths * 1e3, 1),
        "hr_nominal": rig.model.hashrate_ths * 1e3,
        "hr_average": round(now.average_ths * 1e3, 1),
        "chip_temp": {"min": 0, "max": round(hottest)},
        "power_consumption": round(now.power_w),
        "pools": [*pools, {**fee, "status": "working", "rejected": 0}],
        "cooling": {"fan_num": len(fans), "fans": fans, "fan_duty": now.fan_percent},
        "chains": [_chain(n, board) for n, board in enumerate(now.boards, start=1)],
    }


def _chain(number: int, board: Board) -> Row:
    return {
        "id": number,
        "hashrate_rt": round(board.hashrate_ths * 1e3, 1),
        "pcb_temp": {"min": 0, "max": round(board.board_temp_c)},
        "chip_temp": {"min": round(board.chip_min_c), "max": round(board.chip_max_c)},
        "status": {"state": "mining" if board.is_alive else "failure"},
    }


def _presets() -> list[Row]:
    rows: list[Row] = [{"name": "disabled", "pretty": "Disabled", "status": "untuned"}]
    for watts in sorted((*_TUNED, *_UNTUNED)):
        status = "tuned" if watts in _TUNED else "untuned"
        rows.append({"name": str(watts), "pretty": f"{watts} watt", "status": status})
    return rows


def _version(rig: Rig, now: Snapshot) -> Reply:
    recording = load("antminer/v2020", "version")
    kind = {"Type": f"{rig.model.name} (Vnish {VERSION})"}
    return recording.reply(now.when, [{**recording.rows[0], **kind}])


VENDOR = Vendor(
    commands={**STOCK.commands, "version": _version},
    joins=False,
    description="cgminer 4.11.1",
    refuse=refuse,
    web=page,
)
