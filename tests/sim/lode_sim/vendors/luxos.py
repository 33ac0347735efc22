"""LuxOS on an Antminer S19k Pro, at its `default` profile."""

from lode_sim.rig import Board, Rig, Snapshot
from lode_sim.vendors import luxos_orders
from lode_sim.vendors.antminer import chains, rates, shares
from lode_sim.vendors.recorded import Reply, Row, Vendor, load, refuse, unchanged

FOLDER = "luxminer/v1"
STEADY_RATES = ("GHS 1m", "GHS 5m", "GHS 15m", "GHS 24h")
STEADY_BOARD_RATES = ("MHS 1m", "MHS 5m", "MHS 15m", "MHS 30m", "MHS 60m", "MHS av")


def summary(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `summary`."""
    recording = load(FOLDER, "summary")
    row = {**recording.rows[0], **shares(now), **rates(now), "Elapsed": now.elapsed_s}
    row |= dict.fromkeys(STEADY_RATES, row["GHS av"])
    row["Last getwork"] = now.when - 4
    return recording.reply(now.when, [row])


def stats(rig: Rig, now: Snapshot) -> Reply:
    """Answer `stats`, in bmminer's words."""
    recording = load(FOLDER, "stats")
    row = chains(recording.rows[1], now)
    hottest = max(board.board_temp_c for board in now.boards)
    row |= {"temp_max": round(hottest, 1), "miner_id": rig.identity.mac.replace(":", "").lower()}
    row["total_rateideal"] = rig.model.hashrate_ths * 1e3
    return recording.reply(now.when, [recording.rows[0], row])


def devs(rig: Rig, now: Snapshot) -> Reply:
    """Answer `devs`: one row per board, in the recorded (odd) order."""
    recording = load(FOLDER, "devs")
    rows = []
    for recorded in recording.rows:
        board = now.boards[_number(recorded, "ASC")]
        rows.append({**recorded, **_board(rig, board, now)})
    return recording.reply(now.when, rows)


def pools(rig: Rig, now: Snapshot) -> Reply:
    """Answer `pools`: the first one is worked for. Passwords are not told."""
    recording = load(FOLDER, "pools")
    shown = [
        {k: value for k, value in row.items() if k != "pass"} for row in luxos_orders.pools(rig)
    ]
    for row in shown:
        is_used = row["Priority"] == 0
        row["Accepted"] = now.accepted if is_used else 0
        row["Rejected"] = now.rejected if is_used else 0
    return recording.reply(now.when, shown)


def temps(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `temps`: the four corners of each board; the exhaust side is the hot one."""
    recording = load(FOLDER, "temps")
    rows: list[Row] = []
    for number, board in enumerate(now.boards):
        hot_c = round(board.board_temp_c, 1) if board.is_alive else 0.0
        cold_c = round(board.board_temp_c - 13.0, 1) if board.is_alive else 0.0
        corners = {"BottomLeft": hot_c, "TopLeft": hot_c, "BottomRight": cold_c, "TopRight": cold_c}
        rows.append({"ID": number, "TEMP": number, **corners})
    reply = recording.reply(now.when)
    return {**reply, "TEMPS": rows}


def fans(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `fans`."""
    recording = load(FOLDER, "fans")
    rows = [
        {"FAN": f"FAN{number + 1}", "ID": number, "RPM": rpm, "Speed": now.fan_percent}
        for number, rpm in enumerate(now.fans_rpm)
    ]
    return {**recording.reply(now.when), "FANS": rows}


def power(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `power`: an estimate by the firmware, not by the power supply."""
    row: Row = {"PSU": False, "Watts": round(now.power_w)}
    return load(FOLDER, "power").reply(now.when, [row])


def config(rig: Rig, now: Snapshot) -> Reply:
    """Answer `config`: who the rig is."""
    recording = load(FOLDER, "config")
    row = {
        **recording.rows[0],
        "Hostname": rig.name,
        "IPAddr": rig.identity.host,
        "MACAddr": rig.identity.mac,
        "SerialNumber": rig.identity.serial,
        "NameplateTHS": rig.model.hashrate_ths,
        "ProfileStep": "0",
        **luxos_orders.settings(rig),
        "CurtailMode": "Sleep" if now.mode == "sleep" else "None",
        "IsTuning": False,
    }
    return recording.reply(now.when, [row])


def events(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `events`: nothing has happened (the recording has two of a broken rig)."""
    return load(FOLDER, "events").reply(now.when, [])


def _board(rig: Rig, board: Board, now: Snapshot) -> Row:
    average = round(board.average_ths * 1e6, 2)
    return {
        "Accepted": now.accepted // len(now.boards),
        "Device Elapsed": now.elapsed_s,
        "Last Share Time": now.when - 1,
        "Last Valid Work": now.when - 1,
        "MHS 5s": round(board.hashrate_ths * 1e6, 2),
        "Nominal MHS": round(rig.model.hashrate_ths * 1e6 / rig.model.boards, 1),
        "Profile": "default",
        "Status": "Alive" if board.is_alive else "Dead",
        "Temperature": round(board.board_temp_c, 1) if board.is_alive else 0.0,
        **dict.fromkeys(STEADY_BOARD_RATES, average),
    }


def _number(row: Row, key: str) -> int:
    value = row[key]
    if not isinstance(value, int):
        raise TypeError(f"{key}: {value!r} is no number")
    return value


VENDOR = Vendor(
    commands={
        "version": unchanged(FOLDER, "version"),
        "summary": summary,
        "stats": stats,
        "devs": devs,
        "pools": pools,
        "temps": temps,
        "fans": fans,
        "power": power,
        "config": config,
        "profiles": unchanged(FOLDER, "profiles"),
        "events": events,
    },
    joins=True,
    description=luxos_orders.DESCRIPTION,
    refuse=refuse,
    obey=luxos_orders.obey,
    writes=luxos_orders.WRITES,
)
