"""A BitAxe with AxeOS: one page with everything, and PATCHes that name what is to change.

The older firmware of the recording has no pause; the newer one has, and says so.
"""

from typing import cast

import msgspec

from lode_sim.rig import Rig
from lode_sim.vendors import flash
from lode_sim.vendors.recorded import Page, Request, Row, Vendor, load_flat, refuse
from lode_sim.writes import WriteFault

FOLDER = "bitaxe/v2_0_0"
_SECRET = ("stratumPassword", "fallbackStratumPassword")


def settings(rig: Rig) -> Row:
    """Give what the rig keeps, in the words of its page."""
    told = load_flat(FOLDER, "system_info")
    names = ("frequency", "coreVoltage", "autofanspeed", "fanspeed", "hostname", "overheat_mode")
    pools = [name for name in told if "tratum" in name]
    first = {name: told[name] for name in (*names, *pools)} | {"stratumPassword": "x"}
    return cast("Row", rig.kept.setdefault("settings", first))


def _info(rig: Rig, can_pause: bool) -> Row:
    now = rig.snapshot()
    kept = settings(rig)
    chip_c = now.boards[0].chip_max_c
    told = {
        **load_flat(FOLDER, "system_info"),
        **{name: value for name, value in kept.items() if name not in _SECRET},
        "fanrpm": now.fans_rpm[0],
        "hashRate": now.hashrate_ths * 1e3,
        "macAddr": rig.identity.mac,
        "power": now.power_w,
        "sharesAccepted": now.accepted,
        "sharesRejected": now.rejected,
        "temp": round(chip_c, 2),
        "uptimeSeconds": now.elapsed_s,
        "vrTemp": round(chip_c + 8.0),
    }
    newer = {"miningPaused": now.mode == "sleep", "version": "v2.14.0"}
    shown = told | newer if can_pause else told
    return shown | {"version": flash.version(rig, str(shown["version"]))}


def _web(can_pause: bool):  # type: ignore[no-untyped-def]
    def web(rig: Rig, request: Request) -> Page:
        """Serve the page, or carry out an order."""
        if request.method == "GET":
            shown = request.path == "/api/system/info"
            return Page(200, _info(rig, can_pause)) if shown else Page(404)
        if request.path == "/api/system/OTA":
            if flash.install(rig, "bitaxe", request.body):
                return Page(200, b"Firmware update complete, rebooting now!\n")
            return Page(500, b"Validation / Activation Error")
        if WriteFault.REFUSED in rig.writes or WriteFault.TAKEN in rig.writes:
            return Page(400, {"error": "refused"})
        if request.method == "PATCH":
            named = cast("Row", msgspec.json.decode(request.body))
            rig.writes.do(lambda: _patch(rig, named))
            return Page(200, {})
        return _post(rig, request.path.removeprefix("/api/system/"), can_pause)

    return web


def _patch(rig: Rig, named: Row) -> None:
    kept = settings(rig)
    kept |= named
    fixed = cast("int", kept["fanspeed"]) if kept["autofanspeed"] == 0 else None
    rig.fix_fans(fixed)


def _post(rig: Rig, action: str, can_pause: bool) -> Page:
    if action == "restart":
        rig.writes.do(rig.reboot)
    elif action in {"pause", "resume"} and can_pause:
        rig.writes.do(lambda: rig.set_mode("sleep" if action == "pause" else "normal"))
    else:
        return Page(404)
    return Page(200, {})


def _vendor(can_pause: bool) -> Vendor:
    return Vendor(
        commands={},
        joins=False,
        description="AxeOS",
        refuse=refuse,
        web=_web(can_pause),
        api=False,
    )


VENDOR, OLD_VENDOR = _vendor(True), _vendor(False)
