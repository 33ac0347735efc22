"""The web pages of Bitmain's firmware: one file of settings, kept exactly as it was last sent.

What is not sent back is lost, as on the rig; a write restarts the mining program.
"""

import msgspec

from lode_sim.digest import Digest
from lode_sim.rig import Rig, Snapshot
from lode_sim.vendors import flash
from lode_sim.vendors.recorded import Page, Request, Row, load_flat
from lode_sim.writes import WriteFault

REALM = "antMiner Configuration"
MODES = {"0": "normal", "1": "sleep", "3": "low"}
_POOL_SLOTS = 3
# What the page of settings tells under another name than it is told.
_TOLD_AS = {"bitmain-work-mode": "miner-mode", "bitmain-freq-level": "freq-level"}

Conf = dict[str, msgspec.Raw]


def page(rig: Rig, request: Request) -> Page:
    """Answer a request."""
    if refusal := _login(rig).refusal(request):
        return refusal
    name = request.path.removeprefix("/cgi-bin/").removesuffix(".cgi")
    match request.method, name:
        case "POST", "set_miner_conf" | "blink" | "reboot":
            return _told(rig, name, request)
        case "POST", "upgrade":
            return _upgraded(rig, request)
        case "GET", "stats" | "summary" | "pools":
            return _shown(rig, name)
        case "GET", "get_system_info" | "get_miner_conf" | "get_blink_status":
            return Page(200, _own(rig, name))
    return Page(404, b"404 - Not Found")


def _own(rig: Rig, name: str) -> object:
    if name == "get_miner_conf":
        return conf(rig)
    if name == "get_blink_status":
        return {"blink": rig.kept.get("blink", False)}
    own = {"macaddr": rig.identity.mac, "serinum": rig.identity.serial}
    own |= {"hostname": rig.name, "minertype": rig.model.name}
    told = load_flat("antminer/v2020", "system_info")
    own["system_filesystem_version"] = flash.version(rig, str(told["system_filesystem_version"]))
    return {**told, **own}


def _upgraded(rig: Rig, request: Request) -> Page:
    """Take all after the first part's head for the image, but for the form's end."""
    edge, _, rest = request.body.partition(b"\r\n")
    image = rest.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n" + edge + b"--\r\n")
    if flash.install(rig, "antminer", image):
        return Page(200, {"stats": "success", "code": "U000", "msg": "OK!"})
    return Page(200, {"stats": "error", "code": "U001", "msg": "Invalid file!"})


def _shown(rig: Rig, name: str) -> Page:
    """Show what the mining program tells the pages; nothing while it restarts."""
    if rig.is_away:
        return Page(500, b"socket connect failed")
    now = rig.snapshot()
    about = {"STATUS": {"STATUS": "S", "when": now.when, "Msg": name, "api_version": "1.0.0"}}
    about["INFO"] = {"miner_version": "uart_trans.1.3", "type": rig.model.name}
    rows = {"stats": _stats, "summary": _verdicts, "pools": _pools}[name](rig, now)
    return Page(200, {**about, name.upper(): rows})


def _stats(rig: Rig, now: Snapshot) -> list[Row]:
    mode = int(bytes(conf(rig)["bitmain-work-mode"]).strip(b'"'))
    chains = [
        {
            "index": number,
            "rate_ideal": rig.model.hashrate_ths * 1e3 / rig.model.boards,
            "rate_real": round(board.hashrate_ths * 1e3, 2),
            "asic_num": board.chips,
            "temp_pcb": [round(board.board_temp_c - 12), round(board.board_temp_c)],
            "temp_chip": [round(board.chip_min_c), round(board.chip_max_c)],
            "sn": f"SN{number}",
        }
        for number, board in enumerate(now.boards)
    ]
    return [
        {
            "elapsed": now.elapsed_s,
            "rate_5s": round(now.hashrate_ths * 1e3, 2),
            "rate_30m": round(now.average_ths * 1e3, 2),
            "rate_ideal": rig.model.hashrate_ths * 1e3,
            "rate_unit": "GH/s",
            "chain_num": len(chains),
            "fan_num": len(now.fans_rpm),
            "fan": list(now.fans_rpm),
            "miner-mode": mode,
            "chain": chains,
        }
    ]


def _verdicts(_rig: Rig, now: Snapshot) -> list[Row]:
    fans = "s" if all(now.fans_rpm) else "e"
    states = {"rate": "s", "network": "s", "fans": fans, "temp": "s"}
    return [{"status": [{"type": t, "status": s, "code": 0} for t, s in states.items()]}]


def _pools(rig: Rig, now: Snapshot) -> list[Row]:
    kept = msgspec.json.decode(conf(rig)["pools"], type=list[Row])
    shown: list[Row] = [
        {"index": n, "url": pool["url"], "user": pool["user"], "status": "Alive"}
        | {"accepted": 0, "rejected": 0}
        for n, pool in enumerate(kept)
    ]
    shown[0] |= {"accepted": now.accepted, "rejected": now.rejected}
    return shown


def conf(rig: Rig) -> Conf:
    """Give the rig's file of settings, each value as it was sent."""
    if "conf" not in rig.kept:
        rig.kept["conf"] = _factory(rig)
    kept = rig.kept["conf"]
    assert isinstance(kept, dict)
    return kept


def _told(rig: Rig, name: str, request: Request) -> Page:
    if WriteFault.REFUSED in rig.writes:
        return Page(200, {"stats": "error", "code": "M002", "msg": "Rejected!"})
    if name == "reboot":
        rig.writes.do(rig.reboot)
        return Page(200)
    try:
        told = msgspec.json.decode(request.body, type=Conf)
    except msgspec.DecodeError:
        return Page(200, {"stats": "error", "code": "M001", "msg": "Illegal request!"})
    if name == "blink":
        is_on = msgspec.json.decode(told["blink"]) == "true"
        rig.writes.do(lambda: rig.kept.update(blink=is_on))
        return Page(200, {"code": "B000" if is_on else "B100"})
    rig.writes.do(lambda: _keep(rig, told))
    return Page(200, {"stats": "success", "code": "M000", "msg": "OK!"})


def _keep(rig: Rig, told: Conf) -> None:
    before = conf(rig)
    after = {key: told.get(_TOLD_AS.get(key, key), msgspec.Raw(b'""')) for key in before}
    if "miner-mode" in told:  # told as a number, kept as a text
        after["bitmain-work-mode"] = msgspec.Raw(b'"%s"' % bytes(told["miner-mode"]).strip(b'"'))
    slots = msgspec.json.decode(before["pools"], type=list[msgspec.Raw])
    sent = msgspec.json.decode(told.get("pools", msgspec.Raw(b"[]")), type=list[msgspec.Raw])
    pools = [*sent[:_POOL_SLOTS], *slots[len(sent) :]]
    after["pools"] = msgspec.Raw(b"[%s]" % b",".join(map(bytes, pools)))
    rig.kept["conf"] = after
    rig.set_mode(MODES.get(bytes(after["bitmain-work-mode"]).strip(b'"').decode(), "normal"))
    is_fixed = bytes(after["bitmain-fan-ctrl"]) == b"true"
    speed = bytes(after["bitmain-fan-pwm"]).strip(b'"')
    rig.fix_fans(int(speed) if is_fixed and speed.isdigit() else None)
    rig.restart_mining()


def _login(rig: Rig) -> Digest:
    digest = rig.kept.setdefault("login", Digest(REALM, "root", "root"))
    assert isinstance(digest, Digest)
    return digest


def _factory(rig: Rig) -> Conf:
    """Make settings as a rig in the field has them, and two that nobody knows."""
    own = {"user": rig.identity.worker, "pass": "123"}
    pools = [{"url": f"stratum+tcp://p{n}.pool.example:3333", **own} for n in range(1, 4)]
    values: dict[str, object] = {
        "pools": pools,
        "api-listen": True,
        "api-network": True,
        "api-groups": "A:stats:pools:devs:summary:version",
        "api-allow": "A:0/0,W:*",
        "bitmain-fan-ctrl": False,
        "bitmain-fan-pwm": "100",
        "bitmain-use-vil": True,
        "bitmain-freq": "675",
        "bitmain-voltage": "1400",
        "bitmain-ccdelay": "0",
        "bitmain-pwth": "0",
        "bitmain-work-mode": "0",
        "bitmain-freq-level": "100",
    }
    kept = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in values.items()}
    kept["x-curve"] = msgspec.Raw(b'[1.10, 2e3, {"n": 12345678901234567890}]')
    kept["x-note"] = msgspec.Raw(rb'"\u00e9t\u00e9 \/ 1"')
    return kept
