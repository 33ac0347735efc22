"""Braiins OS of 22.08 on an Antminer S19J Pro.

Only `version` is recorded. The rest is composed in the shapes that Braiins documents for its
cgminer-style API on 4028: hash chains are numbered 1 to 3, and the tuner knows the power.
Beside it there may be a REST API or a GraphQL at the web port.
"""

from collections.abc import Callable

from lode_sim.rig import Board, Rig, Snapshot
from lode_sim.vendors import braiins_web
from lode_sim.vendors.recorded import (
    Answer,
    Page,
    Recording,
    Reply,
    Request,
    Row,
    Vendor,
    composed,
    refuse,
    unchanged,
)

FOLDER = "braiins/v21_09"
DESCRIPTION = "BOSer boser-openwrt 0.1.0-11012d53"
AVERAGES = ("MHS 1m", "MHS 5m", "MHS 15m", "MHS 24h", "MHS av")
FIRST_CHAIN = 1


def summary(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `summary`, in MH/s."""
    row: Row = {
        "Accepted": now.accepted,
        "Best Share": 1_048_576,
        "Device Hardware%": 0.0,
        "Device Rejected%": 0.0,
        "Difficulty Accepted": now.accepted * 262_144.0,
        "Difficulty Rejected": now.rejected * 262_144.0,
        "Difficulty Stale": 0.0,
        "Discarded": 0,
        "Elapsed": now.elapsed_s,
        "Found Blocks": 0,
        "Get Failures": 0,
        "Getworks": now.elapsed_s // 30,
        "Hardware Errors": now.elapsed_s // 200,
        "Last getwork": now.when - 12,
        "Local Work": now.elapsed_s * 90,
        "Network Blocks": now.elapsed_s // 600,
        "Pool Rejected%": 0.2,
        "Pool Stale%": 0.0,
        "Rejected": now.rejected,
        "Remote Failures": 0,
        "Stale": 0,
        "Total MH": round(now.average_ths * 1e6 * now.elapsed_s, 1),
        "Utility": round(now.accepted / max(now.elapsed_s / 60, 1), 2),
        "Work Utility": 0.0,
        **_rates(now.hashrate_ths, now.average_ths),
    }
    return _recording(11, "Summary", "SUMMARY", [row]).reply(now.when)


def stats(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `stats`: empty but for the pools' counters, as this firmware has it."""
    row: Row = {"STATS": 0, "ID": "POOL0", "Elapsed": now.elapsed_s, "Calls": 0, "Wait": 0.0}
    row |= {"Max": 0.0, "Min": 99999999.0, "Pool Calls": 0, "Work Diff": 262_144.0}
    return _recording(70, "BOSer stats", "STATS", [row]).reply(now.when)


def devs(rig: Rig, now: Snapshot) -> Reply:
    """Answer `devs` and `edevs`: one row per hash chain."""
    rows = [_device(rig, number, board, now) for number, board in _chains(now)]
    return _recording(9, f"{len(rows)} ASC(s)", "DEVS", rows).reply(now.when)


def devdetails(rig: Rig, now: Snapshot) -> Reply:
    """Answer `devdetails`: chips, frequency and voltage of each chain."""
    rows: list[Row] = [
        {
            "Chips": board.chips,
            "DEVDETAILS": number - FIRST_CHAIN,
            "Device Path": "",
            "Driver": "",
            "Frequency": 545 if board.is_alive else 0,
            "ID": number,
            "Kernel": "",
            "Model": rig.model.name,
            "Name": "",
            "Voltage": 12.6 if board.is_alive else 0.0,
        }
        for number, board in _chains(now)
    ]
    return _recording(69, "Device Details", "DEVDETAILS", rows).reply(now.when)


def temps(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `temps`: a chain that is gone has no row."""
    rows: list[Row] = [
        {
            "Board": round(board.board_temp_c * 16) / 16,  # the sensor's steps
            "Chip": round(board.chip_max_c * 16) / 16,
            "ID": number,
            "TEMP": number - FIRST_CHAIN,
        }
        for number, board in _chains(now)
        if board.is_alive
    ]
    return _recording(201, f"{len(rows)} Temp(s)", "TEMPS", rows).reply(now.when)


def fans(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `fans`."""
    rows: list[Row] = [
        {"FAN": number, "ID": number, "RPM": rpm, "Speed": now.fan_percent}
        for number, rpm in enumerate(now.fans_rpm)
    ]
    return _recording(202, f"{len(rows)} Fan(s)", "FANS", rows).reply(now.when)


def tempctrl(rig: Rig, now: Snapshot) -> Reply:
    """Answer `tempctrl`."""
    row: Row = {"Dangerous": 110.0, "Hot": 100.0, "Mode": "Automatic"}
    row["Target"] = rig.model.chip_target_c
    return _recording(200, "Temperature control", "TEMPCTRL", [row]).reply(now.when)


def tunerstatus(rig: Rig, now: Snapshot) -> Reply:
    """Answer `tunerstatus`: the power, as the tuner estimates it."""
    alive = sum(board.is_alive for board in now.boards)
    per_chain = round((now.power_w - 75.0) / alive) if alive and now.average_ths else 0
    limit = round(rig.model.power_w * 1.05)
    chain_rows: list[Row] = [
        {
            "ApproximatePowerConsumptionWatt": per_chain if board.is_alive else 0,
            "HashchainIndex": number,
            "Iteration": 0,
            "LoadedProfileCreatedOn": now.when - now.elapsed_s,
            "PowerLimitWatt": limit // len(now.boards),
            "StageElapsed": now.elapsed_s,
            "Status": "Stable" if board.is_alive else "Failed",
            "TunerRunning": board.is_alive,
            "TuningElapsed": now.elapsed_s,
        }
        for number, board in _chains(now)
    ]
    row: Row = {
        "ApproximateChainPowerConsumption": per_chain * alive,
        "ApproximateMinerPowerConsumption": round(now.power_w),
        "DynamicPowerScaling": "Disabled",
        "PowerLimit": limit,
        "TunerChainStatus": chain_rows,
    }
    return _recording(203, "Tuner Status", "TUNERSTATUS", [row]).reply(now.when)


def pools(rig: Rig, now: Snapshot) -> Reply:
    """Answer `pools`."""
    row: Row = {
        "Accepted": now.accepted,
        "AsicBoost": True,
        "Difficulty Accepted": now.accepted * 262_144.0,
        "Last Share Difficulty": 262_144.0,
        "Last Share Time": now.when - 2,
        "POOL": 0,
        "Priority": 0,
        "Quota": 1,
        "Rejected": now.rejected,
        "Stale": 0,
        "Status": "Alive",
        "Stratum Active": True,
        "Stratum URL": "stratum+tcp://pool.example.com:3333",
        "URL": "stratum+tcp://pool.example.com:3333",
        "User": rig.identity.worker,
    }
    return _recording(7, "1 Pool(s)", "POOLS", [row]).reply(now.when)


def config(rig: Rig, now: Snapshot) -> Reply:
    """Answer `config`."""
    row: Row = {"ASC Count": rig.model.boards, "PGA Count": 0, "Pool Count": 1}
    row |= {"Strategy": "Failover", "Log Interval": 5, "Device Code": "", "OS": "Braiins OS"}
    row |= {"Hotplug": "None"}
    return _recording(33, "BOSer config", "CONFIG", [row]).reply(now.when)


def _device(rig: Rig, number: int, board: Board, now: Snapshot) -> Row:
    return {
        "ASC": number - FIRST_CHAIN,
        "Accepted": now.accepted // len(now.boards),
        "Device Elapsed": now.elapsed_s,
        "Device Hardware%": 0.0,
        "Device Rejected%": 0.0,
        "Enabled": "Y",
        "Hardware Errors": 0,
        "ID": number,
        "Last Share Pool": 0,
        "Last Share Time": now.when - 2,
        "Last Valid Work": now.when - 2,
        "Name": "",
        "Nominal MHS": round(rig.model.hashrate_ths * 1e6 / rig.model.boards, 1),
        "Rejected": 0,
        "Status": "Alive" if board.is_alive else "Dead",
        "Temperature": round(board.board_temp_c, 1) if board.is_alive else 0.0,
        "Total MH": round(board.average_ths * 1e6 * now.elapsed_s, 1),
        "Utility": 0.0,
        **_rates(board.hashrate_ths, board.average_ths),
    }


def _rates(short_ths: float, average_ths: float) -> Row:
    average = round(average_ths * 1e6, 4)
    return {"MHS 5s": round(short_ths * 1e6, 4), **dict.fromkeys(AVERAGES, average)}


def _chains(now: Snapshot) -> list[tuple[int, Board]]:
    return list(enumerate(now.boards, start=FIRST_CHAIN))


def _recording(code: int, message: str, section: str, rows: list[Row]) -> Recording:
    return composed(code, message, DESCRIPTION, section, rows)


COMMANDS: dict[str, Answer] = {
    "version": unchanged(FOLDER, "version"),
    "summary": summary,
    "stats": stats,
    "devs": devs,
    "edevs": devs,
    "devdetails": devdetails,
    "temps": temps,
    "fans": fans,
    "tempctrl": tempctrl,
    "tunerstatus": tunerstatus,
    "pools": pools,
    "config": config,
}


def _vendor(
    web: Callable[[Rig, Request], Page] | None, asks_with: tuple[bytes, ...] = ()
) -> Vendor:
    return Vendor(
        commands=COMMANDS,
        joins=True,
        description=DESCRIPTION,
        refuse=refuse,
        web=web,
        logs_in_at="/auth/login",
        asks_with=asks_with,
    )


VENDOR = _vendor(None)
REST_VENDOR = _vendor(braiins_web.rest)
GRAPHQL_VENDOR = _vendor(braiins_web.graphql, (b'{"query":"query', b'{"query":"mutation Login'))
