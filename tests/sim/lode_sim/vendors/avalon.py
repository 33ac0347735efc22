"""Avalon: cgminer whose `stats` hide the machine's words in brackets, `Temp[30] TMax[77] ...`.

AvalonMiner 1246 (three boards) has a recorded `stats`; its `version` is composed in the shape of
that series. Avalon Q (one board) is recorded while idle; working numbers are put in.
"""

import functools
import re
from collections.abc import Callable, Iterator

from lode_sim.rig import Rig, Snapshot
from lode_sim.vendors import avalon_orders
from lode_sim.vendors.recorded import Reply, Row, Vendor, composed, load, refuse, unchanged

FOLDER = "avalonminer"
DESCRIPTION = "cgminer 4.11.1"
VERSION_1246 = "21072802_4ec6bb0_211fc46"
PSU_RATIO = 3189 / 3504  # output over input, as recorded
_FIELD = re.compile(r"([A-Za-z_]\w*|Nonce Mask)\[([^\]]*)\]")


def summary(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `summary`, in MH/s."""
    recording = load(FOLDER, "summary")
    average = round(now.average_ths * 1e6, 2)
    row = {**recording.rows[0], "Accepted": now.accepted, "Rejected": now.rejected}
    row |= {"Elapsed": now.elapsed_s, "MHS 5s": round(now.hashrate_ths * 1e6, 2)}
    row |= dict.fromkeys(("MHS 1m", "MHS 5m", "MHS 15m", "MHS av"), average)
    row["Total MH"] = average * now.elapsed_s
    return recording.reply(now.when, [row])


def devs(_rig: Rig, now: Snapshot) -> Reply:
    """Answer `devs`: the whole miner is one device."""
    recording = load(FOLDER, "devs")
    average = round(now.average_ths * 1e6, 2)
    row = {**recording.rows[0], "Accepted": now.accepted, "Rejected": now.rejected}
    row |= {"Device Elapsed": now.elapsed_s, "MHS 5s": round(now.hashrate_ths * 1e6, 2)}
    row |= dict.fromkeys(("MHS 1m", "MHS 5m", "MHS 15m", "MHS av"), average)
    row["Last Valid Work"] = now.when - 1
    return recording.reply(now.when, [row])


def pools(rig: Rig, now: Snapshot) -> Reply:
    """Answer `pools`."""
    recording = load(FOLDER, "pools")
    row = {**recording.rows[0], "Accepted": now.accepted, "Rejected": now.rejected}
    return recording.reply(now.when, [row | {"User": rig.identity.worker}])


def version_1246(rig: Rig, now: Snapshot) -> Reply:
    """Answer `version` of a 1246."""
    row: Row = {
        "CGMiner": "4.11.1",
        "API": "3.7",
        "STM8": "20.08.01",
        "PROD": rig.model.name,
        "MODEL": "1246-83",
        "HWTYPE": "MM3v2_X3",
        "SWTYPE": "MM315",
        "VERSION": VERSION_1246,
        "LOADER": "d0d779de.00",
        "DNA": rig.identity.serial.lower(),
        "MAC": rig.identity.mac.replace(":", "").lower(),
        "UPAPI": "2",
    }
    return composed(22, "CGMiner versions", DESCRIPTION, "VERSION", [row]).reply(now.when)


def version_q(rig: Rig, now: Snapshot) -> Reply:
    """Answer `version` of a Q."""
    recording = load(FOLDER, "version")
    row = {**recording.rows[0], "MAC": rig.identity.mac, "DNA": rig.identity.serial.lower()}
    return recording.reply(now.when, [row])


def stats_1246(rig: Rig, now: Snapshot) -> Reply:
    """Answer `stats` of a 1246."""
    return _fill("avalon_a_stats", "MM ID0", rig, now)


def stats_q(rig: Rig, now: Snapshot) -> Reply:
    """Answer `stats` of a Q, chips and all."""
    return _fill("stats", "MM ID0:Summary", rig, now)


def litestats_q(rig: Rig, now: Snapshot) -> Reply:
    """Answer `litestats` of a Q."""
    return _fill("litestats", "MM ID0:Summary", rig, now)


def _fill(command: str, key: str, rig: Rig, now: Snapshot) -> Reply:
    recording = load(FOLDER, command)
    first = {**recording.rows[0], key: _bracketed(command, key, _words(rig, now))}
    if "Elapsed" in first:
        first["Elapsed"] = now.elapsed_s
    return recording.reply(now.when, [first, *recording.rows[1:]])


def _words(rig: Rig, now: Snapshot) -> dict[str, str]:
    alive = [board for board in now.boards if board.is_alive]
    hottest = max((board.chip_max_c for board in alive), default=0.0)
    average = sum(board.chip_avg_c for board in alive) / max(len(alive), 1)
    work = "In Idle" if now.mode == "sleep" else "In Work"
    mean_ghs = now.average_ths * 1e3
    return {
        "DNA": rig.identity.serial.lower(),
        "SYSTEMSTATU": f"Work: {work}, Hash Board: {len(alive)} ",
        "Elapsed": str(now.elapsed_s),
        "Temp": f"{now.inlet_c:.0f}",
        "ITemp": f"{now.inlet_c:.0f}",
        "HBITemp": f"{now.inlet_c + 4:.0f}",
        "HBOTemp": f"{max((board.board_temp_c for board in alive), default=0.0):.0f}",
        "TMax": f"{hottest:.0f}",
        "TAvg": f"{average:.0f}",
        **{f"Fan{number}": str(rpm) for number, rpm in enumerate(now.fans_rpm, start=1)},
        "FanR": f"{now.fan_percent}%",
        "PS": f"0 1214 1316 242 {now.power_w * PSU_RATIO:.0f} 1320 {now.power_w:.0f}",
        "GHSspd": f"{now.hashrate_ths * 1e3:.2f}",
        "GHSmm": f"{rig.model.hashrate_ths * 1e3:.2f}",
        "GHSavg": f"{mean_ghs:.2f}",
        "MGHS": " ".join(f"{board.average_ths * 1e3:.2f}" for board in now.boards),
        "MTmax": " ".join(f"{b.chip_max_c if b.is_alive else 0:.0f}" for b in now.boards),
        "MTavg": " ".join(f"{b.chip_avg_c if b.is_alive else 0:.0f}" for b in now.boards),
        "TA": str(sum(board.chips for board in now.boards)),
        "STATE": "1",
        "SoftOFF": "1" if now.mode == "sleep" else "0",
        "WORKMODE": avalon_orders.mode(rig),
        "Led": str(rig.kept.get("led", "0")),
        "MPO": f"{rig.model.power_w:.0f}",
        **{
            f"MW{number}": " ".join("0" * rig.model.chips_per_board)
            for number, board in enumerate(now.boards)
            if not board.is_alive
        },
    }


def _bracketed(command: str, key: str, words: dict[str, str]) -> str:
    return "".join(
        f"{name}[{words.get(name, value)}]" if name else value
        for name, value in _pieces(command, key)
    )


@functools.cache
def _pieces(command: str, key: str) -> tuple[tuple[str, str], ...]:
    text = load(FOLDER, command).rows[0][key]
    if not isinstance(text, str):
        raise TypeError(f"{command}: {key} of the recording is no text")
    return tuple(_split(text))


def _split(text: str) -> Iterator[tuple[str, str]]:
    end = 0
    for match in _FIELD.finditer(text):
        yield "", text[end : match.start()]
        yield match[1], match[2]
        end = match.end()
    yield "", text[end:]


_COMMON: dict[str, Callable[[Rig, Snapshot], Reply]] = {
    "summary": summary,
    "devs": devs,
    "pools": pools,
    "config": unchanged(FOLDER, "config"),
    "coin": unchanged(FOLDER, "coin"),
    "devdetails": unchanged(FOLDER, "devdetails"),
}
VENDOR_1246 = Vendor(
    commands={**_COMMON, "version": version_1246, "stats": stats_1246},
    joins=True,
    description=DESCRIPTION,
    refuse=refuse,
    obey=avalon_orders.obey,
    writes=avalon_orders.WRITES,
    reads=avalon_orders.READS,
)
VENDOR_Q = Vendor(
    commands={**_COMMON, "version": version_q, "stats": stats_q, "litestats": litestats_q},
    joins=True,
    description=DESCRIPTION,
    refuse=refuse,
    obey=avalon_orders.obey,
    writes=avalon_orders.WRITES,
    reads=avalon_orders.READS,
)
