"""Braiins OS at its web port: the REST API of 26.04, and the GraphQL of firmware before it."""

import re
import secrets
from collections.abc import Callable
from typing import cast

import msgspec

from lode_sim.rig import Board, Rig, Snapshot
from lode_sim.vendors.recorded import Page, Request, Row, load_flat
from lode_sim.writes import WriteFault

FOLDER = "braiins/v26_04"
PASSWORD = "root"
MIN_W, MAX_W = 900, 4000
NORMAL, PAUSED = 2, 3
_PREFIX = "/api/v1"
_QUERY = re.compile(r"(?:query|mutation) ?(\w*)")
_TOLD = re.compile(r"\b(stop|start|restart|reboot|setFaultLight|updateAutotuning|updateGroups)\b")


def settings(rig: Rig) -> Row:
    """Give what the rig keeps."""
    first: Row = {"power_target": 3500, "locate": False, "odd": "kept"}
    pool = {"url": "stratum+tcp://pool.example.com:3333", "user": rig.identity.worker}
    first["groups"] = [{"name": "Default", "pools": [pool]}]
    return cast("Row", rig.kept.setdefault("settings", first))


def rest(rig: Rig, request: Request) -> Page:
    """Serve a page of the REST API, or carry out an order."""
    path = request.path.removeprefix(_PREFIX)
    if path == "/version":
        return Page(200, load_flat(FOLDER, "version"))
    if path == "/auth/login":
        return _log_in(rig, cast("Row", msgspec.json.decode(request.body)))
    if WriteFault.LOST in rig.writes and request.method != "GET":
        rig.kept.pop("token", None)
    if not rig.kept.get("token") or request.headers.get("authorization") != rig.kept["token"]:
        return Page(401, {"error": "unauthorized"})
    if request.method == "GET":
        answer = _PAGES.get(path)
        return Page(200, answer(rig, rig.snapshot())) if answer else Page(404)
    if WriteFault.REFUSED in rig.writes or WriteFault.TAKEN in rig.writes:
        return Page(412)
    body = msgspec.json.decode(request.body) if request.body else None
    return _put(rig, path, body)


def _log_in(rig: Rig, known: Row) -> Page:
    if known.get("password") != PASSWORD or WriteFault.CLOSED in rig.writes:
        return Page(401, {"error": "unauthorized"})
    rig.kept["token"] = rig.kept.get("token") or secrets.token_hex(8)
    return Page(200, {"token": rig.kept["token"], "timeout_s": 3600})


def _put(rig: Rig, path: str, body: object) -> Page:
    kept = settings(rig)
    if path == "/performance/power-target":
        watts = cast("dict[str, int]", body)["watt"]
        if not MIN_W <= watts <= MAX_W:
            return Page(400)
        rig.writes.do(lambda: _target(rig, watts))
        return Page(200, body)
    if path == "/actions/locate":
        rig.writes.do(lambda: kept.update({"locate": body}))
        return Page(200, body)
    if path == "/pools/batch":
        rig.writes.do(lambda: kept.update({"groups": body}))
        return Page(200, body)
    action = _ACTIONS.get(path)
    if action is None:
        return Page(404)
    rig.writes.do(lambda: action(rig))
    return Page(204) if path.endswith("reboot") else Page(200, False)


def _target(rig: Rig, watts: int) -> None:
    """Follow a power target, without a restart."""
    settings(rig)["power_target"] = watts
    rig.limit_power(float(watts))


_ACTIONS: dict[str, Callable[[Rig], None]] = {
    "/actions/pause": lambda rig: rig.set_mode("sleep"),
    "/actions/resume": lambda rig: rig.set_mode("normal"),
    "/actions/start": lambda rig: rig.set_mode("normal"),
    "/actions/restart": lambda rig: rig.restart_mining(),
    "/actions/reboot": lambda rig: rig.reboot(),
}


def _details(rig: Rig, now: Snapshot) -> object:
    status = PAUSED if now.mode == "sleep" else NORMAL
    told = {"status": status, "system_uptime_s": now.elapsed_s, "mac_address": rig.identity.mac}
    return {**load_flat(FOLDER, "miner_details"), **told, "serial_number": rig.identity.serial}


def _stats(_rig: Rig, now: Snapshot) -> object:
    told = cast("dict[str, Row]", load_flat(FOLDER, "miner_stats"))
    shares = {"accepted_shares": now.accepted, "rejected_shares": now.rejected}
    return {
        "miner_stats": {**told["miner_stats"], "real_hashrate": _rates(now.hashrate_ths)},
        "pool_stats": {**told["pool_stats"], **shares},
        "power_stats": {"approximated_consumption": {"watt": round(now.power_w)}},
    }


def _hashboards(_rig: Rig, now: Snapshot) -> object:
    told = cast("dict[str, list[Row]]", load_flat(FOLDER, "miner_hw_hashboards"))["hashboards"]
    pairs = zip(told, now.boards, strict=True)
    return {"hashboards": [_hashboard(row, board) for row, board in pairs]}


def _hashboard(row: Row, board: Board) -> Row:
    return {
        **row,
        "board_temp": {"degree_c": board.board_temp_c},
        "chips_count": board.chips,
        "highest_chip_temp": {"id": 1, "temperature": {"degree_c": board.chip_max_c}},
        "stats": {**cast("Row", row["stats"]), "real_hashrate": _rates(board.hashrate_ths)},
    }


def _rates(ths: float) -> Row:
    return {name: {"gigahash_per_second": ths * 1e3} for name in ("last_5s", "last_1m")}


def _cooling(_rig: Rig, now: Snapshot) -> object:
    return {"fans": [{"position": n, "rpm": rpm} for n, rpm in enumerate(now.fans_rpm)]}


def _configuration(rig: Rig, _now: Snapshot) -> object:
    target = {"watt": settings(rig)["power_target"]}
    tuner = {"enabled": True, "hashrate_target": None, "power_target": target, "tuner_mode": 1}
    return {"pool_groups": [], "tuner": tuner}


def _constraints(_rig: Rig, _now: Snapshot) -> object:
    limits = {"default": {"watt": 3500}, "min": {"watt": MIN_W}, "max": {"watt": MAX_W}}
    return {"tuner_constraints": {"default_mode": 1, "power_target": limits}}


def _pools(rig: Rig, _now: Snapshot) -> object:
    return settings(rig)["groups"]


_PAGES: dict[str, Callable[[Rig, Snapshot], object]] = {
    "/miner/details": _details,
    "/miner/stats": _stats,
    "/miner/hw/hashboards": _hashboards,
    "/cooling/state": _cooling,
    "/configuration/miner": _configuration,
    "/configuration/constraints": _constraints,
    "/actions/locate": lambda rig, _now: settings(rig)["locate"],
    "/pools": _pools,
}


def graphql(rig: Rig, request: Request) -> Page:
    """Answer a query, or carry out a mutation; the mining program may be stopped."""
    if request.path != "/graphql":
        return Page(404)
    asked = cast("Row", msgspec.json.decode(request.body))
    query, variables = str(asked["query"]), cast("Row", asked.get("variables") or {})
    match = _QUERY.match(query)
    name = match.group(1) if match else ""
    if name == "Login":
        return _graphql_login(rig, variables)
    if WriteFault.LOST in rig.writes and query.startswith("mutation"):
        rig.kept.pop("cookie", None)
    cookie = f"session_id={rig.kept.get('cookie')}"
    if not rig.kept.get("cookie") or request.headers.get("cookie") != cookie:
        return Page(200, {"data": None, "errors": [{"message": "Unauthorized"}]})
    if query.startswith("mutation"):
        return _mutate(rig, query, variables)
    return Page(200, _queried(rig, name, rig.snapshot()))


def _graphql_login(rig: Rig, known: Row) -> Page:
    if known.get("password") != "" or WriteFault.CLOSED in rig.writes:
        return Page(200, {"data": {"auth": {"login": {"message": "Invalid credentials"}}}})
    rig.kept["cookie"] = rig.kept.get("cookie") or secrets.token_hex(8)
    cookie = ("Set-Cookie", f"session_id={rig.kept['cookie']}; HttpOnly; Path=/")
    return Page(200, {"data": {"auth": {"login": {"void": "void"}}}}, (cookie,))


def _mutate(rig: Rig, query: str, variables: Row) -> Page:
    found = _TOLD.search(query)
    what = found.group(1) if found else ""
    place = "bos" if what in {"reboot", "setFaultLight"} else "bosminer"
    if WriteFault.REFUSED in rig.writes or WriteFault.TAKEN in rig.writes:
        return Page(200, {"data": {place: {what: {"message": "refused"}}}})
    rig.writes.do(lambda: _do(rig, what, variables))
    return Page(200, {"data": {place: {what: {"void": "void"}}}})


def _do(rig: Rig, what: str, variables: Row) -> None:
    kept = settings(rig)
    if what in {"stop", "start"}:
        rig.set_mode("sleep" if what == "stop" else "normal")
    elif what == "setFaultLight":
        kept["locate"] = variables["on"]
    elif what == "updateAutotuning":
        _target(rig, cast("int", variables["watts"]))
    elif what == "updateGroups":
        kept["groups"] = variables["groups"]
    elif what == "reboot":
        rig.reboot()
    else:
        rig.restart_mining()


def _queried(rig: Rig, name: str, now: Snapshot) -> Row:
    if name in _ALWAYS:
        return {"data": _ALWAYS[name](rig, now)}
    if name == "Mac":
        return {"data": None, "errors": [{"message": 'Unknown field "macAddress" on type "Bos"'}]}
    if now.mode == "sleep":
        return {"data": None, "errors": [{"message": "BOSminer is not running"}]}
    return {"data": {"bos": _bos(rig, now), "bosminer": {"info": _INFO[name](rig, now)}}}


def _bos(rig: Rig, now: Snapshot) -> Row:
    return {
        "faultLight": settings(rig)["locate"],
        "hostname": rig.name,
        "info": {"version": {"full": "2022-09-13-0-11012d53-22.08-plus"}},
        "uptime": {"durationS": now.elapsed_s},
    }


def _uptime(rig: Rig, now: Snapshot) -> Row:
    running = {"durationS": now.elapsed_s} if now.mode != "sleep" else None
    return {"bos": _bos(rig, now), "bosminer": {"uptime": running}}


def _tuning(rig: Rig, _now: Snapshot) -> Row:
    tuning = {"mode": "POWER_TARGET", "powerTarget": settings(rig)["power_target"]}
    return {"bosminer": {"config": {"autotuning": tuning}}}


def _limits(_rig: Rig, _now: Snapshot) -> Row:
    limits = {"powerTarget": {"min": MIN_W, "max": MAX_W}}
    return {"bosminer": {"metadata": {"autotuning": limits}}}


def _system(_rig: Rig, now: Snapshot) -> Row:
    return {
        "fans": [{"name": str(n), "rpm": rpm} for n, rpm in enumerate(now.fans_rpm)],
        "summary": {"power": {"approxConsumptionW": round(now.power_w)}},
        "workSolver": {"nominalMhs": 1e8, "realHashrate": {"mhs5S": now.hashrate_ths * 1e6}},
    }


def _solvers(_rig: Rig, now: Snapshot) -> Row:
    rows = [
        {
            "hwDetails": {"chips": board.chips},
            "name": str(n),
            "realHashrate": {"mhs5S": board.hashrate_ths * 1e6},
            "temperatures": [
                {"name": "Board", "degreesC": board.board_temp_c},
                {"name": "Chip", "degreesC": board.chip_max_c},
            ],
        }
        for n, board in enumerate(now.boards)
    ]
    return {"workSolver": {"childSolvers": rows}}


def _groups(rig: Rig, _now: Snapshot) -> Row:
    groups = cast("list[dict[str, list[Row]]]", settings(rig)["groups"])
    told = [
        {"name": group["name"], "pools": [{**pool, "status": "ALIVE"} for pool in group["pools"]]}
        for group in groups
    ]
    return {"poolGroups": told}


_ALWAYS: dict[str, Callable[[Rig, Snapshot], Row]] = {
    "Uptime": _uptime,
    "Light": lambda rig, now: {"bos": _bos(rig, now)},
    "Tuning": _tuning,
    "Limits": _limits,
}
_INFO: dict[str, Callable[[Rig, Snapshot], Row]] = {
    "System": _system,
    "Boards": _solvers,
    "Pools": _groups,
    "Model": lambda rig, _now: {"modelName": rig.model.name},
}
