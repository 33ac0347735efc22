"""Antminer S19 Pro with the maker's own firmware; it says nothing about power or inlet air."""

import dataclasses

from lode_sim.rig import Board, Rig, Snapshot
from lode_sim.vendors import antminer_web
from lode_sim.vendors.recorded import Reply, Row, Vendor, load, refuse, unchanged

FOLDER = "antminer/v2020"


def summary(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `summary`."""
    recording = load(FOLDER, "summary")
    row = {**recording.rows[0], **shares(now), **rates(now)}
    row |= {"Elapsed": now.elapsed_s, "Last getwork": now.when}
    row["Total MH"] = round(now.average_ths * 1e6 * now.elapsed_s, 1)
    return recording.reply(now.when, [row])


def stats(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `stats`."""
    recording = load(FOLDER, "stats")
    return recording.reply(now.when, [recording.rows[0], chains(recording.rows[1], now)])


def devs(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `devs`: the whole miner is one device, without a rate."""
    recording = load(FOLDER, "devs")
    row = {**recording.rows[0], "Accepted": now.accepted, "Rejected": now.rejected}
    row |= {"Device Elapsed": now.elapsed_s, "Last Share Time": now.when - 3}
    return recording.reply(now.when, [row])


def pools(rig: Rig, now: Snapshot) -> Reply:
    """Answer `pools`: the first one is worked for."""
    return pool_rows(FOLDER, rig, now)


def pool_rows(folder: str, rig: Rig, now: Snapshot) -> Reply:
    """Put shares and worker into recorded pools."""
    recording = load(folder, "pools")
    first, *others = ({**row, "User": rig.identity.worker} for row in recording.rows)
    shares_now = {"Accepted": now.accepted, "Rejected": now.rejected}
    return recording.reply(now.when, [first | shares_now, *(_unused(row) for row in others)])


def shares(now: Snapshot) -> Row:
    """Give the share counters of a summary."""
    minutes = max(now.elapsed_s / 60, 1)
    utility = round(now.accepted / minutes, 2)
    return {"Accepted": now.accepted, "Rejected": now.rejected, "Utility": utility}


def rates(now: Snapshot) -> Row:
    """Give the hashrates of a summary, in GH/s."""
    short, average = round(now.hashrate_ths * 1e3, 2), round(now.average_ths * 1e3, 2)
    return {"GHS 5s": short, "GHS av": average, "GHS 30m": average}


def chains(recorded: Row, now: Snapshot) -> Row:
    """Put boards, temperatures and fans into the second row of bmminer's `stats`."""
    row = {**recorded, **rates(now), "Elapsed": now.elapsed_s}
    row["rate_30m"] = row["total rate"] = row.pop("GHS 30m")
    row["total_acn"] = sum(board.chips for board in now.boards)
    row["miner_count"] = sum(board.is_alive for board in now.boards)
    row |= {f"fan{number}": rpm for number, rpm in enumerate(now.fans_rpm, start=1)}
    for number, board in enumerate(now.boards, start=1):
        row |= _chain(number, board)
    return row


def _chain(number: int, board: Board) -> Row:
    if not board.is_alive:
        return {
            f"chain_acn{number}": 0,
            f"chain_acs{number}": "",
            f"chain_rate{number}": "",
            f"freq{number}": 0,
            f"temp{number}": 0,
            f"temp2_{number}": 0,
            f"temp_chip{number}": "0-0-0-0",
            f"temp_pcb{number}": "0-0-0-0",
            f"temp_pic{number}": "0-0-0-0",
        }
    inlet_side_c, outlet_side_c = board.board_temp_c - 12.0, board.board_temp_c
    return {
        f"chain_acn{number}": board.chips,
        f"chain_rate{number}": f"{board.hashrate_ths * 1e3:.2f}",
        f"temp{number}": round(outlet_side_c),
        f"temp2_{number}": round(board.chip_max_c),
        f"temp_chip{number}": _four(board.chip_max_c, board.chip_min_c),
        f"temp_pcb{number}": _four(outlet_side_c, inlet_side_c),
        f"temp_pic{number}": _four(outlet_side_c - 10.0, inlet_side_c - 10.0),
    }


def _four(hot_c: float, cold_c: float) -> str:
    return f"{hot_c:.0f}-{cold_c:.0f}-{cold_c + 1:.0f}-{hot_c - 1:.0f}"


def _unused(row: Row) -> Row:
    return row | {"Accepted": 0, "Rejected": 0}


VENDOR = Vendor(
    commands={
        "version": unchanged(FOLDER, "version"),
        "summary": summary,
        "stats": stats,
        "devs": devs,
        "pools": pools,
    },
    joins=False,
    description="cgminer 1.0.0",
    refuse=refuse,
    web=antminer_web.page,
)
# Where the API on 4028 is closed.
WEB_VENDOR = dataclasses.replace(VENDOR, api=False)
