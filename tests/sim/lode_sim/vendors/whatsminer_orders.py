"""What a WhatsMiner of API version 2 is told on port 4028: in AES, with a token of half an hour.

get_token ─► salts ─► {"enc":1,"data":...} ─► token good? ─► done, then answered in AES too
"""

import base64
import hashlib
import secrets
from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from lode_edge.drivers.asic.whatsminer_cipher import md5_crypt  # proved against openssl's
from lode_sim.rig import Rig, Snapshot
from lode_sim.vendors.recorded import Reply, Row
from lode_sim.writes import WriteFault

PASSWORD = "admin"
LAST_WITH_WRITES = "202411"
TOKENS = 32
TOKEN_S = 1800
WRITES = frozenset({"enc"})
Doing = Callable[[Rig, Row], None]
_DONE, _ERROR, _TOKEN, _BAD_TOKEN, _TOO_MANY = 131, 132, 134, 135, 136


def obey(rig: Rig, order: Row, now: Snapshot) -> Reply | None:
    """Give a token, or carry out an encrypted order."""
    command = order.get("command", order.get("cmd"))
    if command != "get_token" and "enc" not in order:
        return None
    if WriteFault.CLOSED in rig.writes:
        return _says(45, "can't access write cmd", now, status="E")
    if WriteFault.TAKEN in rig.writes:
        return _says(_TOO_MANY, "over max connect", now, status="E")
    if command == "get_token":
        return _give_token(rig, now)
    return _decrypted(rig, str(order.get("data")), now)


def settings(rig: Rig) -> Row:
    """Give what the rig keeps; `odd` stands for all that nobody may lose."""
    first: Row = {"power_mode": "normal", "power_limit_set": round(rig.model.power_w * 1.1)}
    first |= {"ledstat": "auto", "odd": "kept", "fw_ver": "20230803.11.REL"}
    kept = rig.kept.setdefault("settings", first)
    assert isinstance(kept, dict)
    return kept


def _give_token(rig: Rig, now: Snapshot) -> Reply:
    tokens = [t for t in _tokens(rig) if t[1] > now.when]
    rig.kept["tokens"] = tokens
    if len(tokens) >= TOKENS:
        return _says(_TOO_MANY, "over max connect", now, status="E")
    salt, newsalt = secrets.token_hex(4), secrets.token_hex(4)
    rig.kept.setdefault("salt", salt)  # that of its password stays as it is
    time = str(now.when)[-4:]
    hashed = md5_crypt(PASSWORD, str(rig.kept["salt"]))
    tokens.append((md5_crypt(hashed + time, newsalt), now.when + TOKEN_S))
    told = {"time": time, "salt": rig.kept["salt"], "newsalt": newsalt}
    return _says(_TOKEN, told, now)


def _tokens(rig: Rig) -> list[tuple[str, int]]:
    kept = rig.kept.setdefault("tokens", [])
    assert isinstance(kept, list)
    return kept


def _decrypted(rig: Rig, data: str, now: Snapshot) -> Reply:
    if WriteFault.LOST in rig.writes:
        rig.kept["tokens"] = []
    key = hashlib.sha256(md5_crypt(PASSWORD, str(rig.kept.get("salt", ""))).encode()).digest()
    cipher = Cipher(algorithms.AES(key), modes.ECB())
    try:
        opened = cipher.decryptor().update(base64.b64decode(data)).rstrip(b"\x00")
        order = msgspec.json.decode(opened, type=dict[str, object])
    except (ValueError, msgspec.DecodeError):
        return _says(23, "enc json load err", now, status="E")
    known = {sign for sign, ends in _tokens(rig) if ends > now.when}
    if order.get("token") not in known:
        return _says(_BAD_TOKEN, "check token err", now, status="E")
    answer = _carried_out(rig, order, now)
    plain = msgspec.json.encode(answer)
    padded = plain + bytes(-len(plain) % 16)
    return {"enc": base64.b64encode(cipher.encryptor().update(padded)).decode()}


def _carried_out(rig: Rig, order: Row, now: Snapshot) -> Reply:
    if settings(rig)["fw_ver"] >= LAST_WITH_WRITES + "99":  # type: ignore[operator]
        return _says(14, "invalid cmd", now, status="E")
    refused = {WriteFault.REFUSED, WriteFault.BROKEN_WRITE} & rig.writes.faults
    command = str(order.get("cmd", order.get("command")))
    if refused or command not in _DOES:
        return _says(_ERROR, "command error", now, status="E")
    rig.writes.do(lambda: _DOES[command](rig, order))
    return _says(_DONE, "API command OK", now)


def _power_on(rig: Rig, _order: Row) -> None:
    rig.set_mode(str(settings(rig)["power_mode"]))


def _power_mode(mode: str) -> Doing:
    def do(rig: Rig, _order: Row) -> None:
        settings(rig)["power_mode"] = mode
        if rig.mode != "sleep":
            rig.set_mode(mode)
        rig.restart_mining()

    return do


def _power_limit(rig: Rig, order: Row) -> None:
    settings(rig)["power_limit_set"] = int(str(order["power_limit"]))
    rig.limit_power(float(str(order["power_limit"])))
    rig.restart_mining()


def _light(rig: Rig, order: Row) -> None:
    settings(rig)["ledstat"] = "auto" if order.get("param") == "auto" else "manual"


def _pools(rig: Rig, order: Row) -> None:
    named = [n for n in (1, 2, 3) if order.get(f"pool{n}")]
    rig.kept["pools"] = [
        {"url": order[f"pool{n}"], "user": order[f"worker{n}"], "pass": order[f"passwd{n}"]}
        for n in named
    ]
    rig.restart_mining()


_DOES: dict[str, Doing] = {
    "power_off": lambda rig, _order: rig.set_mode("sleep"),
    "power_on": _power_on,
    "set_low_power": _power_mode("low"),
    "set_normal_power": _power_mode("normal"),
    "set_high_power": _power_mode("high"),
    "adjust_power_limit": _power_limit,
    "set_led": _light,
    "update_pools": _pools,
    "restart_btminer": lambda rig, _order: rig.restart_mining(),
    "reboot": lambda rig, _order: rig.reboot(),
}


def _says(code: int, message: object, now: Snapshot, *, status: str = "S") -> Reply:
    answer: Reply = {"STATUS": status, "When": now.when, "Code": code, "Msg": message}
    return answer | {"Description": "whatsminer v1.1"}
