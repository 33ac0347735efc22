"""WhatsMiner with API v2; an M50S by its rates. `devdetails` is composed: no recording has it."""

from lode_sim.rig import Board, Rig, Snapshot
from lode_sim.vendors import whatsminer_orders
from lode_sim.vendors.recorded import Reply, Row, Vendor, composed, load, load_flat

FOLDER = "whatsminer/v2"
POWER_MODES = {"normal": "Normal", "low": "Low", "high": "High"}


def summary(rig: Rig, now: Snapshot) -> Reply:
    """Answer `summary`: nearly everything, in MH/s and W."""
    recording = load(FOLDER, "summary")
    alive = [board for board in now.boards if board.is_alive]
    kept = whatsminer_orders.settings(rig)
    row = {
        **recording.rows[0],
        "Accepted": now.accepted,
        "Chip Temp Avg": round(sum(board.chip_avg_c for board in alive) / max(len(alive), 1), 2),
        "Chip Temp Max": round(max((board.chip_max_c for board in alive), default=0.0), 1),
        "Chip Temp Min": round(min((board.chip_min_c for board in alive), default=0.0), 1),
        "Elapsed": max(now.elapsed_s - 500, 0),
        "Env Temp": round(now.inlet_c, 1),
        "Fan Speed In": now.fans_rpm[0],
        "Fan Speed Out": now.fans_rpm[1],
        "HS RT": round(now.hashrate_ths * 1e6, 2),
        "Hash Stable": now.elapsed_s > 900,
        "MAC": rig.identity.mac,
        "MHS av": round(now.average_ths * 1e6, 2),
        "Power": round(now.power_w),
        "Power Limit": kept["power_limit_set"],
        "Power Mode": POWER_MODES[str(kept["power_mode"])],
        "Uptime": now.elapsed_s,
    }
    return recording.reply(now.when, [row])


def devs(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `devs` and `edevs`: one row per board."""
    recording = load(FOLDER, "devs")
    rows = [
        {**recorded, **_board(board, now)}
        for recorded, board in zip(recording.rows, now.boards, strict=True)
    ]
    return recording.reply(now.when, rows)


def pools(rig: Rig, now: Snapshot) -> Reply:
    """Answer `pools`."""
    recording = load(FOLDER, "pools")
    own = ((str(row["URL"]), rig.identity.worker) for row in recording.rows)
    told = rig.kept.get("pools")
    if isinstance(told, list):
        own = ((pool["url"], pool["user"]) for pool in told)
    first, *others = (
        {**row, "URL": url, "User": user}
        for row, (url, user) in zip(recording.rows, own, strict=False)
    )
    shares = {"Accepted": now.accepted, "Rejected": now.rejected}
    return recording.reply(now.when, [first | shares, *others])


def devdetails(rig: Rig, now: Snapshot) -> Reply:
    """Answer `devdetails`, which names the model."""
    rows: list[Row] = [
        {
            "DEVDETAILS": number,
            "Name": "SM",
            "ID": number,
            "Driver": "bitmicro",
            "Kernel": "",
            "Model": rig.model.name,
        }
        for number in range(rig.model.boards)
    ]
    recording = composed(69, "Device Details", "cgminer 4.9.2", "DEVDETAILS", rows)
    return recording.reply(now.when)


def get_version(rig: Rig, now: Snapshot) -> Reply:
    """Answer `get_version`."""
    return _flat("get_version", now, fw_ver=whatsminer_orders.settings(rig)["fw_ver"])


def get_miner_info(rig: Rig, now: Snapshot) -> Reply:
    """Answer `get_miner_info`: name, MAC and light."""
    light = whatsminer_orders.settings(rig)["ledstat"]
    return _flat("get_miner_info", now, hostname=rig.name, mac=rig.identity.mac, ledstat=light)


def get_psu(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `get_psu`."""
    return _flat("get_psu", now)


def get_error_code(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `get_error_code`: 110 is a fan without speed, as in the maker's list."""
    if now.fans_rpm[0] == 0:
        return _flat("get_error_code", now, error_code=[{"110": "2024-06-15 09:15:00"}])
    return _flat("get_error_code", now)


def status(rig: Rig, now: Snapshot) -> Reply:
    """Answer `status`: is it off, and what limits it."""
    off = "true" if now.mode == "sleep" else "false"
    kept = whatsminer_orders.settings(rig)
    limit = str(kept["power_limit_set"])
    return _flat("status", now, mineroff=off, power_mode=kept["power_mode"], power_limit_set=limit)


def refuse(_description: str, code: int, message: str, when: int) -> Reply:
    """Refuse as btminer does: a flat reply."""
    text = "invalid cmd" if code == 14 else message
    reply = {"STATUS": "E", "When": when, "Code": code, "Msg": text}
    return {**reply, "Description": "whatsminer v1.1"}


def _board(board: Board, now: Snapshot) -> Row:
    rates: Row = {
        "Accepted": now.accepted // len(now.boards),
        "Device Elapsed": max(now.elapsed_s - 500, 0),
        "Effective Chips": board.chips,
        "Fan Speed In": now.fans_rpm[0],
        "Fan Speed Out": now.fans_rpm[1],
        "MHS av": round(board.average_ths * 1e6, 2),
        "Status": "Alive" if board.is_alive else "Dead",
    }
    if not board.is_alive:
        no_temps = ("Chip Temp Avg", "Chip Temp Max", "Chip Temp Min", "Temperature")
        return rates | dict.fromkeys(no_temps, 0.0)
    return rates | {
        "Chip Temp Avg": round(board.chip_avg_c, 1),
        "Chip Temp Max": round(board.chip_max_c, 1),
        "Chip Temp Min": round(board.chip_min_c, 1),
        "Temperature": round(board.board_temp_c, 1),
    }


def _flat(command: str, now: Snapshot, **changes: object) -> Reply:
    recorded = load_flat(FOLDER, command)
    message = recorded["Msg"]
    if not isinstance(message, dict):
        raise TypeError(f"{command}: Msg of the recording is no object")
    return {**recorded, "When": now.when, "Msg": {**message, **changes}}


VENDOR = Vendor(
    commands={
        "summary": summary,
        "devs": devs,
        "edevs": devs,
        "pools": pools,
        "devdetails": devdetails,
        "get_version": get_version,
        "get_miner_info": get_miner_info,
        "get_psu": get_psu,
        "get_error_code": get_error_code,
        "status": status,
    },
    joins=False,
    description="cgminer 4.9.2",
    refuse=refuse,
    obey=whatsminer_orders.obey,
    writes=whatsminer_orders.WRITES,
)
