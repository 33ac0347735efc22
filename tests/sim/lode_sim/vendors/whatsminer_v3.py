"""WhatsMiner with API v3; an M60S by its rates. It answers v2's questions too, but no v2 orders."""

import base64
import hashlib
from typing import cast

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from lode_sim.rig import Rig, Snapshot
from lode_sim.vendors import whatsminer, whatsminer_orders
from lode_sim.vendors.recorded import Reply, Row, Vendor, load_flat
from lode_sim.writes import WriteFault

FOLDER = "whatsminer/v3"
ACCOUNT, PASSWORD, SALT = "super", "super", "uhCiDyVj"
FIRMWARE = "20251209.16.Rel2"
_FAILED, _UNKNOWN, _NO_PERMISSION = -1, -2, -4
_SERVICES = {"start", "stop", "restart"}


def framed(rig: Rig, order: Row, now: Snapshot) -> Reply:
    """Answer a question, or carry out an order."""
    command, param = str(order.get("cmd")), order.get("param")
    if command.startswith("set."):
        return _told(rig, order, now)
    if WriteFault.BROKEN_READ in rig.writes:
        return _says(command, _FAILED, "fail", now)
    if command == "get.device.info":
        return _says(command, 0, _info(rig, now), now)
    if command == "get.miner.status":
        parts = {"summary": _summary, "edevs": _boards, "pools": _pools}
        asked = [part for part in str(param).split("+") if part in parts]
        return _says(command, 0, {part: parts[part](rig, now) for part in asked}, now)
    if command == "get.miner.setting":
        kept = settings(rig)
        told = {"power-limit": kept["power_limit_set"], "power-mode": kept["power_mode"]}
        return _says(command, 0, told | {"upfreq-speed": 0, "fast-boot": "disable"}, now)
    return _says(command, _UNKNOWN, "invalid command", now)


def settings(rig: Rig) -> Row:
    """Give what the rig keeps."""
    kept = whatsminer_orders.settings(rig)
    kept["fw_ver"] = FIRMWARE
    return kept


def _told(rig: Rig, order: Row, now: Snapshot) -> Reply:
    command = str(order["cmd"])
    key = hashlib.sha256(f"{command}{PASSWORD}{SALT}{order.get('ts')}".encode()).digest()
    token = base64.b64encode(key).decode()[:8]
    if WriteFault.CLOSED in rig.writes or WriteFault.LOST in rig.writes:
        return _says(command, _NO_PERMISSION, "no permission", now)
    if order.get("account") != ACCOUNT or order.get("token") != token:
        return _says(command, _NO_PERMISSION, "no permission", now)
    refused = {WriteFault.REFUSED, WriteFault.BROKEN_WRITE, WriteFault.TAKEN} & rig.writes.faults
    if refused:
        return _says(command, _FAILED, "fail", now)
    param = order.get("param")
    if command == "set.miner.pools":
        opened = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
        param = msgspec.json.decode(opened.update(base64.b64decode(str(param))).rstrip(b"\x00"))
    if not _can(command, param):
        return _says(command, _UNKNOWN, "invalid param", now)
    rig.writes.do(lambda: _do(rig, command, param))
    return _says(command, 0, "ok", now)


def _can(command: str, param: object) -> bool:
    return (
        (command == "set.miner.service" and param in _SERVICES)
        or (command == "set.miner.power_limit" and isinstance(param, int))
        or (command == "set.miner.power_mode" and param in whatsminer.POWER_MODES)
        or (command == "set.miner.pools" and isinstance(param, list))
        or command in {"set.system.led", "set.system.reboot"}
    )


def _do(rig: Rig, command: str, param: object) -> None:
    kept = settings(rig)
    if command == "set.miner.service" and param == "stop":
        rig.set_mode("sleep")
    elif command == "set.miner.service":
        rig.set_mode(str(kept["power_mode"]))
    elif command == "set.miner.power_limit":
        kept["power_limit_set"] = param
        rig.limit_power(cast("int", param))
    elif command == "set.miner.power_mode":
        kept["power_mode"] = param
        if rig.mode != "sleep":
            rig.set_mode(str(param))
    elif command == "set.miner.pools":
        told = cast("list[Row]", param)
        rig.kept["pools"] = [
            {"url": pool["pool"], "user": pool["worker"], "pass": pool["passwd"]} for pool in told
        ]
    elif command == "set.system.led":
        kept["ledstat"] = "auto" if param == "auto" else "manual"
    else:
        rig.reboot()


def _info(rig: Rig, now: Snapshot) -> Row:
    told = cast("dict[str, Row]", load_flat(FOLDER, "get_device_info")["msg"])
    kept = settings(rig)
    working = "false" if now.mode == "sleep" else "true"
    closed = WriteFault.CLOSED in rig.writes
    return {
        **told,
        "miner": {**told["miner"], "working": working, "miner-sn": rig.identity.serial},
        "network": {**told["network"], "hostname": rig.name, "mac": rig.identity.mac},
        "salt": SALT,
        "system": {
            **told["system"],
            "apiswitch": "0" if closed else "1",
            "ledstatus": kept["ledstat"],
            "fwversion": FIRMWARE,
        },
    }


def _summary(rig: Rig, now: Snapshot) -> Row:
    told = cast("dict[str, Row]", load_flat(FOLDER, "get_miner_status_summary")["msg"])["summary"]
    return {
        **told,
        "board-temperature": [round(board.board_temp_c, 1) for board in now.boards],
        "chip-temp-max": round(max(board.chip_max_c for board in now.boards), 1),
        "elapsed": now.elapsed_s,
        "environment-temperature": round(now.inlet_c, 1),
        "factory-hash": rig.model.hashrate_ths,
        "fan-speed-in": now.fans_rpm[0],
        "fan-speed-out": now.fans_rpm[1],
        "hash-average": round(now.average_ths, 3),
        "hash-realtime": round(now.hashrate_ths, 3),
        "power-5min": round(now.power_w),
        "power-limit": settings(rig)["power_limit_set"],
        "power-realtime": round(now.power_w),
    }


def _boards(_rig: Rig, now: Snapshot) -> list[Row]:
    told = cast("dict[str, list[Row]]", load_flat(FOLDER, "get_miner_status_edevs")["msg"])["edevs"]
    return [
        {
            **row,
            "chip-temp-max": round(board.chip_max_c, 1),
            "effective-chips": board.chips,
            "hash-average": round(board.average_ths, 2),
            "hash-realtime": round(board.hashrate_ths, 2),
        }
        for row, board in zip(told, now.boards, strict=True)
    ]


def _pools(rig: Rig, _now: Snapshot) -> list[Row]:
    told = cast("dict[str, list[Row]]", load_flat(FOLDER, "get_miner_status_pools")["msg"])["pools"]
    kept = cast("list[Row] | None", rig.kept.get("pools"))
    if kept is None:
        return told
    pairs = zip(told, kept, strict=False)
    return [{**row, "url": pool["url"], "account": pool["user"]} for row, pool in pairs]


def _says(command: str, code: int, message: object, now: Snapshot) -> Reply:
    return {"code": code, "when": now.when, "msg": message, "desc": command}


def _obey(rig: Rig, order: Row, now: Snapshot) -> Reply | None:
    """Take no order of version 2: its firmware is too new."""
    settings(rig)
    return whatsminer_orders.obey(rig, order, now)


VENDOR = Vendor(
    commands=whatsminer.VENDOR.commands,
    joins=False,
    description="cgminer 4.9.2",
    refuse=whatsminer.refuse,
    obey=_obey,
    writes=whatsminer_orders.WRITES,
    framed=framed,
)
