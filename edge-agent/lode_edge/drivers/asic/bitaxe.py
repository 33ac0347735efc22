"""BitAxe and its kin (AxeOS): one page, `/api/system/info`, in GH/s; no login."""

from lode_edge.drivers.asic.bitaxe_hands import BitaxeHands
from lode_edge.drivers.asic.details import Details, Pool
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.reply import Replies, Row, number, text

INFO = "/api/system/info"
_HOT = "overheat_mode"  # it has stopped by itself
_MODELS = {"BM1397": "Max", "BM1366": "Ultra", "BM1368": "Supra", "BM1370": "Gamma"}


def read(replies: Replies) -> Figures:
    """Understand the answer to `info`; a second fan that reads 0 is not there."""
    info = replies.by_command.get(INFO, {})
    rate = _ths(info, "hashRate")
    fans = [number(info, "fanrpm"), number(info, "fan2rpm") or None]
    board = Board(
        temp_c=number(info, "vrTemp") or None,
        chip_temp_c=_chip_temp_c(info),
        hashrate_ths=rate,
        chips=number(info, "asicCount"),
    )
    return Figures(
        hashrate_ths=rate,
        power_w=number(info, "power"),
        boards=[board] if info else [],
        fans_rpm=[rpm for rpm in fans if rpm is not None],
        accepted=number(info, "sharesAccepted"),
        rejected=number(info, "sharesRejected"),
        uptime_s=number(info, "uptimeSeconds"),
        ideal_ths=_ths(info, "expectedHashrate") or None,
        is_asleep=info.get("miningPaused") is True and not number(info, _HOT),
    )


def _chip_temp_c(info: Row) -> float | None:
    """Give the hotter of its sensors; one that is not there reads -1."""
    temps = (number(info, key) for key in ("temp", "temp2"))
    return max((temp for temp in temps if temp is not None and temp > 0), default=None)


def _ths(info: Row, key: str) -> float | None:
    rate = number(info, key)
    return None if rate is None else rate / 1e3


def _details(replies: Replies) -> Details:
    info = replies.by_command.get(INFO, {})
    if not info:
        return Details()
    accepted, rejected = number(info, "sharesAccepted"), number(info, "sharesRejected")
    errors = ["overheat"] if number(info, _HOT) else []
    return Details(pools=[Pool(accepted=accepted, rejected=rejected)], errors=errors)


def _describe(replies: Replies) -> Identity:
    info = replies.by_command.get(INFO, {})
    firmware = text(info, "version", "axeOSVersion")
    model = text(info, "deviceModel") or _MODELS.get(text(info, "ASICModel"), "")
    return Identity(
        vendor="Bitaxe",
        model=f"Bitaxe {model}".strip() if "axe" not in model.lower() else model,
        firmware=f"AxeOS {firmware}" if firmware else "",
        mac=text(info, "macAddr"),
    )


FAMILY = Family(
    name="bitaxe",
    fast=(INFO,),
    about=(INFO,),
    slow=(INFO,),
    recognises=lambda answer: "ASICModel" in answer,
    read=read,
    describe=_describe,
    details=_details,
    hands=BitaxeHands,
)
